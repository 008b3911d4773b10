-- Events: waking, clearing, timeouts, cancellation, several runs, many schedules.

local xio = require "xio"
local support = require "spec.support"
local schedules = require "spec.support.schedules"

local it = support.it(it)
local run, catch, misuse = support.run, support.catch, support.misuse

--- A task that waits for `event`, and what its wait gave.
local function waiter(event, timeout)
  local result = {}
  result.task = xio.spawn(function() result.value = event:wait(timeout) end)
  return result
end

describe("an event", function()
  it("SYN-01 wakes all who wait, and lets pass whoever comes later", function()
    run(function()
      local event = xio.event()
      local a, b = waiter(event), waiter(event)
      xio.sleep(1)
      assert.is_false(event:is_set())
      assert.equal(2, event:stats().waiting)
      event:set()
      event:set()
      assert.equal(0, event:stats().waiting)
      xio.sleep(0)
      assert.is_true(a.value and b.value)
      assert.is_true(event:is_set())
      assert.is_true(event:wait())
    end)
  end)

  it("SYN-01 T1 wakes in the order of their coming", function()
    run(function()
      local event, order = xio.event(), {}
      xio.group(function(group)
        for i = 1, 4 do
          group:spawn(function()
            event:wait()
            order[#order + 1] = i
          end)
        end
        xio.checkpoint()
        event:set()
      end)
      assert.same({ 1, 2, 3, 4 }, order)
    end)
  end)

  it("SYN-01 is a checkpoint also where it is set", function()
    run(function()
      local event = xio.event()
      event:set()
      local scope = xio.new_scope()
      scope:cancel()
      assert.is_false((scope:run(function() event:wait() end)))
      scope = xio.new_scope()
      scope:cancel()
      assert.is_false((scope:run(function() event:wait(0) end)))
    end)
  end)

  it("T9 gives others their turn where it is waited for in a loop", function()
    run(function()
      local event, ran = xio.event(), false
      event:set()
      xio.spawn(function() ran = true end)
      local rounds = 0
      while not ran do
        event:wait()
        rounds = rounds + 1
        assert.is_true(rounds < 1e6)
      end
    end)
  end)

  it("SYN-01 is itself always true: only is_set tells", function()
    local event = xio.event()
    assert.is_truthy(event)
    assert.equal("event (not set)", tostring(event))
    event:set()
    assert.equal("event (set)", tostring(event))
    event:clear()
    assert.is_false(event:is_set())
  end)
end)

describe("event:wait with a timeout", function()
  it("SYN-03 tells when time is over", function()
    run(function()
      local event = xio.event()
      assert.is_false(event:wait(3))
      assert.equal(3, xio.now())
      assert.equal(0, event:stats().waiting)
    end)
  end)

  it("SYN-03 tells when it was set first", function()
    run(function()
      local event = xio.event()
      local a = waiter(event, 5)
      xio.sleep(2)
      event:set()
      a.task:wait()
      assert.is_true(a.value)
      assert.equal(2, xio.now())
    end)
    run(function() -- and its limit is gone with it
      local event = xio.event()
      local a = waiter(event, 5)
      xio.checkpoint()
      event:set()
      a.task:wait()
    end)
  end)

  it("SYN-03 whoever was woken stays so when it is cleared", function()
    run(function()
      local event = xio.event()
      local a, b, c = waiter(event), waiter(event, 5), waiter(event, 0)
      xio.checkpoint()
      event:set()
      event:clear()
      xio.sleep(1)
      assert.same({ true, true, true }, { a.value, b.value, c.value })
    end)
  end)

  it("of 0 or less takes one turn", function()
    run(function()
      local event, steps = xio.event(), 0
      xio.spawn(function() steps = steps + 1 end)
      assert.is_false(event:wait(0))
      assert.equal(1, steps)
      assert.is_false(event:wait(-1))
      assert.equal(0, xio.now())
      xio.spawn(function() event:set() end)
      assert.is_true(event:wait(0))
    end)
  end)

  it("of math.huge or nil has no end", function()
    for _, timeout in ipairs { math.huge, false } do
      run(function()
        local event = xio.event()
        local a = waiter(event, timeout or nil)
        xio.sleep(1e6)
        event:set()
        a.task:wait()
        assert.is_true(a.value)
      end)
    end
  end)
end)

describe("cancelling who waits for an event", function()
  it("SYN-25 leaves no trace", function()
    run(function()
      local event = xio.event()
      local a, b = waiter(event), waiter(event, 5)
      xio.checkpoint()
      assert.equal(2, event:stats().waiting)
      a.task:cancel()
      b.task:cancel()
      assert.equal(0, event:stats().waiting)
      event:set()
      a.task:wait()
      assert.is_nil(a.value)
      assert.equal("cancelled", a.task:status())
    end)
  end)

  it("C3 comes too late when it is set already", function()
    run(function()
      local event = xio.event()
      local a = waiter(event)
      xio.checkpoint()
      event:set()
      a.task:cancel()
      a.task:wait()
      assert.is_true(a.value)
    end)
  end)
end)

describe("an event of several runs", function()
  it("SYN-26 is made outside, set in one and waited for in the next", function()
    local event = xio.event()
    run(function()
      xio.spawn(function() event:set() end)
      event:wait()
    end)
    assert.is_true(event:is_set())
    event:clear()
    run(function() assert.is_false(event:wait(1)) end)
    assert.equal(0, event:stats().waiting)
  end)

  it("wakes a task of the run around the one it is set in", function()
    run(function()
      local event = xio.event()
      local a = waiter(event, 5)
      xio.checkpoint()
      run(function()
        xio.sleep(1)
        event:set()
        xio.sleep(1)
        assert.is_nil(a.value) -- its loop stands still
      end)
      a.task:wait()
      assert.is_true(a.value)
      assert.equal(0, xio.now())
    end)
  end)

  it("wakes a run that is driven by hand, from outside of all runs", function()
    local event = xio.event()
    local rt <close> = xio.new { clock = "virtual", signals = false }
    local task = rt:spawn(function() return event:wait() end)
    local _, stalled = rt:step()
    assert.is_true(select(2, rt:step()) or stalled)
    event:set()
    while rt:step() do end
    assert.same({ true, true }, { task:result() })
  end)

  it("forgets the waiters of a run that was closed", function()
    local event = xio.event()
    local rt = xio.new { clock = "virtual", signals = false }
    rt:spawn(function() event:wait() end)
    rt:step()
    assert.equal(1, event:stats().waiting)
    rt:close()
    assert.equal(0, event:stats().waiting)
    event:set()
  end)
end)

describe("events under many schedules", function()
  it("wake everybody who was not cancelled, exactly once", function()
    schedules.each(1000, function(random)
      local event, woken, cancelled, entered = xio.event(), 0, 0, 0
      schedules.crowd(random, 6, 4, function()
        schedules.dawdle(random)
        entered = entered + 1
        local ok, err = pcall(event.wait, event, random(3) == 1 and random(3) or nil)
        if ok then
          woken = woken + 1
        else
          cancelled = cancelled + 1
          assert(xio.is_cancelled(err))
        end
        if random(3) == 1 then event:set() end
        if random(3) == 1 then event:clear() end
      end, function(group)
        while #group > 0 do
          event:set()
          event:clear()
          xio.sleep(1)
        end
      end)
      assert(woken + cancelled == entered)
      assert(event:stats().waiting == 0)
    end)
  end)
end)

describe("misuse of events", function()
  it("E5 names the function and the argument", function()
    local event = xio.event()
    run(function()
      misuse(function() event:wait("x") end, "event:wait", "#1", "number of seconds")
      misuse(function() event:wait(0 / 0) end, "event:wait", "#1", "NaN")
      misuse(function() event.set(5) end, "event:set", "bad self", "xio.Event")
      misuse(function() event.wait(xio.lock()) end, "event:wait", "bad self", "xio.Lock")
      misuse(function() xio.atomic(event.wait, event) end, "event:wait", "atomic")
    end)
    if not support.in_task() then
      misuse(function() event:wait() end, "event:wait", "not inside xio.run")
    end
    assert.is_nil(event.nothing)
    assert.is_false(pcall(function() event.field = 1 end))
  end)

  it("E6 is told as a deadlock", function()
    local err = catch(run, function() xio.event():wait() end)
    support.mentions(tostring(err), "deadlock", "event", "event_spec.lua")
  end)
end)
