-- Groups: who they wait for, limits and daemons. What they raise: group_error_spec;
-- what they cancel: group_cancel_spec.

local xio = require "xio"
local bodies = require "spec.support.bodies"
local support = require "spec.support"

local it = support.it(it)
local run, catch, recorder = support.run, support.catch, support.recorder
local victim, failing, failing_late = bodies.victim, bodies.failing, bodies.failing_late

describe("a group", function()
  it("passes arguments and results with their holes", function()
    run(function()
      local got = table.pack(xio.group(function(g, ...)
        g:spawn(xio.sleep, 1)
        return select("#", ...), ...
      end, nil, 2, nil))
      assert.same({ n = 4, 3, nil, 2 }, got)
      assert.same({ n = 0 }, table.pack(xio.group(function() end)))
    end)
  end)

  it("T2 ends when its body and every child have", function()
    local log, seen = recorder()
    run(function()
      local took = support.elapsed(xio.group, function(g)
        for _, seconds in ipairs { 3, 1, 2 } do
          g:spawn(function()
            xio.sleep(seconds)
            log(seconds)
          end)
        end
        log("body")
      end)
      assert.near(3, took, 1e-6)
    end)
    assert.same({ "body", 1, 2, 3 }, seen)
  end)

  it("T2 waits for a shielded child when it is cancelled from outside", function()
    local log, seen = recorder()
    run(function()
      local took = support.elapsed(xio.move_on_after, 1, function()
        xio.group(function(g)
          g:spawn(function()
            xio.shield(xio.sleep, 3)
            log("child")
          end)
        end)
        log("nothing was cut short")
      end)
      assert.near(3, took, 1e-6)
    end)
    assert.same({ "child", "nothing was cut short" }, seen)
  end)

  it("keeps arguments for more tasks than the queue of those to begin holds", function()
    run(function()
      local many, sums = {}, {}
      for i = 1, 150000 do many[i] = i end
      xio.group(function(g)
        for n = 1, 8 do -- a stack of Lua has room for a million values
          g:spawn(function(first, ...)
            sums[#sums + 1] = first .. ":" .. select("#", ...) .. ":" .. select(-1, ...)
          end, n, table.unpack(many))
          g:spawn({ name = "named" }, function(...)
            sums[#sums + 1] = xio.current().name .. select("#", ...)
          end, n, nil)
        end
      end)
      local wanted = {}
      for n = 1, 8 do
        wanted[#wanted + 1] = n .. ":150000:150000"
        wanted[#wanted + 1] = "named2"
      end
      assert.same(wanted, sums)
    end)
  end)

  it("gives children their arguments with holes and count", function()
    run(function()
      xio.group(function(g)
        local task = g:spawn(function(...) return select("#", ...), ... end, nil, "b", nil)
        assert.same({ n = 4, 3, nil, "b" }, table.pack(task:await()))
      end)
    end)
  end)

  it("GRP-01 T3 cancels its body when a child fails, and raises the identical error", function()
    for _, value in ipairs { "boom", {}, false, 42 } do
      local log, seen = recorder()
      run(function()
        local err = catch(xio.group, function(g)
          g:spawn(failing(value, 1))
          victim(log, "body")()
        end)
        assert.is_true(rawequal(value, err))
      end)
      assert.same({ "body failure" }, seen)
    end
  end)

  it("GRP-02 T3 cancels its children when the body fails, and waits for them", function()
    local log, seen = recorder()
    run(function()
      local value = {}
      local err = catch(xio.group, function(g)
        g:spawn(victim(log, "a"))
        g:spawn(victim(log, "b"))
        xio.sleep(1)
        error(value)
      end)
      assert.equal(value, err)
      assert.same({ "a failure", "b failure" }, seen)
    end)
  end)

  it("GRP-03 a busy sibling meets the cancellation at its next checkpoint", function()
    local log, seen = recorder()
    run(function()
      local err = catch(xio.group, function(g)
        g:spawn(function()
          while true do
            local ok, why = pcall(xio.checkpoint)
            if not ok then
              log(why.source)
              error(why, 0)
            end
          end
        end)
        g:spawn(failing("boom"))
      end)
      assert.equal("boom", err)
    end)
    assert.same({ "failure" }, seen)
  end)

  it("GRP-09 T4 takes no child after its end, and does not call it", function()
    local called = false
    local function child() called = true end
    run(function()
      local ended, failed
      xio.group(function(g) ended = g end)
      catch(xio.group, function(g)
        failed = g
        error("boom")
      end)
      for _, g in ipairs { ended, failed } do
        support.misuse(function() g:spawn(child) end, "spawn", { "closed", "ended" })
        support.misuse(function() g:start(child) end, "start", { "closed", "ended" })
        assert.equal(0, #g)
      end
      xio.sleep(1)
    end)
    assert.is_false(called)
  end)

  it("GRP-21 takes no child after its run, nor in the next one", function()
    local called, old = false, nil
    local function child() called = true end
    run(function() xio.group(function(g) old = g end) end)
    catch(old.spawn, old, child)
    run(function()
      catch(old.spawn, old, child)
      xio.sleep(1)
    end)
    assert.is_false(called)
  end)

  it("GRP-10 T4 takes a grandchild after its body has ended, and waits for it", function()
    local log, seen = recorder()
    run(function()
      xio.group(function(g)
        g:spawn(function()
          xio.sleep(1)
          g:spawn(function()
            xio.sleep(1)
            log("grandchild")
          end)
          log("child")
        end)
        log("body")
      end)
      log("after")
    end)
    assert.same({ "body", "child", "grandchild", "after" }, seen)
  end)

  it("T4 takes children from any task that holds it", function()
    local log, seen = recorder()
    run(function()
      local held
      xio.spawn(function()
        xio.sleep(1)
        held:spawn(function()
          xio.sleep(2)
          log("guest")
        end)
      end)
      xio.group(function(g)
        held = g
        xio.sleep(2)
      end)
      log("ended")
    end)
    assert.same({ "guest", "ended" }, seen)
  end)

  it("T4 gives birth to cancelled children after it was cancelled", function()
    local log, seen = recorder()
    run(function()
      local task
      xio.group(function(g)
        g:cancel()
        task = g:spawn(function()
          log("begun")
          xio.checkpoint()
          log("never")
        end)
      end)
      assert.equal("cancelled", task:status())
    end)
    assert.same({ "begun" }, seen)
  end)

  it("GRP-20 T6 lets go of finished children, whose handles stay readable", function()
    run(function()
      xio.group(function(g)
        local tasks = {}
        for i = 1, 3 do
          tasks[i] = g:spawn(function()
            xio.sleep(i)
            return i * 10
          end)
        end
        assert.equal(3, #g)
        assert.same({ true, true, true }, {
          g:tasks()[1] == tasks[1], g:tasks()[2] == tasks[2], g:tasks()[3] == tasks[3],
        })
        xio.sleep(1.5)
        assert.equal(2, #g)
        assert.equal(2, #g:tasks())
        assert.same({ true, 10 }, { tasks[1]:result() })
        xio.sleep(10)
        assert.equal(0, #g)
        assert.same({}, g:tasks())
        assert.equal(30, tasks[3]:await())
      end)
    end)
  end)

  it("GRP-25 keeps no error after it has raised it", function()
    run(function()
      local held
      local weak = setmetatable({}, { __mode = "k" })
      local function attempt()
        weak[catch(xio.group, function(g)
          held = g
          g:spawn(function() error({}) end)
        end)] = true
      end
      attempt()
      xio.checkpoint()
      collectgarbage()
      collectgarbage()
      assert.is_nil(next(weak))
      assert.equal(0, #held)
    end)
  end)

  it("GRP-16 passes one cancellation on, however many children it cancelled", function()
    run(function()
      local completed, cancelled = xio.scope(function(scope)
        local err = catch(xio.group, function(g)
          for _ = 1, 3 do g:spawn(xio.sleep_forever) end
          xio.checkpoint()
          scope:cancel("enough")
          xio.sleep_forever()
        end)
        assert.is_true(xio.is_cancelled(err))
        assert.is_false(support.is_group(err))
        error(err, 0)
      end)
      assert.is_false(completed)
      assert.equal("enough", cancelled.reason)
    end)
  end)

  it("GRP-18 lets a real error through the cancelled scope around it, identity kept", function()
    run(function()
      local value = {}
      local err = catch(xio.scope, function(scope)
        xio.group(function(g)
          g:spawn(failing_late(value, 1))
          g:spawn(xio.sleep_forever)
          g:spawn(xio.sleep_forever)
          xio.checkpoint()
          scope:cancel()
          xio.sleep_forever()
        end)
      end)
      assert.equal(value, err)
    end)
  end)

  it("GRP-19 an error group without cancellation passes a cancelled scope untouched", function()
    run(function()
      local scope, inner = xio.new_scope(), nil
      local err = catch(scope.run, scope, function()
        scope:cancel()
        inner = catch(xio.group, function(g)
          g:spawn(failing("a"))
          g:spawn(failing("b"))
        end)
        error(inner, 0)
      end)
      assert.is_true(support.is_group(inner))
      assert.is_true(rawequal(inner, err))
      assert.is_false(scope.cancelled_caught)
    end)
  end)

  it("GRP-23 lets no child enter its scope", function()
    run(function()
      local entered = false
      local value = xio.group(function(g)
        local child = g:spawn(function()
          catch(g.scope.run, g.scope, function() entered = true end)
          return "went on"
        end)
        return child:await()
      end)
      assert.equal("went on", value)
      assert.is_false(entered)
    end)
  end)

  it("holds a thousand children", function()
    run(function()
      local sum = 0
      xio.group(function(g)
        for i = 1, 1000 do
          g:spawn(function()
            xio.sleep(i % 7)
            sum = sum + i
          end)
        end
        assert.equal(1000, #g)
      end)
      assert.equal(1000 * 1001 // 2, sum)
    end)
  end)
end)

describe("the handle of a group", function()
  it("has a name, a scope, and as many tasks as live", function()
    run(function()
      xio.group({ name = "workers", limit = 2 }, function(group)
        assert.equal("workers", group.name)
        assert.equal(group.scope, group.scope)
        assert.is_false(group.scope.cancel_called)
        group:spawn(xio.sleep_forever)
        local named = group:spawn({ name = "second" }, xio.sleep_forever)
        assert.equal(2, #group)
        local tasks = group:tasks()
        assert.equal(2, #tasks)
        assert.equal(named, tasks[2])
        assert.equal(xio.current(), tasks[1].parent)
        assert.matches("workers", tostring(group))
        group:cancel()
      end)
      xio.group(function(group) assert.is_nil(group.name) end)
    end)
  end)

  it("E5 takes no other fields, and is no group without them", function()
    run(function()
      xio.group(function(group)
        support.misuse(function() group.other = 1 end, "cannot be set")
        local spawn = group.spawn
        support.misuse(function() spawn({}, print) end, "group:spawn")
        support.misuse(function() spawn(setmetatable({ 1 }, getmetatable("")), print) end,
          "group:spawn")
        group[1] = false
        support.misuse(function() group:cancel() end, "group:cancel")
      end)
    end)
  end)

  it("finds tasks that nobody took the handle of", function()
    run(function()
      local seen = {}
      local function body() seen[#seen + 1] = xio.current() end
      xio.group(function(group)
        for _ = 1, 3 do group:spawn(body) end
        local before = group:tasks()
        assert.equal(3, #before)
        xio.checkpoint()
        for i = 1, 3 do
          assert.equal(before[i], seen[i])
          assert.equal(xio.current(), seen[i].parent)
          assert.equal(before[1].name, seen[i].name)
        end
      end)
      for _, task in ipairs(seen) do assert.equal("done", task:status()) end
    end)
  end)
end)

describe("the limit of a group", function()
  it("T8 keeps that many children at once, in order, and spawn never waits", function()
    local log, seen = recorder()
    run(function()
      local active, peak = 0, 0
      local took = support.elapsed(xio.group, { limit = 2 }, function(g)
        for i = 1, 5 do
          g:spawn(function()
            active = active + 1
            peak = math.max(peak, active)
            log(i)
            xio.sleep(1)
            active = active - 1
          end)
        end
        log("spawned")
      end)
      assert.equal(2, peak)
      assert.near(3, took, 1e-6)
    end)
    assert.same({ "spawned", 1, 2, 3, 4, 5 }, seen)
  end)

  it("T8 begins the next one as soon as one has ended, failed or not", function()
    local log, seen = recorder()
    run(function()
      xio.group({ limit = 2 }, function(g)
        for i, seconds in ipairs { 3, 1, 1, 1 } do
          g:spawn(function()
            xio.sleep(seconds)
            log(i)
          end)
        end
        g:tasks()[2]:cancel()
      end)
    end)
    assert.same({ 3, 4, 1 }, seen)
  end)

  it("T8 T5 begins every waiting task, once, when the group is cancelled", function()
    local log, seen = recorder()
    run(function()
      xio.group({ limit = 1 }, function(g)
        for i = 1, 4 do
          g:spawn(function()
            log(i)
            xio.sleep(1)
            log("never")
          end)
        end
        xio.checkpoint()
        g:cancel()
      end)
    end)
    assert.same({ 1, 2, 3, 4 }, seen)
  end)

  it("T8 a started child begins at once, and counts", function()
    local log, seen = recorder()
    run(function()
      xio.group({ limit = 1 }, function(g)
        g:spawn(function()
          xio.sleep(1)
          log("first")
        end)
        log(g:start(function(started)
          started("up")
          xio.sleep(3)
          log("server")
        end))
        g:spawn(log, "second")
      end)
    end)
    assert.same({ "up", "first", "server", "second" }, seen)
  end)
end)

describe("a daemon", function()
  it("T8 is shut down when the body and all other children have ended, and waited for", function()
    local log, seen = recorder()
    run(function()
      local took = support.elapsed(xio.group, function(g)
        g:spawn({ daemon = true }, function()
          local why = catch(xio.sleep_forever)
          log(why.source)
          xio.shield(xio.sleep, 1)
          log("daemon ended")
        end)
        g:spawn(function()
          xio.sleep(2)
          log("child")
        end)
        log("body")
      end)
      assert.near(3, took, 1e-6)
    end)
    assert.same({ "body", "child", "shutdown", "daemon ended" }, seen)
  end)

  it("T8 alone does not keep the group, nor the run", function()
    local log, seen = recorder()
    local value = run(function()
      xio.spawn({ daemon = true }, victim(log, "root daemon"))
      local got = xio.group(function(g)
        g:spawn({ daemon = true }, victim(log, "first"))
        g:spawn({ daemon = true }, victim(log, "second"))
        xio.checkpoint()
        return "g"
      end)
      assert.equal("g", got)
      return "r"
    end)
    assert.equal("r", value)
    assert.same({ "first shutdown", "second shutdown", "root daemon shutdown" }, seen)
  end)

  it("T8 fails the group when it fails, during its shutdown too", function()
    run(function()
      local value = {}
      assert.equal(value, catch(xio.group, function(g)
        g:spawn({ daemon = true }, failing(value, 1))
        xio.sleep_forever()
      end))
      assert.equal(value, catch(xio.group, function(g)
        g:spawn({ daemon = true }, failing_late(value, 1))
        xio.checkpoint()
      end))
    end)
  end)

  it("T8 may end by itself", function()
    run(function()
      local daemon
      local value = xio.group(function(g)
        daemon = g:spawn({ daemon = true }, function() return "d" end)
        xio.sleep(1)
        return "g"
      end)
      assert.equal("g", value)
      assert.equal("d", daemon:await())
    end)
  end)
end)
