-- Time: sleep, sleep_until, sleep_forever, now, on the virtual clock and on the real one.

local xio = require "xio"
local testing = require "xio.testing"
local support = require "spec.support"
local util = require "spec.support.util"

local it = support.it(it)
local run, watch, contains = support.run, util.watch, util.contains

describe("sleep", function()
  it("takes the time that was asked for", function()
    run(function()
      local elapsed = watch()
      xio.sleep(1)
      assert.equal(1, elapsed())
      xio.sleep(0.25)
      assert.equal(1.25, elapsed())
      xio.sleep(3600 * 24 * 365)
      assert.equal(1.25 + 3600 * 24 * 365, elapsed())
    end)
  end)

  it("is exact to less than a millisecond on the virtual clock", function()
    run(function()
      for _, s in ipairs { 0.001, 0.0015, 0.000001, 0.1, 1 / 3 } do
        local began = xio.now()
        xio.sleep(s)
        assert.is_true(math.abs(xio.now() - began - s) < 1e-8, "slept otherwise: " .. s)
      end
    end)
  end)

  it("C6 zero and less mean one turn", function()
    run(function()
      local elapsed = watch()
      for _, s in ipairs { 0, -1, -math.huge } do
        xio.group(function(g)
          local log = {}
          g:spawn(function()
            log[#log + 1] = "a"
            xio.sleep(s)
            log[#log + 1] = "c"
          end)
          g:spawn(function() log[#log + 1] = "b" end)
          testing.settle()
          assert.same({ "a", "b", "c" }, log)
        end)
      end
      assert.equal(0, elapsed())
    end)
  end)

  it("C6 infinity means for ever", function()
    run(function()
      local elapsed = watch()
      assert.is_false((xio.move_on_after(50, xio.sleep, math.huge)))
      assert.is_false((xio.move_on_after(50, xio.sleep_until, math.huge)))
      assert.equal(100, elapsed())
    end)
  end)

  it("E5 NaN and wrong types are argument errors that name it", function()
    run(function()
      for _, name in ipairs { "sleep", "sleep_until" } do
        for _, value in ipairs { 0 / 0, "soon", {}, true } do
          local ok, err = pcall(xio[name], value)
          assert.is_false(ok)
          assert.is_true(contains(err, name), tostring(err))
          assert.is_true(contains(err, "#1"), tostring(err))
        end
      end
    end)
  end)

  it("gives nothing", function()
    run(function()
      assert.equal(0, select("#", xio.sleep(1)))
      assert.equal(0, select("#", xio.sleep(0)))
      assert.equal(0, select("#", xio.sleep_until(xio.now() + 1)))
      assert.equal(0, select("#", xio.checkpoint()))
    end)
  end)
end)

describe("sleep_until", function()
  it("sleeps to an absolute time", function()
    run(function()
      local elapsed = watch()
      local at = xio.now() + 5
      xio.sleep(2)
      xio.sleep_until(at)
      assert.equal(5, elapsed())
    end)
  end)

  it("takes one turn for a time that has passed", function()
    run(function()
      local elapsed = watch()
      xio.group(function(g)
        local ran = false
        g:spawn(function() ran = true end)
        xio.sleep_until(xio.now() - 5)
        assert.is_true(ran)
      end)
      xio.sleep_until(-math.huge)
      assert.equal(0, elapsed())
    end)
  end)

  it("keeps a beat without drift", function()
    run(function()
      local elapsed = watch()
      local began = xio.now()
      for i = 1, 10 do
        xio.sleep(0.03)
        xio.sleep_until(began + i * 0.1)
      end
      assert.equal(1, elapsed())
    end)
  end)
end)

describe("sleep_forever", function()
  it("TMO-18 ends by cancellation only", function()
    run(function()
      local elapsed = watch()
      local passed = false
      local ok = xio.move_on_after(100, function()
        xio.sleep_forever()
        passed = true
      end)
      assert.is_false(ok)
      assert.is_false(passed)
      assert.equal(100, elapsed())
    end)
  end)
end)

describe("now", function()
  it("is a float and stands still while somebody works, on the virtual clock", function()
    run(function()
      local began = xio.now()
      assert.equal("float", math.type(began))
      for _ = 1, 1000 do
        xio.checkpoint()
      end
      assert.equal(began, xio.now())
    end)
  end)

  it("never goes back on the real one", function()
    run(function()
      assert.equal("float", math.type(xio.now()))
      local last = xio.now()
      for _ = 1, 200 do
        xio.checkpoint()
        local now = xio.now()
        assert.is_true(now >= last)
        last = now
      end
    end, { clock = "real" })
  end)
end)

describe("the virtual clock", function()
  it("CLK-02 jumps through an hour and a half of sleepers in order", function()
    local began = os.time()
    run(function()
      local elapsed = watch()
      local woke = {}
      xio.group(function(g)
        for i = 0, 90 do
          local s = (i * 37) % 91
          g:spawn(function()
            xio.sleep(s * 60)
            assert.equal(s * 60, elapsed())
            woke[#woke + 1] = s
          end)
        end
      end)
      assert.equal(91, #woke)
      for i = 1, 91 do
        assert.equal(i - 1, woke[i])
      end
      assert.equal(5400, elapsed())
    end)
    assert.is_true(os.time() - began < 30)
  end)

  it("jumps only when all wait", function()
    run(function()
      xio.group(function(g)
        local slept, steps = false, 0
        g:spawn(function()
          xio.sleep(0.001)
          slept = true
        end)
        for _ = 1, 1000 do
          xio.checkpoint()
          steps = slept and steps or steps + 1
        end
        assert.equal(1000, steps)
      end)
    end)
  end)

  it("wakes those of the same time in the order in which they went to sleep", function()
    run(function()
      local woke = {}
      local at = xio.now() + 10
      xio.group(function(g)
        for i = 1, 50 do
          g:spawn(function()
            xio.sleep_until(at)
            woke[#woke + 1] = i
          end)
        end
      end)
      for i = 1, 50 do
        assert.equal(i, woke[i])
      end
    end)
  end)

  it("a run inside has a clock of its own", function()
    run(function()
      local outer = watch()
      run(function()
        local inner = watch()
        xio.sleep(1000)
        assert.equal(1000, inner())
      end)
      assert.equal(0, outer())
      xio.sleep(1)
      assert.equal(1, outer())
    end)
  end)

  it("E5 another kind of clock is refused", function()
    run(function()
      local ran = false
      local ok, err = pcall(xio.run, { clock = "sundial" }, function() ran = true end)
      assert.is_false(ok)
      assert.is_true(contains(err, "clock"), tostring(err))
      assert.is_false(ran)
    end)
  end)
end)

describe("the real clock", function()
  it("C6 a sleep never ends early, whatever its fraction of a millisecond", function()
    run(function()
      for _, s in ipairs { 0.00001, 0.0005, 0.0011, 0.0019, 0.00299 } do
        local began = xio.now()
        xio.sleep(s)
        assert.is_true(xio.now() - began >= s - 1e-9, "early: " .. s)
        local at = xio.now() + s
        xio.sleep_until(at)
        assert.is_true(xio.now() >= at - 1e-9, "early: until " .. s)
      end
    end, { clock = "real" })
  end)

  it("C6 nor after work that the loop did not see", function()
    run(function()
      local began, start = os.clock(), xio.now()
      repeat until os.clock() - began > 0.003
      local before = xio.now()
      assert.is_true(before - start >= 0.0029, "now() did not see the work")
      xio.sleep(0.002)
      assert.is_true(xio.now() - before >= 0.002 - 1e-9)
    end, { clock = "real" })
  end)

  it("GRP-26 a hundred sleepers sleep at once", function()
    run(function()
      local began = xio.now()
      xio.group(function(g)
        for _ = 1, 100 do
          g:spawn(xio.sleep, 0.02)
        end
      end)
      local took = xio.now() - began
      assert.is_true(took >= 0.02 - 1e-9)
      assert.is_true(took < 0.5)
    end, { clock = "real" })
  end)
end)
