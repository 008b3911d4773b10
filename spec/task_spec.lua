-- Task handles: await, wait, result, cancel, status, names and parents.

local xio = require "xio"
local support = require "spec.support"
local schedules = require "spec.support.schedules"

local it = support.it(it)
local run, catch, closing, recorder = support.run, support.catch, support.closing, support.recorder

--- Runs a task that fails with `value`, catches its group's error, and gives the handle.
local function failed_task(value, seconds)
  local task
  catch(xio.group, function(g)
    task = g:spawn(function()
      if seconds then xio.sleep(seconds) end
      error(value, 0)
    end)
  end)
  return task
end

describe("a finished task", function()
  it("T6 gives its results, holes kept, to await and result, again and again", function()
    run(function()
      local task = xio.spawn(function() return 1, nil, 3, nil end)
      for _ = 1, 2 do
        assert.same({ n = 4, 1, nil, 3 }, table.pack(task:await()))
        assert.same({ n = 5, true, 1, nil, 3 }, table.pack(task:result()))
      end
      assert.equal("done", task:status())
    end)
  end)

  it("says that its results are too many for the stack of who awaits it", function()
    run(function()
      local count = 300
      local task = xio.spawn(table.unpack, {}, 1, count)
      local function await_above(_, ...) return select("#", task:await()), (...) end
      -- Lua's stack holds a million values
      assert.equal(count, await_above(table.unpack({}, 1, 999000)))
      local ok, err = pcall(function() await_above(table.unpack({}, 1, 999900)) end)
      assert.is_false(ok)
      assert.matches("stack overflow (too many results)", err, 1, true)
    end)
  end)

  it("T6 stays readable after its run", function()
    local done, failed, value = nil, nil, {}
    run(function()
      done = xio.spawn(function() return "kept" end)
      failed = failed_task(value)
    end)
    assert.same({ "done", "failed" }, { done:status(), failed:status() })
    assert.same({ n = 2, true, "kept" }, table.pack(done:result()))
    assert.equal(value, select(2, failed:result()))
  end)

  it("gives the identical object to all who await it", function()
    run(function()
      local value, seen = {}, {}
      local task = xio.spawn(function()
        xio.sleep(1)
        return value
      end)
      for i = 1, 3 do
        xio.spawn(function() seen[i] = task:await() end)
      end
      xio.sleep(2)
      for i = 1, 3 do assert.equal(value, seen[i]) end
    end)
  end)

  it("has no result before its end", function()
    run(function()
      local task = xio.spawn(xio.sleep, 1)
      assert.equal(0, select("#", task:result()))
      xio.checkpoint()
      assert.equal(0, select("#", task:result()))
      task:wait()
      assert.same({ n = 1, true }, table.pack(task:result()))
    end)
  end)

  it("may have returned hundreds of values", function()
    run(function()
      local many = {}
      for i = 1, 400 do many[i] = i end
      local task = xio.spawn(function() return table.unpack(many) end)
      assert.equal(400, select("#", task:await()))
      assert.equal(401, select("#", task:result()))
    end)
  end)
end)

describe("a failed task", function()
  it("HND-02 tells its error, await raises it, wait does not", function()
    for _, value in ipairs { "boom", {}, false } do
      run(function()
        local task = failed_task(value)
        assert.equal("failed", task:status())
        assert.is_true(rawequal(value, catch(task.await, task)))
        task:wait()
        local ok, err = task:result()
        assert.is_false(ok)
        assert.is_true(rawequal(value, err))
      end)
    end
  end)

  it("HND-02 E1 raises to those who were already waiting", function()
    run(function()
      local value, log, seen = {}, recorder()
      local held
      xio.spawn(function()
        xio.sleep(0.5)
        log(catch(held.await, held))
      end)
      xio.spawn(function()
        xio.sleep(0.5)
        held:wait()
        log("waited")
      end)
      catch(xio.group, function(g)
        held = g:spawn(function()
          xio.sleep(1)
          error(value)
        end)
      end)
      xio.sleep(1)
      assert.equal(value, seen[1])
      assert.equal("waited", seen[2])
    end)
  end)

  it("E1 has a named error where it raised nil", function()
    run(function()
      local task = failed_task(nil)
      local ok, err = task:result()
      assert.is_false(ok)
      support.mentions(tostring(err), "nil")
      assert.is_true(rawequal(err, catch(task.await, task)))
    end)
  end)
end)

describe("cancelling a task", function()
  it("HND-03 ends it as cancelled, and its group exits cleanly", function()
    local log, seen = recorder()
    run(function()
      local task
      xio.group(function(g)
        task = g:spawn(function()
          local _cleanup <close> = closing(function()
            xio.shield(xio.sleep, 1)
            log("cleaned up")
          end)
          xio.sleep_forever()
        end)
        g:spawn(function()
          xio.sleep(2)
          log("sibling")
        end)
        xio.sleep(0.5)
        task:cancel()
        task:wait()
        assert.equal("cancelled", task:status())
      end)
      assert.equal("cancelled", task:status())
    end)
    assert.same({ "cleaned up", "sibling" }, seen)
  end)

  it("HND-03 gives those who await it an error that is not their own cancellation", function()
    run(function()
      local task = xio.spawn(xio.sleep_forever)
      xio.checkpoint()
      task:cancel("tired")
      local err = catch(task.await, task)
      assert.is_false(xio.is_cancelled(err))
      support.mentions(tostring(err), { "cancelled", "cancel", "Cancelled" })
      local ok, again = task:result()
      assert.is_false(ok)
      assert.is_true(rawequal(err, again))
      xio.checkpoint()
    end)
  end)

  it("HND-03 fails a task that awaits it and does not catch that", function()
    run(function()
      local awaiter
      local err = catch(xio.group, function(g)
        local task = xio.spawn(xio.sleep_forever)
        awaiter = g:spawn(function() task:await() end)
        xio.checkpoint()
        task:cancel()
      end)
      assert.is_not_nil(err)
      assert.equal("failed", awaiter:status())
    end)
  end)

  it("tells it source, reason and who asked, and the first reason stands", function()
    run(function()
      local main, why = xio.current(), nil
      local task = xio.spawn(function()
        why = catch(xio.sleep_forever)
        error(why, 0)
      end)
      xio.checkpoint()
      assert.is_truthy(task:cancel("first"))
      assert.is_falsy(task:cancel("second"))
      task:wait()
      assert.same({ "cancel", "first" }, { why.source, why.reason })
      assert.equal(main, why.task)
    end)
  end)

  it("CAN-14 T5 before its first run lets it run up to its first checkpoint", function()
    local log, seen = recorder()
    run(function()
      local task = xio.spawn(function(resource)
        local _release <close> = closing(function() log("released " .. resource) end)
        log("begun")
        xio.checkpoint()
        log("never")
      end, "it")
      task:cancel()
      assert.same({}, seen)
      task:wait()
      assert.equal("cancelled", task:status())
    end)
    assert.same({ "begun", "released it" }, seen)
  end)

  it("T5 before its first run leaves one without checkpoints whole", function()
    run(function()
      local task = xio.spawn(function() return "whole" end)
      task:cancel()
      assert.equal("whole", task:await())
      assert.equal("done", task:status())
    end)
  end)

  it("CAN-28 that swallows it and returns leaves a finished task", function()
    run(function()
      local task
      xio.group(function(g)
        task = g:spawn(function()
          pcall(xio.sleep_forever)
          return 5
        end)
        xio.checkpoint()
        task:cancel()
      end)
      assert.equal(5, task:await())
      assert.equal("done", task:status())
    end)
  end)

  it("after its end changes nothing", function()
    run(function()
      local task = xio.spawn(function() return 5 end)
      task:wait()
      assert.is_falsy(task:cancel())
      assert.equal("done", task:status())
      assert.equal(5, task:await())
    end)
  end)

  it("from within itself is met at the next checkpoint", function()
    local log, seen = recorder()
    run(function()
      local task = xio.spawn(function()
        xio.current():cancel()
        log("still here")
        xio.checkpoint()
        log("never")
      end)
      task:wait()
      assert.equal("cancelled", task:status())
    end)
    assert.same({ "still here" }, seen)
  end)

  it("reaches the groups that it has opened", function()
    local log, seen = recorder()
    run(function()
      local task = xio.spawn(function()
        xio.group(function(g)
          g:spawn(function()
            local why = catch(xio.sleep_forever)
            log("grandchild " .. why.source)
            error(why, 0)
          end)
        end)
      end)
      xio.sleep(1)
      task:cancel()
      task:wait()
      assert.equal("cancelled", task:status())
    end)
    assert.same({ "grandchild cancel" }, seen)
  end)
end)

describe("an awaiting task", function()
  it("HND-05 may be cancelled; the awaited one keeps running", function()
    run(function()
      local task = xio.spawn(function()
        xio.sleep(2)
        return "kept"
      end)
      local completed = xio.move_on_after(1, task.await, task)
      assert.is_false(completed)
      assert.equal("waiting", task:status())
      assert.equal("kept", task:await())
    end)
  end)

  it("wait returns when the task has ended", function()
    run(function()
      local task = xio.spawn(xio.sleep, 3)
      assert.near(3, support.elapsed(task.wait, task), 1e-6)
      assert.near(0, support.elapsed(task.wait, task), 1e-6)
    end)
  end)

  it("C3 keeps a result that came before its cancellation in the same turn", function()
    run(function()
      local got
      local task = xio.spawn(function()
        xio.sleep(1)
        return "result"
      end)
      local scope = xio.new_scope()
      xio.spawn(function()
        task:wait()
        scope:cancel()
      end)
      xio.checkpoint()
      scope:run(function()
        got = task:await()
        xio.sleep_forever()
      end)
      assert.equal("result", got)
    end)
  end)
end)

describe("the status of a task", function()
  it("is ready, running, waiting, then done", function()
    run(function()
      local inside
      local task = xio.spawn(function()
        inside = xio.current():status()
        xio.sleep(1)
      end)
      assert.equal("ready", task:status())
      xio.checkpoint()
      assert.equal("running", inside)
      assert.equal("waiting", task:status())
      assert.equal("running", xio.current():status())
      task:wait()
      assert.equal("done", task:status())
    end)
  end)

  it("is ready between two turns", function()
    run(function()
      local task = xio.spawn({ daemon = true }, function()
        while true do xio.checkpoint() end
      end)
      xio.checkpoint()
      assert.equal("ready", task:status())
    end)
  end)
end)

describe("the identity of a task", function()
  it("is one object wherever it shows", function()
    run(function()
      local inside
      xio.group(function(g)
        local task = g:spawn(function()
          inside = xio.current()
          xio.sleep(1)
        end)
        xio.checkpoint()
        assert.equal(task, inside)
        assert.equal(task, g:tasks()[1])
        local keyed = { [task] = "found" }
        assert.equal("found", keyed[inside])
      end)
      assert.equal(xio.current(), xio.current())
    end)
  end)

  it("has a parent: the task that opened its group", function()
    run(function()
      local main = xio.current()
      local guest
      xio.group(function(g)
        local child = g:spawn(function()
          local me = xio.current()
          xio.group(function(inner)
            assert.equal(me, inner:spawn(xio.sleep, 1).parent)
            guest = g:spawn(xio.sleep, 1)
          end)
        end)
        assert.equal(main, child.parent)
      end)
      assert.equal(main, guest.parent)
    end)
  end)

  it("has a name, given or from its place", function()
    run(function()
      local named = xio.spawn({ name = "alice" }, xio.sleep, 1)
      assert.equal("alice", named.name)
      local at = support.here(1)
      local placed = xio.spawn(function() xio.sleep(1) end)
      assert.is_string(placed.name)
      support.mentions(placed.name, at)
      local inside
      xio.spawn({ name = "bob" }, function() inside = xio.current().name end):wait()
      assert.equal("bob", inside)
    end)
  end)

  it("shows where it waits", function()
    run(function()
      local at
      local task = xio.spawn(function()
        at = support.here(1)
        xio.sleep(1)
      end)
      xio.checkpoint()
      support.mentions(task:traceback(), at)
    end)
  end)
end)

describe("tasks under many schedules", function()
  -- A task that ends by itself, fails with `failure`, or is cancelled meanwhile.
  local function work(random, i, failure)
    schedules.dawdle(random)
    if random(9) == 1 then error(failure, 0) end
    schedules.dawdle(random)
    return i, nil
  end

  -- What awaiting `task` gave is what it ended with.
  local function check(task, i, failure, ok, value, count)
    local status = task:status()
    if ok then
      assert.same({ "done", i, 2 }, { status, value, count })
    elseif xio.is_cancelled(value) then
      return -- the one who awaited was cancelled itself
    elseif status == "failed" then
      assert.equal(failure, value)
    else
      assert.equal("cancelled", status)
    end
  end

  it("HND-02 HND-03 HND-05 tell everybody the same", function()
    schedules.each(1000, function(random)
      local tasks, failures, heard = {}, {}, 0
      local ok, err = xio.isolate(function()
        xio.group(function(group)
          for i = 1, 4 do
            failures[i] = { i }
            tasks[i] = group:spawn(work, random, i, failures[i])
          end
          for _ = 1, 4 do
            local i = random(4)
            group:spawn(function()
              schedules.dawdle(random)
              local result = table.pack(pcall(tasks[i].await, tasks[i]))
              check(tasks[i], i, failures[i], result[1], result[2], result.n - 1)
              tasks[i]:wait() -- never raises the task's error
              heard = heard + 1
            end)
          end
          for _ = 1, random(3) do
            schedules.dawdle(random)
            tasks[random(4)]:cancel("at random")
          end
        end)
      end)
      local failed = {}
      for i, task in ipairs(tasks) do
        local done, value = task:result()
        check(task, i, failures[i], done, value, 2)
        if task:status() == "failed" then failed[#failed + 1] = failures[i] end
      end
      assert.equal(#failed == 0, ok)
      if ok then
        assert.equal(4, heard)
      else
        assert.equal(#failed, #support.leaves(err))
      end
    end)
  end)
end)
