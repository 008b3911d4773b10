---@meta
--- Scopes: parts of a task that can be cancelled, have deadlines, and hide cancellation.
---
--- A cancelled scope makes every checkpoint in it raise its Cancelled, again and again, until
--- its body has ended: there that is caught, if nothing around it is cancelled too. A body that
--- completes is completed, whatever was asked meanwhile. Deadlines are absolute, on the clock
--- of xio.now; relative ones count from the entry. 0 and less cancel at the first checkpoint,
--- math.huge and nil are none, NaN raises. Up to 150 scopes and groups may be nested in one
--- task.

---@class xio
local xio = {}

---@class xio.ScopeOptions
---@field timeout? number seconds from the entry
---@field deadline? number when, as of xio.now
---@field shield? boolean hide cancellation and deadlines from outside
---@field name? string

---@alias xio.Limit number|{[1]: number, shield?: boolean, name?: string} seconds or a time,
--- with options

--- Calls `f(scope, ...)` in a new scope.
---
--- Returns true and its results; or false and the Cancelled where it was cut short by this
--- scope. Errors of `f` pass through. Not itself a checkpoint.
---
--- ```lua
--- local completed, why = xio.scope({ timeout = 5, name = "request" }, function(scope)
---   scope.deadline = xio.now() + 1          -- moved while it runs
---   xio.sleep(60)
--- end)
--- print(completed, why.source)              --> false  deadline
--- ```
---@param options? xio.ScopeOptions
---@param f fun(scope: xio.Scope, ...: any): any
---@param ... any further arguments for `f`
---@return boolean completed
---@return any ... results, or the xio.Cancelled
function xio.scope(options, f, ...) end

--- Makes a scope to be entered later by its `run`, once, by any task. It may be cancelled before.
--- Never waits. Raises for wrong options.
---@param options? xio.ScopeOptions
---@return xio.Scope
function xio.new_scope(options) end

--- Calls `f(...)`, and cancels it after so many seconds.
---
--- Returns true and its results; or false and the Cancelled where it was cut short. Errors of
--- `f` pass through. Not itself a checkpoint.
---
--- ```lua
--- local completed, value = xio.move_on_after(2, function() xio.sleep(1); return "done" end)
--- print(completed, value)                   --> true  done
--- print((xio.move_on_after(2, xio.sleep, 3)))   --> false
--- ```
---@param seconds xio.Limit? seconds from the entry
---@param f fun(...: any): any
---@param ... any
---@return boolean completed
---@return any ... results, or the xio.Cancelled
function xio.move_on_after(seconds, f, ...) end

--- The same with a time on the clock of xio.now. Errors of `f` pass through. Not itself a
--- checkpoint.
---
--- ```lua
--- local by = xio.now() + 10                 -- one deadline for several steps
--- for _, seconds in ipairs { 6, 6 } do
---   print((xio.move_on_at(by, xio.sleep, seconds)))
--- end                                       --> true
---                                           --> false
--- ```
---@param time xio.Limit? when, as of xio.now
---@param f fun(...: any): any
---@param ... any
---@return boolean completed
---@return any ... results, or the xio.Cancelled
function xio.move_on_at(time, f, ...) end

--- Calls `f(...)`, and cancels it after so many seconds. Returns its results, or raises an
--- xio.TimeoutError where this deadline has cut it short; other errors pass through. Also named
--- xio.timeout. Not itself a checkpoint.
---
--- ```lua
--- local ok, err = pcall(xio.fail_after, { 2, name = "lookup" }, xio.sleep, 3)
--- print(ok, xio.is_timeout(err), err.name)  --> false  true  lookup
--- ```
---@param seconds xio.Limit? seconds from the entry
---@param f fun(...: any): any
---@param ... any
---@return any ... what `f` returns
function xio.fail_after(seconds, f, ...) end

xio.timeout = xio.fail_after

--- Calls `f(...)`, and cancels it at a time on the clock of xio.now. Returns its results, or
--- raises an xio.TimeoutError where this deadline has cut it short; other errors pass through.
--- Not itself a checkpoint.
---
--- ```lua
--- print(xio.fail_at(xio.now() + 2, function() xio.sleep(1); return "in time" end)) --> in time
--- ```
---@param time xio.Limit? when, as of xio.now
---@param f fun(...: any): any
---@param ... any
---@return any ... what `f` returns
function xio.fail_at(time, f, ...) end

--- Calls `f(...)` with cancellation and deadlines from outside hidden, and returns its results.
--- They are delivered at the next checkpoint after it. Errors pass through. Not itself a
--- checkpoint.
---
--- ```lua
--- xio.move_on_after(1, function()
---   xio.shield(function() xio.sleep(5); print("written") end)  --> written
---   xio.sleep(0)                            -- the cancellation is met here
---   print("never comes here")
--- end)
--- ```
---@param f fun(...: any): any
---@param ... any
---@return any ... what `f` returns
function xio.shield(f, ...) end

--- The same for cleanup: the shield lasts for the run's `grace` from its entry, or from the
--- cancellation if that comes later; then `f` is cancelled. Not itself a checkpoint. Its errors
--- pass through.
---
--- ```lua
--- xio.move_on_after(1, function()
---   local ok, err = pcall(xio.sleep, 60)
---   xio.cleanup(function() xio.sleep(2); print("said goodbye") end) --> said goodbye
---   if not ok then error(err, 0) end
--- end)
--- ```
---@param f fun(...: any): any
---@param ... any
---@return any ... what `f` returns; nothing where it was cut short
function xio.cleanup(f, ...) end

--- The time at which the running task will be cancelled by a deadline, as it stands: the nearest
--- of all around it that no shield hides; math.huge where there is none. Raises outside of a run.
--- Never waits.
---
--- ```lua
--- xio.move_on_after(5, function()
---   print(xio.deadline() - xio.now())       --> 5.0
--- end)
--- ```
---@return number time on the clock of xio.now
function xio.deadline() end

--- A scope. `deadline` and `shield` may be written, at any time: lifting a shield delivers what
--- it has hidden at once. Other fields cannot be set.
---
--- ```lua
--- local scope = xio.new_scope { name = "upload" }
--- xio.spawn(function() xio.sleep(2); scope:cancel("the user said so") end)
--- local completed, why = scope:run(function() xio.sleep(60) end)
--- print(completed, why.reason)              --> false  the user said so
--- ```
---@class xio.Scope
---@field deadline number when it is cancelled, as of xio.now; math.huge: never
---@field shield boolean whether it hides cancellation from outside
---@field cancel_called boolean whether it was cancelled, in whatever way
---@field cancelled_caught boolean whether its Cancelled was caught at its end
---@field source? "cancel"|"deadline"|"failure"|"signal"|"shutdown" what has cancelled it
---@field reason? any what `cancel` was given
---@field name? string
local Scope = {}

--- Enters the scope and calls `f(...)` in it; returns as xio.scope does. Raises where it was
--- entered before. Not itself a checkpoint.
---@param f fun(...: any): any
---@param ... any
---@return boolean completed
---@return any ... results, or the xio.Cancelled
function Scope:run(f, ...) end

--- Cancels all that runs in the scope, or will. From any task, or outside of all. Never waits. It
--- cannot fail.
---@param reason? any what the Cancelled tells; the first stands
---@return boolean first false: it was cancelled before, or has ended
function Scope:cancel(reason) end
