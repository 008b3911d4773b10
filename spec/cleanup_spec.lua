-- Cleanup: xio.cleanup and its grace, xio.defer, and errors that meet a cancellation while
-- they unwind (C7).

local xio = require "xio"
local support = require "spec.support"
local util = require "spec.support.util"

local it = support.it(it)
local run, closing, watch = support.run, support.closing, util.watch

-- All that can be found out from `err`: it, its leaves, and what each of them suppressed.
local function everything(err)
  local found = {}
  local function add(value)
    for leaf in xio.each_error(value) do
      found[leaf] = true
      for _, suppressed in ipairs(xio.suppressed(leaf) or {}) do
        found[suppressed] = true
      end
    end
    for _, suppressed in ipairs(xio.suppressed(value) or {}) do
      found[suppressed] = true
    end
  end
  add(err)
  return found
end

describe("cleanup", function()
  it("gives the results of what it runs, and takes arguments", function()
    run(function()
      local results = table.pack(xio.cleanup(function(...)
        xio.sleep(1)
        return ...
      end, 1, nil, 3))
      assert.same({ 1, nil, 3, n = 3 }, results)
      local v = {}
      local ok, err = pcall(xio.cleanup, error, v)
      assert.is_false(ok)
      assert.equal(v, err)
    end)
  end)

  it("runs to its end in a cancelled scope", function()
    run(function()
      local elapsed = watch()
      local released = false
      local ok = xio.scope(function(s)
        s:cancel()
        local _c <close> = closing(function()
          xio.cleanup(function()
            xio.sleep(1)
            released = true
          end)
        end)
        xio.sleep(10)
      end)
      assert.is_false(ok)
      assert.is_true(released)
      assert.equal(1, elapsed())
    end)
  end)

  it("is hidden from the cancellation for five seconds from its entry", function()
    run(function()
      local elapsed = watch()
      xio.scope(function(s)
        s:cancel("outer")
        xio.shield(xio.sleep, 2)
        xio.cleanup(xio.sleep, 4.5)
        assert.equal(6.5, elapsed())
        local ok, err = pcall(xio.cleanup, xio.sleep, 100)
        assert.is_false(ok)
        assert.is_true(xio.is_cancelled(err))
        assert.equal("outer", err.reason)
        assert.equal(11.5, elapsed())
      end)
    end)
  end)

  it("or for the run's grace", function()
    run(function()
      local elapsed = watch()
      local ok = xio.scope(function(s)
        s:cancel()
        xio.cleanup(xio.sleep, 100)
        error("not reached")
      end)
      assert.is_false(ok)
      assert.equal(0.5, elapsed())
    end, { grace = 0.5 })
  end)

  it("has no limit while nothing is cancelled", function()
    run(function()
      local elapsed = watch()
      xio.cleanup(xio.sleep, 100)
      xio.move_on_after(500, xio.cleanup, xio.sleep, 300)
      assert.equal(400, elapsed())
    end)
  end)

  it("counts its grace from a cancellation that comes later", function()
    run(function()
      local elapsed = watch()
      xio.group(function(g)
        local scope
        local task = g:spawn(function()
          return xio.scope(function(s)
            scope = s
            xio.cleanup(xio.sleep, 1000)
          end)
        end)
        xio.sleep(100)
        scope:cancel("later")
        local ok, err = task:await()
        assert.is_false(ok)
        assert.equal("later", err.reason)
      end)
      assert.equal(105, elapsed())
    end)
  end)

  it("counts its grace from an outer deadline", function()
    run(function()
      local elapsed = watch()
      assert.is_false((xio.move_on_after(1, xio.cleanup, xio.sleep, 100)))
      assert.equal(6, elapsed())
    end)
  end)

  it("that is done within the grace hands over at the next checkpoint", function()
    run(function()
      local elapsed = watch()
      local passed = false
      local ok = xio.move_on_after(1, function()
        xio.cleanup(xio.sleep, 4)
        passed = true
        xio.checkpoint()
        error("not reached")
      end)
      assert.is_false(ok)
      assert.is_true(passed)
      assert.equal(4, elapsed())
    end)
  end)

  it("keeps its own deadlines and cancels working inside", function()
    run(function()
      local elapsed = watch()
      xio.scope(function(s)
        s:cancel()
        xio.cleanup(function()
          local ok, err = pcall(xio.fail_after, 1, xio.sleep, 3)
          assert.is_false(ok)
          assert.is_true(xio.is_timeout(err))
          xio.scope(function(inner)
            inner:cancel()
            xio.sleep(3)
          end)
        end)
      end)
      assert.equal(1, elapsed())
    end)
  end)

  it("covers the groups opened in it, up to the end of the grace", function()
    run(function()
      local elapsed = watch()
      local log = {}
      local ok = xio.scope(function(s)
        s:cancel()
        xio.cleanup(function()
          xio.group(function(g)
            for _, seconds in ipairs { 1, 4, 9 } do
              g:spawn(function()
                xio.sleep(seconds)
                log[#log + 1] = seconds
              end)
            end
          end)
        end)
      end)
      assert.is_false(ok)
      assert.same({ 1, 4 }, log)
      assert.equal(5, elapsed())
    end)
  end)
end)

describe("defer", function()
  it("runs at the end of its block, with its arguments, in reverse", function()
    run(function()
      local log = {}
      local function note(...) log[#log + 1] = table.concat({ ... }, ",") end
      do
        local _a <close> = xio.defer(note, "a", 1)
        local _b <close> = xio.defer(note, "b")
        log[#log + 1] = "body"
      end
      assert.same({ "body", "b", "a,1" }, log)
    end)
  end)

  it("may wait in a cancelled scope", function()
    run(function()
      local elapsed = watch()
      local released = false
      local ok = xio.move_on_after(1, function()
        local _d <close> = xio.defer(function()
          xio.sleep(2)
          released = true
        end)
        xio.sleep(10)
      end)
      assert.is_false(ok)
      assert.is_true(released)
      assert.equal(3, elapsed())
    end)
  end)

  it("has the run's grace, then the cancellation goes on", function()
    run(function()
      local elapsed = watch()
      local ok = xio.move_on_after(1, function()
        local _d <close> = xio.defer(xio.sleep, 100)
        xio.sleep(10)
      end)
      assert.is_false(ok)
      assert.equal(3, elapsed())
    end, { grace = 2 })
  end)

  it("runs after an error, which goes on as it is", function()
    run(function()
      local elapsed = watch()
      local v = {}
      local ok, err = pcall(function()
        local _d <close> = xio.defer(xio.sleep, 1)
        error(v)
      end)
      assert.is_false(ok)
      assert.equal(v, err)
      assert.equal(1, elapsed())
    end)
  end)

  it("on a normal way out its error is the error", function()
    run(function()
      local v = {}
      local ok, err = pcall(function()
        local _d <close> = xio.defer(error, v)
        return "result"
      end)
      assert.is_false(ok)
      assert.equal(v, err)
    end)
  end)

  it("its error joins the one in flight: neither is lost", function()
    run(function()
      local first, second, third = { "first" }, { "second" }, { "third" }
      local ok, err = pcall(xio.scope, function()
        local _b <close> = xio.defer(error, third)
        local _a <close> = xio.defer(error, second)
        error(first)
      end)
      assert.is_false(ok)
      local found = everything(err)
      assert.is_true(found[first])
      assert.is_true(found[second])
      assert.is_true(found[third])
      assert.equal(first, support.leaves(err)[1])
    end)
  end)

  it("CAN-25 its error surfaces where a Cancelled was in flight", function()
    run(function()
      local v = {}
      local scope
      local ok, err = pcall(xio.scope, function(s)
        scope = s
        s:cancel()
        local _d <close> = xio.defer(error, v)
        xio.sleep(10)
      end)
      assert.is_false(ok)
      assert.is_true(everything(err)[v])
      assert.is_false(scope.cancelled_caught)
    end)
  end)

  it("E5 refuses what cannot be called", function()
    run(function()
      for _, value in ipairs { 5, "text", {} } do
        local ok, err = pcall(xio.defer, value)
        assert.is_false(ok)
        assert.is_true(util.contains(err, "defer"), tostring(err))
      end
    end)
  end)
end)

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

describe("the end of a task", function()
  it("T12 closes what it held when an error ends it, and may wait there", function()
    run(function()
      local elapsed = watch()
      local log = {}
      local v = {}
      local ok, err = pcall(xio.group, function(g)
        g:spawn(function()
          local _b <close> = closing(function(e)
            xio.shield(xio.sleep, 1)
            log[#log + 1] = e == v and "b"
          end)
          local _a <close> = closing(function(e)
            xio.shield(xio.sleep, 1)
            log[#log + 1] = e == v and "a"
          end)
          error(v)
        end)
      end)
      assert.is_false(ok)
      assert.equal(v, err)
      assert.same({ "a", "b" }, log)
      assert.equal(2, elapsed())
    end)
  end)

  it("T12 RUN-11 in the main task too: run waits for it, then raises", function()
    local v = {}
    local took
    local ok, err = pcall(run, function()
      local elapsed = watch()
      local _c <close> = closing(function()
        xio.sleep(0.1)
        took = elapsed()
      end)
      error(v)
    end)
    assert.is_false(ok)
    assert.equal(v, err)
    assert.equal(0.1, took)
  end)

  it("T12 an error in a close handler is the task's error", function()
    run(function()
      local v = {}
      local ok, err = pcall(xio.group, function(g)
        g:spawn(function()
          local _c <close> = closing(function() error(v) end)
          return "result"
        end)
      end)
      assert.is_false(ok)
      assert.equal(v, err)
    end)
  end)

  it("T12 the group waits for close handlers of cancelled children", function()
    run(function()
      local elapsed = watch()
      local released = 0
      xio.group(function(g)
        for _ = 1, 3 do
          g:spawn(function()
            local _d <close> = xio.defer(function()
              xio.sleep(2)
              released = released + 1
            end)
            xio.sleep_forever()
          end)
        end
        xio.sleep(1)
        g:cancel()
      end)
      assert.equal(3, released)
      assert.equal(3, elapsed())
    end)
  end)
end)

describe("xio.atomic", function()
  it("C7 an error that was caught leaves nothing behind for a later cancellation", function()
    support.run(function()
      local completed = xio.move_on_after(1, function()
        pcall(xio.atomic, error, "old")
        xio.sleep(2)
      end)
      assert.is_false(completed)
    end)
  end)
end)
