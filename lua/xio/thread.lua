--- thread: functions that run in threads of the system, each with a Lua state of its own.
--
-- The records of jobs and calls are the C module's (csrc/lua/thread.c). Here the task that
-- waits for a job runs the calls that the job's thread has for it.

local core = require "xio.core"
local argument = require "xio.argument"
local map = require "xio.map"

---@class xio.thread
local thread = {}

thread.channel = core.thread_channel

local ON_CANCEL = { interrupt = 0, wait = 1, abandon = 2 }
local OPTIONS = { on_cancel = true }

-- How the options ask for it.
local function on_cancel_of(options, name)
  argument.check_options(options, OPTIONS, 1, name)
  local on_cancel = options.on_cancel
  if on_cancel == nil then return ON_CANCEL.interrupt end
  local number = ON_CANCEL[on_cancel]
  if number == nil then
    argument.misuse(("bad argument #1 to '%s' (option 'on_cancel': \"interrupt\", \"wait\" or "
      .. "\"abandon\" expected, got %s)"):format(name,
        type(on_cancel) == "string" and '"' .. on_cancel .. '"' or type(on_cancel)))
  end
  return number
end

-- -- calls ------------------------------------------------------------------------------

-- What a protected call of a scope has given: true, true, results... or false, err.
local function answer(call, ok, completed, ...)
  if ok and completed then
    local copied, err = pcall(core.thread_answer, call, true, ...)
    if not copied then core.thread_answer(call, false, err) end
  elseif ok or core.is_cancelled(completed) then
    core.thread_answer(call)
  else
    core.thread_answer(call, false, completed)
  end
end

-- Runs the calls that the thread has for this task.
local function run_calls(job)
  while true do
    local call <close> = core.thread_take(job)
    if call == nil then return end
    answer(call, pcall(function()
      return core.move_on_at(math.huge, core.thread_unpack(call))
    end))
  end
end

-- -- running ----------------------------------------------------------------------------

local function finish(job)
  local _job <close> = job
  while core.thread_wait(job) do run_calls(job) end
  return core.thread_results(job)
end

local function start(name, pool, first, ...)
  if type(first) == "table" and not argument.callable(first) then
    local on_cancel = on_cancel_of(first, name)
    argument.check_callable((...), 2, name)
    return finish(core.thread_begin(name, pool, on_cancel, ...))
  end
  argument.check_callable(first, 1, name)
  return finish(core.thread_begin(name, pool, ON_CANCEL.interrupt, first, ...))
end

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
function thread.run(options, f, ...)
  return start("xio.thread.run", nil, options, f, ...)
end

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
function thread.check()
  core.thread_heed()
  return core.check()
end

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
function thread.call(f, ...)
  return core.thread_call(f, ...)
end

-- -- pools ------------------------------------------------------------------------------

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
Pool.__index = Pool
Pool.__name = "xio.thread.Pool"

function Pool.__tostring(pool)
  return ("thread pool (%d at once)"):format(pool.size)
end

local function check_pool(pool, name)
  if getmetatable(pool) ~= Pool then argument.bad_self(name, "pool", pool) end
end

--- Like `xio.thread.run`, with at most as many at once as the pool says; more wait in order.
--- Raises as that does. A checkpoint; cancelled, as the options say.
---@async
---@param options? {on_cancel?: "interrupt"|"wait"|"abandon"}
---@param f fun(...): ...
---@param ... any
---@return any ... results of `f`
---@overload fun(self: xio.thread.Pool, f: (fun(...): ...), ...: any): ...
function Pool:run(options, f, ...)
  check_pool(self, "pool:run")
  return start("pool:run", self._pool, options, f, ...)
end

--- Runs `f(item)` in threads of the pool for each item of `list`; gives a list of the first
--- results in the order of the items, with their number as `n`. Errors and cancelling as with
--- `xio.map`: the first error cancels the others, and is raised when all have ended. A checkpoint;
--- cancelled, it cancels what runs, and raises when that has ended.
---@async
---@param list any[]
---@param f fun(item: any): any
---@return {n: integer, [integer]: any} results
function Pool:map(list, f)
  check_pool(self, "pool:map")
  if type(list) ~= "table" then argument.fail(1, "pool:map", "list", list) end
  argument.check_callable(f, 2, "pool:map")
  return map.map(list, function(item) return (self:run(f, item)) end, { limit = self.size })
end

--- Makes a pool: at most `n` functions in threads at once. Its threads are those of the run,
--- made when they are needed, and kept for the next function. Never waits. Raises outside of a
--- task, and for another number.
---@param n? integer at least 1; by default as many as there are processors
---@return xio.thread.Pool
function thread.pool(n)
  local size = n == nil and core.cpus() or math.tointeger(n)
  if not size or size < 1 or size > 10000 then
    argument.misuse(("bad argument #1 to 'xio.thread.pool' (integer from 1 to 10000 expected, "
      .. "got %s)"):format(type(n) == "number" and tostring(n) or type(n)))
  end
  return setmetatable({ _pool = core.thread_pool(size), size = size }, Pool)
end

--- How many processors the system gives this program. Never waits or fails.
---
--- ```lua
--- print(xio.thread.cpus() >= 1)             --> true
--- ```
---@return integer number of processors
function thread.cpus()
  return core.cpus()
end

return thread
