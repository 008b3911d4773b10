-- Runs a program of tree_program.lua on the virtual clock and checks, on the way and at the
-- end, what xio promises:
--
-- - no task outlives its group, and every spawned one begins and ends (T2, T5);
-- - a raised error is found again: in what the run raises, or what a protected call or an
--   isolation gives, as a leaf or among what a leaf suppressed; once, unless some task
--   awaited one that had failed of it (E1, E2, T3);
-- - no cancellation comes out of a run, or stands in a group of errors (C2);
-- - under a cancellation every checkpoint raises (C1), and a task is cancelled exactly when
--   a scope around it is, seen through its shields; the least of the deadlines rules (C4, C6);
-- - a sleep takes its time to the nanosecond, or ends early by a cancellation;
-- - a body that completed is completed (C2).
--
-- What happens is logged, so that two runs of a seed can be compared. A broken promise ends
-- the log; it is kept, not raised, since the program under test catches errors.

local xio = require "xio"

local tree = {}

local exec -- exec(me, block): runs the operations of a block in the task `me`

local Task = {}
Task.__index = Task

local function fault(run, text, ...)
  if run.fault == nil then run.fault = text:format(...) end
end

local function note(me, text, ...)
  local log = me.run.log
  log[#log + 1] = ("%g %d: "):format(xio.now(), me.id) .. text:format(...)
end

--- A <close> value that calls `f` with what is in flight.
local function at_end(f)
  return setmetatable({}, { __close = function(_, err) f(err) end })
end

-- ------------------------------------------------------------------------------- errors

local Wanted = { __tostring = function(err) return "wanted " .. err.id end }

-- What a program may meet that it did not raise itself.
local FOREIGN = {
  "exited without calling started", "was cancelled before it called started",
  "the group has ended", "the task that was to call it has ended",
  "of a coroutine that has failed or is being closed",
}

local function check_foreign(run, err)
  if xio.is_cancelled(err) then return fault(run, "a cancellation came out as an error") end
  if xio.is_timeout(err) then return end
  if type(err) == "table" and (err.code == "ECANCELED" or err.code == "EDEADLK") then return end
  for _, text in ipairs(FOREIGN) do
    if tostring(err):find(text, 1, true) then return end
  end
  fault(run, "an error that nobody raised: %s", tostring(err))
end

--- Calls f(err) for every leaf of an error and all they suppressed; `suppressed` tells which.
local function each_part(err, f, suppressed, seen)
  seen = seen or {}
  if err == nil or seen[err] == "within" then return end
  if not suppressed or not xio.is_cancelled(err) then
    if getmetatable(err) ~= xio.ErrorGroup.type then f(err, suppressed) end
  end
  if seen[err] then return end
  seen[err] = "within"
  if getmetatable(err) == xio.ErrorGroup.type then
    for _, inner in ipairs(err.errors) do each_part(inner, f, suppressed, seen) end
  end
  for _, other in ipairs(xio.suppressed(err)) do each_part(other, f, true, seen) end
  seen[err] = true
end

--- An error has come to where the program looks at it.
local function observe(run, err)
  local counts = {}
  each_part(err, function(part, suppressed)
    if getmetatable(part) ~= Wanted then
      if not suppressed then check_foreign(run, part) end
      return
    end
    part.found = true
    counts[part] = (counts[part] or 0) + 1
    if counts[part] > 1 and not part.awaited then fault(run, "%s is there twice", part) end
  end)
end

local function mark(err, field)
  each_part(err, function(part)
    if getmetatable(part) == Wanted then part[field] = true end
  end)
end

-- ------------------------------------------------------------------------------- the model

-- A region is what the model knows of a scope: `parent`, `deadline`, `shield`, the `handle`
-- of the scope if there is one, and the `record` of the task if it is a task's own scope;
-- `unknown` where the model cannot tell whether it is cancelled.

local function cancelled_itself(region)
  if region.handle then return region.handle.cancel_called end
  if region.record then return region.record.cancelled end
  if region.root then return region.run:root_failed() end
  return region.deadline ~= nil and xio.now() >= region.deadline
end

local function shields(region)
  if region.handle then return region.handle.shield end
  return region.shield or false
end

--- Whether a region is effectively cancelled; nil where the model does not know.
local function is_cancelled(region)
  if region == nil then return false end
  if region.unknown then return nil end
  if cancelled_itself(region) then return true end
  if shields(region) then return false end
  return is_cancelled(region.parent)
end

local function least_deadline(region)
  local least = math.huge
  while region do
    least = math.min(least, region.deadline or math.huge)
    region = not shields(region) and region.parent or nil
  end
  return least
end

--- Compares what xio says of the task's scopes with the model. Where nobody can be woken,
-- the runtime cancels everything and then lifts all shields: that is told apart at the end,
-- by the error of the run.
local function look(me)
  local run = me.run
  if run.maybe_deadlock then return end
  local model, real = is_cancelled(me.region), xio.cancelled()
  if real and pcall(xio.check) then return fault(run, "cancelled, but check returns") end
  if model == nil then return end
  if real and not model then
    run.maybe_deadlock = ("task %d is cancelled at %g"):format(me.id, xio.now())
  elseif model and not real then
    fault(run, "task %d is not cancelled at %g", me.id, xio.now())
  elseif not real and xio.deadline() ~= least_deadline(me.region) then
    fault(run, "task %d: deadline %g in place of %g", me.id, xio.deadline(),
      least_deadline(me.region))
  end
end

-- ------------------------------------------------------------------------------- tasks

local function new_record(run, parent_region)
  local record = { id = #run.records + 1 }
  record.region = { parent = parent_region, record = record }
  run.records[record.id] = record
  return record
end

--- The body of a task: runs `block`; `first` is called before it, in the task.
local function run_task(run, group, record, block, first)
  local me = setmetatable({ id = record.id, run = run, region = record.region, group = group,
    plain = false }, Task)
  record.begun = true
  local _end <close> = at_end(function(err)
    record.ended = true
    note(me, "ends%s", err ~= nil and " with " .. (xio.is_cancelled(err) and "Cancelled"
      or getmetatable(err) == Wanted and tostring(err) or "an error") or "")
  end)
  note(me, "begins")
  if first then first(me) end
  exec(me, block)
  return record
end

local function check_ended(run, records, what)
  for _, record in ipairs(records) do
    if not record.begun then fault(run, "task %d of %s never began", record.id, what) end
    if record.begun and not record.ended then
      fault(run, "task %d outlives %s", record.id, what)
    end
    local status = record.handle and record.handle:status() or "done"
    if status ~= "done" and status ~= "failed" and status ~= "cancelled" then
      fault(run, "task %d is %s after %s", record.id, status, what)
    end
  end
end

--- Enters a region for the time of the caller's block.
local function enter(me, region, plain)
  local outer, was_plain = me.region, me.plain
  if region then
    region.parent = outer
    me.region = region
  end
  me.plain = plain or false
  return at_end(function() me.region, me.plain = outer, was_plain end)
end

--- Runs a body in a region; `call` is given a function, whose results it must return if
-- that completes. `returns_flag`: after true; and false where it was cut short.
local function in_region(me, region, block, returns_flag, call)
  local completed, failed = false, true
  local _region <close> = enter(me, region)
  local _end <close> = at_end(function(err)
    if failed and completed and err == nil then fault(me.run, "a region ended oddly") end
  end)
  local function body(handle)
    if region.enter then region.enter(handle) end
    look(me)
    exec(me, block)
    completed = true
    return block
  end
  local first, second = call(body)
  failed = false
  local result = first
  if returns_flag then result = first == true and second or nil end
  if completed ~= (result == block) then
    fault(me.run, "a body that %s returned %s", completed and "completed" or "was cut short",
      tostring(first))
  end
  if returns_flag and not completed and first ~= false then
    fault(me.run, "a body was cut short, but the flag is %s", tostring(first))
  end
end

-- ------------------------------------------------------------------------------- operations

local operations = {}

local function after_sleep(me, began, time, limit, moves, ok, err)
  local run, took = me.run, xio.now() - began
  if not ok and not xio.is_cancelled(err) then return check_foreign(run, err) end
  if ok and took ~= time then fault(run, "a sleep of %g s took %g s", time, took) end
  if took > time then fault(run, "a sleep of %g s ended after %g s", time, took) end
  if run.moves == moves and took > math.max(limit - began, 0) then
    fault(run, "a sleep went on for %g s after the deadline", began + took - limit)
  end
end

local function sleep(me, f, time)
  look(me)
  local cancelled, began = xio.cancelled(), xio.now()
  local limit, moves = xio.deadline(), me.run.moves
  local ok, err = pcall(f, time)
  if ok and cancelled then fault(me.run, "cancelled, but %g s of sleep returned", time) end
  after_sleep(me, began, time, limit, moves, ok, err)
  note(me, "slept %g%s", time, ok and "" or ", cancelled")
  if not ok then error(err, 0) end
end

function operations.sleep(me, operation) sleep(me, xio.sleep, operation.time) end
function operations.checkpoint(me) sleep(me, xio.checkpoint, 0) end
function operations.forever(me) sleep(me, xio.sleep_forever, math.huge) end

function operations.yield(me)
  if coroutine.running() == me.coroutine then sleep(me, coroutine.yield, nil) end
end

function operations.check(me)
  look(me)
  xio.check()
end

function operations.fail(me)
  local run = me.run
  local err = setmetatable({ id = #run.errors + 1 }, Wanted)
  run.errors[err.id] = err
  note(me, "raises %s", err)
  error(err, 0)
end

function operations.cancel(me, operation)
  local run = me.run
  local named = run.named[operation.what][operation.name]
  if named == nil then return end
  local first = named.handle:cancel("by " .. me.id)
  note(me, "cancels %s %d: %s", operation.what, operation.name, first)
  if first and operation.what == "task" then named.cancelled = true end
end

function operations.deadline(me, operation)
  local region = me.run.named.scope[operation.name]
  if region == nil then return end
  region.deadline = operation.time and xio.now() + operation.time
  me.run.moves = me.run.moves + 1
  region.handle.deadline = region.deadline
end

function operations.set_shield(me, operation)
  local region = me.run.named.scope[operation.name]
  if region == nil then return end
  me.run.moves = me.run.moves + 1
  region.handle.shield = operation.value
end

function operations.await(me, operation)
  local record = me.run.named.task[operation.name]
  if record == nil then return end
  look(me)
  local _end <close> = at_end(function(err)
    if err ~= nil and not xio.is_cancelled(err) then mark(err, "awaited") end
    note(me, "awaited %d", record.id)
  end)
  local result = record.handle:await()
  if result ~= record then fault(me.run, "await gave another result") end
end

function operations.wait(me, operation)
  local record = me.run.named.task[operation.name]
  if record == nil or record.id == me.id then return end
  local ok, err = pcall(record.handle.wait, record.handle)
  if ok and not record.ended then fault(me.run, "wait returned before the end") end
  if not ok then error(err, 0) end
end

function operations.spawn(me, operation)
  local run, group = me.run, me.group
  if operation.into == "named" then group = run.named.group[operation.group] end
  if operation.into == "root" then group = run.root end
  if group == nil or group.closed then return end
  local record = new_record(run, group.region)
  record.region.unknown = operation.daemon or nil
  local options = { daemon = operation.daemon, name = "task " .. record.id }
  note(me, "spawns %d", record.id)
  if group == run.root then
    record.handle = xio.spawn(options, run_task, run, group, record, operation.body)
  else
    record.handle = group.handle:spawn(options, run_task, run, group, record, operation.body)
  end
  group.records[#group.records + 1] = record
  run.named.task[operation.name] = record
end

function operations.start(me, operation)
  local run, group = me.run, me.group
  if group == run.root or group.closed then return end
  local record = new_record(run, group.region)
  record.region.unknown = true -- until it has started, the caller's scope counts too
  look(me)
  local value = group.handle:start({ name = "task " .. record.id }, function(started)
    run_task(run, group, record, operation.body, function(child)
      record.handle = xio.current()
      group.records[#group.records + 1] = record
      run.named.task[operation.name] = record
      note(child, "is being started")
    end)
    if not operation.starts then return record end
    record.ended = false
    started(record)
    return run_task(run, group, record, operation.rest)
  end)
  if value ~= record then fault(run, "start gave another value") end
end

function operations.group(me, operation)
  local run = me.run
  local group = { records = {}, region = {}, closed = false }
  local outer = me.group
  local _end <close> = at_end(function(err)
    me.group = outer
    group.closed = true
    if group.handle == nil then return end
    if #group.handle ~= 0 then fault(run, "a group ended with %d tasks", #group.handle) end
    check_ended(run, group.records, "its group")
    note(me, "ends a group%s", err ~= nil and " early" or "")
  end)
  function group.region.enter(handle)
    group.handle = handle
    group.region.handle = handle.scope
    run.named.group[operation.name] = group
    me.group = group
  end
  look(me)
  in_region(me, group.region, operation.body, false, function(body)
    return xio.group({ errors = operation.errors, limit = operation.limit }, body)
  end)
end

function operations.gather(me, operation)
  local run, records, functions = me.run, {}, {}
  local blocks = { operation.body, table.unpack(operation.others) }
  local region = { parent = me.region, unknown = true } -- a group without a handle
  for i, block in ipairs(blocks) do
    records[i] = new_record(run, region)
    functions[i] = function()
      return run_task(run, run.root, records[i], block)
    end
  end
  local _end <close> = at_end(function(err)
    if err ~= nil then return end
    check_ended(run, records, "its gather")
  end)
  local results = xio.gather(functions)
  for i, record in ipairs(records) do
    if results[i] ~= record then fault(run, "gather gave another result") end
  end
end

function operations.scope(me, operation)
  local region = { deadline = operation.timeout and xio.now() + operation.timeout }
  function region.enter(handle)
    region.handle = handle
    me.run.named.scope[operation.name] = region
  end
  in_region(me, region, operation.body, true, function(body)
    return xio.scope({ timeout = operation.timeout, shield = operation.shield }, body)
  end)
end

function operations.new_scope(me, operation)
  local deadline = operation.time and xio.now() + operation.time
  local region = { deadline = deadline, handle = xio.new_scope { deadline = deadline } }
  me.run.named.scope[operation.name] = region
  exec(me, { operation.before })
  in_region(me, region, operation.body, true, function(body)
    return region.handle:run(body)
  end)
end

function operations.move_on(me, operation)
  local at = xio.now() + operation.time
  in_region(me, { deadline = at }, operation.body, true, function(body)
    if operation.absolute then return xio.move_on_at(at, body) end
    return xio.move_on_after(operation.time, body)
  end)
end

function operations.fail_after(me, operation)
  local at = xio.now() + operation.time
  in_region(me, { deadline = at }, operation.body, false, function(body)
    if operation.absolute then return xio.fail_at(at, body) end
    return xio.fail_after(operation.time, body)
  end)
end

function operations.shield(me, operation)
  in_region(me, { shield = true }, operation.body, false, xio.shield)
end

function operations.cleanup(me, operation)
  in_region(me, { unknown = true }, operation.body, false, xio.cleanup)
end

local PROTECTED = {
  ["pcall"] = pcall,
  ["xio.pcall"] = xio.pcall,
  ["xio.xpcall"] = function(f) return xio.xpcall(f, function(err) return err end) end,
}

function operations.protect(me, operation)
  local ok, err = PROTECTED[operation.with](function()
    local _region <close> = enter(me, nil, true)
    exec(me, operation.body)
  end)
  if ok then return end
  if xio.is_cancelled(err) then
    if operation.with ~= "pcall" then fault(me.run, "%s caught a Cancelled", operation.with) end
    if not operation.swallows then error(err, 0) end
    return
  end
  note(me, "protects")
  observe(me.run, err)
end

function operations.isolate(me, operation)
  local ok, err = xio.isolate(function()
    local _region <close> = enter(me, { unknown = true })
    exec(me, operation.body)
  end)
  if ok then return end
  note(me, "isolates")
  observe(me.run, err)
end

function operations.generator(me, operation)
  local steps = operation.steps
  local each = coroutine.wrap(function()
    for i, block in ipairs(steps) do
      do
        local _region <close> = enter(me, nil, true)
        exec(me, block)
      end
      coroutine.yield(i)
    end
  end)
  local expected = 1
  for i in each do
    if i ~= expected then fault(me.run, "a generator gave %s", tostring(i)) end
    expected = expected + 1
    exec(me, operation.body)
  end
end

--- Runs the handler of a block while `in_flight` unwinds. Where no boundary of xio lies
-- between the block and the next protected call, what the handler raises replaces it, as in
-- plain Lua.
local function run_handler(me, operation, in_flight)
  local _end <close> = at_end(function(err)
    if err ~= nil and in_flight ~= nil and me.plain then mark(in_flight, "found") end
  end)
  if operation.shielded then
    local _region <close> = enter(me, { shield = true })
    xio.shield(exec, me, operation.handler)
  else
    exec(me, operation.handler)
  end
end

function operations.close(me, operation)
  local _handler <close> = at_end(function(in_flight)
    run_handler(me, operation, in_flight)
  end)
  exec(me, operation.body)
end

function exec(me, block)
  for _, operation in ipairs(block) do
    if me.run.fault then return end
    operations[operation.op](me, operation)
  end
end

-- ------------------------------------------------------------------------------- runs

local Run = {}
Run.__index = Run

function Run:root_failed()
  for _, record in ipairs(self.root.records) do
    if record.handle and record.handle:status() == "failed" then return true end
  end
  return false
end

local function check_end(run, result)
  local deadlock = false
  each_part(result, function(part)
    if type(part) == "table" and part.code == "EDEADLK" and part.op == "run" then
      deadlock = true
    end
  end)
  if run.maybe_deadlock and not deadlock then fault(run, "%s", run.maybe_deadlock) end
  check_ended(run, run.root.records, "its run")
  for _, err in ipairs(run.errors) do
    if not err.found then fault(run, "%s is lost", err) end
  end
end

--- Runs a program.
-- @treturn ?string what is wrong, or nil
-- @treturn {string} the log
function tree.run(program)
  local run = setmetatable({ log = {}, records = {}, errors = {}, moves = 0,
    named = { task = {}, group = {}, scope = {} } }, Run)
  run.root = { records = {}, region = { root = true, run = run } }
  local ok, err = pcall(xio.run, program.options, function()
    local record = new_record(run, run.root.region)
    record.handle = xio.current()
    run.root.records[1] = record
    return run_task(run, run.root, record, program.body)
  end)
  if not ok then observe(run, err) end
  check_end(run, not ok and err or nil)
  return run.fault, run.log
end

return tree
