-- Scopes as objects: what they return, their fields, who may enter them, how deep they nest.
-- How cancellation travels is in cancel_spec; deadlines are in timeout_spec.

local xio = require "xio"
local support = require "spec.support"
local util = require "spec.support.util"

local it = support.it(it)
local run, closing = support.run, support.closing
local watch, contains = util.watch, util.contains

describe("scope: results and errors", function()
  it("gives true and the body's results, holes and count kept", function()
    run(function()
      assert.same({ true, 1, nil, 3, nil, n = 5 }, table.pack(xio.scope(function()
        return 1, nil, 3, nil
      end)))
      assert.same({ true, n = 1 }, table.pack(xio.scope(function() end)))
    end)
  end)

  it("passes the scope and the arguments, with or without options", function()
    run(function()
      local function body(s, ...)
        assert.is_false(s.cancel_called)
        return ...
      end
      local plain = table.pack(xio.scope(body, 1, nil, 3))
      assert.same({ true, 1, nil, 3, n = 4 }, plain)
      local optioned = table.pack(xio.scope({ name = "named" }, body, "a", nil))
      assert.same({ true, "a", nil, n = 3 }, optioned)
    end)
  end)

  it("gives false and the Cancelled where it caught", function()
    run(function()
      local results = table.pack(xio.scope(function(s)
        s:cancel("enough")
        xio.checkpoint()
      end))
      assert.equal(2, results.n)
      assert.is_false(results[1])
      assert.equal("enough", results[2].reason)
    end)
  end)

  it("E1 lets errors of any type through as they are", function()
    run(function()
      for _, value in ipairs { "text", {}, false, 42, print } do
        local ok, err = pcall(xio.scope, function() error(value, 0) end)
        assert.is_false(ok)
        assert.is_true(rawequal(value, err))
      end
    end)
  end)

  it("E1 turns a nil error into a named one", function()
    run(function()
      local ok, err = pcall(xio.scope, function() error(nil) end)
      assert.is_false(ok)
      assert.is_not_nil(err)
      assert.is_true(contains(err, "nil"), tostring(err))
    end)
  end)

  it("is not a checkpoint itself", function()
    run(function()
      local ran = false
      xio.group(function(g)
        g:spawn(function() ran = true end)
        for _ = 1, 10 do
          xio.scope(function() end)
        end
        assert.is_false(ran)
      end)
    end)
  end)

  it("keeps nothing once it was left", function()
    run(function()
      local function enter()
        for _ = 1, 1000 do
          xio.scope({ timeout = 1000 }, function() end)
        end
        collectgarbage()
        collectgarbage()
        return collectgarbage("count")
      end
      enter()
      local before = enter()
      enter()
      assert.is_true(enter() < before + 16, "scopes that were left take memory")
    end)
  end)
end)

describe("scope: objects made beforehand", function()
  it("run returns as xio.scope does", function()
    run(function()
      local results = table.pack(xio.new_scope():run(function(...) return ... end, 1, nil))
      assert.same({ true, 1, nil, n = 3 }, results)
      local s = xio.new_scope()
      local ok, err = s:run(function()
        s:cancel("enough")
        xio.checkpoint()
      end)
      assert.is_false(ok)
      assert.equal("enough", err.reason)
      ok, err = pcall(function() xio.new_scope():run(error, "text", 0) end)
      assert.same({ false, "text" }, { ok, err })
    end)
  end)

  it("begins with these fields", function()
    run(function()
      local s = xio.new_scope()
      assert.equal(math.huge, s.deadline)
      assert.is_false(s.shield)
      assert.is_false(s.cancel_called)
      assert.is_false(s.cancelled_caught)
      assert.is_nil(s.reason)
      assert.is_nil(s.source)
    end)
  end)

  it("takes the options of xio.scope", function()
    run(function()
      local elapsed = watch()
      local at = xio.now() + 3
      local s = xio.new_scope { deadline = at, shield = true, name = "mine" }
      assert.is_true(math.abs(s.deadline - at) < 1e-6)
      assert.is_true(s.shield)
      xio.scope(function(outer)
        outer:cancel()
        assert.is_false((s:run(xio.sleep, 10)))
      end)
      assert.equal(3, elapsed())
    end)
  end)

  it("its fields stay readable after its end", function()
    run(function()
      local kept
      xio.scope({ timeout = 1 }, function(s)
        kept = s
        xio.sleep(2)
      end)
      assert.is_true(kept.cancel_called)
      assert.is_true(kept.cancelled_caught)
      assert.equal("deadline", kept.source)
      assert.is_false(kept.shield)
    end)
  end)

  it("may be cancelled from another task, before and after it is entered", function()
    run(function()
      local elapsed = watch()
      xio.group(function(g)
        local early, late = xio.new_scope(), xio.new_scope()
        g:spawn(function()
          early:cancel("early")
          xio.sleep(1)
          late:cancel("late")
        end)
        xio.checkpoint()
        local _, first = early:run(xio.sleep, 10)
        local _, second = late:run(xio.sleep, 10)
        assert.equal("early", first.reason)
        assert.equal("late", second.reason)
      end)
      assert.equal(1, elapsed())
    end)
  end)

  it("E7 what only tells cannot be written", function()
    run(function()
      local s = xio.new_scope()
      for _, field in ipairs { "cancel_called", "cancelled_caught", "reason", "source" } do
        local ok, err = pcall(function() s[field] = true end)
        assert.is_false(ok, field)
        assert.is_true(contains(err, field), tostring(err))
      end
      assert.is_false(s.cancel_called)
    end)
  end)
end)

describe("scope: misuse", function()
  it("CAN-10 a scope is entered once", function()
    run(function()
      local ran = false
      local s = xio.new_scope()
      s:run(function() end)
      local ok, err = pcall(function() s:run(function() ran = true end) end)
      assert.is_false(ok)
      assert.is_true(contains(err, "scope"), tostring(err))
      assert.is_false(ran)
      assert.is_false(s.cancel_called)
      xio.checkpoint()
    end)
  end)

  it("CAN-10 nor again while it is open", function()
    run(function()
      local s = xio.new_scope()
      local again
      local results = table.pack(s:run(function()
        again = pcall(function() s:run(function() end) end)
        xio.checkpoint()
        return "fine"
      end))
      assert.is_false(again)
      assert.same({ true, "fine", n = 2 }, results)
    end)
  end)

  it("GRP-23 nor by a second task, which changes nothing for the first", function()
    run(function()
      xio.group(function(g)
        local s = xio.new_scope()
        local first = g:spawn(function()
          return s:run(function()
            xio.sleep(2)
            return "fine"
          end)
        end)
        xio.sleep(1)
        local ok, err = pcall(function() s:run(function() end) end)
        assert.is_false(ok)
        assert.is_true(contains(err, "scope"), tostring(err))
        assert.same({ true, "fine" }, { first:await() })
      end)
    end)
  end)

  it("CAN-10 one whose body raised has been used", function()
    run(function()
      local s = xio.new_scope()
      assert.is_false((pcall(function() s:run(error, "text", 0) end)))
      local ok, err = pcall(function() s:run(function() end) end)
      assert.is_false(ok)
      assert.not_equal("text", err)
    end)
  end)

  it("E5 names the function and the argument, and starts nothing", function()
    run(function()
      local ran = false
      local function body() ran = true end
      local function refused(part, ...)
        local ok, err = pcall(...)
        assert.is_false(ok)
        assert.is_true(contains(err, "scope"), tostring(err))
        assert.is_true(contains(err, part), tostring(err))
      end
      refused("#1", xio.scope)
      refused("#1", xio.scope, 5)
      refused("#2", xio.scope, {}, "body")
      refused("timeout", xio.scope, { timeout = "soon" }, body)
      refused("timeout", xio.scope, { timeout = 0 / 0 }, body)
      refused("deadline", xio.scope, { deadline = {} }, body)
      refused("deadline", xio.scope, { deadline = 0 / 0 }, body)
      refused("shield", xio.scope, { shield = "yes" }, body)
      refused("name", xio.scope, { name = {} }, body)
      refused("timeout", xio.new_scope, { timeout = "soon" })
      refused("shield", xio.new_scope, { shield = 1 })
      assert.is_false(ran)
    end)
  end)

  it("E5 a deadline that is no time is refused, and the old one stays", function()
    run(function()
      xio.scope({ timeout = 5 }, function(s)
        local before = s.deadline
        for _, value in ipairs { "soon", 0 / 0, {}, true } do
          local ok, err = pcall(function() s.deadline = value end)
          assert.is_false(ok)
          assert.is_true(contains(err, "deadline"), tostring(err))
        end
        assert.equal(before, s.deadline)
      end)
    end)
  end)
end)

describe("scope: depth", function()
  local function scopes(n)
    if n == 0 then
      xio.sleep(1)
      return "deep"
    end
    local _, result = xio.scope(function() return scopes(n - 1) end)
    return result
  end

  local function groups(n)
    if n == 0 then
      xio.sleep(1)
      return "deep"
    end
    return (xio.group(function() return groups(n - 1) end))
  end

  it("T13 a hundred nested scopes work", function()
    assert.equal("deep", (run(function() return scopes(100) end)))
  end)

  it("T13 a hundred nested groups work", function()
    assert.equal("deep", (run(function() return groups(100) end)))
  end)

  it("T13 more than can be nested is an error, and what was nested ends", function()
    run(function()
      local ok, err = xio.pcall(scopes, 200)
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find("more than 150 scopes and groups", 1, true), err)
      assert.equal("deep", scopes(100))
    end)
  end)

  it("T13 the outermost of a hundred catches its cancellation", function()
    run(function()
      local elapsed = watch()
      local closed = 0
      local function nest(n)
        local _c <close> = closing(function() closed = closed + 1 end)
        if n == 0 then
          xio.sleep(10)
        else
          xio.scope(function() nest(n - 1) end)
        end
      end
      assert.is_false((xio.move_on_after(0.5, nest, 99)))
      assert.equal(100, closed)
      assert.equal(0.5, elapsed())
    end)
  end)

  it("T13 a cancel in the middle of a hundred ends that half", function()
    run(function()
      local function nest(n, middle)
        if n == 0 then
          middle:cancel()
          xio.sleep(1)
          return "not reached"
        end
        local ok, result = xio.scope(function(s)
          return nest(n - 1, n == 50 and s or middle)
        end)
        return ok and result or n
      end
      assert.equal(50, nest(100))
    end)
  end)

  for name, nest in pairs { scopes = scopes, groups = groups } do
    it("T13 beyond the limit the error says so: " .. name, function()
      run(function()
        local ok, err = pcall(nest, 100000)
        assert.is_false(ok)
        local text = tostring(err):lower()
        assert.is_true(
          contains(text, "nest") or contains(text, "limit") or contains(text, "deep"),
          text
        )
        assert.equal("deep", nest(10))
      end)
    end)
  end
end)
