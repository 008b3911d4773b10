--- testing: helpers for tests of code that runs as tasks.

local core = require "xio.core"
local argument = require "xio.argument"

local testing = {}

-- -- time -------------------------------------------------------------------------------

--- Waits until all other tasks of the run wait, and stay so for `cushion` seconds.
---
--- On the virtual clock it returns before time jumps. A checkpoint; cancelled, it raises and
--- nothing has changed.
---
--- ```lua
--- local log = {}
--- xio.spawn(function() log[1] = "began"; xio.sleep(10) end)
--- xio.testing.settle()                      -- until all others wait
--- print(log[1], xio.now())                  --> began  0.0
--- ```
---@param cushion? number seconds, 0 by default
function testing.settle(cushion)
  core.settle(cushion)
end

--- Moves the virtual clock of the current run forward by `seconds`, stopping on the way
--- wherever something becomes due, so that it happens in order and at its own time.
---
--- Raises on a real clock, and for a negative number, since time never goes back. A
--- checkpoint; cancelled, it raises, and time has moved as far as it came.
---
--- ```lua
--- local fired = false
--- xio.spawn(function() xio.sleep(10); fired = true end)
--- xio.testing.advance(9.5)
--- print(fired, xio.now())                   --> false  9.5
--- xio.testing.advance(0.5)
--- print(fired)                              --> true
--- ```
---@param seconds number seconds, at least 0
function testing.advance(seconds)
  if type(seconds) ~= "number" or seconds ~= seconds or seconds < 0 then
    argument.misuse(("bad argument #1 to 'xio.testing.advance' (seconds of at least 0 expected, "
      .. "got %s)"):format(tostring(seconds)))
  end
  core.next_timer() -- raises on a real clock
  local target = core.now() + seconds
  core.settle()
  while true do
    local due = core.next_timer()
    if due > target then break end
    core.jump(due)
    core.settle()
  end
  core.jump(target)
  core.settle()
end

-- -- checkpoints ------------------------------------------------------------------------

-- Ends the watch, also where an error ends f.
local watch_type = {
  __close = function(watch)
    if watch.ended then return end
    core.unwatch(table.unpack(watch))
  end,
}

-- Calls f with the turn's budget spent, so that what need not wait reschedules all the same.
-- Returns whether the task was suspended, whether it could have been cancelled from outside,
-- and the results.
local function watch(f, ...)
  local watching <close> = setmetatable({ core.watch() }, watch_type)
  local results = table.pack(f(...))
  watching.ended = true
  local suspended, cancellable = core.unwatch(table.unpack(watching))
  return suspended, cancellable, results
end

--- Calls `f(...)` and raises unless the task met a checkpoint in it: was suspended, or would
--- have been had it used up its turn, and could have been cancelled from outside.
---
--- Half a checkpoint is none: a function that checks cancellation and never suspends
--- (xio.check), or one that suspends only under a shield. Both together make one. Errors of
--- `f` pass through.
---
--- ```lua
--- xio.testing.assert_checkpoints(xio.sleep, 0)
--- print(pcall(xio.testing.assert_checkpoints, function() end) == false) --> true
--- ```
---@param f function
---@param ... any arguments for `f`
---@return any ... what `f` returns
function testing.assert_checkpoints(f, ...)
  local name = "xio.testing.assert_checkpoints"
  argument.check_callable(f, 1, name)
  core.enter(name)
  local suspended, cancellable, results = watch(f, ...)
  if not suspended then
    argument.misuse(name .. ": no checkpoint was met"
      .. (cancellable and ": cancellation was checked, but the task never suspended" or ""))
  elseif not cancellable then
    argument.misuse(name .. ": no checkpoint was met: the task was suspended, but only under a "
      .. "shield")
  end
  return table.unpack(results, 1, results.n)
end

--- Calls `f(...)` and raises if the task met a checkpoint in it, also one at which it need
--- not wait, or one under a shield. Errors of `f` pass through.
---
--- ```lua
--- local tx = xio.channel(1)
--- print(xio.testing.assert_no_checkpoints(tx.try_send, tx, 1)) --> true
--- ```
---@param f function
---@param ... any arguments for `f`
---@return any ... what `f` returns
function testing.assert_no_checkpoints(f, ...)
  argument.check_callable(f, 1, "xio.testing.assert_no_checkpoints")
  core.enter("xio.testing.assert_no_checkpoints")
  local suspended, _, results = watch(f, ...)
  if suspended then
    argument.misuse("xio.testing.assert_no_checkpoints: a checkpoint was met")
  end
  return table.unpack(results, 1, results.n)
end

-- -- order ------------------------------------------------------------------------------

-- A sequencer: `points`, an event for each point that is waited for or has come; `claimed`,
-- the points that somebody is or was at; `broken`, the point whose waiter was cancelled.

local function event_of(sequencer, point)
  local event = sequencer.points[point]
  if not event then
    event = core.event()
    sequencer.points[point] = event
  end
  return event
end

local function break_at(sequencer, point)
  if sequencer.broken then return end
  sequencer.broken = point
  for _, event in pairs(sequencer.points) do event:set() end
end

local function check_unbroken(sequencer)
  if sequencer.broken then
    argument.misuse(("xio.testing.sequencer: broken: the task that waited at point %d was "
      .. "cancelled"):format(sequencer.broken))
  end
end

-- Closing it ends the point, and the next one comes.
local point_type = {
  __name = "xio.SequencerPoint",
  __close = function(at)
    if at.ended then return end
    at.ended = true
    event_of(at.sequencer, at.point + 1):set()
  end,
}

-- Notes, by <close>, that a task was cancelled before its point came.
local arrival_type = {
  __close = function(arrival)
    if not arrival.come then break_at(arrival.sequencer, arrival.point) end
  end,
}

local function wait_for_point(sequencer, point)
  local arrival <close> = setmetatable({ sequencer = sequencer, point = point }, arrival_type)
  event_of(sequencer, point):wait()
  arrival.come = true
end

local function run_point(at, f, ...)
  local _at <close> = at
  return f(...)
end

local function enter_point(sequencer, point, f, ...)
  local name = "xio.testing.sequencer"
  if math.type(point) ~= "integer" or point < 0 then
    argument.misuse(("bad argument #1 to '%s' (integer of at least 0 expected, got %s)")
      :format(name, tostring(point)))
  end
  if f ~= nil then argument.check_callable(f, 2, name) end
  core.enter(name)
  if sequencer.claimed[point] then
    argument.misuse(("%s: a task is or was at point %d already"):format(name, point))
  end
  check_unbroken(sequencer)
  sequencer.claimed[point] = true
  wait_for_point(sequencer, point)
  check_unbroken(sequencer)
  local at = setmetatable({ sequencer = sequencer, point = point }, point_type)
  if f == nil then return at end
  return run_point(at, f, ...)
end

local sequencer_type = { __name = "xio.Sequencer", __metatable = false, __call = enter_point }

--- Makes a sequencer, which brings points in several tasks into one order.
---
--- `local _ <close> = sequencer(n)`: waits for point `n` to come, and lets the next one come
--- at the end of the block. `sequencer(n, f, ...)` does so around a call of `f`, and returns
--- its results. Points count from 0; each is used once, which a second use raises. Such a
--- call is a checkpoint. Cancelled while it waits, it raises, and the sequence is broken: all
--- others that wait, and all later uses, raise that.
---
--- ```lua
--- local at = xio.testing.sequencer()
--- xio.spawn(function() at(1, print, "second") end) --> first
--- at(0, print, "first")                     --> second
--- ```
---@return fun(point: integer, f?: function, ...: any): any
function testing.sequencer()
  local sequencer = { points = {}, claimed = {}, broken = false }
  event_of(sequencer, 0):set()
  return setmetatable(sequencer, sequencer_type)
end

-- -- busted -----------------------------------------------------------------------------

local BODIES = { "it", "spec", "test" }
local HOOKS = {
  "before_each", "after_each", "setup", "teardown", "lazy_setup", "lazy_teardown",
  "strict_setup", "strict_teardown",
}

-- Makes of a function one that runs as a task.
local function as_task(options, f)
  if type(f) ~= "function" then return f end
  return function(...)
    if not options and core.in_task() then return f(...) end
    return core.run(options or {}, f, ...)
  end
end

-- Puts versions that run their functions as tasks in the place of busted's own. They end in
-- a tail call: busted looks at its caller for the place of a spec.
local function wrap_all(environment, original, options)
  for _, name in ipairs(BODIES) do
    local register = original[name]
    environment[name] = function(title, f) return register(title, as_task(options, f)) end
  end
  for _, name in ipairs(HOOKS) do
    local register = original[name]
    environment[name] = function(f) return register(as_task(options, f)) end
  end
end

-- The environment that busted has given to the spec file which calls, or nil.
local function environment_of_spec()
  for level = 3, math.huge do
    local info = debug.getinfo(level, "f")
    if not info then return nil end
    for i = 1, math.huge do
      local name, value = debug.getupvalue(info.func, i)
      if not name then break end
      if name == "_ENV" and value ~= _G then return value end
    end
  end
end

--- Makes tasks of busted's bodies: of each `it`, and of each hook (`before_each`, `setup` …)
--- that is defined later. Called in a spec file it counts for that file; called in a helper
--- (`busted --helper`), for all files.
---
--- Each body and each hook is the main task of a run of its own; where a task is running already,
--- as under the interpreter, a body without `options` just runs. `options` are those of xio.run,
--- such as `{ clock = "virtual" }`. Never waits. Raises where busted is not running.
---
--- ```lua
--- -- in a spec file, under a plain Lua:
--- if busted then xio.testing.busted { clock = "virtual" } end
--- ```
---@param options? table
function testing.busted(options)
  local busted = package.loaded.busted
  if not busted then argument.misuse("xio.testing.busted: busted is not running") end
  if options ~= nil and type(options) ~= "table" then
    argument.fail(1, "xio.testing.busted", "table", options)
  end
  local environment = environment_of_spec()
  if environment then
    wrap_all(environment, busted, options)
    return
  end
  busted.subscribe({ "file", "start" }, function(file)
    file.env = file.env or {}
    wrap_all(file.env, busted, options)
  end)
end

--- Makes two streams in memory that are connected to each other, with the methods of all streams.
--- They may be made outside of a run. `options.capacity`: how many bytes one end may be ahead of
--- the other, in each direction; 65536 by default. Never waits. Raises for wrong options.
---
--- ```lua
--- local client, server = xio.testing.pair { capacity = 1024 }
--- client:write("hello\n")
--- print(server:read())                      --> hello
--- ```
---@param options? {capacity?: integer}
---@return xio.MemoryStream
---@return xio.MemoryStream
function testing.pair(options)
  return require("xio.memory_stream").pair(options)
end

--- Checks that the streams that `make` gives do what every stream of xio does.
---
--- `make()` returns two streams that are connected to each other; it is called for each check,
--- and what it gives is closed. `only`, the name of a check, runs that alone. Raises what the
--- first failing check says. A checkpoint. Cancelled, it raises, and closes what it has made.
---
--- ```lua
--- print(#xio.testing.check_stream(xio.testing.pair) > 10) --> true
--- ```
---@param make fun(): any, any
---@param only? string
---@return string[] names of the checks that were run
function testing.check_stream(make, only)
  return require("xio.check_stream").check_stream(make, only)
end

return testing
