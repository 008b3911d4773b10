-- Errors that meet a cancellation, or each other, while they unwind (C7).

local xio = require "xio"
local support = require "spec.support"
local util = require "spec.support.util"

local it = support.it(it)
local run, closing = support.run, support.closing
local everything, watch = util.everything, util.watch

describe("an error that unwinds", function()
  -- Closes with a checkpoint that is not shielded.
  local function checkpointer() return closing(function() xio.checkpoint() end) end

  it("CAN-26 is not replaced by a Cancelled met in a close handler", function()
    run(function()
      local v = {}
      local ok, err = pcall(xio.scope, function(s)
        local _c <close> = checkpointer()
        s:cancel("during")
        error(v)
      end)
      assert.is_false(ok)
      assert.equal(v, err)
    end)
  end)

  it("CAN-26 and keeps the Cancelled beside it", function()
    run(function()
      local v = {}
      pcall(xio.scope, function(s)
        local _c <close> = checkpointer()
        s:cancel("during")
        error(v)
      end)
      local list = xio.suppressed(v)
      assert.equal(1, #list)
      assert.equal("cancel", list[1].source)
      assert.equal("during", list[1].reason)
    end)
  end)

  it("C7 nor by several on its way through deep calls", function()
    run(function()
      local v = {}
      local closed = 0
      local function deep(n)
        local _c <close> = closing(function()
          closed = closed + 1
          xio.sleep(1)
        end)
        if n == 0 then
          error(v)
        end
        deep(n - 1)
      end
      local ok, err = pcall(xio.scope, function(s)
        s:cancel()
        deep(5)
      end)
      assert.is_false(ok)
      assert.equal(v, err)
      assert.equal(6, closed)
    end)
  end)

  it("C7 whatever its type", function()
    run(function()
      for _, value in ipairs { "text", false, 42 } do
        local ok, err = pcall(xio.scope, function(s)
          local _c <close> = checkpointer()
          s:cancel()
          error(value, 0)
        end)
        assert.is_false(ok)
        assert.equal(value, err)
      end
    end)
  end)

  it("C7 nor by a deadline that passes while it unwinds", function()
    run(function()
      local elapsed = watch()
      for _, limit in ipairs { xio.move_on_after, xio.fail_after } do
        local v = {}
        local ok, err = pcall(limit, 1, function()
          local _c <close> = closing(function() xio.sleep(10) end)
          error(v)
        end)
        assert.is_false(ok)
        assert.equal(v, err)
      end
      assert.equal(2, elapsed())
    end)
  end)

  it("C7 in a task whose group was cancelled it fails the group", function()
    run(function()
      local v = {}
      local task
      local ok, err = pcall(xio.group, function(g)
        task = g:spawn(function()
          local _c <close> = checkpointer()
          g:cancel()
          error(v)
        end)
      end)
      assert.is_false(ok)
      assert.equal(v, err)
      assert.equal("failed", task:status())
    end)
  end)

  it("C7 in the body of a group whose child failed, both are raised", function()
    run(function()
      local mine, childs = {}, {}
      local ok, err = pcall(xio.group, function(g)
        g:spawn(error, childs)
        local _c <close> = checkpointer()
        xio.shield(xio.sleep, 1)
        error(mine)
      end)
      assert.is_false(ok)
      assert.is_true(everything(err)[mine])
      assert.is_true(everything(err)[childs])
    end)
  end)

  it("C7 in the main task it ends the run", function()
    local v = {}
    local ok, err = pcall(run, function()
      xio.spawn(function()
        xio.sleep(1)
        error("late", 0)
      end)
      local _c <close> = closing(function() xio.sleep(5) end)
      error(v)
    end)
    assert.is_false(ok)
    assert.is_true(everything(err)[v])
    assert.is_true(everything(err).late)
  end)

  it("C7 through cleanup, shield, defer and pcall in the handler", function()
    run(function()
      local v = {}
      local ok, err = pcall(xio.scope, function(s)
        local _a <close> = closing(function() xio.cleanup(xio.sleep, 100) end)
        local _b <close> = xio.defer(xio.sleep, 100)
        local _c <close> = closing(function()
          xio.shield(xio.sleep, 1)
          pcall(xio.sleep, 1)
          xio.sleep(1)
        end)
        s:cancel()
        error(v)
      end)
      assert.is_false(ok)
      assert.equal(v, err)
    end)
  end)

  it("CAN-25 raised while a Cancelled unwinds, it wins", function()
    run(function()
      local v = {}
      local scope
      local ok, err = pcall(xio.scope, function(s)
        scope = s
        local _b <close> = checkpointer()
        local _a <close> = closing(function() error(v) end)
        s:cancel()
        xio.sleep(10)
      end)
      assert.is_false(ok)
      assert.equal(v, err)
      assert.is_false(scope.cancelled_caught)
    end)
  end)

  it("C7 a Cancelled that meets more of its kind is one Cancelled", function()
    run(function()
      local ok, err = xio.scope(function(s)
        local _b <close> = checkpointer()
        local _a <close> = checkpointer()
        s:cancel("once")
        xio.sleep(10)
      end)
      assert.is_false(ok)
      assert.equal("once", err.reason)
    end)
  end)

  it("C7 one that was handled before does not come back", function()
    run(function()
      local v = {}
      local ok, err = xio.scope(function(s)
        pcall(error, v)
        pcall(function()
          local _c <close> = closing(function() end)
          error(v)
        end)
        s:cancel("after")
        xio.sleep(10)
      end)
      assert.is_false(ok)
      assert.equal("after", err.reason)
    end)
  end)

  it("C7 one that the body handled does not end a body that completed", function()
    run(function()
      local ok, result = xio.scope(function(s)
        pcall(function()
          local _c <close> = checkpointer()
          s:cancel()
          error({})
        end)
        return "done"
      end)
      assert.same({ true, "done" }, { ok, result })
    end)
  end)

  it("C7 nor does one that a handler caught while a Cancelled unwinds", function()
    run(function()
      local ok, err = xio.scope(function(s)
        local _c <close> = closing(function() pcall(error, "handled") end)
        s:cancel("why")
        xio.sleep(10)
      end)
      assert.is_false(ok)
      assert.equal("why", err.reason)
    end)
  end)

  it("C7 close handlers see what is in flight", function()
    run(function()
      local seen = {}
      xio.scope(function(s)
        local _b <close> = closing(function(err) seen.cancelled = xio.is_cancelled(err) end)
        s:cancel()
        xio.sleep(10)
      end)
      local v = {}
      pcall(xio.scope, function()
        local _b <close> = closing(function(err) seen.error = err end)
        error(v)
      end)
      assert.is_true(seen.cancelled)
      assert.equal(v, seen.error)
    end)
  end)
end)
