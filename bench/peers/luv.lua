--- The workloads of bench/run on luv, with a coroutine for each task.
---   lua5.4 luv.lua WORKLOAD SECONDS N
-- luv has callbacks only. Here is what a program on it writes itself: a task that tells its
-- group when it ends, a queue of tasks that let others run (drained by an idle handle, so that
-- events are looked at in between), and a sleep with a timer of its own.
local uv = require "luv"
local measure = require "measure"

local workload, seconds, count = measure.arguments(arg)

local function now()
  return uv.hrtime() * 1e-9
end

local function resume(task)
  local ok, err = coroutine.resume(task)
  if not ok then error(debug.traceback(task, err), 0) end
end

local ready, idle = {}, uv.new_idle()

local function run_ready()
  local batch = ready
  ready = {}
  for i = 1, #batch do
    resume(batch[i])
  end
  if #ready == 0 then idle:stop() end
end

--- Lets the other tasks and the loop run.
local function yield()
  if #ready == 0 then idle:start(run_ready) end
  ready[#ready + 1] = coroutine.running()
  coroutine.yield()
end

local function sleep(s)
  local task, timer = coroutine.running(), uv.new_timer()
  timer:start(math.ceil(s * 1000), 0, function()
    timer:close()
    resume(task)
  end)
  coroutine.yield()
end

--- Starts `n` tasks that run `f`, and waits for all.
local function spawn_and_join(n, f)
  local left, waiting = n, nil
  local function body(i)
    f(i)
    left = left - 1
    if left == 0 and waiting then resume(waiting) end
  end
  for i = 1, n do
    local ok, err = coroutine.resume(coroutine.create(body), i)
    if not ok then error(err, 0) end
  end
  if left > 0 then
    waiting = coroutine.running()
    coroutine.yield()
  end
end

local function empty() end

local function spawn_repeatedly(n)
  measure.whole(seconds, now, n, function() spawn_and_join(n, empty) end)
end

--- Calls `f`, and `on_late` if it has not ended after `s` seconds.
local function with_timeout(s, on_late, f)
  local timer = uv.new_timer()
  timer:start(s * 1000, 0, on_late)
  f()
  timer:stop()
  timer:close()
end

local function sleepers()
  local asleep, woken = 0, 0
  local kb, cpu = measure.resident_kb(), os.clock()
  spawn_and_join(count + 1, function(i)
    if i <= count then
      asleep = asleep + 1
      sleep(measure.pause(seconds, i, count))
      woken = woken + 1
    else
      kb = measure.resident_kb() - kb
      assert(asleep == count and woken == 0, "some woke before all slept")
    end
  end)
  cpu = os.clock() - cpu
  measure.report("us", cpu * 1e6 / count)
  measure.report("kb", kb / count)
end

local function repeated(tasks, per_task, f)
  measure.whole(seconds, now, tasks * per_task, function()
    spawn_and_join(tasks, function()
      for _ = 1, per_task do f() end
    end)
  end)
end

--- Serves each connection by a task that runs `handle(recv, write)`: `recv` gives some bytes, or
--- nil at the end; `write` waits only for what finds no room, and tells whether it is out.
local function serve(handle)
  local function on_connection(listener)
    local client = uv.new_tcp()
    listener:accept(client)
    client:nodelay(true)
    local task, got, waiting
    local function recv()
      waiting = true
      if not got then coroutine.yield() end
      waiting = false
      local data = got
      got = nil
      return data
    end
    local function write(data)
      local written = client:try_write(data) or 0
      if written == #data then return true end
      local failure
      client:write(data:sub(written + 1), function(err)
        failure = err
        resume(task)
      end)
      coroutine.yield()
      return not failure
    end
    task = coroutine.create(function()
      handle(recv, write)
      client:close()
    end)
    resume(task)
    if coroutine.status(task) == "dead" then return end
    client:read_start(function(_, data)
      got = data and got and got .. data or data
      if waiting then resume(task) end
    end)
  end
  local listener = uv.new_tcp()
  listener:bind("127.0.0.1", 0)
  listener:listen(1024, function() on_connection(listener) end)
  measure.listening(listener:getsockname().port)
  coroutine.yield() -- for ever
end

--- A number to a thread of libuv's pool and back, by its queue of work and its async: luv has
--- nothing by which the main thread sends to a thread that waits.
local function thread_trips()
  local task = coroutine.running()
  local work = uv.new_work(function(value) return value end, function() resume(task) end)
  measure.whole(seconds, now, 1000, function()
    for i = 1, 1000 do
      work:queue(i)
      coroutine.yield()
    end
  end)
end

local function thread_runs()
  measure.whole(seconds, now, 20, function()
    for _ = 1, 20 do uv.new_thread(empty):join() end
  end)
end

local block = ("x"):rep(65536)

local workloads = {
  waves = function() spawn_repeatedly(1000) end,
  burst = function() spawn_repeatedly(count) end,
  ["switch-1"] = function() repeated(1, 20000, yield) end,
  ["switch-1000"] = function() repeated(1000, 200, yield) end,
  ["sleep-0"] = function() repeated(1000, 100, function() sleep(0) end) end,
  timeout = function()
    measure.whole(seconds, now, 1000, function()
      for _ = 1, 1000 do with_timeout(10, empty, empty) end
      yield() -- lets the closed timers go
    end)
  end,
  ["thread-trip"] = thread_trips,
  thread = thread_runs,
  sleepers = sleepers,
  ["serve-echo"] = function()
    serve(function(recv, write)
      for data in recv do
        if not write(data) then return end
      end
    end)
  end,
  ["serve-send"] = function()
    serve(function(_, write)
      while write(block) do end
    end)
  end,
  ["serve-receive"] = function()
    serve(function(recv)
      while recv() do end
    end)
  end,
  startup = empty,
}

local task = coroutine.create(workloads[workload] or measure.unknown)
resume(task)
uv.run()
assert(coroutine.status(task) == "dead", "the main task never ended")
