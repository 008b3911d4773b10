-- xio.service_group: services started in order and stopped in reverse.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local catch, misuse = support.catch, support.misuse

local function run(f)
  return xio.run({ signals = false }, xio.fail_after, 30, f)
end

-- A service that tells `log` when it begins and ends.
local function telling(log, name, how)
  return xio.service { name = name, args = { log, name, how }, run = function(service, out, n, h)
    local _cleanup <close> = xio.defer(function()
      xio.sleep(0.01)
      out:send("end " .. n)
    end)
    out:send("begin " .. n)
    if h == "crash" then error("crash " .. n, 0) end
    if h == "early" then return end
    if h == "slow" then xio.sleep(0.02) end
    if h ~= "never" then service:started(n) end
    xio.sleep_forever()
  end }
end

local function new_log()
  local tx, rx = xio.thread.channel(math.huge)
  return tx, function()
    tx:close()
    local lines = {}
    for line in rx do lines[#lines + 1] = line end
    return lines
  end, rx
end

describe("xio.service_group", function()
  it("starts in order, each when the one before is ready, and stops in reverse", function()
    run(function()
      local log, lines = new_log()
      local group = xio.service_group(telling(log, "a", "slow"), telling(log, "b"),
        telling(log, "c"))
      assert.equal(group, group:start())
      assert.is_true(group:wait_started())
      assert.is_true(group:stop("enough"))
      assert.is_false(group:stop())
      assert.is_true(group:join())
      assert.is_true(group.close_scope.closed)
      assert.same({ "begin a", "begin b", "begin c", "end c", "end b", "end a" }, lines())
    end)
  end)

  it("a failed start stops those before it", function()
    for _, how in ipairs { "crash", "early" } do
      run(function()
        local log, lines = new_log()
        local group = xio.service_group(telling(log, "a"), telling(log, "b"),
          telling(log, "c", how), telling(log, "d"))
        local err = tostring(catch(group.start, group))
        support.mentions(err, how == "crash" and "crash c" or "started")
        assert.same({ "begin a", "begin b", "begin c", "end c", "end b", "end a" }, lines())
      end)
    end
  end)

  it("a cancelled start stops what it has started", function()
    run(function()
      local log, lines, received = new_log()
      local group = xio.service_group(telling(log, "a"), telling(log, "b", "never"),
        telling(log, "c"))
      local scope = xio.new_scope()
      xio.group(function(tasks)
        tasks:spawn(function()
          assert.same({ "begin a", "begin b" }, { received:recv(), received:recv() })
          scope:cancel()
        end)
        assert.is_false((scope:run(group.start, group)))
      end)
      assert.same({ "end b", "end a" }, lines())
    end)
  end)

  it("join raises what its services have failed of", function()
    run(function()
      local log = new_log()
      local group = xio.service_group(telling(log, "a"), telling(log, "b")):start()
      group:call_soon(error, "both", 0)
      assert.same({ "both", "both" }, support.leaves(catch(group.join, group)))
    end)
  end)

  it("calls all of them", function()
    run(function()
      local log = new_log()
      local group = xio.service_group(telling(log, "a"), telling(log, "b")):start()
      assert.same({ 3, 3, n = 2 }, group:call_sync(function(a, b) return a + b end, 1, 2))
      local replies = group:submit(function(x) return x end, 7)
      assert.same({ 7, 7 }, { replies[1]:await(), replies[2]:await() })
      group:stop()
      group:join()
    end)
  end)

  it("may be a member of another group", function()
    run(function()
      local log, lines = new_log()
      local inner = xio.service_group(telling(log, "b"), telling(log, "c"))
      local group = xio.service_group(telling(log, "a"), inner):start()
      group:stop()
      group:join()
      assert.same({ "begin a", "begin b", "begin c", "end c", "end b", "end a" }, lines())
    end)
  end)

  it("ends with the run, in reverse", function()
    local log, lines = new_log()
    run(function() xio.service_group(telling(log, "a"), telling(log, "b")):start() end)
    run(function() assert.same({ "begin a", "begin b", "end b", "end a" }, lines()) end)
  end)

  it("takes timeouts", function()
    run(function()
      local log = new_log()
      local group = xio.service_group(telling(log, "a")):start()
      assert.same({ nil, "ETIMEDOUT" }, { (function(a, _, c) return a, c end)(group:join(0.01)) })
      group:stop()
      assert.is_true(group:join(10))
    end)
  end)

  it("an empty one does nothing", function()
    run(function()
      local group = xio.service_group():start()
      assert.is_true(group:wait_started())
      group:stop()
      assert.is_true(group:join())
    end)
  end)

  it("says what is wrong", function()
    run(function()
      misuse(function() xio.service_group(1) end, "xio.service_group", "#1", "xio.Service")
      local group = xio.service_group()
      misuse(function() group:join() end, "service_group:join", "not started")
      misuse(function() group.start({}) end, "service_group:start", "xio.ServiceGroup")
      group:start()
      misuse(function() group:start() end, "service_group:start", "before")
    end)
  end)
end)
