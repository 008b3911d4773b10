-- Services under 1,000 schedules with cancellation at random: whatever is cut short, each call
-- has its effect or says that it has none, and nothing outlives the run. And a thousand services.

local xio = require "xio"
local support = require "spec.support"
local schedules = require "spec.support.schedules"

local it = support.it(it)

local SCHEDULES <const> = schedules.most(1000)

local function serve(service, n)
  if n == 1 then xio.checkpoint() end
  service:started(n)
  if n == 2 then return end
  xio.sleep_forever()
end

local function add(a, b)
  if b == 2 then xio.checkpoint() end
  return a + b
end

-- An operation that a service may refuse, since it has ended, and that may be cancelled.
local function attempt(f, ...)
  local ok, value, _, code = xio.pcall(f, ...)
  if not ok and not tostring(value):find "ended" and not tostring(value):find "cancelled" then
    error(value, 0)
  end
  return ok, value, code
end

local operations = {
  function(service, i)
    local ok, sum = attempt(service.call_sync, service, add, i, 2)
    if ok then assert.equal(i + 2, sum) end
  end,
  function(service, i)
    local ok, reply = attempt(service.submit, service, add, i, 1)
    if not ok then return end
    if i == 1 then reply:cancel() end
    local sum
    ok, sum = attempt(reply.await, reply)
    if ok then assert.equal(i + 1, sum) end
  end,
  function(service) attempt(service.call_soon, service, add, 1, 2) end,
  function(service) service:stop "at random" end,
  function(service)
    local ok, n = attempt(service.wait_started, service)
    if ok then assert.is_number(n) end
  end,
  function(service)
    local ended, _, code = service:join(0)
    assert(ended or code == "ETIMEDOUT")
  end,
}

local function use(services, random, i)
  for _ = 1, random(3) do
    operations[random(#operations)](services[random(#services)], i)
    if random(2) == 1 then xio.checkpoint() end
  end
end

local function program(random)
  local services = {}
  for i = 1, random(2) do
    services[i] = xio.service { run = serve, args = { random(3) }, loop = true }:start()
  end
  xio.group(function(group)
    local tasks = {}
    for i = 1, 3 do tasks[i] = group:spawn(use, services, random, i) end
    for _ = 1, random(3) - 1 do
      for _ = 1, random(4) do xio.checkpoint() end
      tasks[random(3)]:cancel "at random"
    end
  end)
  for _, service in ipairs(services) do
    if random(3) == 1 then service:stop() end
    if random(3) == 1 and service.close_scope.closed then service:join() end
  end
end

-- A thread that was joined may be counted for a moment still.
local FEW = 3

local function thread_count()
  for line in io.lines "/proc/self/status" do
    local count = line:match "^Threads:%s*(%d+)"
    if count then return tonumber(count) end
  end
end

describe("xio.service, under random schedules", function()
  it("ends with its run, and answers or refuses", function()
    local before = thread_count()
    for seed = 1, SCHEDULES do
      local ok, err = pcall(xio.run, { signals = false, seed = seed }, xio.fail_after, 30, program,
        schedules.random(seed))
      if not ok then error(("with seed %d: %s"):format(seed, xio.traceback(err)), 0) end
    end
    assert(thread_count() <= before + FEW, "threads are left")
  end)
end)

describe("a thousand services", function()
  it("leave nothing behind", function()
    local before = thread_count()
    xio.run({ signals = false }, function()
      for i = 1, 1000 do
        local service = xio.service { run = serve, args = { i + 2 } }
        assert.equal(i + 2, service:start():wait_started())
        service:stop()
        assert.is_true(service:join())
      end
      assert(thread_count() <= before + FEW, "threads are not used again")
      for i = 1, 50 do xio.service { run = serve, args = { i + 2 } }:start() end
    end)
    assert(thread_count() <= before + FEW, "threads are left")
  end)
end)
