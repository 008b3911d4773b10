-- Futures: settled once, awaited by anybody.

local xio = require "xio"
local support = require "spec.support"
local schedules = require "spec.support.schedules"

local it = support.it(it)
local run, catch, misuse = support.run, support.catch, support.misuse

describe("a future", function()
  it("gives all that it was set to, holes kept, to all who await it, again and again", function()
    run(function()
      local future, seen = xio.future(), {}
      for i = 1, 3 do
        xio.spawn(function() seen[i] = table.pack(future:await()) end)
      end
      xio.checkpoint()
      assert.is_false(future.done)
      assert.equal(3, future:stats().waiting)
      assert.is_true(future:set(1, nil, "three", nil))
      assert.is_true(future.done)
      xio.sleep(0)
      for i = 1, 3 do assert.same({ n = 4, 1, nil, "three", nil }, seen[i]) end
      assert.same({ n = 4, 1, nil, "three", nil }, table.pack(future:await()))
      assert.equal(0, future:stats().waiting)
    end)
  end)

  it("may be set to nothing, one value, an error object or a table", function()
    run(function()
      local err = select(2, pcall(error, {}))
      for _, values in ipairs { { n = 0 }, { n = 1 }, { n = 1, err }, { n = 1, false } } do
        local future = xio.future()
        future:set(table.unpack(values, 1, values.n))
        local got = table.pack(future:await())
        assert.equal(values.n, got.n)
        assert.equal(values[1], got[1])
      end
    end)
  end)

  it("E1 raises the very value that it failed with, each time", function()
    run(function()
      for _, value in ipairs { "text", {}, 7, false } do
        local future = xio.future()
        assert.is_true(future:fail(value))
        assert.is_true(future.done)
        for _ = 1, 2 do assert.equal(value, catch(future.await, future)) end
      end
      local future = xio.future()
      future:fail(nil)
      assert.equal("ENIL", catch(future.await, future).code)
    end)
  end)

  it("E2 has a trace that tells where it was awaited", function()
    run(function()
      local future, err = xio.future(), {}
      future:fail(err)
      assert.is_false((xio.isolate(function() future:await() end)))
      support.mentions(xio.traceback(err), "future_spec.lua")
    end)
  end)

  it("raises an error with the code ECANCELED where it was cancelled", function()
    run(function()
      local future = xio.future()
      local task = xio.spawn(function() return catch(future.await, future) end)
      xio.checkpoint()
      assert.is_true(future:cancel())
      assert.is_false(future:cancel())
      local err = task:await()
      assert.equal("ECANCELED", err.code)
      assert.is_false(xio.is_cancelled(err))
      assert.equal(err, catch(future.await, future))
    end)
  end)

  it("HND-12 is settled once", function()
    local set, failed, cancelled = xio.future(), xio.future(), xio.future()
    set:set(1)
    failed:fail("e")
    cancelled:cancel()
    for _, future in ipairs { set, failed, cancelled } do
      misuse(function() future:set(2) end, "future:set", "settled already")
      misuse(function() future:fail(2) end, "future:fail", "settled already")
      assert.is_false(future:cancel())
    end
    run(function()
      assert.equal(1, set:await())
      assert.equal("e", catch(failed.await, failed))
      assert.equal("ECANCELED", catch(cancelled.await, cancelled).code)
    end)
  end)

  it("prints what became of it", function()
    local set, failed, cancelled = xio.future(), xio.future(), xio.future()
    assert.equal("future (pending)", tostring(set))
    set:set()
    failed:fail("e")
    cancelled:cancel()
    assert.equal("future (set)", tostring(set))
    assert.equal("future (failed)", tostring(failed))
    assert.equal("future (cancelled)", tostring(cancelled))
  end)

  it("keeps its results no longer than it lives", function()
    local weak = setmetatable({}, { __mode = "v" })
    do
      local future = xio.future()
      future:set({}, {})
      run(function() weak[1], weak[2] = future:await() end)
    end
    collectgarbage()
    assert.is_nil(weak[1])
    assert.is_nil(weak[2])
  end)
end)

describe("future:await", function()
  it("T9 starves nobody where it is settled", function()
    run(function()
      local future, others = xio.future(), 0
      future:set("result")
      xio.group(function(group)
        group:spawn(function() others = others + 1 end)
        while others == 0 do assert.equal("result", future:await()) end
      end)
    end)
  end)

  it("is a checkpoint also where it is settled", function()
    run(function()
      local future, scope = xio.future(), xio.new_scope()
      future:set(1)
      scope:cancel()
      assert.is_false((scope:run(function() future:await() end)))
    end)
  end)

  it("E5 gives nil, an error and ETIMEDOUT after its timeout", function()
    run(function()
      local future = xio.future()
      local value, err, code = future:await(2)
      assert.is_nil(value)
      assert.equal("ETIMEDOUT", code)
      assert.equal("ETIMEDOUT", err.code)
      assert.equal(2, xio.now())
      assert.equal("ETIMEDOUT", select(3, future:await(0)))
      xio.spawn(function() future:set("in time") end)
      assert.equal("in time", future:await(0))
      assert.equal("in time", future:await(0))
      assert.equal(0, future:stats().waiting)
    end)
  end)

  it("SYN-25 leaves no trace where it is cancelled, and the future goes on", function()
    run(function()
      local future = xio.future()
      local task = xio.spawn(function() future:await() end)
      xio.checkpoint()
      task:cancel()
      assert.equal(0, future:stats().waiting)
      future:set(1)
      task:wait()
      assert.equal("cancelled", task:status())
      assert.equal(1, future:await())
    end)
  end)

  it("C3 returns where it was settled before the cancellation", function()
    run(function()
      local future = xio.future()
      local task = xio.spawn(function() return future:await() end)
      xio.checkpoint()
      future:set("mine")
      task:cancel()
      assert.equal("mine", task:await())
    end)
  end)

  it("SYN-26 works across runs", function()
    local future = xio.future()
    run(function() assert.is_nil((future:await(1))) end)
    run(function()
      local task = xio.spawn(function() return future:await() end)
      xio.checkpoint()
      run(function() future:set("from inside") end)
      assert.equal("from inside", task:await())
    end)
    run(function() assert.equal("from inside", future:await()) end)
  end)

  it("gives everybody the same under many schedules", function()
    schedules.each(1000, function(random)
      local future, settled = xio.future(), 0
      schedules.crowd(random, 6, 4, function(i)
        if i == 1 then
          local _ <close> = support.closing(function()
            if not future.done then
              settled = settled + 1
              future:set("value", i)
            end
          end)
          return schedules.dawdle(random)
        end
        schedules.dawdle(random)
        local ok, value, other = pcall(future.await, future)
        assert(ok and value == "value" and other == 1 or xio.is_cancelled(value))
      end)
      assert(settled <= 1)
      assert(future:stats().waiting == 0)
    end)
  end)
end)

describe("misuse of futures", function()
  it("E5 names the function and the argument", function()
    run(function()
      local future = xio.future()
      misuse(function() future:await("x") end, "future:await", "#1", "number of seconds")
      misuse(function() future:fail() end, "future:fail", "#1", "no value")
      misuse(function() future.set(5) end, "future:set", "bad self", "xio.Future")
      misuse(function() xio.atomic(future.await, future) end, "future:await", "atomic")
      assert.is_false(future.done)
      assert.is_nil(future.nothing)
    end)
  end)

  it("E6 is told as a deadlock", function()
    local err = catch(run, function() xio.future():await() end)
    support.mentions(tostring(err), "deadlock", "future")
  end)
end)
