-- xio.testing: settle waits until all others wait; advance moves the virtual clock by hand.

local xio = require "xio"
local testing = require "xio.testing"
local support = require "spec.support"
local util = require "spec.support.util"

local it = support.it(it)
local run, watch, contains = support.run, util.watch, util.contains

describe("testing.settle", function()
  it("is a field of xio as well", function()
    -- not the same table where busted has loaded the module anew for this file
    for name in pairs(testing) do assert.is_function(xio.testing[name], name) end
    assert.is_function(xio.testing.settle)
  end)

  it("SCH-15 returns when a busy task has ended", function()
    run(function()
      xio.group(function(g)
        local steps = 0
        g:spawn(function()
          for _ = 1, 10 do
            xio.checkpoint()
            steps = steps + 1
          end
        end)
        testing.settle()
        assert.equal(10, steps)
      end)
    end)
  end)

  it("returns at once where nobody else is", function()
    run(function()
      local elapsed = watch()
      testing.settle()
      assert.equal(0, elapsed())
    end)
  end)

  it("CLK-02 returns before the clock jumps", function()
    run(function()
      local elapsed = watch()
      xio.group(function(g)
        local slept = false
        g:spawn(function()
          xio.sleep(10)
          slept = true
        end)
        testing.settle()
        assert.is_false(slept)
        assert.equal(0, elapsed())
      end)
      assert.equal(10, elapsed())
    end)
  end)

  it("waits for a chain of tasks that wake each other", function()
    run(function()
      xio.group(function(g)
        local last = g:spawn(function() xio.checkpoint() end)
        local ended = 0
        for _ = 1, 20 do
          local before = last
          last = g:spawn(function()
            before:await()
            ended = ended + 1
          end)
        end
        testing.settle()
        assert.equal(20, ended)
      end)
    end)
  end)

  it("SCH-15 with a cushion returns after that long without work", function()
    run(function()
      local elapsed = watch()
      xio.group(function(g)
        local steps = 0
        g:spawn(function()
          for _ = 1, 3 do
            xio.sleep(0.5)
            steps = steps + 1
          end
        end)
        g:spawn({ daemon = true }, xio.sleep, 1000)
        testing.settle(1)
        assert.equal(3, steps)
        assert.equal(2.5, elapsed())
      end)
    end)
  end)

  it("SCH-15 can be cancelled", function()
    run(function()
      local elapsed = watch()
      xio.group(function(g)
        g:spawn({ daemon = true }, function()
          while true do
            xio.sleep(0.25)
          end
        end)
        assert.is_false((xio.move_on_after(2, testing.settle, 1)))
        assert.equal(2, elapsed())
      end)
      assert.is_false((xio.move_on_after(0, testing.settle)))
    end)
  end)

  it("two of them do not wait for each other", function()
    run(function()
      xio.group(function(g)
        local steps = 0
        local other = g:spawn(function()
          testing.settle()
          return steps
        end)
        g:spawn(function()
          for _ = 1, 5 do
            xio.checkpoint()
            steps = steps + 1
          end
        end)
        testing.settle()
        assert.equal(5, steps)
        assert.equal(5, other:await())
      end)
    end)
  end)

  it("E5 refuses a cushion that is no time", function()
    run(function()
      for _, cushion in ipairs { "long", 0 / 0, {} } do
        local ok, err = pcall(testing.settle, cushion)
        assert.is_false(ok)
        assert.is_true(contains(err, "settle"), tostring(err))
      end
    end)
  end)
end)

describe("testing.advance", function()
  it("moves the clock by exactly that much", function()
    run(function()
      local elapsed = watch()
      testing.advance(2.5)
      assert.equal(2.5, elapsed())
      testing.advance(0.125)
      testing.advance(0)
      assert.equal(2.625, elapsed())
    end)
  end)

  it("wakes what is due, in order, and nothing else", function()
    run(function()
      xio.group(function(g)
        local log = {}
        for _, s in ipairs { 3, 1, 2, 2.5, 2.75 } do
          g:spawn(function()
            xio.sleep(s)
            log[#log + 1] = s
          end)
        end
        testing.settle()
        testing.advance(2.5)
        testing.settle()
        assert.same({ 1, 2, 2.5 }, log)
        testing.advance(0.25)
        testing.settle()
        assert.same({ 1, 2, 2.5, 2.75 }, log)
      end)
    end)
  end)

  it("makes deadlines pass", function()
    run(function()
      xio.group(function(g)
        local outcome
        g:spawn(function()
          outcome = xio.move_on_after(5, xio.sleep, 10)
        end)
        testing.settle()
        testing.advance(4.5)
        testing.settle()
        assert.is_nil(outcome)
        testing.advance(0.5)
        testing.settle()
        assert.is_false(outcome)
      end)
    end)
  end)

  it("makes the caller's own deadline pass, which its next checkpoint raises", function()
    run(function()
      local passed = false
      local ok = xio.move_on_after(5, function()
        testing.advance(4)
        xio.checkpoint()
        passed = true
        testing.advance(2)
        xio.checkpoint()
        error("not reached")
      end)
      assert.is_true(passed)
      assert.is_false(ok)
    end)
  end)

  it("CLK-01 refuses to go back, and what is no time", function()
    run(function()
      local elapsed = watch()
      for _, s in ipairs { -1, 0 / 0, "long", {} } do
        local ok, err = pcall(testing.advance, s)
        assert.is_false(ok)
        assert.is_true(contains(err, "advance"), tostring(err))
      end
      assert.is_false((pcall(testing.advance)))
      assert.equal(0, elapsed())
    end)
  end)

  it("refuses where the clock is real", function()
    run(function()
      local ok, err = pcall(testing.advance, 1)
      assert.is_false(ok)
      assert.is_true(contains(err, "virtual"), tostring(err))
    end, { clock = "real" })
  end)

  it("moves the clock of the innermost run only", function()
    run(function()
      local outer = watch()
      run(function()
        local inner = watch()
        testing.advance(5)
        assert.equal(5, inner())
      end)
      assert.equal(0, outer())
    end)
  end)
end)
