-- Deadlines (C6): move_on_after, move_on_at, fail_after, fail_at. Moving them: deadline_spec.

local xio = require "xio"
local support = require "spec.support"
local util = require "spec.support.util"

local it = support.it(it)
local run, closing = support.run, support.closing
local watch, contains = util.watch, util.contains

-- Runs `f` in a virtual run and returns the seconds it took.
local function seconds(f)
  return run(function()
    local elapsed = watch()
    f(elapsed)
    return elapsed()
  end)
end

describe("move_on_after, move_on_at", function()
  it("TMO-01 ends the body at its deadline and says so", function()
    assert.equal(1, seconds(function()
      local results = table.pack(xio.move_on_after(1, xio.sleep, 100))
      assert.equal(2, results.n)
      assert.is_false(results[1])
      assert.equal("deadline", results[2].source)
    end))
  end)

  it("gives true and the results of a body that was in time", function()
    run(function()
      local function body(...)
        xio.sleep(1)
        return ...
      end
      local after = table.pack(xio.move_on_after(2, body, 1, nil))
      assert.same({ true, 1, nil, n = 3 }, after)
      local at = table.pack(xio.move_on_at(xio.now() + 2, body, "a"))
      assert.same({ true, "a", n = 2 }, at)
    end)
  end)

  it("move_on_at takes an absolute time", function()
    assert.equal(3, seconds(function()
      local at = xio.now() + 3
      xio.sleep(1)
      assert.is_false((xio.move_on_at(at, xio.sleep, 100)))
    end))
  end)

  it("C6 zero and less mean cancelled at the first checkpoint", function()
    assert.equal(0, seconds(function()
      for _, s in ipairs { 0, -1, -math.huge } do
        local log = {}
        local ok, err = xio.move_on_after(s, function()
          log[#log + 1] = "began"
          xio.checkpoint()
          log[#log + 1] = "not reached"
        end)
        assert.is_false(ok)
        assert.equal("deadline", err.source)
        assert.same({ "began" }, log)
        assert.is_true((xio.move_on_after(s, function() end)))
      end
      assert.is_false((xio.move_on_at(xio.now(), xio.checkpoint)))
      assert.is_false((xio.move_on_at(xio.now() - 10, xio.checkpoint)))
      assert.is_false((xio.move_on_at(-math.huge, xio.checkpoint)))
    end))
  end)

  it("TMO-05 nil and infinity mean none", function()
    assert.equal(400, seconds(function()
      assert.is_true((xio.move_on_after(nil, xio.sleep, 100)))
      assert.is_true((xio.move_on_after(math.huge, xio.sleep, 100)))
      assert.is_true((xio.move_on_at(nil, xio.sleep, 100)))
      assert.is_true((xio.move_on_at(math.huge, xio.sleep, 100)))
      xio.scope({ timeout = math.huge }, function(s)
        assert.equal(math.huge, s.deadline)
      end)
      xio.scope({ timeout = nil }, function(s)
        assert.equal(math.huge, s.deadline)
      end)
      assert.equal(math.huge, xio.deadline())
    end))
  end)

  it("C6 a time too large to count is as good as none", function()
    assert.equal(2, seconds(function()
      assert.is_false((xio.move_on_after(1, xio.sleep, 1e18)))
      assert.is_true((xio.move_on_after(1e18, xio.sleep, 1)))
    end))
  end)

  it("C6 NaN and wrong types are argument errors, and nothing starts", function()
    run(function()
      local ran = false
      local function body() ran = true end
      for _, name in ipairs {
        "move_on_after", "move_on_at", "fail_after", "fail_at", "timeout",
      } do
        for _, limit in ipairs { 0 / 0, "soon", true, { 0 / 0 }, { "soon" } } do
          local ok, err = pcall(xio[name], limit, body)
          assert.is_false(ok)
          assert.is_true(
            contains(err, name) or name == "timeout" and contains(err, "fail_after"),
            tostring(err)
          )
        end
        assert.is_false((pcall(xio[name], 1)))
        assert.is_false((pcall(xio[name], 1, "body")))
      end
      assert.is_false(ran)
    end)
  end)

  it("TMO-08 of nested limits the outer, being nearer, fires", function()
    assert.equal(0.1, seconds(function()
      local inner
      local after = false
      local ok = xio.move_on_after(0.1, function()
        xio.scope({ timeout = 1 }, function(s)
          inner = s
          xio.sleep(2)
        end)
        after = true
      end)
      assert.is_false(ok)
      assert.is_false(inner.cancel_called)
      assert.is_false(inner.cancelled_caught)
      assert.is_false(after)
    end))
  end)

  it("TMO-08 of nested limits the inner, being nearer, fires alone", function()
    assert.equal(5, seconds(function()
      local ok, inner_ok = xio.move_on_after(10, function()
        local inner_ok = xio.move_on_after(1, xio.sleep, 20)
        xio.sleep(4)
        return inner_ok
      end)
      assert.is_true(ok)
      assert.is_false(inner_ok)
    end))
  end)

  it("C2 of limits that end together the outer catches", function()
    run(function()
      local at = xio.now() + 1
      local ok = xio.move_on_at(at, function()
        xio.fail_at(at, xio.sleep, 5)
      end)
      assert.is_false(ok)
    end)
  end)

  it("TMO-10 lets the program's own errors through", function()
    run(function()
      local _, timeout = pcall(xio.fail_after, 0, xio.checkpoint)
      assert.is_true(xio.is_timeout(timeout))
      for _, value in ipairs { timeout, "ETIMEDOUT", {} } do
        local ok, err = pcall(xio.move_on_after, 5, error, value, 0)
        assert.is_false(ok)
        assert.equal(value, err)
      end
      local ok, err = pcall(xio.move_on_after, 5, function()
        xio.fail_after(1, xio.sleep, 10)
      end)
      assert.is_false(ok)
      assert.is_true(xio.is_timeout(err))
    end)
  end)

  it("TMO-10 also after its own deadline has passed", function()
    run(function()
      local ok, err = pcall(xio.move_on_after, 1, function()
        pcall(xio.sleep, 10)
        error("mine", 0)
      end)
      assert.same({ false, "mine" }, { ok, err })
    end)
  end)

  it("C6 a limit of an earlier region no longer counts", function()
    assert.equal(11, seconds(function()
      local kept
      xio.scope({ timeout = 2 }, function(s)
        kept = s
        xio.sleep(1)
      end)
      xio.sleep(10)
      assert.is_false(kept.cancel_called)
    end))
  end)
end)

describe("fail_after, fail_at", function()
  it("give the results of a body that was in time", function()
    run(function()
      local function body(...)
        xio.sleep(1)
        return ...
      end
      local after = table.pack(xio.fail_after(2, body, 1, nil, 3, nil))
      assert.same({ 1, nil, 3, nil, n = 4 }, after)
      local at = table.pack(xio.fail_at(xio.now() + 2, body))
      assert.same({ n = 0 }, at)
      assert.equal(xio.fail_after, xio.timeout)
    end)
  end)

  it("raise a TimeoutError at the deadline", function()
    assert.equal(3, seconds(function()
      local ok, err = pcall(xio.fail_after, 1, xio.sleep, 10)
      assert.is_false(ok)
      assert.is_true(xio.is_timeout(err))
      assert.is_false(xio.is_cancelled(err))
      ok, err = pcall(xio.fail_at, xio.now() + 2, xio.sleep, 10)
      assert.is_false(ok)
      assert.is_true(xio.is_timeout(err))
      assert.is_false(xio.is_timeout("timeout"))
      assert.is_false(xio.is_timeout(nil))
      assert.is_not_nil(xio.TimeoutError)
    end))
  end)

  it("TMO-19 the error says what it was about", function()
    run(function()
      local _, err = pcall(xio.fail_after, { 1.5, name = "fetch" }, xio.sleep, 10)
      assert.is_true(contains(err, "fetch"), tostring(err))
      _, err = pcall(xio.fail_after, 1.5, xio.sleep, 10)
      assert.is_true(contains(err, "1.5"), tostring(err))
    end)
  end)

  it("TMO-09 an outer cancel is not turned into a timeout", function()
    run(function()
      xio.group(function(g)
        local scope
        local task = g:spawn(function()
          return xio.scope(function(s)
            scope = s
            xio.fail_after(2, xio.sleep, 10)
          end)
        end)
        xio.sleep(1)
        scope:cancel("outer")
        local ok, err = task:await()
        assert.is_false(ok)
        assert.equal("cancel", err.source)
        assert.equal("outer", err.reason)
      end)
    end)
  end)

  it("TMO-06 nor is an explicit cancel of the scope that has the deadline", function()
    run(function()
      local ok, err = xio.scope({ timeout = 2 }, function(s)
        xio.sleep(1)
        s:cancel("first")
        s.deadline = xio.now() - 1
        xio.sleep(10)
      end)
      assert.is_false(ok)
      assert.equal("cancel", err.source)
      assert.equal("first", err.reason)
    end)
  end)

  it("C2 nor its own, when the outer ends before its cleanup has", function()
    assert.equal(2, seconds(function()
      local ok, err = xio.move_on_after(1.5, function()
        xio.fail_after(1, function()
          local _d <close> = closing(function() xio.shield(xio.sleep, 1) end)
          xio.sleep(10)
        end)
      end)
      assert.is_false(ok)
      assert.equal("deadline", err.source)
    end))
  end)

  it("the program's own TimeoutError passes as it is", function()
    run(function()
      local _, mine = pcall(xio.fail_after, 0, xio.checkpoint)
      local ok, err = pcall(xio.fail_after, 5, error, mine, 0)
      assert.is_false(ok)
      assert.equal(mine, err)
      ok, err = pcall(xio.fail_after, 1, function()
        pcall(xio.sleep, 10)
        error(mine, 0)
      end)
      assert.is_false(ok)
      assert.equal(mine, err)
    end)
  end)

  it("C2 a body that completes past its deadline is completed", function()
    run(function()
      assert.equal("done", (xio.fail_after(1, function()
        pcall(xio.sleep, 10)
        return "done"
      end)))
    end)
  end)

  it("a timeout inside another is the inner one's error", function()
    assert.equal(1, seconds(function()
      local inner
      local ok, err = pcall(xio.fail_after, 5, function()
        local _, e = pcall(xio.fail_after, 1, xio.sleep, 10)
        inner = e
        error(e, 0)
      end)
      assert.is_false(ok)
      assert.equal(inner, err)
    end))
  end)

  it("TMO-16 around a group: one error, after all children have ended", function()
    assert.equal(1.5, seconds(function()
      local ended = 0
      local function work()
        local _c <close> = closing(function()
          xio.shield(xio.sleep, 0.5)
          ended = ended + 1
        end)
        xio.sleep(10)
      end
      local ok, err = pcall(xio.fail_after, 1, function()
        xio.group(function(g)
          g:spawn(work)
          g:spawn(work)
        end)
      end)
      assert.is_false(ok)
      assert.is_true(xio.is_timeout(err))
      assert.equal(2, ended)
    end))
  end)

  it("TMO-17 leaves nothing of the work alive, grandchildren neither", function()
    assert.equal(21, seconds(function()
      local effects = 0
      local function work(depth)
        xio.group(function(g)
          if depth > 0 then
            g:spawn(work, depth - 1)
            g:spawn(work, depth - 1)
          end
          xio.sleep(10)
          effects = effects + 1
        end)
      end
      local ok = pcall(xio.fail_after, 1, work, 3)
      assert.is_false(ok)
      xio.sleep(20)
      assert.equal(0, effects)
    end))
  end)

  it("a shielded limit is deaf to the outer cancel but not to its own", function()
    assert.equal(3, seconds(function()
      xio.scope(function(outer)
        outer:cancel()
        xio.fail_after({ 5, shield = true }, xio.sleep, 1)
        local ok, err = pcall(xio.fail_at, { xio.now() + 2, shield = true }, xio.sleep, 5)
        assert.is_false(ok)
        assert.is_true(xio.is_timeout(err))
      end)
    end))
  end)
end)
