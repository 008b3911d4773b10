-- What random trees and failing allocations have found, one case each.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, contains = support.run, support.catch, require "spec.support.util".contains

local function closing(f)
  return setmetatable({}, { __close = function(_, err) f(err) end })
end

describe("a task", function()
  it("keeps its function when its name is asked before it runs", function()
    run(function()
      local tasks = {}
      for i = 1, 3 do -- more than there are idle coroutines
        tasks[i] = xio.spawn(function(...) return ... end, i)
        assert.is_string(tasks[i].name)
      end
      for i = 1, 3 do assert.equal(i, (tasks[i]:await())) end
    end)
  end)
end)

describe("a finalizer", function()
  it("may spawn while a spawn collects garbage", function()
    local before = collectgarbage("generational", 1)
    collectgarbage "step" -- otherwise the first cycle begins when the last mode would have
    local _mode <close> = closing(function()
      collectgarbage("generational", 20) -- the default
      collectgarbage(before)
    end)
    run(function()
      local spawned, ran = 0, 0
      local function count() ran = ran + 1 end
      local finalizer = { __gc = function()
        for _ = 1, 3 do
          spawned = spawned + 1
          xio.spawn(count)
        end
      end }
      for _ = 1, 20000 do
        setmetatable({}, finalizer)
        xio.spawn(count):wait() -- one idle coroutine, and one free task
      end
      xio.testing.settle()
      assert.is_true(spawned > 0)
      assert.equal(20000 + spawned, ran)
      finalizer.__gc = nil
    end)
  end)
end)

describe("a runtime", function()
  it("closes with its block", function()
    local cleaned
    do
      local rt <close> = xio.new { clock = "virtual" }
      rt:spawn(function()
        local _end <close> = closing(function() cleaned = true end)
        xio.sleep_forever()
      end)
      rt:step()
    end
    assert.is_true(cleaned)
  end)
end)

describe("a cancellation that a shield hides once it was raised", function()
  it("goes on through groups and is no error, in any order", function()
    for seed = 1, 8 do
      for _, errors in ipairs { "auto", "group" } do
        run(function()
          local scope = xio.new_scope()
          xio.spawn(function()
            xio.sleep(1)
            scope.shield = true -- at the moment of the deadline
          end)
          local ok, why = xio.move_on_after(1, scope.run, scope, function()
            xio.group({ errors = errors }, function(group)
              group:spawn(xio.sleep, 3)
              xio.sleep(5)
            end)
          end)
          assert.is_false(ok)
          assert.equal("deadline", why.source)
        end, { seed = seed })
      end
    end
  end)
end)

describe("a report", function()
  it("ends where a group was suppressed by one of its own errors", function()
    local failed
    local wanted = { "wanted" }
    local err = catch(run, function()
      local _end <close> = closing(function() failed:await() end)
      xio.group({ errors = "group" }, function(group)
        failed = group:spawn(error, wanted)
      end)
    end)
    assert.equal(wanted, err)
    local group = xio.suppressed(err)[1]
    assert.equal(wanted, group.errors[1])
    assert.is_true(contains(group, "(shown above)"))
    assert.is_true(#tostring(group) < 1000)
  end)

  it("has no stack of a generator that failed before", function()
    run(function()
      pcall(coroutine.wrap(function()
        local function in_generator() error("first") end
        in_generator()
      end))
      local _, err = xio.isolate(function() error("second") end)
      assert.is_false(contains(xio.traceback(err), "in_generator"))
      _, err = xio.isolate(coroutine.wrap(function()
        local function in_another() error("third") end
        in_another()
      end))
      assert.is_true(contains(xio.traceback(err), "in_another"))
      assert.is_false(contains(xio.traceback(err), "in_generator"))
    end)
  end)
end)

describe("a generator that fails", function()
  it("says why its handlers cannot wait or open a scope", function()
    run(function()
      local told = {}
      local _, err = xio.isolate(coroutine.wrap(function()
        local _first <close> = closing(function() told[1] = catch(xio.sleep, 1) end)
        local _second <close> = closing(function() told[2] = catch(xio.shield, print) end)
        error("wanted", 0)
      end))
      assert.is_true(contains(err, "wanted"))
      for i = 1, 2 do
        assert.is_true(contains(told[i], "a coroutine that has failed or is being closed"))
      end
    end)
  end)
end)
