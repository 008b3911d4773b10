---@meta
--- Futures: a result that is set once and awaited by any number of tasks.

---@class xio
local xio = {}

--- Makes a future that is not settled. May be made outside of a run and used in several. Never
--- waits or fails.
---@return xio.Future
function xio.future() end

--- ```lua
--- local future = xio.future()
--- xio.spawn(function() xio.sleep(1); future:set("value", 42) end)
--- print(future:await())                     --> value  42
--- print(future.done, future:cancel(), future:stats().waiting) --> true  false  0
--- local broken = xio.future()
--- broken:fail("no value")
--- print(pcall(broken.await, broken))        --> false  no value
--- ```
---@class xio.Future
---@field done boolean whether it is settled
local Future = {}

--- Settles it with results. Raises where it is settled. May be called anywhere. Never waits.
---@param ... any
---@return true
function Future:set(...) end

--- Settles it with an error that awaiting it raises; nil becomes an error that says so. Raises
--- where it is settled. May be called anywhere. Never waits.
---@param err any
---@return true
function Future:fail(err) end

--- Settles it so that awaiting it raises an xio.Error with the code "ECANCELED". What is settled
--- stays as it is. May be called anywhere. Never waits.
---@return boolean first whether it was not settled
function Future:cancel() end

--- Waits until it is settled; returns the results, or raises the error. A checkpoint;
--- cancelled, it raises, and the future goes on.
---@param timeout? number seconds, of which 0 is one turn; then nil, err, "ETIMEDOUT"
---@return any ...
function Future:await(timeout) end

--- How many tasks wait. Never waits or fails.
---@return {waiting: integer}
function Future:stats() end
