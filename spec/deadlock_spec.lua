-- Deadlocks: when every task waits and nothing outside can wake one (E6).

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, closing, recorder = support.run, support.catch, support.closing, support.recorder
local mentions = support.mentions

--- The text of an error and, for a group, of its leaves, in small letters.
local function text_of(err)
  local parts = { tostring(err) }
  for leaf in xio.each_error(err) do parts[#parts + 1] = tostring(leaf) end
  return table.concat(parts, "\n"):lower()
end

local FOREVER = { "sleep_forever", "forever" }

describe("a deadlock", function()
  it("E6 is raised by run, and names main, what it waits for and where", function()
    local at
    local err = catch(run, function()
      at = support.here(1)
      xio.sleep_forever()
    end)
    mentions(text_of(err), "deadlock", FOREVER, at)
  end)

  it("E6 is found on the real clock too", function()
    local err = catch(xio.run, { signals = false }, function() xio.sleep_forever() end)
    mentions(text_of(err), "deadlock")
  end)

  it("E6 lists each task with what it waits for and where", function()
    local alice, bob
    local err = catch(run, function()
      local sleeper = xio.spawn({ name = "alice" }, function()
        alice = support.here(1)
        xio.sleep_forever()
      end)
      xio.spawn({ name = "bob" }, function()
        bob = support.here(1)
        sleeper:wait()
      end)
      xio.spawn({ name = "carol" }, xio.sleep, 5)
    end)
    local text = text_of(err)
    mentions(text, "alice", "bob", FOREVER, alice, bob)
    assert.is_nil(text:find("carol"))
  end)

  it("E6 lists tasks of nested groups", function()
    local err = catch(run, function()
      xio.group(function(g)
        g:spawn({ name = "middle" }, function()
          xio.group(function(inner)
            inner:spawn({ name = "innermost" }, function() xio.sleep_forever() end)
          end)
        end)
      end)
    end)
    mentions(tostring(err), "middle", "innermost")
  end)

  it("E6 runs the cleanup of every task", function()
    local log, seen = recorder()
    local err = catch(run, function()
      for i = 1, 3 do
        xio.spawn(function()
          local _cleanup <close> = closing(function() log(i) end)
          xio.sleep_forever()
        end)
      end
      local _cleanup <close> = closing(function() log("main") end)
      xio.sleep_forever()
    end)
    mentions(text_of(err), "deadlock")
    table.sort(seen, function(a, b) return tostring(a) < tostring(b) end)
    assert.same({ 1, 2, 3, "main" }, seen)
  end)

  it("E6 inside a shield still ends the run", function()
    local log, seen = recorder()
    local err = catch(run, function()
      local _cleanup <close> = closing(function() log("cleanup") end)
      xio.shield(xio.sleep_forever)
    end)
    mentions(text_of(err), "deadlock")
    assert.same({ "cleanup" }, seen)
  end)

  it("E6 of a nested run is the nested run's alone", function()
    local value = run(function()
      local sibling = xio.spawn(function()
        xio.sleep(1)
        return "lives"
      end)
      mentions(text_of(catch(run, function() xio.sleep_forever() end)), "deadlock")
      return sibling:await()
    end)
    assert.equal("lives", value)
  end)

  it("E6 comes only when the last sleeper has woken", function()
    local log, seen = recorder()
    local err = catch(run, function()
      xio.spawn(function()
        xio.sleep(10)
        log("slept")
      end)
      xio.sleep_forever()
    end)
    mentions(text_of(err), "deadlock")
    assert.same({ "slept" }, seen)
  end)

  it("E6 is none where a deadline is pending", function()
    run(function()
      local completed = xio.move_on_after(10, xio.sleep_forever)
      assert.is_false(completed)
    end)
  end)

  it("E6 of a child that awaits its parent is one", function()
    local err = catch(run, function()
      local main = xio.current()
      xio.group(function(g)
        g:spawn({ name = "child" }, function() main:await() end)
      end)
    end)
    mentions(text_of(err), { "deadlock", "cycle" })
    mentions(text_of(err), "child")
  end)

  it("E6 leaves the next run alone", function()
    for _ = 1, 3 do catch(run, function() xio.sleep_forever() end) end
    assert.equal("fine", run(function()
      xio.sleep(1)
      return "fine"
    end))
  end)
end)

describe("a cycle of awaits", function()
  it("RUN-17 E6 tells both tasks, and is raised by run", function()
    local told = {}
    local err = catch(run, function()
      local a, b
      a = xio.spawn({ name = "alice" }, function()
        local why = catch(b.await, b)
        told.a = text_of(why)
        error(why, 0)
      end)
      b = xio.spawn({ name = "bob" }, function()
        local why = catch(a.await, a)
        told.b = text_of(why)
        error(why, 0)
      end)
    end)
    mentions(told.a, "cycle")
    mentions(told.b, "cycle")
    mentions(text_of(err), "cycle", "alice", "bob")
  end)

  it("E6 of one task with itself raises at once", function()
    run(function()
      local me = xio.current()
      mentions(text_of(catch(me.await, me)), { "cycle", "itself" })
      mentions(text_of(catch(me.wait, me)), { "cycle", "itself" })
      xio.sleep(1)
    end)
  end)

  it("E6 of three tasks ends the run", function()
    local err = catch(run, function()
      local tasks = {}
      for i = 1, 3 do
        tasks[i] = xio.spawn({ name = "task" .. i }, function() tasks[i % 3 + 1]:await() end)
      end
    end)
    mentions(text_of(err), "cycle", "task1", "task2", "task3")
  end)

  it("E6 by wait ends the run too", function()
    local err = catch(run, function()
      local a, b
      a = xio.spawn(function() b:wait() end)
      b = xio.spawn(function() a:wait() end)
    end)
    mentions(text_of(err), { "cycle", "deadlock" })
  end)

  it("is told while other tasks run on", function()
    run(function()
      local a, b
      local ok, err = xio.isolate(function()
        xio.group(function(g)
          a = g:spawn(function() b:await() end)
          b = g:spawn(function() a:await() end)
        end)
      end)
      assert.is_false(ok)
      mentions(text_of(err), "cycle")
      xio.sleep(1)
    end)
  end)
end)
