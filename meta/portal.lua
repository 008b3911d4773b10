---@meta
--- Portals: functions for a run, from any thread.
---
--- A function that is handed in, and its arguments, are copied (what can be is told with
--- `xio.thread`), and run in a task of the run's root group. Where the run is being cancelled they
--- still run, up to their first checkpoint. A portal does not keep its run alive; but as long as
--- another thread knows it, no deadlock is seen. When the run has ended, all methods raise an
--- xio.Error with code "ECLOSED" at once, and so does whoever waits for a result.

--- The way into one run. May be copied to other threads.
---
--- ```lua
--- local portal = xio.portal()
--- local answer = xio.thread.run(function(back)
---   back:post(function() greeting = "hello" end)     -- in order, for nobody
---   local reply = back:spawn(function() return 4 end)
---   return back:call(function() return greeting end) .. reply:await()
--- end, portal)
--- print(answer)                             --> hello4
--- ```
---@class xio.Portal
local Portal = {}

--- Runs `f(...)` in the run, and waits for it there: for copies of its results, or it raises its
--- error, with its traceback. Raises where it is called in the run's own Lua state, which would
--- wait for itself. Outside of runs it blocks the thread.
---
--- A checkpoint. Cancelled before it has begun, it raises and `f` never runs; cancelled later it
--- cancels `f`'s task, waits for its end, and then raises, or returns what `f` has completed.
---@param f function
---@param ... any
---@return any ...
function Portal:call(f, ...) end

--- Runs `f(...)` in the run, and does not wait. Its results or its error are the reply's, and
--- cancelling the reply cancels its task. Not a checkpoint; may be called anywhere. Raises what
--- cannot be copied, and where the run has ended.
---@param f function
---@param ... any
---@return xio.Reply
function Portal:spawn(f, ...) end

--- Runs `f(...)` in the run, for nobody: its results are dropped, and its error ends the run.
--- Posts of one thread begin in order. Not a checkpoint; may be called anywhere. Raises what
--- cannot be copied, and where the run has ended.
---@param f function
---@param ... any
---@return true
function Portal:post(f, ...) end
