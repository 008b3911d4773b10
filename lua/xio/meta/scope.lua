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
---@param options? xio.ScopeOptions
---@param f fun(scope: xio.Scope, ...: any): any
---@param ... any further arguments for `f`
---@return boolean completed
---@return any ... results, or the xio.Cancelled
function xio.scope(options, f, ...) end

--- Makes a scope to be entered later by its `run`, once, by any task. It may be cancelled
--- before.
---@param options? xio.ScopeOptions
---@return xio.Scope
function xio.new_scope(options) end

--- Calls `f(...)`, and cancels it after so many seconds.
---
--- Returns true and its results; or false and the Cancelled where it was cut short. Errors of
--- `f` pass through. Not itself a checkpoint.
---@param seconds xio.Limit?
---@param f fun(...: any): any
---@param ... any
---@return boolean completed
---@return any ... results, or the xio.Cancelled
function xio.move_on_after(seconds, f, ...) end

--- The same with a time on the clock of xio.now.
---@param time xio.Limit?
---@param f fun(...: any): any
---@param ... any
---@return boolean completed
---@return any ... results, or the xio.Cancelled
function xio.move_on_at(time, f, ...) end

--- Calls `f(...)`, and cancels it after so many seconds. Returns its results, or raises an
--- xio.TimeoutError where this deadline has cut it short; other errors pass through. Also named
--- xio.timeout. Not itself a checkpoint.
---@param seconds xio.Limit?
---@param f fun(...: any): any
---@param ... any
---@return any ... what `f` returns
function xio.fail_after(seconds, f, ...) end

xio.timeout = xio.fail_after

--- The same with a time on the clock of xio.now.
---@param time xio.Limit?
---@param f fun(...: any): any
---@param ... any
---@return any ... what `f` returns
function xio.fail_at(time, f, ...) end

--- Calls `f(...)` with cancellation and deadlines from outside hidden, and returns its results.
--- They are delivered at the next checkpoint after it. Errors pass through. Not itself a
--- checkpoint.
---@param f fun(...: any): any
---@param ... any
---@return any ... what `f` returns
function xio.shield(f, ...) end

--- The same for cleanup: the shield lasts for the run's `grace` from its entry, or from the
--- cancellation if that comes later; then `f` is cancelled. Not itself a checkpoint.
---@param f fun(...: any): any
---@param ... any
---@return any ... what `f` returns; nothing where it was cut short
function xio.cleanup(f, ...) end

--- The time at which the running task will be cancelled by a deadline, as it stands: the
--- nearest of all around it that no shield hides; math.huge where there is none. Raises outside
--- of a run.
---@return number time on the clock of xio.now
function xio.deadline() end

--- A scope. `deadline` and `shield` may be written, at any time: lifting a shield delivers what
--- it has hidden at once. Other fields cannot be set.
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

--- Cancels all that runs in the scope, or will. From any task, or outside of all. Never waits.
---@param reason? any what the Cancelled tells; the first stands
---@return boolean first false: it was cancelled before, or has ended
function Scope:cancel(reason) end
