---@meta

--- Scopes of any tasks, in any threads, that can be cancelled together. May be copied to other
--- threads.
---
--- ```lua
--- local downloads = xio.scope_group()
--- local task = xio.spawn(function()
---   return downloads:run(function() xio.sleep(60) end)
--- end)
--- xio.sleep(1)
--- print(downloads.active, downloads:cancel("offline", { latch = true })) --> 1  1
--- print((task:await()))                     --> false
--- downloads:clear()
--- print(downloads:run(function() return "works again" end)) --> true  works again
--- ```
---@class xio.ScopeGroup
---@field active integer how many scopes it has now
---@field latched boolean whether later runs are born cancelled
local ScopeGroup = {}

--- Runs `f(...)` in a fresh scope of the group.
---
--- Returns true and what `f` returns; or false and the Cancelled, where the group was
--- cancelled and that cut `f` short. Errors of `f` pass through. Not itself a checkpoint.
---@param f function
---@param ... any arguments for `f`
---@return boolean completed
---@return any ...
function ScopeGroup:run(f, ...) end

--- Cancels all scopes that the group has now; those in other threads soon.
---
--- With `latch`, those of later runs are born cancelled with the same reason, until
--- `clear()`; of several, the first reason stands. Never waits; may be called anywhere, from any
--- thread. Raises where the reason cannot be copied and another thread knows the group.
---@param reason? any what their Cancelled tells; in other threads a copy
---@param options? {latch?: boolean}
---@return integer count how many scopes this has cancelled that were not before
function ScopeGroup:cancel(reason, options) end

--- Ends the latch: later runs are not cancelled. What was cancelled stays so. Never waits or
--- fails.
function ScopeGroup:clear() end
