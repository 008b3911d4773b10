--- The workloads of bench/run on cqueues.
---   lua5.4 cqueues.lua WORKLOAD SECONDS N
-- There is no scope with a timeout and no cancelling of a coroutine in cqueues: each operation
-- takes a timeout of its own.
local cqueues = require "cqueues"
local condition = require "cqueues.condition"
local socket = require "cqueues.socket"
local measure = require "measure"

local workload, seconds, count = measure.arguments(arg)
local loop = cqueues.new()
local now = cqueues.monotime

--- Starts `n` tasks that run `f`, and waits for all.
local function spawn_and_join(n, f)
  local left, done = n, condition.new()
  for i = 1, n do
    loop:wrap(function()
      f(i)
      left = left - 1
      if left == 0 then done:signal() end
    end)
  end
  while left > 0 do
    done:wait()
  end
end

local function empty() end

local function spawn_repeatedly(n)
  measure.whole(seconds, now, n, function() spawn_and_join(n, empty) end)
end

local function sleepers()
  local asleep, woken = 0, 0
  local kb, cpu = measure.resident_kb(), os.clock()
  spawn_and_join(count + 1, function(i)
    if i <= count then
      asleep = asleep + 1
      cqueues.sleep(measure.pause(seconds, i, count))
      woken = woken + 1
    else
      while asleep < count do cqueues.sleep(0) end
      kb = measure.resident_kb() - kb
      assert(woken == 0, "some woke before all slept")
    end
  end)
  cpu = os.clock() - cpu
  measure.report("us", cpu * 1e6 / count)
  measure.report("kb", kb / count)
end

local function repeated(tasks, per_task)
  measure.whole(seconds, now, tasks * per_task, function()
    spawn_and_join(tasks, function()
      for _ = 1, per_task do cqueues.sleep(0) end
    end)
  end)
end

--- Serves each connection by a coroutine of its own. Binary and without buffers: what is written
--- goes out at once.
local function serve(handle)
  local listener = socket.listen { host = "127.0.0.1", port = 0, nodelay = true }
  assert(listener:listen())
  local _, _, port = listener:localname()
  measure.listening(port)
  for connection in listener:clients() do
    connection:setmode("bn", "bn")
    connection:onerror(function(_, _, code) return code end)
    loop:wrap(function()
      handle(connection)
      connection:close()
    end)
  end
end

local block = ("x"):rep(65536)

local workloads = {
  waves = function() spawn_repeatedly(1000) end,
  burst = function() spawn_repeatedly(count) end,
  ["switch-1"] = function() repeated(1, 20000) end,
  ["switch-1000"] = function() repeated(1000, 100) end,
  ["sleep-0"] = function() repeated(1000, 100) end,
  sleepers = sleepers,
  ["serve-echo"] = function()
    serve(function(connection)
      for data in function() return connection:read(-65536) end do
        if not connection:write(data) then return end
      end
    end)
  end,
  ["serve-send"] = function()
    serve(function(connection)
      while connection:write(block) do end
    end)
  end,
  ["serve-receive"] = function()
    serve(function(connection)
      while connection:read(-65536) do end
    end)
  end,
  startup = empty,
}

loop:wrap(workloads[workload] or measure.unknown)
assert(loop:loop())
