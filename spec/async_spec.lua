-- xio.async, await and background: lazy calls.

local xio = require "xio"
local support = require "spec.support"
local schedules = require "spec.support.schedules"

local it = support.it(it)
local run, catch, closing, recorder = support.run, support.catch, support.closing, support.recorder
local async, await = xio.async, xio.await

local slow_add = async(function(a, b)
  xio.sleep(1)
  return a + b, "second", nil
end)

--- An async function that counts its runs, sleeps, and fails with `err` if that is given.
local function counted(seconds, err)
  local runs = { count = 0 }
  return async(function(...)
    runs.count = runs.count + 1
    xio.sleep(seconds)
    if err ~= nil then error(err, 0) end
    return ...
  end), runs
end

describe("xio.await", function()
  it("runs a call and gives its results, holes kept", function()
    run(function()
      local got
      local took = support.elapsed(function() got = table.pack(await(slow_add(1, 2))) end)
      assert.same({ n = 3, 3, "second", nil }, got)
      assert.near(1, took, 1e-9)
    end)
  end)

  it("is what starts a call: before it nothing happens", function()
    run(function()
      local work, runs = counted(1)
      local call = work(7)
      xio.sleep(5)
      assert.equal(0, runs.count)
      assert.equal(7, await(call))
      assert.equal(1, runs.count)
    end)
  end)

  it("of a list runs all at once and gives the first result of each, as values", function()
    run(function()
      local got
      local took = support.elapsed(function()
        got = table.pack(await { slow_add(1, 2), slow_add(3, 4), async(function() end)() })
      end)
      assert.same({ n = 3, 3, 7, nil }, got)
      assert.near(1, took, 1e-9)
      assert.equal(0, select("#", await {}))
    end)
  end)

  it("gives the same results again, and runs once", function()
    run(function()
      local value = {}
      local work, runs = counted(1)
      local call = work(value, nil)
      for _ = 1, 3 do
        local got = table.pack(await(call))
        assert.equal(2, got.n)
        assert.equal(value, got[1])
      end
      assert.equal(1, runs.count)
      assert.same({ value, value }, { await { call, call } })
    end)
  end)

  it("lets any number wait for one call", function()
    run(function()
      local work, runs = counted(1)
      local call = work("shared")
      local list = {}
      for i = 1, 100 do
        list[i] = function()
          xio.sleep(i % 3 * 0.4)
          return await(call)
        end
      end
      for _, got in ipairs(xio.gather(list)) do assert.equal("shared", got) end
      assert.equal(1, runs.count)
    end)
  end)

  it("gives the result in a later run too", function()
    local call = run(function()
      local made = slow_add(2, 2)
      await(made)
      return made
    end)
    run(function() assert.equal(4, await(call)) end)
  end)

  it("keeps results as long as the call, and no longer", function()
    run(function()
      local weak = setmetatable({}, { __mode = "v" })
      local call = async(function()
        weak[1] = {}
        return weak[1]
      end)()
      await(call)
      collectgarbage()
      assert.equal(weak[1], await(call))
      call = nil -- luacheck: ignore 311
      collectgarbage()
      collectgarbage()
      assert.is_nil(weak[1])
    end)
  end)

  it("raises the same error for all, at any time, and once in a group", function()
    run(function()
      local value = {}
      local work, runs = counted(1, value)
      local call = work()
      assert.equal(value, catch(xio.gather, call, call, call))
      assert.equal(value, catch(await, call))
      assert.equal(value, catch(await, { call, slow_add(1, 1) }))
      assert.equal(1, runs.count)
      local another = work()
      xio.gather(function() assert.equal(value, catch(await, another)) end,
        function() assert.equal(value, catch(await, another)) end)
      assert.equal(2, runs.count)
    end)
  end)

  it("E2 keeps the trace of the error", function()
    run(function()
      local value, at = {}, nil
      local call = async(function()
        at = support.here(1)
        error(value)
      end)()
      catch(xio.shield, await, call)
      catch(await, call)
      support.mentions(xio.traceback(value), at)
    end)
  end)

  it("in a list, the first error cancels the others", function()
    local log, seen = recorder()
    run(function()
      local call = async(function()
        local _cleanup <close> = closing(function(why) log(why.source) end)
        xio.sleep_forever()
      end)()
      assert.equal("bad", catch(await, { call, async(error)("bad", 0) }))
    end)
    assert.same({ "failure" }, seen)
  end)

  it("cancelled, it cancels the call that it runs; others are told", function()
    run(function()
      local call = slow_add(1, 1)
      xio.group(function(g)
        g:spawn(function() assert.is_false((xio.move_on_after(0.5, await, call))) end)
        local other = g:spawn(function()
          xio.sleep(0.1)
          local err = catch(await, call)
          assert.equal("ECANCELED", err.code)
          assert.near(0.5, xio.now() % 100, 1e-6)
        end)
        other:await()
        assert.equal("ECANCELED", catch(await, call).code)
      end)
    end)
  end)

  it("HND-05 one that only waits leaves the call alone when it is cancelled", function()
    run(function()
      local call = slow_add(1, 1)
      xio.gather(function() assert.equal(2, await(call)) end, function()
        xio.checkpoint()
        assert.is_false((xio.move_on_after(0.5, await, call)))
        assert.equal(2, await(call))
      end)
    end)
  end)

  it("C4 runs a call within the shields and limits of who awaits it", function()
    run(function()
      local got
      assert.is_false((xio.move_on_after(0.5, function()
        got = xio.shield(await, slow_add(1, 1))
        xio.checkpoint()
      end)))
      assert.equal(2, got)
      assert.is_true(xio.is_timeout(catch(xio.fail_after, 0.5, await, slow_add(1, 1))))
    end)
  end)

  it("checks cancellation also where the call has ended", function()
    run(function()
      local call = slow_add(1, 1)
      await(call)
      assert.is_false((xio.move_on_after(0, await, call)))
      xio.testing.assert_checkpoints(await, call)
    end)
  end)

  it("a deep recursion is no problem", function()
    run(function()
      local sum
      sum = async(function(n)
        if n == 0 then
          xio.checkpoint()
          return 0
        end
        return n + await(sum(n - 1))
      end)
      assert.equal(2001000, await(sum(2000)))
    end)
  end)

  it("in a generator of the task works", function()
    run(function()
      local gen = coroutine.wrap(function()
        coroutine.yield(await(slow_add(1, 1)))
        return await(slow_add(2, 2))
      end)
      assert.same({ 2, 4 }, { (gen()), (gen()) })
    end)
  end)
end)

describe("a cycle of awaits", function()
  local function expect_cycle(call, ...)
    local err = catch(await, call)
    assert.equal("EDEADLK", err.code)
    support.mentions(tostring(err), "cycle", ...)
    assert.equal(1, #xio.tree())
  end

  it("raises where a call awaits itself", function()
    run(function()
      local call
      call = async(function() return await(call) end)()
      expect_cycle(call)
    end)
  end)

  it("raises through other calls, in lists too", function()
    run(function()
      local a, b, c
      a = async(function() return await(b) end)()
      b = async(function() return await { slow_add(1, 1), c } end)()
      c = async(function() return await { slow_add(1, 1), a } end)()
      expect_cycle(a)
    end)
  end)

  it("raises through groups inside of a call", function()
    run(function()
      local a, b
      a = async(function() return xio.gather(function() return await(b) end) end)()
      b = async(function() return xio.race(xio.sleep_forever, a) end)()
      expect_cycle(a)
    end)
  end)

  it("raises where two tasks run calls that await each other", function()
    run(function()
      local a, b
      a = async(function()
        xio.sleep(1)
        return await(b)
      end)()
      b = async(function()
        xio.sleep(2)
        return await(a)
      end)()
      local err = catch(xio.gather, a, b)
      assert.equal("EDEADLK", err.code)
    end)
  end)

  it("raises where calls in the background await each other", function()
    run(function()
      local a, b, c
      a = async(function() return await(b) end)()
      b = async(function()
        xio.sleep(1)
        return await(c)
      end)()
      c = async(function()
        xio.sleep(2)
        return await(a)
      end)()
      local err = catch(xio.group, function()
        for _, call in ipairs { a, b, c } do xio.background(call) end
      end)
      assert.equal("EDEADLK", err.code)
    end)
  end)

  it("is none where a task beside the call awaits it", function()
    run(function()
      local call, beside
      xio.group(function(g)
        call = async(function()
          beside = g:spawn(function() return await(call) end)
          xio.spawn(function() assert.equal("done", await(call)) end)
          xio.sleep(1)
          return "done"
        end)()
        g:spawn(function() assert.equal("done", await(call)) end)
        assert.equal("done", await(call))
        assert.equal("done", beside:await())
      end)
    end)
  end)
end)

describe("xio.background", function()
  it("starts a call without waiting, and gives it back", function()
    run(function()
      local work, runs = counted(2)
      xio.group(function()
        local call = work("x")
        assert.equal(call, xio.background(call))
        assert.equal(0, runs.count)
        xio.sleep(1)
        assert.equal(1, runs.count)
        local took = support.elapsed(function() assert.equal("x", await(call)) end)
        assert.near(1, took, 1e-9)
        xio.background(call)
        assert.equal("x", await(call))
        assert.equal(1, runs.count)
      end)
    end)
  end)

  it("is waited for by the innermost group", function()
    run(function()
      local work, runs = counted(3)
      local took = support.elapsed(xio.group, function()
        xio.scope(function() xio.background(work()) end)
      end)
      assert.near(3, took, 1e-9)
      xio.gather(function() xio.background(work()) end)
      assert.equal(2, runs.count)
      xio.background(work())
    end)
  end)

  it("fails that group with its error, once", function()
    run(function()
      local value = {}
      local err = catch(xio.group, function()
        await(xio.background(counted(1, value)()))
      end)
      assert.equal(value, err)
      err = catch(xio.group, function()
        xio.background(counted(1, value)())
        xio.sleep_forever()
      end)
      assert.equal(value, err)
    end)
  end)

  it("is not cancelled with who awaits it", function()
    run(function()
      xio.group(function()
        local call = xio.background(slow_add(1, 1))
        assert.is_false((xio.move_on_after(0.5, await, call)))
        assert.equal(2, await(call))
      end)
    end)
  end)

  it("is cancelled with its group; others are told", function()
    run(function()
      local call
      xio.group(function(g)
        call = xio.background(slow_add(1, 1))
        xio.checkpoint()
        g:cancel()
      end)
      assert.equal("ECANCELED", catch(await, call).code)
    end)
  end)
end)

describe("calls under many schedules", function()
  it("run once and give everybody the same, whoever is cancelled", function()
    schedules.each(1000, function(random)
      local runs, ended, calls = 0, 0, {}
      for i = 1, 3 do
        calls[i] = async(function()
          runs = runs + 1
          local _ended <close> = closing(function() ended = ended + 1 end)
          if i > 1 and random(2) == 1 then pcall(await, calls[i - 1]) end
          schedules.dawdle(random)
          return { i }
        end)()
      end
      local got = {}
      schedules.crowd(random, 5, 4, function()
        for _ = 1, 2 do
          local i = random(3)
          if random(4) == 1 then xio.background(calls[i]) end
          local ok, value = pcall(await, calls[i])
          if ok then
            assert.equal(i, value[1])
            assert.equal(got[i] or value, value)
            got[i] = value
          elseif not xio.is_cancelled(value) then
            assert.equal("ECANCELED", value.code)
            assert.is_nil(got[i])
          end
          schedules.dawdle(random)
        end
      end)
      assert.is_true(runs <= 3)
      assert.equal(runs, ended)
    end)
  end)
end)

describe("a call", function()
  it("can be given to what takes functions", function()
    run(function()
      assert.same({ 3, 7 }, { xio.gather(slow_add(1, 2), slow_add(3, 4)) })
      assert.equal(1, (xio.race(slow_add(1, 2), xio.sleep_forever)))
      for _, sum in xio.as_completed { slow_add(1, 1) } do assert.equal(2, sum) end
      assert.same({ true, 2, "second" }, { xio.isolate(slow_add(1, 1)) })
    end)
  end)

  it("prints its name and state", function()
    run(function()
      local call = slow_add(1, 1)
      support.mentions(tostring(call), "async_spec.lua", "new")
      await(call)
      support.mentions(tostring(call), "done")
    end)
  end)

  it("E5 refuses what is none", function()
    support.misuse(function() xio.async(3) end, "xio.async", "function")
    if not support.in_task() then
      support.misuse(function() await(slow_add(1, 1)) end, "xio.await", "xio.run")
    end
    run(function()
      support.misuse(function() await(print) end, "xio.await", "call")
      support.misuse(function() await() end, "xio.await", "call")
      support.misuse(function() await { slow_add(1, 1), 3 } end, "xio.await", "call")
      support.misuse(function() xio.background(print) end, "xio.background", "call")
    end)
  end)
end)
