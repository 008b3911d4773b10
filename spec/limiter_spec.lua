-- Limiters: a token per borrower, a total that changes, many schedules.

local xio = require "xio"
local support = require "spec.support"
local schedules = require "spec.support.schedules"

local it = support.it(it)
local run, catch, misuse = support.run, support.catch, support.misuse
local recorder = support.recorder

--- A task that borrows a token for `seconds` and logs `name` when it has it.
local function borrower(limiter, log, name, seconds)
  return xio.spawn(function()
    local _ <close> = limiter:acquire()
    log(name)
    xio.sleep(seconds or 1)
  end)
end

describe("a limiter", function()
  it("lets at most n tasks in, in the order of their coming", function()
    run(function()
      local limiter, log, seen = xio.limiter(2), recorder()
      for i = 1, 6 do borrower(limiter, log, i) end
      xio.sleep(0.5)
      assert.same({ waiting = 4, held = 2, total = 2 }, limiter:stats())
      assert.equal(2, limiter.held)
      assert.equal(0, limiter.available)
      xio.sleep(3)
      assert.same({ 1, 2, 3, 4, 5, 6 }, seen)
      assert.same({ waiting = 0, held = 0, total = 2 }, limiter:stats())
      assert.equal(2, limiter.available)
    end)
  end)

  it("SYN-15 gives one token to each task", function()
    run(function()
      local limiter = xio.limiter(3)
      assert.equal(limiter, limiter:acquire())
      misuse(function() limiter:acquire() end, "limiter:acquire", "holds a token")
      misuse(function() limiter:try_acquire() end, "limiter:try_acquire", "holds a token")
      misuse(function() limiter:with(print) end, "limiter:with", "holds a token")
      assert.equal(1, limiter.held)
      limiter:release()
      assert.is_true(limiter:try_acquire())
      limiter:release()
    end)
  end)

  it("SYN-15 takes a token back only from who has one", function()
    run(function()
      local limiter = xio.limiter(1)
      misuse(function() limiter:release() end, "limiter:release", "holds no token")
      borrower(limiter, function() end, "other")
      xio.checkpoint()
      misuse(function() limiter:release() end, "limiter:release", "holds no token")
      assert.equal(1, limiter.held)
    end)
  end)

  it("SYN-15 lends on behalf of anything", function()
    run(function()
      local limiter, thing = xio.limiter(2), {}
      assert.equal(limiter, limiter:acquire_on_behalf_of(thing))
      assert.is_true(limiter:try_acquire_on_behalf_of("name"))
      assert.is_false(limiter:try_acquire_on_behalf_of("other"))
      misuse(function() limiter:acquire_on_behalf_of(thing) end,
        "limiter:acquire_on_behalf_of", "holds a token")
      misuse(function() limiter:try_acquire_on_behalf_of("name") end,
        "limiter:try_acquire_on_behalf_of", "name", "holds a token")
      local task = xio.spawn(function() limiter:acquire_on_behalf_of(5) end)
      xio.checkpoint()
      misuse(function() limiter:acquire_on_behalf_of(5) end,
        "limiter:acquire_on_behalf_of", "waits for a token")
      misuse(function() limiter:release_on_behalf_of(5) end,
        "limiter:release_on_behalf_of", "holds no token")
      limiter:release_on_behalf_of(thing)
      task:await()
      limiter:release_on_behalf_of(5)
      limiter:release_on_behalf_of("name")
      misuse(function() limiter:release_on_behalf_of("name") end,
        "limiter:release_on_behalf_of", "holds no token")
      assert.equal(0, limiter.held)
    end)
  end)

  it("SYN-15 a task is a borrower like another", function()
    run(function()
      local limiter = xio.limiter(1)
      local task = xio.spawn(function()
        limiter:release()
      end)
      limiter:acquire_on_behalf_of(task)
      task:await()
      assert.equal(0, limiter.held)
    end)
  end)

  it("SYN-16 admits waiters when its total grows", function()
    run(function()
      local limiter, log, seen = xio.limiter(2), recorder()
      for i = 1, 5 do borrower(limiter, log, i, 10) end
      xio.sleep(1)
      assert.same({ 1, 2 }, seen)
      limiter.total = 4
      assert.equal(4, limiter.total)
      assert.same({ waiting = 1, held = 4, total = 4 }, limiter:stats())
      xio.sleep(1)
      assert.same({ 1, 2, 3, 4 }, seen)
    end)
  end)

  it("SYN-16 may owe tokens when its total shrinks, until they are given back", function()
    run(function()
      local limiter, log, seen = xio.limiter(4), recorder()
      for i = 1, 4 do borrower(limiter, log, i, i) end
      borrower(limiter, log, 5)
      xio.sleep(0.5)
      limiter.total = 1
      assert.equal(-3, limiter.available)
      assert.same({ waiting = 1, held = 4, total = 1 }, limiter:stats())
      xio.sleep(3)
      assert.same({ 1, 2, 3, 4 }, seen)
      xio.sleep(1)
      assert.same({ 1, 2, 3, 4, 5 }, seen)
    end)
  end)

  it("SYN-16 of 0 blocks all; of math.huge none", function()
    run(function()
      local limiter = xio.limiter(0)
      assert.is_false(limiter:try_acquire())
      assert.is_false((xio.move_on_after(1, limiter.acquire, limiter)))
      limiter.total = math.huge
      assert.equal(math.huge, limiter.total)
      assert.equal(math.huge, limiter.available)
      assert.equal(math.huge, limiter:stats().total)
      for i = 1, 100 do assert.is_true(limiter:try_acquire_on_behalf_of(i)) end
      limiter.total = 0
      assert.equal(-100, limiter.available)
      for i = 1, 100 do limiter:release_on_behalf_of(i) end
      assert.equal(0, limiter.held)
    end)
  end)

  it("SYN-17 keeps a released token for who waits", function()
    run(function()
      local limiter, log, seen = xio.limiter(1), recorder()
      limiter:acquire()
      borrower(limiter, log, "waiter")
      xio.checkpoint()
      limiter:release()
      assert.is_false(limiter:try_acquire())
      xio.checkpoint()
      assert.same({ "waiter" }, seen)
    end)
  end)

  it("has a guard and with(), which give the token back on every way out", function()
    run(function()
      local limiter, err = xio.limiter(1), {}
      do
        local _ <close> = limiter:acquire()
        assert.equal(1, limiter.held)
      end
      assert.same({ n = 3, 1, nil, 3 }, table.pack(limiter:with(function(...)
        xio.sleep(1)
        return ...
      end, 1, nil, 3)))
      assert.equal(err, catch(limiter.with, limiter, error, err))
      assert.is_false((xio.move_on_after(1, limiter.with, limiter, xio.sleep_forever)))
      local task = borrower(limiter, function() end, 1, 5)
      xio.checkpoint()
      assert.equal("waited", limiter:with(function() return "waited" end))
      assert.equal("done", task:status())
      assert.equal(0, limiter.held)
      misuse(function() limiter:with(5) end, "limiter:with", "#1", "function")
    end)
  end)

  it("SYN-14 used twice as a guard is an error, which hides no other", function()
    run(function()
      local limiter = xio.limiter(1)
      misuse(function()
        local _ <close> = limiter:acquire()
        limiter:release()
      end, "limiter.__close", "holds no token")
      assert.equal("mine", catch(function()
        local _ <close> = limiter:acquire()
        limiter:release()
        error("mine", 0)
      end))
    end)
  end)

  it("SYN-27 is acquired without a switch where possible, but not under a cancellation", function()
    run(function()
      local limiter, ran, rounds = xio.limiter(1), false, 0
      xio.spawn(function() ran = true end)
      limiter:with(function() assert.is_false(ran) end)
      local scope = xio.new_scope()
      scope:cancel()
      assert.is_false((scope:run(function() limiter:acquire() end)))
      assert.equal(0, limiter.held)
      ran = false
      xio.spawn(function() ran = true end)
      while not ran do -- T9
        limiter:with(function() rounds = rounds + 1 end)
        assert.is_true(rounds < 1e6)
      end
    end)
  end)

  it("prints how many tokens are out", function()
    assert.equal("limiter (0 of 2 held)", tostring(xio.limiter(2)))
    assert.is_nil(xio.limiter(2).nothing)
  end)
end)

describe("cancelling who waits for a token", function()
  it("SYN-25 borrows nothing, and it may try again", function()
    run(function()
      local limiter = xio.limiter(1)
      limiter:acquire_on_behalf_of("x")
      local task = xio.spawn(function()
        assert.is_false((xio.move_on_after(1, limiter.acquire, limiter)))
        assert.is_false((xio.move_on_after(1, limiter.acquire_on_behalf_of, limiter, "y")))
        assert.equal(0, limiter:stats().waiting)
        limiter:acquire()
        limiter:acquire_on_behalf_of("y")
      end)
      xio.sleep(5)
      limiter:release_on_behalf_of("x")
      xio.sleep(1)
      limiter.total = 2
      task:await()
      assert.equal(2, limiter.held)
    end)
  end)

  it("C3 comes too late after the hand-over", function()
    run(function()
      local limiter, log, seen = xio.limiter(1), recorder()
      limiter:acquire()
      local task = borrower(limiter, log, "got it", 100)
      xio.checkpoint()
      limiter:release()
      task:cancel()
      task:wait()
      assert.same({ "got it" }, seen)
      assert.equal(0, limiter.held)
    end)
  end)

  it("in a run that is closed forgets for whom it waited", function()
    local limiter = xio.limiter(0)
    local rt = xio.new { clock = "virtual", signals = false }
    rt:spawn(function() limiter:acquire_on_behalf_of("x") end)
    rt:step()
    assert.equal(1, limiter:stats().waiting)
    rt:close()
    assert.equal(0, limiter:stats().waiting)
    limiter.total = 1
    assert.is_true(limiter:try_acquire_on_behalf_of("x"))
  end)
end)

describe("a limiter of several runs", function()
  it("SYN-26 is made outside and used in two", function()
    local limiter = xio.limiter(1)
    for _ = 1, 2 do run(function() limiter:with(xio.sleep, 1) end) end
    assert.same({ waiting = 0, held = 0, total = 1 }, limiter:stats())
  end)
end)

describe("limiters under many schedules", function()
  it("lose no token and let nobody in beyond their total", function()
    schedules.each(1000, function(random)
      local limiter, inside = xio.limiter(random(4)), 0
      schedules.crowd(random, 8, 6, function(i)
        for _ = 1, 2 do
          schedules.dawdle(random)
          if i == 1 then limiter.total = random(4) end
          local before = inside
          local _ <close> = limiter:acquire()
          inside = inside + 1
          assert(limiter.held >= inside)
          assert(before >= 0)
          local _leave <close> = support.closing(function() inside = inside - 1 end)
          assert(limiter.available <= 0 or limiter:stats().waiting == 0)
          schedules.dawdle(random)
        end
      end)
      local stats = limiter:stats()
      assert(stats.waiting == 0 and stats.held == 0 and inside == 0)
    end)
  end)

  it("keep a total that does not change, and the order of coming", function()
    schedules.each(500, function(random)
      local total = random(3)
      local limiter, inside, waiting, came = xio.limiter(total), 0, {}, {}
      schedules.crowd(random, 8, 4, function(i)
        schedules.dawdle(random)
        if limiter.available == 0 then waiting[#waiting + 1] = i end
        local ok, err = pcall(limiter.acquire, limiter)
        if not ok then
          for at, other in ipairs(waiting) do
            if other == i then table.remove(waiting, at) end
          end
          error(err, 0)
        end
        local _ <close> = limiter
        inside = inside + 1
        assert(inside <= total)
        local _leave <close> = support.closing(function() inside = inside - 1 end)
        came[i] = true
        schedules.dawdle(random)
      end)
      for _, i in ipairs(waiting) do assert(came[i]) end
      assert(limiter:stats().held == 0)
    end)
  end)
end)

describe("misuse of limiters", function()
  it("E5 names the function and the argument", function()
    for _, wrong in ipairs { -1, 1.5, -math.huge, 0 / 0 } do
      misuse(function() xio.limiter(wrong) end, "xio.limiter", "#1", "at least 0")
    end
    misuse(function() xio.limiter() end, "xio.limiter", "#1", "integer")
    misuse(function() xio.limiter("2") end, "xio.limiter", "#1", "integer")
    local limiter = xio.limiter(1)
    misuse(function() limiter.total = -1 end, "limiter.total", "at least 0")
    misuse(function() limiter.total = "2" end, "limiter.total", "integer")
    misuse(function() limiter.held = 1 end, "held", "cannot be set")
    assert.equal(1, limiter.total)
    run(function()
      misuse(function() limiter.acquire(5) end, "limiter:acquire", "bad self", "xio.Limiter")
      misuse(function() limiter:acquire_on_behalf_of() end, "limiter:acquire_on_behalf_of",
        "#1", "borrower")
      misuse(function() limiter:acquire_on_behalf_of(0 / 0) end,
        "limiter:acquire_on_behalf_of", "#1", "NaN")
      misuse(function() limiter:release_on_behalf_of(nil) end,
        "limiter:release_on_behalf_of", "#1", "borrower")
      misuse(function() xio.atomic(limiter.acquire, limiter) end, "limiter:acquire", "atomic")
    end)
    if not support.in_task() then
      misuse(function() limiter:acquire() end, "limiter:acquire", "not inside xio.run")
      misuse(function() limiter:try_acquire() end, "limiter:try_acquire", "not inside xio.run")
      misuse(function() limiter:release() end, "limiter:release", "not inside xio.run")
    end
    assert.equal(0, limiter.held)
  end)

  it("E6 is told as a deadlock", function()
    local err = catch(run, function() xio.limiter(0):acquire() end)
    support.mentions(tostring(err), "deadlock", "limiter")
  end)
end)
