-- xio.race: the first to end; the others are cancelled and have ended before it returns.

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

describe("xio.race", function()
  it("gives the index and the results of the first to end, holes kept", function()
    run(function()
      local got
      local took = support.elapsed(function()
        got = table.pack(xio.race(after(3, "c"), after(1, "a", nil, 2, nil), after(2, "b")))
      end)
      assert.same({ n = 5, 2, "a", nil, 2, nil }, got)
      assert.near(1, took, 1e-9)
    end)
  end)

  it("takes one list as well, and a single function", function()
    run(function()
      assert.same({ 2, "b" }, { xio.race { after(2, "a"), after(1, "b") } })
      assert.same({ 1 }, { xio.race(after(1)) })
    end)
  end)

  it("HND-11 returns when the cleanup of the losers is over", function()
    local log, seen = recorder()
    run(function()
      local took = support.elapsed(function()
        assert.equal(2, xio.race(function()
          local _cleanup <close> = closing(function(why)
            xio.shield(xio.sleep, 2)
            log("cleaned up after " .. why.source)
          end)
          xio.sleep_forever()
        end, after(1)))
      end)
      log("returned")
      assert.near(3, took, 1e-9)
      assert.equal(1, #xio.tree())
    end)
    assert.same({ "cleaned up after cancel", "returned" }, seen)
  end)

  it("raises the very error of the first to end", function()
    run(function()
      for _, value in ipairs { {}, "boom", false, 42 } do
        local err = catch(xio.race, after(2), function()
          xio.sleep(1)
          error(value, 0)
        end)
        assert.is_true(rawequal(value, err))
        assert.equal(1, #xio.tree())
      end
    end)
  end)

  it("keeps the error of another beside the first", function()
    run(function()
      local first, second = { "first" }, { "second" }
      local err = catch(xio.race, function() error(first) end, function() error(second) end)
      assert.equal(first, err)
      assert.same({ second }, xio.suppressed(err))
    end)
  end)

  it("raises what a loser's cleanup raises: no error is lost", function()
    run(function()
      local value = {}
      local err = catch(xio.race, after(1), function()
        local _cleanup <close> = closing(function() error(value) end)
        xio.sleep_forever()
      end)
      assert.equal(value, err)
    end)
  end)

  it("has one winner where two end in one turn", function()
    run(function()
      for seed = 1, 20 do
        xio.run({ clock = "virtual", seed = seed, signals = false }, function()
          local index, value = xio.race(after(1, "a"), after(1, "b"))
          assert.equal(({ "a", "b" })[index], value)
        end)
      end
    end)
  end)

  it("passes an outer cancellation on, once all have ended", function()
    local log, seen = recorder()
    run(function()
      local completed, why = xio.move_on_after(1, function()
        xio.race(xio.sleep_forever, function()
          local _cleanup <close> = closing(function() log("ended") end)
          xio.sleep_forever()
        end)
        log("never")
      end)
      assert.is_false(completed)
      assert.equal("deadline", why.source)
    end)
    assert.same({ "ended" }, seen)
  end)

  it("C3 returns the winner although a cancellation comes while the losers end", function()
    run(function()
      local after_it = false
      local completed = xio.move_on_after(2, function()
        local index, value = xio.race(after(1, "won"), function()
          local _cleanup <close> = closing(function() xio.shield(xio.sleep, 5) end)
          xio.sleep_forever()
        end)
        assert.same({ 1, "won" }, { index, value })
        after_it = true
        xio.checkpoint()
        error("not reached")
      end)
      assert.is_false(completed)
      assert.is_true(after_it)
    end)
  end)

  it("in a cancelled scope still runs what meets no checkpoint", function()
    run(function()
      local completed, index, value = xio.scope(function(scope)
        scope:cancel()
        return xio.race(function() xio.checkpoint() end, function() return 2 end)
      end)
      assert.same({ true, 2, 2 }, { completed, index, value })
    end)
  end)

  it("lets others run", function()
    local ran = false
    run(function()
      xio.spawn(function() ran = true end)
      xio.race(function() end)
      assert.is_true(ran)
    end)
  end)

  it("names the tasks by their functions", function()
    run(function()
      local name
      local at = support.here(1)
      xio.race(function() name = xio.current().name end)
      support.mentions(name, at)
    end)
  end)

  it("E5 refuses none, and what cannot be called, before anything starts", function()
    run(function()
      local started = false
      local function start() started = true end
      support.misuse(function() xio.race() end, "race", "function")
      support.misuse(function() xio.race {} end, "race", "function")
      support.misuse(function() xio.race(start, 42) end, "race", "#2")
      xio.sleep(1)
      assert.is_false(started)
    end)
    if not support.in_task() then
      support.misuse(function() xio.race(print) end, "race", "xio.run")
    end
  end)
end)
