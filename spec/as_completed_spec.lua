-- luacheck: ignore 512 (loops that are left at once are the subject)
-- xio.as_completed: results as they come, in a for loop that may be left at any time.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, closing, recorder = support.run, support.catch, support.closing, support.recorder

local function after(seconds, ...)
  local values = table.pack(...)
  return function()
    xio.sleep(seconds)
    return table.unpack(values, 1, values.n)
  end
end

--- A function that never ends by itself, and logs its end after a shielded second.
local function endless(log)
  return function()
    local _cleanup <close> = closing(function(why)
      xio.shield(xio.sleep, 1)
      log("ended by " .. why.source)
    end)
    xio.sleep_forever()
  end
end

local function only_main()
  assert.equal(1, #xio.tree())
end

describe("xio.as_completed", function()
  it("HND-08 gives index and results in the order of completion", function()
    run(function()
      local seen = {}
      for index, a, b in xio.as_completed { after(.3, "x"), after(.1, nil, "y"), after(.2, "z") } do
        seen[#seen + 1] = ("%d %s %s %.1f"):format(index, a, b, xio.now())
      end
      assert.equal(3, #seen)
      assert.same({ 2, 3, 1 }, { tonumber(seen[1]:sub(1, 1)), tonumber(seen[2]:sub(1, 1)),
        tonumber(seen[3]:sub(1, 1)) })
      support.mentions(seen[1], "y")
      only_main()
    end)
  end)

  it("takes the time of the slowest, and none for what was completed meanwhile", function()
    run(function()
      local took = support.elapsed(function()
        for _ in xio.as_completed { after(1), after(2), after(3) } do xio.sleep(2.5) end
      end)
      assert.near(1 + 3 * 2.5, took, 1e-9)
    end)
  end)

  it("over an empty list has no step", function()
    run(function()
      for _ in xio.as_completed {} do error("a step") end
      only_main()
    end)
  end)

  it("starts nothing where the loop is never begun", function()
    run(function()
      local started = false
      local _ = xio.as_completed { function() started = true end }
      xio.sleep(1)
      assert.is_false(started)
      only_main()
    end)
  end)

  it("left by break, it ends the rest first", function()
    local log, seen = recorder()
    run(function()
      local took = support.elapsed(function()
        for index in xio.as_completed { endless(log), after(1) } do
          assert.equal(2, index)
          break
        end
      end)
      assert.near(2, took, 1e-9)
      log("after")
      only_main()
    end)
    assert.same({ "ended by cancel", "after" }, seen)
  end)

  it("left by return, by goto and by an error, it ends the rest first", function()
    local log, seen = recorder()
    run(function()
      local value = {}
      assert.equal("result", (function()
        for _ in xio.as_completed { endless(log), after(1) } do return "result" end
      end)())
      only_main()
      for _ in xio.as_completed { endless(log), after(1) } do goto out end
      ::out::
      only_main()
      assert.equal(value, catch(function()
        for _ in xio.as_completed { endless(log), after(1) } do error(value) end
      end))
      only_main()
    end)
    assert.same({ "ended by cancel", "ended by cancel", "ended by cancel" }, seen)
  end)

  it("left before anything was completed, by an outer deadline", function()
    local log, seen = recorder()
    run(function()
      local completed, why = xio.move_on_after(1, function()
        for _ in xio.as_completed { endless(log), after(5) } do error("a step") end
      end)
      assert.is_false(completed)
      assert.equal("deadline", why.source)
      only_main()
    end)
    assert.same({ "ended by deadline" }, seen)
  end)

  it("an outer deadline in the loop's body reaches the functions too", function()
    local log, seen = recorder()
    run(function()
      assert.is_false((xio.move_on_after(2, function()
        for _ in xio.as_completed { endless(log), after(1) } do xio.sleep(10) end
      end)))
      only_main()
    end)
    assert.same({ "ended by deadline" }, seen)
  end)

  it("C4 a shield around the loop holds for the functions", function()
    run(function()
      local got
      local completed = xio.move_on_after(1, function()
        xio.shield(function()
          for _, value in xio.as_completed { after(2, "whole") } do got = value end
        end)
        xio.checkpoint()
      end)
      assert.is_false(completed)
      assert.equal("whole", got)
    end)
  end)

  it("gives what was completed before an error, then raises it", function()
    run(function()
      local value, seen = {}, {}
      local err = catch(function()
        for index in xio.as_completed {
          after(1),
          function()
            xio.sleep(2)
            error(value)
          end,
          after(10),
        } do
          seen[#seen + 1] = index
          xio.sleep(5)
        end
      end)
      assert.equal(value, err)
      assert.same({ 1 }, seen)
      only_main()
    end)
  end)

  it("an error ends the other functions at once", function()
    local log, seen = recorder()
    run(function()
      local took = support.elapsed(catch, function()
        for _ in xio.as_completed { endless(log), function() error("bad", 0) end } do
          error("a step")
        end
      end)
      assert.near(1, took, 1e-9)
    end)
    assert.same({ "ended by failure" }, seen)
  end)

  it("E2 keeps the trace of the error", function()
    run(function()
      local value, at = {}, nil
      catch(function()
        for _ in xio.as_completed { function()
          at = support.here(1)
          error(value)
        end } do error("a step") end
      end)
      support.mentions(xio.traceback(value), at)
    end)
  end)

  it("loses no error of what ends after the loop was left", function()
    run(function()
      local value, mine = {}, {}
      local function failing()
        local _cleanup <close> = closing(function() error(value) end)
        xio.sleep_forever()
      end
      assert.equal(value, catch(function()
        for _ in xio.as_completed { failing, after(1) } do break end
      end))
      assert.equal(mine, catch(function()
        for _ in xio.as_completed { failing, after(1) } do error(mine) end
      end))
      assert.same({ value }, xio.suppressed(mine))
      only_main()
    end)
  end)

  it("C7 an error on its way out of the loop is not replaced by a cancellation", function()
    run(function()
      local value = {}
      local err = catch(xio.scope, function(scope)
        local _cleanup <close> = closing(function()
          scope:cancel()
          xio.sleep(1)
        end)
        for _ in xio.as_completed { after(1), after(2) } do error(value) end
      end)
      assert.equal(value, err)
      assert.is_true(#xio.suppressed(err) == 1)
    end)
  end)

  it("nests", function()
    run(function()
      local seen = {}
      for i in xio.as_completed { after(1), after(4) } do
        for k in xio.as_completed { after(2), after(1), after(9) } do
          if k == 3 then break end
          seen[#seen + 1] = i .. "." .. k
          if k == 1 then break end
        end
      end
      assert.same({ "1.2", "1.1", "2.2", "2.1" }, seen)
      only_main()
    end)
  end)

  it("can be driven by xio.each", function()
    run(function()
      local log, seen = recorder()
      xio.each(xio.as_completed { after(2, "b"), after(1, "a") }, function(_, value)
        xio.sleep(3)
        log(value)
      end, { limit = 1 })
      assert.same({ "a", "b" }, seen)
      only_main()
    end)
  end)

  it("works inside a generator, which must not yield from its body", function()
    run(function()
      local gen = coroutine.wrap(function()
        local sum = 0
        for _, n in xio.as_completed { after(1, 1), after(2, 2) } do sum = sum + n end
        coroutine.yield(sum)
        for _ in xio.as_completed { after(1) } do coroutine.yield("inside") end
      end)
      assert.equal(3, gen())
      support.mentions(tostring(catch(gen)), "yield", "open")
      only_main()
    end)
  end)

  it("in a generator that fails, it passes the error on and ends the rest", function()
    local log, seen = recorder()
    run(function()
      local value = {}
      local gen = coroutine.wrap(function()
        for _ in xio.as_completed { after(1), endless(log) } do error(value) end
      end)
      xio.scope(function()
        assert.equal(value, catch(gen))
        xio.sleep(2)
        assert.equal(2, #xio.tree() + #seen)
      end)
      only_main()
    end)
    assert.same({ "ended by cancel" }, seen)
  end)

  it("dropped half way, it ends with the scope around it, which says so", function()
    local log, seen = recorder()
    run(function()
      local err = catch(xio.scope, function()
        local step = xio.as_completed { after(1), endless(log) }
        assert.equal(1, step())
      end)
      support.mentions(tostring(err), "as_completed_spec.lua", "open")
      only_main()
    end)
    assert.equal(1, #seen)
  end)

  it("ended while a scope opened in it is open, it says so", function()
    run(function()
      local err = catch(xio.scope, function()
        local step, _, _, closer = xio.as_completed { after(1), xio.sleep_forever }
        assert.equal(1, step())
        xio.scope(function()
          local _early <close> = closer
        end)
      end)
      support.mentions(tostring(err), "open")
      only_main()
    end)
  end)

  it("leaves background work to the group around it", function()
    run(function()
      local done = false
      local work = xio.async(function()
        xio.sleep(5)
        done = true
      end)
      xio.group(function()
        for _ in xio.as_completed { after(1), after(2) } do
          xio.background(work())
          break
        end
        assert.is_false(done)
      end)
      assert.is_true(done)
    end)
  end)

  it("E5 refuses wrong arguments", function()
    run(function()
      support.misuse(function() xio.as_completed(print) end, "as_completed", "list")
      support.misuse(function() xio.as_completed() end, "as_completed", "list")
      support.misuse(function() xio.as_completed { print, 1 } end, "as_completed", "#2")
    end)
    if not support.in_task() then
      support.misuse(function() xio.as_completed { print } end, "as_completed", "xio.run")
    end
  end)
end)
