-- Deadlines (C6) that are moved, and the deadline of a scope. What opens one: timeout_spec.

local xio = require "xio"
local support = require "spec.support"
local util = require "spec.support.util"

local it = support.it(it)
local run, watch = support.run, util.watch

-- Runs `f` in a virtual run and returns the seconds it took.
local function seconds(f)
  return run(function()
    local elapsed = watch()
    f(elapsed)
    return elapsed()
  end)
end

describe("a deadline moved", function()
  it("TMO-11 later, extends", function()
    assert.equal(2.5, seconds(function()
      local first = xio.scope({ timeout = 1 }, function(s)
        s.deadline = s.deadline + 1
        xio.sleep(1.5)
      end)
      assert.is_true(first)
      local second = xio.scope({ timeout = 0.5 }, function(s)
        s.deadline = xio.now() + 1
        xio.sleep(5)
      end)
      assert.is_false(second)
    end))
  end)

  it("TMO-11 earlier, shortens", function()
    assert.equal(1, seconds(function()
      assert.is_false((xio.scope({ timeout = 10 }, function(s)
        s.deadline = s.deadline - 9
        xio.sleep(20)
      end)))
    end))
  end)

  it("TMO-11 into the past, is raised at the next checkpoint", function()
    assert.equal(0, seconds(function()
      local passed = false
      local scope
      local ok, err = xio.scope({ timeout = 10 }, function(s)
        scope = s
        s.deadline = xio.now() - 1
        passed = true
        xio.checkpoint()
        error("not reached")
      end)
      assert.is_false(ok)
      assert.equal("deadline", err.source)
      assert.is_true(passed)
      assert.is_true(scope.cancel_called)
    end))
  end)

  -- A task that sleeps in a scope with `timeout`; `move(scope)` runs one second later.
  local function moved_while_waiting(timeout, move)
    return seconds(function()
      xio.group(function(g)
        local scope
        g:spawn(function()
          xio.scope({ timeout = timeout }, function(s)
            scope = s
            xio.sleep(100)
          end)
        end)
        xio.sleep(1)
        move(scope)
      end)
    end)
  end

  it("C6 while its task waits, counts at once", function()
    assert.equal(4, moved_while_waiting(10, function(s) s.deadline = xio.now() + 3 end))
    assert.equal(7, moved_while_waiting(2, function(s) s.deadline = xio.now() + 6 end))
    assert.equal(1, moved_while_waiting(2, function(s) s.deadline = xio.now() - 6 end))
    assert.equal(1, moved_while_waiting(2, function(s) s.deadline = -math.huge end))
    assert.equal(9, moved_while_waiting(nil, function(s) s.deadline = xio.now() + 8 end))
  end)

  it("C6 to infinity or nil, is taken away", function()
    assert.equal(100, moved_while_waiting(2, function(s) s.deadline = math.huge end))
    assert.equal(100, moved_while_waiting(2, function(s) s.deadline = nil end))
  end)

  it("C6 reads as what was set", function()
    run(function()
      local s = xio.new_scope()
      s.deadline = xio.now() + 5
      assert.equal(5, math.floor((s.deadline - xio.now()) * 1e6 + 0.5) / 1e6)
      s.deadline = nil
      assert.equal(math.huge, s.deadline)
    end)
  end)

  it("C6 after it has fired, does not undo the cancellation", function()
    run(function()
      local ok = xio.scope({ timeout = 1 }, function(s)
        pcall(xio.sleep, 2)
        s.deadline = xio.now() + 10
        assert.is_true(s.cancel_called)
        xio.sleep(1)
      end)
      assert.is_false(ok)
    end)
  end)

  it("C6 of the outer scope reaches the inner ones and the children", function()
    assert.equal(2, seconds(function()
      local ok = xio.scope({ timeout = 50 }, function(outer)
        xio.group(function(g)
          g:spawn(function()
            xio.fail_after(40, xio.sleep, 100)
          end)
          xio.sleep(1)
          outer.deadline = xio.now() + 1
        end)
      end)
      assert.is_false(ok)
    end))
  end)

  it("CAN-31 two thousand times, keeps the timers bounded", function()
    run(function()
      xio.scope({ timeout = 1e6 }, function(s)
        local function move()
          for i = 1, 2000 do
            s.deadline = xio.now() + 1e6 - i
          end
          xio.checkpoint()
          collectgarbage()
          collectgarbage()
          return collectgarbage("count")
        end
        move()
        local before = move()
        move()
        assert.is_true(move() < before + 16, "timers pile up")
      end)
    end)
  end)
end)

describe("a deadline and its scope", function()
  it("C6 acts only while the scope is entered", function()
    run(function()
      local s = xio.new_scope { deadline = xio.now() + 1 }
      xio.sleep(2)
      assert.is_false(s.cancel_called)
      local began, passed = false, false
      local ok, err = s:run(function()
        began = true
        xio.checkpoint()
        passed = true
      end)
      assert.is_false(ok)
      assert.equal("deadline", err.source)
      assert.same({ true, false }, { began, passed })
    end)
  end)

  it("C6 a relative one counts from the moment of entry", function()
    assert.equal(7, seconds(function()
      local s = xio.new_scope { timeout = 2 }
      xio.sleep(5)
      local entered = xio.now()
      local ok = s:run(function()
        assert.is_true(math.abs(s.deadline - entered - 2) < 1e-6)
        xio.sleep(100)
      end)
      assert.is_false(ok)
    end))
  end)

  it("CAN-29 deadline() is the nearest that no shield hides", function()
    run(function()
      assert.equal(math.huge, xio.deadline())
      xio.scope({ timeout = 10 }, function(outer)
        local at = outer.deadline
        assert.equal(at, xio.deadline())
        xio.scope({ timeout = 20 }, function()
          assert.equal(at, xio.deadline())
        end)
        xio.scope({ timeout = 5 }, function(s)
          assert.equal(s.deadline, xio.deadline())
          assert.is_true(s.deadline < at)
        end)
        xio.scope({ timeout = 20, shield = true }, function(s)
          assert.equal(s.deadline, xio.deadline())
        end)
        xio.group(function(g)
          assert.equal(at, g:spawn(xio.deadline):await())
        end)
        outer:cancel()
        assert.equal(-math.huge, xio.deadline())
        assert.equal(math.huge, xio.shield(xio.deadline))
      end)
      assert.equal(math.huge, xio.deadline())
    end)
  end)

  it("TMO-14 one that passes during work is raised at the very next checkpoint", function()
    run(function()
      local began = os.clock()
      local ok, err = xio.move_on_after(0.002, function()
        repeat until os.clock() - began > 0.004
        xio.checkpoint()
        error("one checkpoint too late")
      end)
      assert.is_false(ok)
      assert.equal("deadline", err.source)
    end, { clock = "real" })
  end)

  it("C6 never fires early in real time", function()
    run(function()
      for _, s in ipairs { 0.0001, 0.0011, 0.0019, 0.00251 } do
        local began = xio.now()
        assert.is_false((xio.move_on_after(s, xio.sleep, 10)))
        assert.is_true(xio.now() - began >= s - 1e-9, "early by less than a tick: " .. s)
      end
    end, { clock = "real" })
  end)

  it("TMO-21 what was cancelled early is collected before its time", function()
    run(function()
      local alive = setmetatable({}, { __mode = "k" })
      xio.group(function(g)
        for _ = 1, 1000 do
          local payload = {}
          alive[payload] = true
          g:spawn(function()
            xio.move_on_after(3600, function()
              payload.seen = true
              xio.checkpoint()
            end)
          end)
        end
      end)
      collectgarbage()
      collectgarbage()
      assert.is_nil(next(alive))
    end)
  end)

  it("a thousand limits end in the order of their times", function()
    run(function()
      local ended = {}
      xio.group(function(g)
        for i = 1, 1000 do
          local s = (i * 7919) % 1000 + 1
          g:spawn(function()
            xio.move_on_after(s, xio.sleep, 5000)
            ended[#ended + 1] = s
          end)
        end
      end)
      for i = 1, 1000 do
        assert.equal(i, ended[i])
      end
    end)
  end)
end)
