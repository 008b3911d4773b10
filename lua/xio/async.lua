--- async: lazy calls, and awaiting them.
--
-- A call runs in the task that awaits it first, as a part of it, or in a task of its own
-- where background has started it. Others wait until it has ended. `outermost` to innermost,
-- the calls that a task is in the middle of hang on each other by `outer`.
--
-- A call encloses a task that is in the middle of it, and every task in a group that was
-- opened inside it: none of them can await the call, since it cannot end before they have.
-- While tasks enclosed by one call wait for another, the first counts that in `awaits`; a
-- way along these that leads back is a cycle. Loop's thread.

local core = require "xio.core"
local argument = require "xio.argument"
local failure = require "xio.failure"

local module = {}

-- task -> the innermost call that it is in the middle of
local innermost = setmetatable({}, { __mode = "k" })

-- An event that is always set: waiting for it checks cancellation and draws on the budget.
local passed = core.event()
passed:set()

--- A call of an async function. Called, as a function without arguments, it awaits itself, so
--- that calls can be given to gather, race, as_completed and the like.
---@class xio.Call
---@operator call: any
---@field name string of the function
local call_type = { __name = "xio.Call", __metatable = false }

function call_type.__tostring(call)
  return ("call '%s' (%s)"):format(call.name, call.state)
end

local function is_call(value)
  return type(value) == "table" and debug.getmetatable(value) == call_type
end

-- -- running a call ---------------------------------------------------------------------

-- Notes how the call has ended, and wakes who waits for it.
local ending_type = {
  __close = function(ending, err)
    local call = ending.call
    innermost[call.runner] = call.outer
    if call.state == "running" then
      if err == nil or core.is_cancelled(err) then
        call.state = "cancelled"
        call.err = failure.make("ECANCELED", ("call '%s' was cancelled"):format(call.name),
          "await")
      else
        call.state, call.err = "failed", err
      end
    end
    call.f, call.arguments, call.runner, call.outer = nil, nil, nil, nil
    if call.ended then call.ended:set() end
  end,
}

local function run(call)
  local task = core.current()
  call.state, call.runner, call.depth = "running", task, core.depth()
  call.outer, innermost[task] = innermost[task], call
  local _ending <close> = setmetatable({ call = call }, ending_type)
  local results = table.pack(call.f(table.unpack(call.arguments, 1, call.arguments.n)))
  call.state, call.results = "done", results
  return table.unpack(results, 1, results.n)
end

-- What a call that has ended gives. Where the awaiting task is cancelled, because the one
-- that ran the call has failed of it, the error is not raised in both.
local function outcome(call)
  if call.state == "done" then return table.unpack(call.results, 1, call.results.n) end
  core.check()
  core.rethrow(call.err)
end

-- -- cycles -----------------------------------------------------------------------------

-- The calls that enclose the running task, innermost first.
local function enclosing()
  local list = {}
  local task = core.current()
  local call = innermost[task]
  while call do
    list[#list + 1] = call
    call = call.outer
  end
  task = task.parent
  while task do
    call = innermost[task]
    local depth = call and core.within(task)
    while call do
      if depth and depth > call.depth then list[#list + 1] = call end
      call = call.outer
    end
    task = task.parent
  end
  return list
end

-- A way from `call` along `awaits` to one of `targets`, as a list, or nil.
local function find_way(call, targets, seen)
  if targets[call] then return { call } end
  if seen[call] then return nil end
  seen[call] = true
  for awaited in pairs(call.awaits or {}) do
    local way = find_way(awaited, targets, seen)
    if way then
      table.insert(way, 1, call)
      return way
    end
  end
  return nil
end

-- Raises, with `way` from the awaited call to the one that encloses the caller, and the
-- calls `around` the caller.
local function raise_cycle(way, around)
  local last = 1
  while around[last] ~= way[#way] do last = last + 1 end
  local text = { ("call '%s' "):format(around[last].name) }
  local function add(call)
    text[#text + 1] = ("%sawaits call '%s'"):format(#text > 1 and ", which " or "", call.name)
  end
  for i = last - 1, 1, -1 do add(around[i]) end
  for _, call in ipairs(way) do add(call) end
  error(failure.make("EDEADLK", "a cycle of awaits: " .. table.concat(text), "await"), 0)
end

-- Raises where none of the calls in `around` can end before `call` has, and the other way.
local function check_cycle(call, around)
  if #around == 0 then return end
  local targets = {}
  for _, other in ipairs(around) do targets[other] = true end
  local way = find_way(call, targets, {})
  if way then raise_cycle(way, around) end
end

-- Counts, as long as it is open, that the calls in `around` wait for `call`.
local wait_type = {
  __close = function(wait)
    for _, other in ipairs(wait.around) do
      local count = other.awaits[wait.call] - 1
      other.awaits[wait.call] = count > 0 and count or nil
    end
  end,
}

local function open_wait(call, around)
  for _, other in ipairs(around) do
    other.awaits = other.awaits or {}
    other.awaits[call] = (other.awaits[call] or 0) + 1
  end
  return setmetatable({ call = call, around = around }, wait_type)
end

local function wait_for(call)
  local around = enclosing()
  check_cycle(call, around)
  local _wait <close> = open_wait(call, around)
  if call.task then return call.task:await() end
  call.ended = call.ended or core.event()
  call.ended:wait()
  return outcome(call)
end

-- -- public -----------------------------------------------------------------------------

local function await_call(call)
  if call.state == "new" then return run(call) end
  if call.state == "running" or call.state == "started" then return wait_for(call) end
  passed:wait()
  return outcome(call)
end

local function await_list(calls)
  local tasks = {}
  core.group(function(group)
    for i, call in ipairs(calls) do
      tasks[i] = group:spawn({ name = call.name }, await_call, call)
    end
  end)
  local results = {}
  for i, task in ipairs(tasks) do
    local done, value = task:result()
    if done then results[i] = value end
  end
  return table.unpack(results, 1, #tasks)
end

--- Makes an async function of `f`: one whose call does nothing yet, but gives a value that can be
--- awaited, now or later, once or many times. Never waits. Raises where `f` cannot be called.
---
--- ```lua
--- local add = xio.async(function(a, b) xio.sleep(1); return a + b end)
--- local call = add(4, 5)                    -- nothing runs yet
--- print(xio.await(call), xio.await(call))   --> 9  9
--- print(xio.await { add(1, 2), add(3, 4) }) --> 3  7
--- ```
---@param f function
---@return fun(...: any): xio.Call
function module.async(f)
  argument.check_callable(f, 1, "xio.async")
  local name = argument.name_of(f)
  return function(...)
    return setmetatable(
      { name = name, f = f, arguments = table.pack(...), state = "new" }, call_type)
  end
end

--- Runs a call and returns its results; or, of a list of calls, runs all at once and returns
--- the first result of each, as values.
---
--- A call is run once. The first to await it runs it, as a part of its own task: within its
--- scopes, and cancelled with it. Others who await it wait until it has ended, and get the
--- same results, or the same error raised, at any time later too. When the task that runs it
--- is cancelled, the call is cut short, and the others get an xio.Error with the code
--- "ECANCELED"; a call that shall not depend on who awaits it is started by xio.background.
---
--- Errors: those of the call, unchanged; of a list, as in xio.gather. A call that is awaited
--- inside itself, directly or through others, raises an xio.Error with the code "EDEADLK".
--- A checkpoint, except where it runs the call. Cancelled, it cancels the call that it runs;
--- one that it only waits for goes on.
---@param call xio.Call|xio.Call[]
---@return any ...
function module.await(call)
  if is_call(call) then
    core.enter("xio.await")
    return await_call(call)
  end
  local is_list = type(call) == "table" and debug.getmetatable(call) == nil
  for i = 1, is_list and #call or 1 do
    local item = call
    if is_list then item = call[i] end
    if not is_call(item) then
      argument.fail(1, "xio.await", "call of an async function, or list of them,", item)
    end
  end
  core.enter("xio.await")
  return await_list(call)
end

local function run_started(call)
  return run(call)
end

--- Starts a call in a task of its own, in the innermost group around the caller, without
--- waiting for it. What has been started, or awaited, before goes on as it is.
---
--- That group waits for the task, and its error fails the group, whether the call is awaited or
--- not. Never waits. Raises for what is no call, and outside of a run.
---
--- ```lua
--- local add = xio.async(function(a, b) xio.sleep(1); return a + b end)
--- local call = xio.background(add(4, 5))    -- starts with the next turn
--- xio.sleep(2)
--- print(xio.await(call))                    --> 9
--- ```
---@param call xio.Call
---@return xio.Call call the same, to be awaited
function module.background(call)
  if not is_call(call) then
    argument.fail(1, "xio.background", "call of an async function", call)
  end
  if call.state == "new" then
    call.task = core.spawn_innermost("xio.background", { name = call.name }, run_started, call)
    call.state = "started"
  end
  return call
end

call_type.__call = module.await

return module
