-- Cancelled: the value that carries a cancellation (C5).

local xio = require "xio"
local support = require "spec.support"
local util = require "spec.support.util"

local it = support.it(it)
local run, contains = support.run, util.contains

describe("Cancelled: the value", function()
  it("CAN-20 tells source, reason and who asked", function()
    run(function()
      xio.group(function(g)
        local scope
        local victim = g:spawn({ name = "victim" }, function()
          return xio.scope(function(s)
            scope = s
            xio.sleep(10)
          end)
        end)
        local asker = g:spawn({ name = "asker" }, function()
          xio.sleep(1)
          scope:cancel("hello")
        end)
        local _, err = victim:await()
        assert.equal("cancel", err.source)
        assert.equal("hello", err.reason)
        assert.equal(asker, err.task)
        for _, part in ipairs { "cancel", "hello", "asker" } do
          assert.is_true(contains(err, part), tostring(err))
        end
        assert.equal("cancel", scope.source)
        assert.equal("hello", scope.reason)
      end)
    end)
  end)

  it("C5 a reason is any value, and the first stands", function()
    run(function()
      for _, reason in ipairs { {}, false, 7, "text" } do
        local ok, err = xio.scope(function(s)
          s:cancel(reason)
          s:cancel("later")
          xio.checkpoint()
        end)
        assert.is_false(ok)
        assert.equal(reason, err.reason)
      end
      local _, err = xio.scope(function(s)
        s:cancel()
        s:cancel("later")
        xio.checkpoint()
      end)
      assert.is_nil(err.reason)
    end)
  end)

  it("CAN-21 a deadline is a source", function()
    run(function()
      local ok, err = xio.move_on_after(1, xio.sleep, 10)
      assert.is_false(ok)
      assert.equal("deadline", err.source)
      assert.is_nil(err.task)
      assert.is_true(contains(err, "deadline"), tostring(err))
    end)
  end)

  it("CAN-21 the failure of a group is a source, with the text of the error", function()
    run(function()
      local seen
      local ok, err = pcall(xio.group, function(g)
        g:spawn(function() error("boom", 0) end)
        local _, cancelled = pcall(xio.sleep, 10)
        seen = cancelled
      end)
      assert.same({ false, "boom" }, { ok, err })
      assert.equal("failure", seen.source)
      assert.is_true(contains(seen, "boom"), tostring(seen))
    end)
  end)

  it("CAN-21 a daemon is cancelled by the shutdown of its group", function()
    run(function()
      local seen
      xio.group(function(g)
        g:spawn({ daemon = true }, function()
          local _, cancelled = pcall(xio.sleep_forever)
          seen = cancelled
        end)
        xio.checkpoint()
      end)
      assert.equal("shutdown", seen.source)
    end)
  end)

  it("C5 children of a cancelled scope are told the same", function()
    run(function()
      local seen = {}
      local _, err = xio.scope(function(s)
        xio.group(function(g)
          g:spawn(function()
            xio.group(function()
              local _, cancelled = pcall(xio.sleep, 10)
              seen.source, seen.reason = cancelled.source, cancelled.reason
              error(cancelled, 0)
            end)
          end)
          xio.checkpoint()
          s:cancel("why")
        end)
      end)
      assert.same({ source = "cancel", reason = "why" }, seen)
      assert.equal("why", err.reason)
    end)
  end)

  it("CAN-24 raised again after its scope has ended it is an ordinary error", function()
    run(function()
      local stale
      xio.scope(function(s)
        s:cancel("old")
        local _, err = pcall(xio.checkpoint)
        assert.is_true(xio.is_cancelled(err))
        stale = err
      end)
      assert.is_false(xio.is_cancelled(stale))
      assert.equal("old", stale.reason)
      local scope
      local ok, err = pcall(xio.scope, function(s)
        scope = s
        s:cancel()
        error(stale, 0)
      end)
      assert.is_false(ok)
      assert.equal(stale, err)
      assert.is_false(scope.cancelled_caught)
    end)
  end)

  it("CAN-24 a stale one fails the task and the group that raise it", function()
    run(function()
      local _, stale = xio.move_on_after(0, xio.checkpoint)
      local task
      local ok, err = pcall(xio.group, function(g)
        task = g:spawn(function() error(stale, 0) end)
      end)
      assert.is_false(ok)
      assert.equal(stale, err)
      assert.equal("failed", task:status())
    end)
  end)

  it("CAN-24 a stale one is not a clean end of run", function()
    local ok, err = pcall(run, function()
      local _, stale = xio.move_on_after(0, xio.checkpoint)
      error(stale, 0)
    end)
    assert.is_false(ok)
    assert.equal("deadline", err.source)
  end)

  it("C5 a saved one raised again while its scope lives is caught by it", function()
    run(function()
      local live
      local ok, err = xio.scope(function(s)
        s:cancel("live")
        local _, saved = pcall(xio.scope, function() xio.checkpoint() end)
        live = xio.is_cancelled(saved)
        error(saved, 0)
      end)
      assert.is_true(live)
      assert.is_false(ok)
      assert.equal("live", err.reason)
    end)
  end)

  it("C5 cannot be made by users", function()
    run(function()
      local ok, err = pcall(xio.scope, function(s)
        s:cancel()
        local _, real = pcall(xio.checkpoint)
        local made, forged =
          pcall(setmetatable, { source = "cancel" }, getmetatable(real))
        forged = made and forged or { source = "cancel" }
        assert.is_false(xio.is_cancelled(forged))
        error(forged, 0)
      end)
      assert.is_false(ok)
      assert.equal("cancel", err.source)
    end)
  end)

  it("C5 is_cancelled says false of anything else", function()
    run(function()
      for _, value in ipairs { "Cancelled", 1, false, {}, print } do
        assert.is_false(xio.is_cancelled(value))
      end
      assert.is_false(xio.is_cancelled(nil))
      local _, timeout = pcall(xio.fail_after, 0, xio.checkpoint)
      assert.is_false(xio.is_cancelled(timeout))
    end)
  end)
end)
