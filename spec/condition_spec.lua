-- Conditions: waiting without the lock, having it again on every way out.

local xio = require "xio"
local support = require "spec.support"
local schedules = require "spec.support.schedules"

local it = support.it(it)
local run, catch, misuse = support.run, support.catch, support.misuse
local recorder = support.recorder

--- A task that waits for `condition`, and logs `name` when it goes on with the lock.
local function waiter(condition, log, name)
  return xio.spawn(function()
    local _ <close> = condition:acquire()
    condition:wait()
    assert.equal(xio.current(), condition.owner)
    log(name)
  end)
end

describe("a condition", function()
  it("SYN-19 wakes one, two or all, in the order of their coming", function()
    run(function()
      for count, expected in ipairs { { 1 }, { 1, 2 }, { 1, 2, 3 } } do
        local condition, log, seen = xio.condition(), recorder()
        for i = 1, 3 do waiter(condition, log, i) end
        xio.checkpoint()
        assert.equal(3, condition:stats().waiting)
        condition:with(function()
          if count == 3 then
            assert.equal(3, condition:notify_all())
          else
            assert.equal(count, condition:notify(count > 1 and count or nil))
          end
          assert.equal(3 - count, condition:stats().waiting)
          xio.sleep(1)
          assert.same({}, seen) -- nobody goes on without the lock
        end)
        xio.sleep(1)
        assert.same(expected, seen)
        condition:with(function() condition:notify_all() end)
        xio.sleep(1)
        assert.equal(3, #seen)
        assert.is_false(condition.locked)
      end
    end)
  end)

  it("releases the lock while it waits, and has it again after", function()
    run(function()
      local condition = xio.condition()
      local task = xio.spawn(function()
        condition:acquire()
        local result = condition:wait()
        local owner = condition.owner
        condition:release()
        return result, owner
      end)
      xio.checkpoint()
      assert.is_false(condition.locked)
      condition:acquire()
      condition:notify()
      condition:release()
      assert.equal(task, condition.owner) -- handed over
      local result, owner = task:await()
      assert.is_true(result)
      assert.equal(task, owner)
    end)
  end)

  it("works with a lock that is given, also with several conditions on it", function()
    run(function()
      local lock = xio.lock()
      local full, empty = xio.condition(lock), xio.condition(lock)
      assert.equal(lock, full.lock)
      assert.equal(lock, empty.lock)
      assert.are_not_equal(xio.condition().lock, xio.condition().lock)
      local items, got = {}, {}
      xio.group(function(g)
        g:spawn(function()
          for i = 1, 10 do
            local _ <close> = lock:acquire()
            while #items == 2 do full:wait() end
            items[#items + 1] = i
            empty:notify()
          end
        end)
        g:spawn(function()
          for _ = 1, 10 do
            local _ <close> = lock:acquire()
            while #items == 0 do empty:wait() end
            got[#got + 1] = table.remove(items, 1)
            full:notify()
          end
        end)
      end)
      assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, got)
    end)
  end)

  it("has the methods and fields of its lock", function()
    run(function()
      local condition = xio.condition()
      assert.equal(condition, condition:acquire())
      assert.is_true(condition.locked)
      assert.is_true(condition.lock.locked)
      assert.equal(xio.current(), condition.owner)
      assert.same({ waiting = 0, held = 1 }, condition:stats())
      condition:release()
      assert.is_true(condition:try_acquire())
      assert.is_false(xio.spawn(condition.try_acquire, condition):await())
      condition:release()
      do
        local _ <close> = condition:acquire()
        assert.is_true(condition.locked)
      end
      assert.equal(2, select("#", condition:with(function(...) return ... end, nil, 2)))
      assert.is_false(condition.locked)
      assert.equal("condition (0 waiting)", tostring(condition))
      assert.is_nil(condition.nothing)
      misuse(function()
        local _ <close> = condition:acquire()
        condition:release()
      end, "condition.__close", "nobody owns")
    end)
  end)

  it("loses a notification that nobody waits for", function()
    run(function()
      local condition = xio.condition()
      condition:with(function() assert.equal(0, condition:notify()) end)
      condition:acquire()
      assert.is_nil((condition:wait(1)))
      condition:release()
    end)
  end)
end)

describe("condition:wait with a timeout", function()
  it("gives nil, an error and ETIMEDOUT, with the lock", function()
    run(function()
      local condition = xio.condition()
      local _ <close> = condition:acquire()
      local value, err, code = condition:wait(2)
      assert.is_nil(value)
      assert.equal("ETIMEDOUT", code)
      assert.equal("ETIMEDOUT", err.code)
      assert.equal(2, xio.now())
      assert.equal(xio.current(), condition.owner)
      assert.equal("ETIMEDOUT", select(3, condition:wait(0)))
      assert.equal(0, condition:stats().waiting)
    end)
  end)

  it("waits on for the lock", function()
    run(function()
      local condition, at = xio.condition(), nil
      local task = xio.spawn(function()
        local _ <close> = condition:acquire()
        local code = select(3, condition:wait(2))
        at = xio.now()
        return code
      end)
      xio.checkpoint()
      condition:with(xio.sleep, 5)
      assert.equal("ETIMEDOUT", task:await())
      assert.equal(5, at)
    end)
  end)

  it("does not count any longer once it was notified", function()
    run(function()
      local condition = xio.condition()
      local task = xio.spawn(function()
        local _ <close> = condition:acquire()
        return condition:wait(2)
      end)
      xio.checkpoint()
      condition:with(function()
        condition:notify()
        xio.sleep(5)
      end)
      assert.is_true(task:await())
    end)
  end)
end)

describe("cancelling who waits for a condition", function()
  it("SYN-21 passes the notification of the same turn to the second", function()
    run(function()
      local condition, log, seen = xio.condition(), recorder()
      local first = waiter(condition, log, "first")
      waiter(condition, log, "second")
      xio.checkpoint()
      condition:with(function()
        first:cancel()
        assert.equal(1, condition:notify(1))
      end)
      first:wait()
      xio.sleep(0)
      assert.same({ "second" }, seen)
    end)
  end)

  it("SYN-21 the other way round: who was notified first goes on", function()
    run(function()
      local condition, log, seen = xio.condition(), recorder()
      local first = waiter(condition, log, "first")
      xio.checkpoint()
      condition:with(function()
        condition:notify(1)
        first:cancel()
      end)
      first:wait()
      assert.same({ "first" }, seen)
      assert.equal("done", first:status())
    end)
  end)

  it("raises with the lock, for which it waits without being cancelled again", function()
    run(function()
      local condition, owned, at = xio.condition(), nil, nil
      local task = xio.spawn(function()
        condition:acquire()
        local err = catch(condition.wait, condition)
        owned, at = condition.owner == xio.current(), xio.now()
        condition:release()
        error(err, 0)
      end)
      xio.checkpoint()
      condition:acquire()
      task:cancel("enough")
      assert.equal(0, condition:stats().waiting)
      xio.sleep(3)
      assert.is_nil(owned)
      condition:release()
      task:wait()
      assert.is_true(owned)
      assert.equal(3, at)
      assert.equal("cancelled", task:status())
      assert.is_false(condition.locked)
    end)
  end)

  it("before it begins keeps the lock", function()
    run(function()
      local condition, scope = xio.condition(), xio.new_scope()
      scope:cancel()
      assert.is_false((scope:run(function()
        xio.shield(condition.acquire, condition)
        condition:wait()
      end)))
      assert.equal(xio.current(), condition.owner)
      condition:release()
    end)
  end)

  it("SYN-11 tells where the lock is broken by then", function()
    run(function()
      local condition, told = xio.condition(), 0
      for i = 1, 2 do
        xio.spawn(function()
          condition:acquire()
          if i == 1 then
            misuse(function() condition:wait() end, "condition:wait", "broken: owner exited")
          else
            misuse(function() condition:wait(1) end, "condition:wait", "broken: owner exited")
          end
          told = told + 1
        end)
      end
      xio.checkpoint()
      xio.spawn(function()
        condition:acquire()
        condition:notify()
        xio.sleep(2)
      end):await()
      xio.sleep(1)
      assert.equal(2, told)
    end)
  end)
end)

describe("a condition of several runs", function()
  it("SYN-26 is made outside and used in two", function()
    local condition = xio.condition()
    for _ = 1, 2 do
      run(function()
        local log, seen = recorder()
        waiter(condition, log, "woken")
        xio.checkpoint()
        condition:with(function() condition:notify() end)
        xio.sleep(1)
        assert.same({ "woken" }, seen)
      end)
    end
  end)

  it("wakes tasks of the run around", function()
    run(function()
      local condition, log, seen = xio.condition(), recorder()
      local task = waiter(condition, log, "outer")
      xio.checkpoint()
      run(function()
        condition:with(function() condition:notify_all() end)
      end)
      task:await()
      assert.same({ "outer" }, seen)
    end)
  end)
end)

describe("who was notified", function()
  it("SYN-24 moves to the queue of the lock, in order, and stays there when cancelled", function()
    run(function()
      local condition = xio.condition()
      local lock, order, cut = condition.lock, {}, {}
      xio.group(function(group)
        local tasks = {}
        for i = 1, 3 do
          tasks[i] = group:spawn(function()
            local _guard <close> = condition:acquire()
            condition:wait()
            order[#order + 1] = i
            cut[i] = not pcall(xio.checkpoint)
          end)
        end
        xio.checkpoint()
        assert.same({ 3, 0 }, { condition:stats().waiting, lock:stats().waiting })
        condition:acquire()
        group:spawn(function() lock:with(function() order[#order + 1] = "other" end) end)
        xio.checkpoint()
        assert.equal(2, condition:notify(2))
        assert.same({ 1, 3 }, { condition:stats().waiting, lock:stats().waiting })
        tasks[1]:cancel()
        tasks[3]:cancel()
        xio.checkpoint()
        assert.same({ 0, 4 }, { condition:stats().waiting, lock:stats().waiting })
        assert.equal(0, condition:notify_all())
        condition:release()
      end)
      assert.same({ "other", 1, 2 }, order) -- the third was not notified
      assert.same({ true, false }, cut)
      assert.same({ 0, 0 }, { condition:stats().waiting, lock:stats().waiting })
      assert.is_false(lock.locked)
    end)
  end)
end)

describe("conditions under many schedules", function()
  it("lose no item of a buffer, whoever is cancelled", function()
    schedules.each(1000, function(random)
      local lock = xio.lock()
      local not_empty, items, taken, put = xio.condition(lock), 0, 0, 0
      schedules.crowd(random, 8, 5, function(i)
        for _ = 1, 2 do
          schedules.dawdle(random)
          local _ <close> = lock:acquire()
          if i % 2 == 0 then
            items, put = items + 1, put + 1
            not_empty:notify()
          else
            while items == 0 do
              local ok, err = pcall(not_empty.wait, not_empty, random(4) == 1 and 1 or nil)
              assert(lock.owner == xio.current())
              if not ok then error(err, 0) end
            end
            items, taken = items - 1, taken + 1
          end
        end
      end, function(group)
        -- a consumer may be left over: it gets its item, too
        while #group > 0 do
          xio.sleep(1)
          local _ <close> = lock:acquire()
          if not_empty:stats().waiting > 0 then
            items, put = items + 1, put + 1
            not_empty:notify()
          end
        end
      end)
      assert(put == taken + items and items >= 0)
      assert(not_empty:stats().waiting == 0 and not lock.locked)
      assert(lock:stats().waiting == 0)
    end)
  end)

  it("notify in the order of coming, and nobody twice", function()
    schedules.each(1000, function(random)
      local condition, waiting, notified, woken = xio.condition(), {}, {}, {}
      schedules.crowd(random, 8, 4, function(i)
        schedules.dawdle(random)
        local _ <close> = condition:acquire()
        waiting[#waiting + 1] = i
        local ok, err = pcall(condition.wait, condition)
        if ok then
          woken[#woken + 1] = i
        else
          for at, other in ipairs(waiting) do
            if other == i then table.remove(waiting, at) end
          end
          error(err, 0)
        end
      end, function(group)
        while #group > 0 do
          xio.sleep(1)
          local _ <close> = condition:acquire()
          xio.testing.settle() -- who was cancelled waits for the lock, and is still in the model
          local count = condition:notify(random(3))
          for _ = 1, count do notified[#notified + 1] = true end
        end
      end)
      assert(#woken == #notified)
      assert(table.concat(woken, " ") == table.concat(waiting, " "))
      assert(not condition.locked)
    end)
  end)
end)

describe("misuse of conditions", function()
  it("SYN-18 E5 waiting and notifying need the lock", function()
    run(function()
      local condition = xio.condition()
      misuse(function() condition:wait() end, "condition:wait", "nobody owns")
      misuse(function() condition:notify() end, "condition:notify", "nobody owns")
      misuse(function() condition:notify_all() end, "condition:notify_all", "nobody owns")
      misuse(function() condition:release() end, "condition:release", "nobody owns")
      xio.spawn({ name = "keeper" }, function()
        local _ <close> = condition:acquire()
        xio.sleep(1)
      end)
      xio.checkpoint()
      misuse(function() condition:wait() end, "condition:wait", "does not own", "keeper")
      misuse(function() condition:notify() end, "condition:notify", "does not own", "keeper")
    end)
  end)

  it("E5 names the function and the argument", function()
    misuse(function() xio.condition(5) end, "xio.condition", "#1", "xio.Lock")
    misuse(function() xio.condition({}) end, "xio.condition", "#1", "xio.Lock")
    local condition = xio.condition()
    run(function()
      condition:acquire()
      misuse(function() condition:acquire() end, "condition:acquire", "already")
      misuse(function() condition:wait("x") end, "condition:wait", "#1", "number of seconds")
      misuse(function() condition:notify(-1) end, "condition:notify", "#1", "at least 0")
      misuse(function() condition:notify("x") end, "condition:notify", "#1", "integer")
      misuse(function() condition.wait(5) end, "condition:wait", "bad self", "xio.Condition")
      misuse(function() condition:with() end, "condition:with", "#1", "function")
      misuse(function() xio.atomic(condition.wait, condition) end, "condition:wait", "atomic")
      assert.equal(xio.current(), condition.owner)
      condition:release()
    end)
    if not support.in_task() then
      misuse(function() condition:wait() end, "condition:wait", "not inside xio.run")
      misuse(function() condition:notify() end, "condition:notify", "not inside xio.run")
    end
  end)

  it("E6 is told as a deadlock", function()
    local err = catch(run, function()
      local condition = xio.condition()
      condition:acquire()
      condition:wait()
    end)
    support.mentions(tostring(err), "deadlock", "condition")
  end)
end)
