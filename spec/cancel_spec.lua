-- Cancellation: delivery (C1), who catches it (C2), what it leaves undone (C3).
-- The value that carries it, shields, deadlines and cleanup have specs of their own.

local xio = require "xio"
local support = require "spec.support"
local child = require "spec.support.child"
local util = require "spec.support.util"

local it = support.it(it)
local run, closing = support.run, support.closing
local watch, contains = util.watch, util.contains

describe("cancellation: delivery", function()
  it("CAN-01 raises Cancelled at every checkpoint, again and again", function()
    run(function()
      local caught = 0
      local ok = xio.scope(function(s)
        s:cancel()
        for _ = 1, 3 do
          local slept, err = pcall(xio.sleep, 1)
          if not slept and xio.is_cancelled(err) then
            caught = caught + 1
          end
        end
      end)
      assert.equal(3, caught)
      assert.is_true(ok)
    end)
  end)

  it("C1 reaches every function that is a checkpoint, and no time passes", function()
    run(function()
      local done = xio.spawn(function() return 5 end)
      done:wait()
      local elapsed = watch()
      local checkpoints = {
        checkpoint = xio.checkpoint,
        sleep = function() xio.sleep(10) end,
        sleep_zero = function() xio.sleep(0) end,
        sleep_negative = function() xio.sleep(-1) end,
        sleep_until = function() xio.sleep_until(xio.now() + 10) end,
        sleep_until_past = function() xio.sleep_until(xio.now() - 10) end,
        sleep_forever = xio.sleep_forever,
        await = function() done:await() end,
        wait = function() done:wait() end,
        check = xio.check,
      }
      xio.scope(function(s)
        s:cancel()
        for name, checkpoint in pairs(checkpoints) do
          local ok, err = pcall(checkpoint)
          assert.is_false(ok, name)
          assert.is_true(xio.is_cancelled(err), name)
        end
      end)
      assert.equal(0, elapsed())
    end)
  end)

  it("C1 a waiting task is resumed at once", function()
    run(function()
      local elapsed = watch()
      xio.group(function(g)
        local scope
        local sleeper = g:spawn(function()
          return xio.scope(function(s)
            scope = s
            xio.sleep(100)
          end)
        end)
        xio.sleep(1)
        scope:cancel()
        local ok, err = sleeper:await()
        assert.is_false(ok)
        assert.equal("cancel", err.source)
      end)
      assert.equal(1, elapsed())
    end)
  end)

  it("CAN-02 a second cancel is told that it was not the first", function()
    run(function()
      local scope, first, second
      xio.scope(function(s)
        scope = s
        first, second = s:cancel("one"), s:cancel("two")
        xio.sleep(1)
      end)
      assert.is_true(first)
      assert.is_false(second)
      assert.is_false(scope:cancel("three"))
      assert.is_true(scope.cancel_called)
      assert.is_true(scope.cancelled_caught)
      assert.equal("one", scope.reason)
    end)
  end)

  it("CAN-03 a body that ends without a checkpoint is completed", function()
    run(function()
      local scope
      local results = table.pack(xio.scope(function(s)
        scope = s
        s:cancel()
        return 1, nil, 3
      end))
      assert.same({ true, 1, nil, 3, n = 4 }, results)
      assert.is_true(scope.cancel_called)
      assert.is_false(scope.cancelled_caught)
      xio.checkpoint()
    end)
  end)

  it("CAN-04 cancel itself neither raises nor reschedules", function()
    run(function()
      local ran = false
      xio.group(function(g)
        g:spawn(function() ran = true end)
        xio.scope(function(s)
          s:cancel()
          assert.is_false(ran)
        end)
      end)
      assert.is_true(ran)
    end)
  end)

  it("CAN-05 a scope cancelled before it is entered runs to its first checkpoint", function()
    run(function()
      local began, passed = false, false
      local s = xio.new_scope()
      assert.is_true(s:cancel("early"))
      local ok, err = s:run(function()
        began = true
        xio.checkpoint()
        passed = true
      end)
      assert.is_false(ok)
      assert.equal("early", err.reason)
      assert.is_true(began)
      assert.is_false(passed)
    end)
  end)

  it("CAN-06 a new scope in a cancelled one is cancelled; the outer catches", function()
    run(function()
      local outer, inner
      local ok = xio.scope(function(s)
        outer = s
        s:cancel()
        xio.scope(function(n)
          inner = n
          xio.checkpoint()
        end)
        error("not reached")
      end)
      assert.is_false(ok)
      assert.is_true(outer.cancelled_caught)
      assert.is_false(inner.cancelled_caught)
      assert.is_false(inner.cancel_called)
    end)
  end)

  it("CAN-13 cancelling one task's scope leaves its siblings alone", function()
    run(function()
      local finished = xio.group(function(g)
        local scope
        local victim = g:spawn(function()
          local ok = xio.scope(function(s)
            scope = s
            xio.sleep(10)
          end)
          return ok, "went on"
        end)
        local sibling = g:spawn(function()
          xio.sleep(5)
          return "slept"
        end)
        xio.sleep(1)
        scope:cancel()
        assert.same({ false, "went on" }, { victim:await() })
        return sibling:await()
      end)
      assert.equal("slept", finished)
    end)
  end)

  it("CAN-14 a task cancelled before its first run gets to its first checkpoint", function()
    run(function()
      local began, passed, argument = false, false, nil
      local task
      xio.group(function(g)
        task = g:spawn(function(given)
          began, argument = true, given
          xio.checkpoint()
          passed = true
        end, "given")
        task:cancel("early")
      end)
      assert.is_true(began)
      assert.equal("given", argument)
      assert.is_false(passed)
      assert.equal("cancelled", task:status())
    end)
  end)

  it("CAN-14 and if it has no checkpoint, it is completed", function()
    run(function()
      local task
      xio.group(function(g)
        task = g:spawn(function() return 5 end)
        task:cancel()
      end)
      assert.equal("done", task:status())
      assert.same({ true, 5 }, { task:result() })
    end)
  end)

  it("CAN-27 a task that swallows in a loop starves nobody", function()
    run(function()
      local steps, swallowed = 0, 0
      xio.group(function(g)
        g:spawn(function()
          for _ = 1, 100 do
            xio.checkpoint()
            steps = steps + 1
          end
        end)
        xio.scope(function(s)
          s:cancel()
          while steps < 100 and swallowed < 1000 do
            pcall(xio.sleep, 1)
            swallowed = swallowed + 1
          end
        end)
      end)
      assert.equal(100, steps)
      assert.is_true(swallowed < 300, "a delivery took " .. swallowed / 100 .. " turns")
    end)
  end)

  it("CAN-28 a task that swallows and returns has finished with its results", function()
    run(function()
      local task
      xio.group(function(g)
        task = g:spawn(function()
          pcall(xio.sleep, 10)
          return 5
        end)
        xio.checkpoint()
        task:cancel()
      end)
      assert.equal("done", task:status())
      assert.same({ true, 5 }, { task:result() })
    end)
  end)

  it("CAN-32 what the cancelled hold is closed in reverse, before the group ends", function()
    run(function()
      local log = {}
      xio.group(function(g)
        g:spawn(function()
          local _a <close> = closing(function() log[#log + 1] = "a" end)
          local _b <close> = closing(function() log[#log + 1] = "b" end)
          xio.sleep_forever()
        end)
        xio.sleep(1)
        g:cancel()
      end)
      log[#log + 1] = "end"
      assert.same({ "b", "a", "end" }, log)
    end)
  end)

  it("C1 check raises if cancelled and lets nobody else run", function()
    run(function()
      local ran = false
      xio.group(function(g)
        g:spawn(function() ran = true end)
        for _ = 1, 1000 do
          xio.check()
        end
        assert.is_false(ran)
      end)
      local ok = xio.scope(function(s)
        assert.is_false(xio.cancelled())
        s:cancel()
        assert.is_true(xio.cancelled())
        xio.check()
      end)
      assert.is_false(ok)
      assert.is_false(xio.cancelled())
    end)
  end)

  it("C1 a task may cancel itself through its own handle", function()
    run(function()
      local task
      xio.group(function(g)
        task = g:spawn(function()
          xio.current():cancel("enough")
          xio.sleep(1)
        end)
      end)
      assert.equal("cancelled", task:status())
      local ok, err = task:result()
      assert.is_false(ok)
      assert.equal("enough", err.reason)
    end)
  end)
end)

describe("cancellation: the warning", function()
  local function swallow(times)
    return child.run(([[
      warn("@on")
      xio.run({ clock = "virtual", signals = false }, function()
        xio.group(function(g)
          g:spawn({ name = "swallower" }, function()
            xio.scope(function(s)
              s:cancel()
              for _ = 1, %d do pcall(xio.checkpoint) end
            end)
          end)
        end)
      end)
      print "end"
    ]]):format(times))
  end

  it("CAN-27 names a task that swallowed more than ten", function()
    local out, status = swallow(15)
    assert.is_true(contains(out, "Lua warning"), out)
    assert.is_true(contains(out, "swallower"), out)
    assert.is_true(contains(out, "end\n"), out)
    assert.equal(0, status)
  end)

  it("CAN-27 does not come before", function()
    assert.same({ "end\n", 0 }, { swallow(9) })
  end)
end)

describe("cancellation: who catches it", function()
  it("CAN-07 of three scopes the outermost cancelled one catches", function()
    run(function()
      local one, two, three
      local ok = xio.scope(function(s1)
        one = s1
        xio.scope(function(s2)
          two = s2
          xio.scope(function(s3)
            three = s3
            s3:cancel()
            s2:cancel()
            xio.sleep(1)
          end)
          error("not reached")
        end)
        xio.checkpoint()
      end)
      assert.is_true(ok)
      assert.same({ true, true }, { two.cancel_called, two.cancelled_caught })
      assert.same({ true, false }, { three.cancel_called, three.cancelled_caught })
      assert.same({ false, false }, { one.cancel_called, one.cancelled_caught })
    end)
  end)

  it("CAN-08 an outer cancel during unwinding takes over", function()
    run(function()
      local inner, between = nil, false
      local ok = xio.scope(function(outer)
        xio.scope(function(s)
          inner = s
          s:cancel()
          local _c <close> = closing(function() outer:cancel() end)
          xio.sleep(1)
        end)
        between = true
      end)
      assert.is_false(ok)
      assert.is_false(between)
      assert.is_false(inner.cancelled_caught)
    end)
  end)

  it("CAN-09 seen through the inner scope's shield, nothing is around it", function()
    run(function()
      local inner, between, after = nil, false, false
      local ok = xio.scope(function(outer)
        xio.scope({ shield = true }, function(s)
          inner = s
          s:cancel()
          local _c <close> = closing(function() outer:cancel() end)
          xio.sleep(1)
        end)
        between = true
        xio.checkpoint()
        after = true
      end)
      assert.is_false(ok)
      assert.is_true(inner.cancelled_caught)
      assert.same({ true, false }, { between, after })
    end)
  end)

  it("C2 any other error passes a cancelled scope unchanged", function()
    run(function()
      local scope
      local v = {}
      local ok, err = pcall(xio.scope, function(s)
        scope = s
        s:cancel()
        pcall(xio.sleep, 1)
        error(v)
      end)
      assert.is_false(ok)
      assert.equal(v, err)
      assert.is_false(scope.cancelled_caught)
    end)
  end)

  it("C2 a group cut short by its own cancel returns nothing", function()
    run(function()
      local cut = table.pack(xio.group(function(g)
        g:cancel()
        xio.sleep(1)
        return 1
      end))
      assert.equal(0, cut.n)
      local completed = table.pack(xio.group(function(g)
        g:spawn(xio.sleep_forever)
        g:cancel()
        return 1, 2
      end))
      assert.same({ 1, 2, n = 2 }, completed)
    end)
  end)

  it("SCH-08 what runs bodies does not raise on entry, nor when nothing was cut", function()
    run(function()
      local scope
      local ok, result = xio.scope(function(s)
        scope = s
        s:cancel()
        xio.group(function() end)
        xio.group(function(g) g:spawn(function() end) end)
        local a, b = xio.gather(function() return 4 end, function() return 5 end)
        return a + b
      end)
      assert.is_true(ok)
      assert.equal(9, result)
      assert.is_false(scope.cancelled_caught)
    end)
  end)

  it("GRP-16 of several cancelled children one Cancelled leaves the group", function()
    run(function()
      local live
      local ok, err = xio.scope(function(s)
        local _, raised = pcall(xio.group, function(g)
          for _ = 1, 3 do
            g:spawn(xio.sleep_forever)
          end
          s:cancel("all")
        end)
        live = xio.is_cancelled(raised)
        error(raised, 0)
      end)
      assert.is_true(live)
      assert.is_false(ok)
      assert.equal("all", err.reason)
    end)
  end)

  it("C2 a scope in a child catches only what is its own", function()
    run(function()
      local log = {}
      xio.group(function(g)
        g:spawn(function()
          xio.scope(function(s)
            s:cancel()
            xio.sleep(1)
          end)
          log[#log + 1] = "own"
          xio.scope(function() xio.sleep(10) end)
          log[#log + 1] = "not reached"
        end)
        xio.sleep(2)
        g:cancel()
      end)
      assert.same({ "own" }, log)
    end)
  end)
end)

describe("cancellation: an operation did its work or raised", function()
  it("CAN-17 what took effect is returned; the cancel waits for the next checkpoint", function()
    run(function()
      local got, passed, ok
      xio.group(function(g)
        local scope
        local source = g:spawn(function()
          xio.sleep(1)
          return 5
        end)
        -- Waits first, so that it runs first in the turn after `source` has ended.
        g:spawn(function()
          source:wait()
          scope:cancel()
        end)
        g:spawn(function()
          ok = xio.scope(function(s)
            scope = s
            got = source:await()
            xio.checkpoint()
            passed = true
          end)
        end)
      end)
      assert.equal(5, got)
      assert.is_nil(passed)
      assert.is_false(ok)
    end)
  end)

  it("CAN-17 cancelled first, it raises, and the result is still there", function()
    run(function()
      local task, got
      xio.group(function(g)
        task = g:spawn(function()
          xio.sleep(1)
          return 5
        end)
        local ok = xio.scope(function(s)
          g:spawn(function() s:cancel() end)
          got = task:await()
        end)
        assert.is_false(ok)
        assert.is_nil(got)
      end)
      assert.same({ true, 5 }, { task:result() })
    end)
  end)

  it("HND-05 a cancelled awaiter leaves what it awaited running", function()
    run(function()
      xio.group(function(g)
        local task = g:spawn(function()
          xio.sleep(5)
          return "result"
        end)
        assert.is_false((xio.move_on_after(1, function() task:await() end)))
        assert.equal("waiting", task:status())
        assert.equal("result", task:await())
      end)
    end)
  end)
end)
