-- Lua's own pcall in a cancelled task, and xio.pcall and xio.xpcall, which let
-- cancellation through.

local xio = require "xio"
local support = require "spec.support"
local util = require "spec.support.util"

local it = support.it(it)
local run, closing = support.run, support.closing
local watch, contains = util.watch, util.contains

describe("pcall and xpcall of Lua", function()
  it("LUA-01 catch a Cancelled, which comes again", function()
    run(function()
      local elapsed = watch()
      local passed = false
      local ok = xio.scope(function(s)
        s:cancel()
        local slept, err = pcall(xio.sleep, 10)
        assert.is_false(slept)
        assert.is_true(xio.is_cancelled(err))
        local handled
        slept = xpcall(xio.sleep, function(e) handled = xio.is_cancelled(e) end, 10)
        assert.is_false(slept)
        assert.is_true(handled)
        passed = true
        xio.sleep(10)
        error("not reached")
      end)
      assert.is_false(ok)
      assert.is_true(passed)
      assert.equal(0, elapsed())
    end)
  end)

  it("T10 may wait inside, and give what they always give", function()
    run(function()
      local elapsed = watch()
      local function body(...)
        xio.sleep(1)
        return ...
      end
      assert.same({ true, 1, nil, n = 3 }, table.pack(pcall(body, 1, nil)))
      local function fail(v)
        xio.sleep(1)
        error(v, 0)
      end
      assert.same({ false, "text" }, { pcall(fail, "text") })
      assert.same({ true, 2 }, { xpcall(body, print, 2) })
      local function handler(e) return "handled " .. e end
      assert.same({ false, "handled text" }, { xpcall(fail, handler, "text") })
      assert.equal(4, elapsed())
    end)
  end)

  it("T10 nest, with waits at every level", function()
    run(function()
      local elapsed = watch()
      local function nest(n)
        xio.sleep(1)
        if n == 0 then
          error("bottom", 0)
        end
        local ok, err = pcall(nest, n - 1)
        xio.sleep(1)
        assert.is_false(ok)
        error(err .. n, 0)
      end
      local ok, err = pcall(nest, 9)
      assert.same({ false, "bottom123456789" }, { ok, err })
      assert.equal(19, elapsed())
    end)
  end)

  it("catch the error of an operation that was used wrongly, and the task goes on", function()
    run(function()
      local elapsed = watch()
      assert.is_false((pcall(xio.sleep, "soon")))
      xio.sleep(1)
      assert.equal(1, elapsed())
    end)
  end)
end)

describe("xio.pcall", function()
  it("LUA-02 lets cancellation through", function()
    run(function()
      local after = false
      local ok, err = xio.scope(function(s)
        s:cancel("through")
        xio.pcall(xio.sleep, 10)
        after = true
      end)
      assert.is_false(ok)
      assert.equal("through", err.reason)
      assert.is_false(after)
    end)
  end)

  it("LUA-02 catches any other error as it is", function()
    run(function()
      for _, value in ipairs { "text", {}, false, 42 } do
        local results = table.pack(xio.pcall(error, value, 0))
        assert.equal(2, results.n)
        assert.is_false(results[1])
        assert.is_true(rawequal(value, results[2]))
      end
    end)
  end)

  it("gives true and the results, after any wait", function()
    run(function()
      local elapsed = watch()
      local results = table.pack(xio.pcall(function(...)
        xio.sleep(1)
        return ...
      end, 1, nil, 3, nil))
      assert.same({ true, 1, nil, 3, nil, n = 5 }, results)
      assert.same({ true, n = 1 }, table.pack(xio.pcall(function() end)))
      local ok, err = xio.pcall(function()
        xio.sleep(1)
        error("late", 0)
      end)
      assert.same({ false, "late" }, { ok, err })
      assert.equal(2, elapsed())
    end)
  end)

  it("is a pcall for what cannot be called", function()
    run(function()
      local ok, err = xio.pcall(nil)
      assert.is_false(ok)
      assert.is_true(contains(err, "call"), tostring(err))
    end)
  end)

  it("catches timeouts, which are ordinary errors", function()
    run(function()
      local ok, err = xio.pcall(xio.fail_after, 1, xio.sleep, 10)
      assert.is_false(ok)
      assert.is_true(xio.is_timeout(err))
    end)
  end)

  it("catches a Cancelled whose scope has ended", function()
    run(function()
      local _, stale = xio.move_on_after(0, xio.checkpoint)
      local ok, err = xio.pcall(error, stale, 0)
      assert.is_false(ok)
      assert.equal(stale, err)
    end)
  end)

  it("a scope in it ends its own cancellation there", function()
    run(function()
      local ok, moved = xio.pcall(xio.move_on_after, 1, xio.sleep, 10)
      assert.is_true(ok)
      assert.is_false(moved)
    end)
  end)

  it("lets a deadline and a failing sibling through", function()
    run(function()
      local after = false
      local ok = xio.move_on_after(1, function()
        xio.pcall(xio.sleep, 10)
        after = true
      end)
      assert.is_false(ok)
      local _, err = pcall(xio.group, function(g)
        g:spawn(error, "sibling", 0)
        xio.pcall(xio.sleep, 10)
        after = true
      end)
      assert.equal("sibling", err)
      assert.is_false(after)
    end)
  end)

  it("closes what is held inside, in either case", function()
    run(function()
      local closed = 0
      local function body(f)
        local _c <close> = closing(function() closed = closed + 1 end)
        f()
      end
      xio.pcall(body, function() error("text") end)
      assert.equal(1, closed)
      xio.scope(function(s)
        s:cancel()
        xio.pcall(body, xio.checkpoint)
      end)
      assert.equal(2, closed)
    end)
  end)

  it("works inside a generator", function()
    run(function()
      local gen = coroutine.wrap(function()
        local ok, err = xio.pcall(function()
          xio.sleep(1)
          error("inner", 0)
        end)
        coroutine.yield(ok, err)
        xio.pcall(function() coroutine.yield("yielded") end)
      end)
      assert.same({ false, "inner" }, { gen() })
      assert.equal("yielded", gen())
    end)
  end)
end)

describe("xio.xpcall", function()
  it("LUA-02 lets cancellation through", function()
    run(function()
      local after = false
      local ok, err = xio.scope(function(s)
        s:cancel("through")
        xio.xpcall(xio.sleep, tostring, 10)
        after = true
      end)
      assert.is_false(ok)
      assert.equal("through", err.reason)
      assert.is_false(after)
    end)
  end)

  it("gives what the handler makes of any other error", function()
    run(function()
      local results = table.pack(xio.xpcall(function(v)
        xio.sleep(1)
        error(v, 0)
      end, function(e) return "handled " .. e, "dropped" end, "text"))
      assert.same({ false, "handled text", n = 2 }, results)
    end)
  end)

  it("calls the handler where the error was raised", function()
    run(function()
      local function raise_here() error("text", 0) end
      local _, trace = xio.xpcall(function() raise_here() end, debug.traceback)
      assert.is_true(contains(trace, "raise_here"), trace)
    end)
  end)

  it("gives true and the results, arguments after the handler", function()
    run(function()
      local results = table.pack(xio.xpcall(function(...)
        xio.sleep(1)
        return ...
      end, tostring, 1, nil))
      assert.same({ true, 1, nil, n = 3 }, results)
    end)
  end)
end)
