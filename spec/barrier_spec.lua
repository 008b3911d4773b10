-- Barriers: n tasks pass together, with their places; rounds; cancelled arrivals.

local xio = require "xio"
local support = require "spec.support"
local schedules = require "spec.support.schedules"

local it = support.it(it)
local run, catch, misuse = support.run, support.catch, support.misuse

--- Functions for xio.gather: `count` of them, each waits at `barrier`.
local function parties(barrier, count)
  local list = {}
  for i = 1, count do list[i] = function() return barrier:wait() end end
  return list
end

describe("a barrier", function()
  it("SYN-23 lets n tasks pass together, with their places in order of coming", function()
    run(function()
      local barrier, places, passed = xio.barrier(3), {}, 0
      for i = 1, 3 do
        xio.spawn(function()
          xio.sleep(i)
          places[i] = barrier:wait()
          passed = passed + 1
          assert.equal(3, xio.now())
        end)
      end
      xio.sleep(2.5)
      assert.same({ waiting = 2, total = 3 }, barrier:stats())
      assert.equal(0, passed)
      xio.sleep(1)
      assert.same({ 0, 1, 2 }, places)
      assert.same({ waiting = 0, total = 3 }, barrier:stats())
      assert.equal(3, barrier.total)
    end)
  end)

  it("SYN-23 begins another round with whoever comes next", function()
    run(function()
      local barrier = xio.barrier(3)
      for _ = 1, 3 do
        assert.same({ 0, 1, 2, n = 3 }, xio.gather(parties(barrier, 3)))
      end
      assert.same({ 0, 1, 2, 0, 1, 2, n = 6 }, xio.gather(parties(barrier, 6)))
      local fourth = xio.spawn(function() return barrier:wait() end)
      xio.checkpoint()
      assert.equal("waiting", fourth:status())
      fourth:cancel()
    end)
  end)

  it("of one lets everybody pass at once, in turns", function()
    run(function()
      local barrier, ran, rounds = xio.barrier(1), false, 0
      assert.equal(0, barrier:wait())
      xio.spawn(function() ran = true end)
      while not ran do -- T9
        barrier:wait()
        rounds = rounds + 1
        assert.is_true(rounds < 1e6)
      end
    end)
  end)

  it("is a checkpoint also for the last", function()
    run(function()
      local barrier, scope = xio.barrier(1), xio.new_scope()
      scope:cancel()
      assert.is_false((scope:run(function() barrier:wait() end)))
    end)
  end)

  it("is not reached by a task that was cancelled before", function()
    run(function()
      local barrier, places = xio.barrier(2), {}
      local first = xio.spawn(function() barrier:wait() end)
      xio.checkpoint()
      first:cancel()
      assert.equal(0, barrier:stats().waiting)
      for i = 1, 2 do
        xio.spawn(function() places[i] = barrier:wait() end)
        xio.sleep(1)
      end
      assert.same({ 0, 1 }, places)
    end)
  end)

  it("C3 was passed where the last came before the cancellation", function()
    run(function()
      local barrier = xio.barrier(2)
      local first = xio.spawn(function() return barrier:wait() end)
      xio.checkpoint()
      assert.equal(1, barrier:wait())
      first:cancel()
      assert.equal(0, first:await())
    end)
  end)

  it("SYN-26 is made outside, used in several runs and across them", function()
    local barrier = xio.barrier(2)
    for _ = 1, 2 do
      run(function() assert.same({ 0, 1, n = 2 }, xio.gather(parties(barrier, 2))) end)
    end
    run(function()
      local outer = xio.spawn(function() return barrier:wait() end)
      xio.checkpoint()
      run(function() assert.equal(1, barrier:wait()) end)
      assert.equal(0, outer:await())
    end)
  end)

  it("prints how many wait", function()
    assert.equal("barrier (0 of 4 waiting)", tostring(xio.barrier(4)))
    assert.is_nil(xio.barrier(4).nothing)
  end)
end)

describe("barriers under many schedules", function()
  it("give each place once a round", function()
    schedules.each(1000, function(random)
      local n = random(4)
      local barrier, counts, passed = xio.barrier(n), {}, 0
      local function pass()
        local place = barrier:wait()
        counts[place] = (counts[place] or 0) + 1
        passed = passed + 1
      end
      schedules.crowd(random, 8, 5, function()
        for _ = 1, 2 do
          schedules.dawdle(random)
          pass()
        end
      end, function(group)
        while #group > 0 do -- rounds that lack somebody are filled up
          xio.sleep(5)
          local waiting = barrier:stats().waiting
          for _ = 1, waiting > 0 and n - waiting or 0 do group:spawn(pass) end
        end
      end)
      assert(passed % n == 0)
      for place = 0, n - 1 do assert((counts[place] or 0) == passed // n) end
      assert(barrier:stats().waiting == 0)
    end)
  end)
end)

describe("misuse of barriers", function()
  it("E5 names the function and the argument", function()
    misuse(function() xio.barrier(0) end, "xio.barrier", "#1", "at least 1")
    misuse(function() xio.barrier(1.5) end, "xio.barrier", "#1", "integer")
    misuse(function() xio.barrier() end, "xio.barrier", "#1", "integer")
    misuse(function() xio.barrier(1 << 40) end, "xio.barrier", "#1", "too many")
    local barrier = xio.barrier(1)
    run(function()
      misuse(function() barrier.wait(5) end, "barrier:wait", "bad self", "xio.Barrier")
      misuse(function() xio.atomic(barrier.wait, barrier) end, "barrier:wait", "atomic")
    end)
    if not support.in_task() then
      misuse(function() barrier:wait() end, "barrier:wait", "not inside xio.run")
    end
  end)

  it("E6 is told as a deadlock", function()
    local err = catch(run, function() xio.barrier(2):wait() end)
    support.mentions(tostring(err), "deadlock", "barrier")
  end)
end)
