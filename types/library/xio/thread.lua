---@meta xio.thread
-- Written by tools/types from the comments in lua/xio; not to be edited.

--- A limit of its own for functions in threads. It belongs to the run in which it was made.
---
--- ```lua
--- local pool = xio.thread.pool(2)
--- local squares = pool:map({ 1, 2, 3 }, function(x) return x * x end)
--- print(squares[3], squares.n)              --> 9  3
--- print(pool:run(function() return "from a thread" end)) --> from a thread
--- ```
---@class xio.thread.Pool
---@field package _pool userdata
---@field size integer how many functions run at once
local Pool = {}

---@class xio.thread
local thread = {}

--- Runs `f(...)` in a thread, as the main task of a loop there, and waits for it: for its
--- results, or it raises its error, with its traceback. The run goes on meanwhile. The thread
--- has a Lua state of its own: `f`, its arguments and results are copied (what can be, and how,
--- is told with `xio.thread`), and globals are those of that state. Threads are kept for later
--- functions, with what those before have left in their globals, and none is left after the
--- run. At most 32 functions of one run are in threads at once, beyond those of pools; more
--- wait in order, and can be cancelled.
---
--- A checkpoint. Cancelled before `f` has begun, it raises and `f` never does. Cancelled later,
--- `on_cancel` decides:
---
--- - "interrupt": everything in the thread is cancelled. What waits there raises `Cancelled`,
---   and so does the next line of Lua code, once in each task, also in a loop that waits for
---   nothing. Then it is awaited; C code is not interrupted.
--- - "wait": `f` goes on, unless it asks by `xio.thread.check`, and is awaited.
--- - "abandon": as "interrupt", but `Cancelled` is raised at once, and the function left to
---   itself. The run does not wait for it either.
---
--- A function that was awaited and has returned gives its results, and the cancellation waits
--- for the next checkpoint; one that has failed raises its error.
---
--- Errors: what cannot be copied is an error that names the path to it, and nothing has begun.
--- An xio.Error says that no thread can be started ("EAGAIN").
---
--- ```lua
--- local hash = xio.thread.run(function(text)
---   local sum = 0
---   for i = 1, #text do sum = (sum * 31 + text:byte(i)) % 1000003 end
---   return sum
--- end, "a long text")
--- print(math.type(hash))                    --> integer
--- ```
---@async
---@param options? {on_cancel?: "interrupt"|"wait"|"abandon"}
---@param f fun(...): ...
---@param ... any arguments for `f`
---@return any ... results of `f`
---@overload fun(f: (fun(...): ...), ...: any): ...
function thread.run(options, f, ...) end

--- Inside a function of `xio.thread.run`: raises `Cancelled` where the task that waits for it
--- is cancelled, also where it was to be awaited with `on_cancel = "wait"`. Elsewhere, and where
--- it is not cancelled, what `xio.check` does. Never waits.
---
--- ```lua
--- print(xio.move_on_after(0.05, xio.thread.run, { on_cancel = "wait" }, function()
---   local thread = require("xio").thread
---   while true do thread.check() end        -- ends here when it is cancelled
--- end) == false)                            --> true
--- ```
function thread.check() end

--- Inside a thread: runs `f(...)` in the task that waits for this thread, and waits for its
--- results, or raises its error. `f` and its arguments are copied there, its results back. It
--- runs when that task has nothing else to do for this thread, may wait, and may itself run
--- functions in threads, and so on; the room of this thread in its pool is free meanwhile.
---
--- A checkpoint. Cancelled before `f` has begun, it has no effect; later it is awaited. Where
--- the waiting task is cancelled, so is `f` at its checkpoints, and what runs in the thread.
--- Raises an xio.Error "ECLOSED" where nobody waits for the thread any more.
---
--- ```lua
--- xio.thread.run(function()
---   local thread = require("xio").thread
---   for i = 1, 3 do thread.call(function(n) progress = n end, i) end
--- end)
--- print(progress)                           --> 3
--- ```
---@async
---@param f fun(...): ...
---@param ... any arguments for `f`
---@return any ... results of `f`
function thread.call(f, ...) end

--- Like `xio.thread.run`, with at most as many at once as the pool says; more wait in order.
--- Raises as that does. A checkpoint; cancelled, as the options say.
---@async
---@param options? {on_cancel?: "interrupt"|"wait"|"abandon"}
---@param f fun(...): ...
---@param ... any
---@return any ... results of `f`
---@overload fun(self: xio.thread.Pool, f: (fun(...): ...), ...: any): ...
function Pool:run(options, f, ...) end

--- Runs `f(item)` in threads of the pool for each item of `list`; gives a list of the first
--- results in the order of the items, with their number as `n`. Errors and cancelling as with
--- `xio.map`: the first error cancels the others, and is raised when all have ended. A checkpoint;
--- cancelled, it cancels what runs, and raises when that has ended.
---@async
---@param list any[]
---@param f fun(item: any): any
---@return {n: integer, [integer]: any} results
function Pool:map(list, f) end

--- Makes a pool: at most `n` functions in threads at once. Its threads are those of the run,
--- made when they are needed, and kept for the next function. Never waits. Raises outside of a
--- task, and for another number.
---@param n? integer at least 1; by default as many as there are processors
---@return xio.thread.Pool
function thread.pool(n) end

--- How many processors the system gives this program. Never waits or fails.
---
--- ```lua
--- print(xio.thread.cpus() >= 1)             --> true
--- ```
---@return integer number of processors
function thread.cpus() end

--- Makes a channel between threads. Raises for another capacity or option. Never waits.
---@param capacity? integer|number items that wait for a receiver before `send` waits: 0, the default, is none; math.huge: any number
---@param options? {late?: "raise"|"drop"} what becomes of an item that is sent after the channel has ended: by default `send` tells so; "raise": it raises an xio.Error with code "ECLOSED"; "drop": it returns true, and the item is counted in `stats().dropped`
---@return xio.ThreadSender
---@return xio.ThreadReceiver
function thread.channel(capacity, options) end

return thread
