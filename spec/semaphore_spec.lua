-- Semaphores: permits, their limit, hand-over in order, many schedules.

local xio = require "xio"
local support = require "spec.support"
local schedules = require "spec.support.schedules"

local it = support.it(it)
local run, catch, misuse = support.run, support.catch, support.misuse
local recorder = support.recorder

describe("a semaphore", function()
  it("lets at most n tasks in", function()
    run(function()
      local semaphore, inside, most = xio.semaphore(3), 0, 0
      xio.group(function(g)
        for _ = 1, 9 do
          g:spawn(function()
            local _ <close> = semaphore:acquire()
            inside = inside + 1
            most = math.max(most, inside)
            xio.sleep(1)
            inside = inside - 1
          end)
        end
        xio.sleep(0.5)
        assert.same({ waiting = 6, held = 3, total = 3 }, semaphore:stats())
        assert.equal(0, semaphore.value)
      end)
      assert.equal(3, most)
      assert.equal(3, xio.now())
      assert.same({ waiting = 0, held = 0, total = 3 }, semaphore:stats())
    end)
  end)

  it("SYN-13 may begin at 0, and be used as a signal", function()
    run(function()
      local semaphore = xio.semaphore(0)
      assert.equal(0, semaphore.value)
      assert.is_false(semaphore:try_acquire())
      local task = xio.spawn(function()
        for _ = 1, 3 do semaphore:acquire() end
      end)
      xio.checkpoint()
      for _ = 1, 3 do semaphore:release() end
      task:await()
      assert.equal(0, semaphore.value)
      semaphore:release()
      assert.equal(1, semaphore.value)
      assert.is_true(semaphore:try_acquire())
      assert.same({ waiting = 0, held = 0, total = 0 }, semaphore:stats())
      semaphore:release() -- more released than acquired
      assert.same({ waiting = 0, held = -1, total = 0 }, semaphore:stats())
      assert.equal(1, semaphore.value)
    end)
  end)

  it("SYN-13 refuses more releases than its max", function()
    local semaphore = xio.semaphore(1, 2)
    assert.equal(2, semaphore.max)
    semaphore:release()
    misuse(function() semaphore:release() end, "semaphore:release", "too often", "2")
    assert.equal(2, semaphore.value)
    local exact = xio.semaphore(2, 2)
    misuse(function() exact:release() end, "semaphore:release", "too often")
    assert.is_nil(xio.semaphore(1).max)
  end)

  it("goes round in the order of coming, without barging", function()
    run(function()
      local semaphore, log, seen = xio.semaphore(1), recorder()
      semaphore:acquire()
      for i = 1, 3 do
        xio.spawn(function()
          semaphore:acquire()
          log(i)
          semaphore:release()
        end)
      end
      xio.checkpoint()
      semaphore:release()
      assert.is_false(semaphore:try_acquire())
      semaphore:acquire()
      log "last"
      assert.same({ 1, 2, 3, "last" }, seen)
      semaphore:release()
    end)
  end)

  it("has a guard and with(), which give the permit back on every way out", function()
    run(function()
      local semaphore, err = xio.semaphore(1), {}
      assert.equal(semaphore, semaphore:acquire())
      semaphore:release()
      do
        local _ <close> = semaphore:acquire()
        assert.equal(0, semaphore.value)
      end
      assert.same({ n = 2, nil, 2 }, table.pack(semaphore:with(function(...)
        xio.sleep(1)
        return ...
      end, nil, 2)))
      assert.equal(err, catch(semaphore.with, semaphore, error, err))
      assert.is_false((xio.move_on_after(1, semaphore.with, semaphore, xio.sleep_forever)))
      assert.equal(1, semaphore.value)
      misuse(function() semaphore:with() end, "semaphore:with", "#1", "function")
    end)
  end)

  it("SYN-14 used twice as a guard is an error where it has a max", function()
    run(function()
      local semaphore = xio.semaphore(1, 1)
      misuse(function()
        local _ <close> = semaphore:acquire()
        semaphore:release()
      end, "semaphore.__close", "too often")
      assert.equal("mine", catch(function()
        local _ <close> = semaphore:acquire()
        semaphore:release()
        error("mine", 0)
      end))
      assert.equal(1, semaphore.value)
    end)
  end)

  it("SYN-27 is acquired without a switch where possible, but not under a cancellation", function()
    run(function()
      local semaphore, ran, over, rounds = xio.semaphore(1), false, false, 0
      xio.spawn(function() ran = true end)
      semaphore:with(function() assert.is_false(ran) end)
      local scope = xio.new_scope()
      scope:cancel()
      assert.is_false((scope:run(function() semaphore:acquire() end)))
      assert.equal(1, semaphore.value)
      xio.spawn(function() over = true end)
      while not over do -- T9
        semaphore:with(function() rounds = rounds + 1 end)
        assert.is_true(rounds < 1e6)
      end
    end)
  end)

  it("prints how many are free", function()
    assert.equal("semaphore (2 of 2 free)", tostring(xio.semaphore(2)))
    assert.is_nil(xio.semaphore(2).nothing)
  end)
end)

describe("cancelling who waits for a semaphore", function()
  it("SYN-25 takes nothing and leaves no trace", function()
    run(function()
      local semaphore = xio.semaphore(0)
      local task = xio.spawn(function() semaphore:acquire() end)
      xio.checkpoint()
      task:cancel()
      assert.equal(0, semaphore:stats().waiting)
      semaphore:release()
      task:wait()
      assert.equal("cancelled", task:status())
      assert.equal(1, semaphore.value)
    end)
  end)

  it("C3 comes too late after the hand-over", function()
    run(function()
      local semaphore, got = xio.semaphore(0), false
      local task = xio.spawn(function()
        semaphore:acquire()
        got = true
        xio.checkpoint()
      end)
      xio.checkpoint()
      semaphore:release()
      task:cancel()
      task:wait()
      assert.is_true(got)
      assert.equal("cancelled", task:status())
      assert.equal(0, semaphore.value)
    end)
  end)
end)

describe("a semaphore of several runs", function()
  it("SYN-26 is made outside, used in two, released from outside", function()
    local semaphore = xio.semaphore(1)
    run(function() semaphore:acquire() end)
    semaphore:release()
    run(function() semaphore:with(xio.sleep, 1) end)
    assert.same({ waiting = 0, held = 0, total = 1 }, semaphore:stats())
  end)

  it("gets a permit back that was handed to a task of a runtime that is collected", function()
    for _, make in ipairs { xio.semaphore, xio.limiter } do
      local object = make(0)
      local rt = xio.new()
      rt:spawn(function() object:acquire() end)
      rt:step(0)
      assert.equal(1, object:stats().waiting)
      if make == xio.limiter then object.total = 1 else object:release() end
      assert.equal(0, object:stats().waiting)
      rt = nil -- luacheck: ignore 311
      collectgarbage()
      collectgarbage()
      assert.equal(make == xio.limiter and 0 or -1, object:stats().held)
      run(function() object:with(function() end) end)
    end
  end)

  it("hands a permit to a task of the run around", function()
    run(function()
      local semaphore = xio.semaphore(0)
      local task = xio.spawn(function() semaphore:acquire() end)
      xio.checkpoint()
      run(function()
        semaphore:release()
        assert.is_false(semaphore:try_acquire())
      end)
      task:await()
    end)
  end)
end)

describe("semaphores under many schedules", function()
  it("lose no permit, make none, and keep the order", function()
    schedules.each(1000, function(random)
      local total = random(3)
      local semaphore, inside, came, got = xio.semaphore(total, total), 0, {}, {}
      schedules.crowd(random, 8, 6, function(i)
        for _ = 1, 2 do
          schedules.dawdle(random)
          local waits = semaphore.value == 0
          if waits then came[#came + 1] = i end
          local _ <close> = semaphore:acquire()
          if waits then got[#got + 1] = i end
          inside = inside + 1
          assert(inside <= total)
          local _leave <close> = support.closing(function() inside = inside - 1 end)
          assert(semaphore.value <= 0 or semaphore:stats().waiting == 0)
          schedules.dawdle(random)
        end
      end)
      local stats = semaphore:stats()
      assert(stats.waiting == 0 and stats.held == 0 and stats.total == total)
      assert(inside == 0 and semaphore.value == total)
    end)
  end)

  it("hand out permits in the order of coming", function()
    schedules.each(500, function(random)
      local semaphore, came = xio.semaphore(0), {}
      local waiting = {} -- the model: who waits, in order
      schedules.crowd(random, 8, 4, function(i)
        schedules.dawdle(random)
        waiting[#waiting + 1] = i
        local ok, err = pcall(semaphore.acquire, semaphore)
        if ok then
          came[#came + 1] = i
        else
          for at, other in ipairs(waiting) do
            if other == i then table.remove(waiting, at) end
          end
          error(err, 0)
        end
      end, function()
        xio.sleep(9)
        -- handed over one at a time, so that the order of running tells that of handing
        while semaphore:stats().waiting > 0 do
          semaphore:release()
          xio.checkpoint()
          xio.checkpoint()
        end
      end)
      assert(table.concat(came, " ") == table.concat(waiting, " "))
    end)
  end)
end)

describe("misuse of semaphores", function()
  it("SYN-13 E5 names the function and the argument", function()
    misuse(function() xio.semaphore(-1) end, "xio.semaphore", "#1", "at least 0")
    misuse(function() xio.semaphore(1.5) end, "xio.semaphore", "#1", "integer")
    misuse(function() xio.semaphore() end, "xio.semaphore", "#1", "integer")
    misuse(function() xio.semaphore("1") end, "xio.semaphore", "#1", "integer")
    misuse(function() xio.semaphore(3, 2) end, "xio.semaphore", "#2", "at least 3")
    misuse(function() xio.semaphore(0, "x") end, "xio.semaphore", "#2", "integer")
    local semaphore = xio.semaphore(1)
    run(function()
      misuse(function() semaphore.acquire(5) end, "semaphore:acquire", "bad self", "xio.Semaphore")
      misuse(function() xio.atomic(semaphore.acquire, semaphore) end, "semaphore:acquire",
        "atomic")
    end)
    if not support.in_task() then
      misuse(function() semaphore:acquire() end, "semaphore:acquire", "not inside xio.run")
    end
    assert.equal(1, semaphore.value)
  end)

  it("E6 is told as a deadlock", function()
    local err = catch(run, function() xio.semaphore(0):acquire() end)
    support.mentions(tostring(err), "deadlock", "semaphore")
  end)
end)
