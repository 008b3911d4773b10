--- map: a function run on many items at once, and results taken as they come.
--
-- Each item has a task of its own, in a group of the call; a loop over as_completed has a
-- region (csrc/lua/region.c). Loop's thread.

local core = require "xio.core"
local argument = require "xio.argument"
local failure = require "xio.failure"

local check_callable, name_of = argument.check_callable, argument.name_of

local PULLS = 64 -- items taken without a limit between two checkpoints

local module = {}

-- How many items may run at once, or math.huge.
local function limit_of(options, name)
  local limit = options and options.limit
  if limit == nil or limit == math.huge then return math.huge end
  limit = math.tointeger(limit)
  if not limit or limit < 1 then
    argument.misuse(("bad argument #3 to '%s' (limit: integer of at least 1 expected, got %s)")
      :format(name, tostring(options.limit)))
  end
  return limit
end

local OPTIONS = { limit = true }

-- -- map --------------------------------------------------------------------------------

-- The state of a limited map: with it a task notes, by <close>, that its item was not
-- completed, so that no further item is begun where all are cancelled.
local mapping = {
  __close = function(state, err)
    if err ~= nil then state.incomplete = true end
  end,
}

local function run_item(state, f, item)
  if state.incomplete and core.cancelled() then core.check() end
  local _state <close> = state
  return (f(item))
end

local function spawn_items(group, list, count, f, limit, tasks)
  if limit >= count then
    for i = 1, count do tasks[i] = group:spawn(f, list[i]) end
    return
  end
  local options, state = { name = name_of(f) }, setmetatable({}, mapping)
  for i = 1, count do tasks[i] = group:spawn(options, run_item, state, f, list[i]) end
end

--- Runs `f(item)` for each item of `list`, all at once or `limit` at a time, each in a task of
--- its own; returns a list of the first result of each, in the order of the items, with their
--- number as `n`. The number of items is `list.n`, where that is an integer, or `#list`.
---
--- Errors: the first one cancels the others and is raised when all have ended; several are
--- raised as an xio.ErrorGroup. Under a limit no item is begun any more once one has failed
--- or was cut short. A checkpoint. Cancelled, it cancels what runs and raises when all have
--- ended.
---
--- ```lua
--- local lengths = xio.map({ "one", "three" }, function(word)
---   xio.sleep(1)
---   return #word
--- end, { limit = 10 })
--- print(lengths[1], lengths[2], lengths.n)  --> 3  5  2
--- ```
---@param list any[]
---@param f fun(item: any): any
---@param options? {limit?: integer} how many run at once; by default all
---@return {n: integer, [integer]: any} results
function module.map(list, f, options)
  if type(list) ~= "table" then argument.fail(1, "xio.map", "list", list) end
  check_callable(f, 2, "xio.map")
  argument.check_options(options, OPTIONS, 3, "xio.map")
  local limit = limit_of(options, "xio.map")
  core.enter("xio.map")
  local count = math.type(list.n) == "integer" and list.n or #list
  local tasks = {}
  local group_options = limit < count and { limit = limit } or {}
  core.group(group_options, spawn_items, list, count, f, limit, tasks)
  local results = { n = count }
  for i = 1, count do
    local done, value = tasks[i]:result()
    if done then results[i] = value end
  end
  return results
end

-- -- each -------------------------------------------------------------------------------

-- The state of an each: `running` counts the tasks, `room` is set when one has ended.
local each_state = {
  __close = function(state)
    state.running = state.running - 1
    state.room:set()
  end,
}

local function run_each(state, f, ...)
  local _state <close> = state
  f(...)
end

-- Waits, where nothing runs beyond the limit only now and then, before the next item is
-- taken. A checkpoint where it waits.
local function wait_for_room(state, limit)
  state.pulls = state.pulls + 1
  if state.running >= limit then
    state.room:clear()
    state.room:wait()
    core.check() -- what made room may have failed
  elseif state.pulls % PULLS == 0 then
    core.checkpoint()
  end
end

local function spawn_each(group, state, limit, f, iterator, invariant, control)
  local options = { name = name_of(f) }
  while true do
    wait_for_room(state, limit)
    local item = table.pack(iterator(invariant, control))
    control = item[1]
    if control == nil then return end
    state.running = state.running + 1
    group:spawn(options, run_each, state, f, table.unpack(item, 1, item.n))
  end
end

--- Runs `f(...)` for the values of each step of an iterator, each in a task of its own, all
--- at once or `limit` at a time, and waits for all.
---
--- `iterator` is anything that can be called, such as a receiver of a channel; or the values
--- of an iteration, packed in a list: `table.pack(pairs(t))`, whose closing value, if it has
--- one, is closed at the end. It is called in the calling task, as a `for` loop does, may
--- wait, and is called only when there is room for one more item.
---
--- Errors: the first one, of `f` or of the iterator, ends the iteration, cancels what runs and
--- is raised when all have ended; several are raised as an xio.ErrorGroup. A checkpoint.
--- Cancelled, it takes no further item, cancels what runs, and raises when all have ended.
---
--- ```lua
--- local sum = 0
--- local function add(_, value) sum = sum + value end
--- xio.each(table.pack(ipairs { 1, 2, 3 }), add, { limit = 2 })
--- print(sum)                                --> 6
--- ```
---@param iterator function|table
---@param f fun(...: any)
---@param options? {limit?: integer} how many run at once; by default any number
function module.each(iterator, f, options)
  local invariant, control, closing
  if type(iterator) == "table" and not argument.callable(iterator)
    and argument.callable(iterator[1]) then
    iterator, invariant, control, closing = table.unpack(iterator, 1, 4)
  elseif not argument.callable(iterator) then
    argument.fail(1, "xio.each", "iterator", iterator)
  end
  check_callable(f, 2, "xio.each")
  argument.check_options(options, OPTIONS, 3, "xio.each")
  local limit = limit_of(options, "xio.each")
  core.enter("xio.each")
  local _closing <close> = closing
  local state = setmetatable({ running = 0, pulls = 0, room = core.event() }, each_state)
  core.group(spawn_each, state, limit, f, iterator, invariant, control)
end

-- -- as_completed -----------------------------------------------------------------------

-- A loop over as_completed: `functions` to run, or false once begun; `queue`, entries
-- `first` to `last`, of packed {index, results …}; `ready`, an event that is set while there
-- is something to tell; `over` when nothing more comes, then `failed` and `err`.

local function complete(loop, index, f)
  local entry = table.pack(index, f())
  loop.last = loop.last + 1
  loop.queue[loop.last] = entry
  loop.ready:set()
end

-- Runs the functions. The first error ends the others; the loop is told of it when it has
-- taken what was completed before.
local function host(loop, functions)
  local ok, err = pcall(core.group, function(group)
    for i = 1, #functions do
      group:spawn({ name = name_of(functions[i]) }, complete, loop, i, functions[i])
    end
  end)
  loop.over = true
  if not ok then
    loop.failed, loop.cut, loop.err = true, core.is_cancelled(err), err
  end
  loop.ready:set()
end

local function begin(loop)
  local functions = loop.functions
  loop.ready = core.event()
  loop.region = core.open_region("xio.as_completed")
  loop.functions = false
  loop.task = loop.region:spawn({ name = "xio.as_completed" }, host, loop, functions)
end

-- The error that ends the loop, if there is one that nobody has been told of.
local function take_error(loop)
  if not loop.failed then return false end
  loop.failed = false
  if not loop.cut then return true, loop.err end
  return true, failure.make("ECANCELED", "xio.as_completed: the functions were cancelled",
    "as_completed")
end

local function step(loop)
  if loop.functions then begin(loop) end
  if loop.ended then return nil end
  loop.ready:wait()
  local entry = loop.queue[loop.first]
  if entry then
    loop.queue[loop.first] = nil
    loop.first = loop.first + 1
    if loop.first > loop.last and not loop.over then loop.ready:clear() end
    return table.unpack(entry, 1, entry.n)
  end
  loop.ended = core.end_region(loop.region)
  local failed, err = take_error(loop)
  if failed then core.rethrow(err) end
  return nil
end

-- The closing value of the loop.
local closer = {
  __name = "xio.AsCompleted",
  __close = function(self, in_flight)
    local loop = self.loop
    if not loop.region or loop.ended then return end
    loop.ended = true
    if core.is_cancelled(in_flight) then in_flight = nil end -- an error goes before it
    if not pcall(core.enter, "xio.as_completed") then -- in a coroutine that has failed
      if loop.task then loop.task:cancel() end
      core.drop_region(loop.region)
      return
    end
    local ok, innermost = pcall(core.end_region, loop.region)
    if not ok then failure.join(in_flight, innermost) end
    if not innermost then
      argument.misuse("xio.as_completed: the loop ends while a scope or group that was opened "
        .. "in it is still open")
    end
    if loop.cut then return end
    local failed, err = take_error(loop)
    if failed then failure.join(in_flight, err) end
  end,
}

--- Iterates over the results of functions that run at once, each in a task of its own, in the
--- order in which they are completed: `for index, ... in xio.as_completed(list) do`.
---
--- They begin to run with the first step of the loop. Leaving it early, in whatever way, ends
--- the rest: it is cancelled, and has ended before the loop is over. Made for `for` loops,
--- whose end closes it; the loop's body is inside the group of the functions, so that one
--- loop inside another ends before it.
---
--- Errors: the first error cancels the other functions; the loop gets what was completed
--- before, and then raises it; several are raised as an xio.ErrorGroup. Each step is a
--- checkpoint; cancelled, the step raises, and so the loop ends.
---
--- ```lua
--- local calls = {
---   function() xio.sleep(2); return "slow" end,
---   function() xio.sleep(1); return "fast" end,
--- }
--- for index, result in xio.as_completed(calls) do print(index, result) end --> 2  fast
---                                           --> 1  slow
--- ```
---@param list function[]
---@return function iterator gives the index and the results of one function
---@return nil
---@return nil
---@return table closing
function module.as_completed(list)
  if type(list) ~= "table" or argument.callable(list) then
    argument.fail(1, "xio.as_completed", "list of functions", list)
  end
  local functions = table.move(argument.functions("xio.as_completed", list), 1, #list, 1, {})
  core.enter("xio.as_completed")
  local loop = { functions = functions, queue = {}, first = 1, last = 0 }
  return function() return step(loop) end, nil, nil, setmetatable({ loop = loop }, closer)
end

return module
