---@meta
--- Close scopes and work trackers: small states that threads share, and wait for.

---@class xio
local xio = {}

--- Makes a close scope that is open. It may be made and used anywhere, in any thread. Never waits
--- or fails.
---@return xio.CloseScope
function xio.close_scope() end

--- A state that is closed once: with a reason, or failed, with an error. What closes it in one
--- Lua state is that very value there, and a copy elsewhere. May be copied to other threads.
---
--- ```lua
--- local closing = xio.close_scope()
--- xio.spawn(function() xio.sleep(0.01); closing:close("maintenance") end)
--- print(closing:wait(), closing.reason)     --> true  maintenance
--- print(closing:fail("late"))               --> false
--- print(pcall(closing.raise_if_closed, closing)) --> false  closed: maintenance
--- ```
---@class xio.CloseScope
---@field closed boolean whether it is closed, or has failed
---@field failed boolean
---@field reason? any what it was closed with
---@field error? any what it has failed with
local CloseScope = {}

--- Closes it, and wakes all who wait. Never waits. Raises where the reason cannot be copied and
--- another thread knows the scope.
---@param reason? any
---@return boolean first whether it was open
function CloseScope:close(reason) end

--- Closes it with an error, and wakes all who wait. nil becomes an error that says so. Never
--- waits. It cannot fail.
---@param err any
---@return boolean first whether it was open
function CloseScope:fail(err) end

--- Waits until it is closed or has failed. Never raises the error. Outside of runs it blocks the
--- thread. A checkpoint; cancelled, it raises.
---@param timeout? number seconds; 0 is one turn
---@return true? closed
---@return xio.Error? err
---@return "ETIMEDOUT"? code
function CloseScope:wait(timeout) end

--- Raises the error that it has failed with; or, where it is closed, an xio.Error with code
--- "ECLOSED" and the field `reason`. Not a checkpoint.
function CloseScope:raise_if_closed() end

--- Makes a tracker of work that counts none. It may be made and used anywhere, in any thread.
--- Never waits or fails.
---@return xio.WorkTracker
function xio.work_tracker() end

--- A count of work that is going on. May be copied to other threads.
---
--- ```lua
--- local work = xio.work_tracker()
--- xio.spawn(function() work:track(xio.sleep, 0.01) end)
--- print(work:add(), work.count)             --> 1  1
--- work:done()
--- xio.checkpoint()
--- print(work:wait_idle(5), work.count)      --> true  0
--- ```
---@class xio.WorkTracker
---@field count integer
local WorkTracker = {}

--- Counts more work. Never waits. Raises for a negative count.
---@param count? integer by default 1
---@return integer count of all
function WorkTracker:add(count) end

--- Counts one less, and wakes who waits if that was the last. Raises where none was counted.
--- Never waits.
function WorkTracker:done() end

--- Runs `f(...)`, counted, and returns its results. Raises its error. Not itself a checkpoint.
---@param f function
---@param ... any
---@return any ...
function WorkTracker:track(f, ...) end

--- Waits until no work is counted; more may have begun by the time that this returns. Outside of
--- runs it blocks the thread. A checkpoint; cancelled, it raises.
---@param timeout? number seconds; 0 is one turn
---@return true? idle
---@return xio.Error? err
---@return "ETIMEDOUT"? code
function WorkTracker:wait_idle(timeout) end
