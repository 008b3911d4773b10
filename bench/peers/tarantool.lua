-- The workloads of bench/run on Tarantool's fibers, without its database.
--   tarantool tarantool.lua WORKLOAD SECONDS N
-- There is no scope with a timeout: each operation takes a timeout of its own.
package.path = os.getenv("BENCH_LIB") .. "/?.lua;" .. package.path

local fiber = require("fiber")
local clock = require("clock")
local measure = require("measure")

local workload, seconds, count = measure.arguments(arg)
local now = clock.monotonic

-- Starts n joinable fibers that run f.
local function spawn(n, f)
  local fibers = {}
  for i = 1, n do
    local started = fiber.new(f, i)
    started:set_joinable(true)
    fibers[i] = started
  end
  return fibers
end

local function join(fibers)
  for i = 1, #fibers do
    fibers[i]:join()
  end
end

local function empty() end

local function spawn_repeatedly(n)
  measure.whole(seconds, now, n, function() join(spawn(n, empty)) end)
end

local function repeated(tasks, per_task, f, argument)
  measure.whole(seconds, now, tasks * per_task, function()
    join(spawn(tasks, function()
      for _ = 1, per_task do f(argument) end
    end))
  end)
end

-- A value through a channel with that capacity, from one fiber to another.
local function pass(capacity)
  local n = 20000
  measure.whole(seconds, now, n, function()
    local channel = fiber.channel(capacity)
    local fibers = spawn(1, function()
      for i = 1, n do channel:put(i) end
      channel:close()
    end)
    for _ = 1, n do channel:get() end
    join(fibers)
  end)
end

local function ping_pong()
  local n = 20000
  measure.whole(seconds, now, n, function()
    local there, back = fiber.channel(0), fiber.channel(0)
    local fibers = spawn(1, function()
      for _ = 1, n do back:put(there:get()) end
    end)
    for i = 1, n do
      there:put(i)
      back:get()
    end
    join(fibers)
  end)
end

local function cancel_all()
  local blocked = 0
  local fibers = spawn(count, function()
    blocked = blocked + 1
    fiber.sleep(1e6)
  end)
  while blocked < count do fiber.yield() end
  local start = now()
  for i = 1, count do
    fibers[i]:cancel()
  end
  join(fibers)
  return now() - start, count
end

local function sleepers()
  local asleep, woken = 0, 0
  local kb, cpu = measure.resident_kb(), clock.proc()
  local fibers = spawn(count, function(i)
    asleep = asleep + 1
    fiber.sleep(measure.pause(seconds, i, count))
    woken = woken + 1
  end)
  while asleep < count do fiber.yield() end
  kb = measure.resident_kb() - kb
  assert(woken == 0, "some woke before all slept")
  join(fibers)
  cpu = clock.proc() - cpu
  measure.report("us", cpu * 1e6 / count)
  measure.report("kb", kb / count)
end

local workloads = {
  waves = function() spawn_repeatedly(1000) end,
  burst = function() spawn_repeatedly(count) end,
  ["switch-1"] = function() repeated(1, 20000, fiber.yield) end,
  ["switch-1000"] = function() repeated(1000, 200, fiber.yield) end,
  ["sleep-0"] = function() repeated(1000, 100, fiber.sleep, 0) end,
  ["ping-pong"] = ping_pong,
  ["channel-64"] = function() pass(64) end,
  receive = function() pass(0) end,
  cancel = function() measure.repeated(seconds, cancel_all) end,
  sleepers = sleepers,
  startup = empty,
}

local run = workloads[workload] or measure.unknown
run()
os.exit(0)
