-- The scheduler: order, turns, checkpoints, the budget, closers, how deep it nests.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, closing, recorder = support.run, support.catch, support.closing, support.recorder

describe("the order of tasks", function()
  it("SCH-01 goes round by round", function()
    local log, seen = recorder()
    run(function()
      for _, name in ipairs { "a", "b" } do
        xio.spawn(function()
          for i = 1, 3 do
            log(name .. i)
            xio.checkpoint()
          end
        end)
      end
    end)
    assert.same({ "a1", "b1", "a2", "b2", "a3", "b3" }, seen)
  end)

  it("SCH-02 T1 does not run a spawned task at once", function()
    local log, seen = recorder()
    run(function()
      xio.spawn(log, "child")
      log("parent")
      xio.checkpoint()
      log("parent again")
    end)
    assert.same({ "parent", "child", "parent again" }, seen)
  end)

  it("T1 runs in the next turn what becomes ready in this one", function()
    local log, seen = recorder()
    run(function()
      xio.spawn(function()
        log("a")
        xio.spawn(log, "c")
      end)
      xio.spawn(log, "b")
      xio.checkpoint()
      log("main 1")
      xio.checkpoint()
      log("main 2")
    end)
    assert.same({ "a", "b", "main 1", "c", "main 2" }, seen)
  end)

  it("SCH-03 is fair to two tasks released by the same task", function()
    local log, seen = recorder()
    run(function()
      local gate = xio.spawn(xio.sleep, 1)
      for _ = 1, 2 do
        xio.spawn(function()
          gate:wait()
          log(1)
          for _ = 1, 20 do xio.checkpoint() end
          log(2)
        end)
      end
    end)
    assert.same({ 1, 1, 2, 2 }, seen)
  end)

  it("SCH-09 starts a hundred tasks later and in order, with their arguments", function()
    local log, seen = recorder()
    local expected = {}
    run(function()
      for i = 1, 100 do
        xio.spawn(log, i)
        expected[i] = i
      end
      assert.equal(0, #seen)
    end)
    assert.same(expected, seen)
  end)

  it("SCH-14 still begins what was spawned before main raised", function()
    local log, seen = recorder()
    local err = catch(run, function()
      xio.spawn(function()
        log("begun")
        xio.checkpoint()
        log("never")
      end)
      error("boom", 0)
    end)
    assert.equal("boom", err)
    assert.same({ "begun" }, seen)
  end)

  it("wakes sleepers by deadline, and those of one deadline in order", function()
    local log, seen = recorder()
    run(function()
      for _, seconds in ipairs { 3, 1, 2 } do
        for _, name in ipairs { "a", "b", "c" } do
          xio.spawn(function()
            xio.sleep(seconds)
            log(name .. seconds)
          end)
        end
      end
    end)
    assert.equal("a1 b1 c1 a2 b2 c2 a3 b3 c3", table.concat(seen, " "))
  end)

  it("holds for thousands of tasks", function()
    local sum = 0
    run(function()
      for i = 1, 5000 do
        xio.spawn(function()
          xio.checkpoint()
          sum = sum + i
        end)
      end
    end)
    assert.equal(5000 * 5001 // 2, sum)
  end)
end)

describe("a checkpoint", function()
  it("SCH-04 lets others run", function()
    local log, seen = recorder()
    run(function()
      xio.spawn(log, "other")
      xio.checkpoint()
      log("main")
    end)
    assert.same({ "other", "main" }, seen)
  end)

  it("SCH-04 raises where the scope is cancelled, each time", function()
    run(function()
      local completed, cancelled = xio.scope(function(scope)
        scope:cancel()
        for _ = 1, 3 do assert.is_true(xio.is_cancelled(catch(xio.checkpoint))) end
        xio.checkpoint()
      end)
      assert.is_false(completed)
      assert.equal("cancel", cancelled.source)
    end)
  end)

  it("SCH-05 check returns without a turn, and raises where the scope is cancelled", function()
    local log, seen = recorder()
    run(function()
      xio.spawn(log, "other")
      for _ = 1, 1000 do xio.check() end
      assert.same({}, seen)
      local completed = xio.scope(function(scope)
        scope:cancel()
        assert.is_true(xio.cancelled())
        xio.check()
        log("never")
      end)
      assert.is_false(completed)
      assert.is_false(xio.cancelled())
    end)
  end)

  it("SCH-06 inside a shield lets others run and raises nothing; the next one does", function()
    local log, seen = recorder()
    run(function()
      xio.spawn(log, "other")
      local completed = xio.scope(function(scope)
        scope:cancel()
        xio.shield(xio.checkpoint)
        assert.same({ "other" }, seen)
        xio.checkpoint()
        log("never")
      end)
      assert.is_false(completed)
    end)
    assert.same({ "other" }, seen)
  end)

  it("sleep of zero or less is one turn", function()
    local log, seen = recorder()
    run(function()
      local began = xio.now()
      for _, seconds in ipairs { 0, -1, 0.0 } do
        xio.spawn(log, "other")
        xio.sleep(seconds)
        log("main")
      end
      assert.equal(began, xio.now())
    end)
    assert.equal("other main other main other main", table.concat(seen, " "))
  end)

  it("SCH-07 is at the end of an empty group", function()
    local ran = false
    run(function()
      xio.spawn(function() ran = true end)
      for _ = 1, 3 do xio.group(function() end) end
      assert.is_true(ran)
    end)
  end)

  it("SCH-08 is none for cancellation at the end of a group that lost nothing", function()
    run(function()
      local log, seen = recorder()
      local scope = xio.new_scope()
      local completed, value = scope:run(function()
        scope:cancel()
        xio.group(function() end)
        xio.group(function(g) g:spawn(log, "child") end)
        return "whole"
      end)
      assert.is_true(completed)
      assert.equal("whole", value)
      assert.is_true(scope.cancel_called)
      assert.is_false(scope.cancelled_caught)
      assert.same({ "child" }, seen)
    end)
  end)

  it("is passed on by the end of a group that lost a child to it", function()
    run(function()
      local log, seen = recorder()
      local completed = xio.scope(function(scope)
        scope:cancel()
        xio.group(function(g) g:spawn(xio.checkpoint) end)
        log("never")
      end)
      assert.is_false(completed)
      assert.same({}, seen)
    end)
  end)
end)

describe("an operation that need not wait", function()
  it("T9 still checks cancellation", function()
    run(function()
      local done = xio.spawn(function() return 7 end)
      done:wait()
      local completed = xio.scope(function(scope)
        scope:cancel()
        assert.is_true(xio.is_cancelled(catch(done.await, done)))
        assert.is_true(xio.is_cancelled(catch(done.wait, done)))
        done:await()
      end)
      assert.is_false(completed)
    end)
  end)

  it("T9 draws on a budget, so that a busy task starves nobody", function()
    local rounds, total = nil, 100000
    run(function()
      local done = xio.spawn(function() return 7 end)
      done:wait()
      local round = 0
      xio.spawn(function() rounds = round end)
      for i = 1, total do
        round = i
        done:await()
      end
    end)
    assert.is_true(rounds < total)
  end)

  it("T9 starves no sleeper either", function()
    local woken = xio.run({ signals = false }, function()
      local done = xio.spawn(function() return 7 end)
      done:wait()
      local awake = false
      xio.spawn(function()
        xio.sleep(0.01)
        awake = true
      end)
      local limit = xio.now() + 20
      while not awake and xio.now() < limit do done:await() end
      return awake
    end)
    assert.is_true(woken)
  end)
end)

describe("closers of a task", function()
  it("T12 run and may wait when an error ends it", function()
    local log, seen = recorder()
    local err = catch(run, function()
      xio.group(function(g)
        g:spawn(function()
          local _outer <close> = closing(function(why)
            xio.sleep(1)
            log("outer " .. why)
          end)
          local _inner <close> = closing(function(why)
            xio.sleep(1)
            log("inner " .. why)
          end)
          error("boom", 0)
        end)
      end)
    end)
    assert.equal("boom", err)
    assert.same({ "inner boom", "outer boom" }, seen)
  end)

  it("T12 run in reverse order, shielded, before the group ends, when it is cancelled", function()
    local log, seen = recorder()
    run(function()
      xio.group(function(g)
        g:spawn(function()
          local _outer <close> = closing(function() log("outer") end)
          local _inner <close> = closing(function()
            xio.shield(xio.sleep, 1)
            log("inner")
          end)
          xio.sleep_forever()
        end)
        xio.checkpoint()
        g:cancel()
      end)
      log("group ended")
    end)
    assert.same({ "inner", "outer", "group ended" }, seen)
  end)

  it("T12 let a task's results stand", function()
    local values = run(function()
      return table.pack(xio.spawn(function()
        local _guard <close> = closing(function() xio.sleep(1) end)
        return 1, nil, 3
      end):await())
    end)
    assert.same({ n = 3, 1, nil, 3 }, values)
  end)
end)

describe("nesting", function()
  local function nest(depth, open)
    if depth == 0 then
      xio.checkpoint()
      return "bottom"
    end
    return open(function() return nest(depth - 1, open) end)
  end

  local function scope(f) return select(2, xio.scope(f)) end

  it("T13 goes a hundred groups deep", function()
    assert.equal("bottom", run(nest, nil, 100, xio.group))
  end)

  it("T13 goes a hundred scopes deep", function()
    assert.equal("bottom", run(nest, nil, 100, scope))
  end)

  it("T13 unwinds a hundred groups that fail or are cancelled from outside", function()
    local value = {}
    assert.equal(value, catch(run, nest, nil, 100, function(f)
      return xio.group(function(g)
        g:spawn(xio.sleep, 1)
        f()
        error(value)
      end)
    end))
    run(function()
      local completed = xio.move_on_after(1, nest, 99, function(f)
        return xio.group(function()
          f()
          xio.sleep_forever()
        end)
      end)
      assert.is_false(completed)
    end)
  end)

  it("T13 says so beyond the limit", function()
    for _, open in ipairs { xio.group, scope } do
      local ok, err = pcall(run, nest, nil, 5000, open)
      if not ok then
        assert.is_truthy(tostring(err):lower():find("nest") or tostring(err):find("deep"))
      end
    end
  end)
end)
