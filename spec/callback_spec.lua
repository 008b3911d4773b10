-- xio.wrap and xio.await_callback: functions that take a callback become ones that wait.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, closing = support.run, support.catch, support.closing

--- Adds two numbers and calls back after a second, from another task.
local function slow_add(a, b, callback)
  xio.spawn(function()
    xio.sleep(1)
    callback(a + b, nil, "more", nil)
  end)
  return "not this"
end

describe("xio.await_callback", function()
  it("gives what the callback is given, holes kept", function()
    run(function()
      local got
      local took = support.elapsed(function()
        got = table.pack(xio.await_callback(slow_add, 2, 3))
      end)
      assert.same({ n = 4, 5, nil, "more", nil }, got)
      assert.near(1, took, 1e-9)
    end)
  end)

  it("takes a callback that is called at once, and lets others run in time", function()
    run(function()
      local others = 0
      xio.group(function(g)
        g:spawn({ daemon = true }, function()
          while true do
            others = others + 1
            xio.checkpoint()
          end
        end)
        for i = 1, 1000 do
          assert.equal(i, xio.await_callback(function(n, callback) callback(n) end, i))
        end
      end)
      assert.is_true(others > 1)
    end)
  end)

  it("passes holes and nothing in the arguments on", function()
    run(function()
      local seen
      xio.await_callback(function(...)
        seen = table.pack(...)
        seen[seen.n]()
      end, nil, 2, nil)
      assert.equal(4, seen.n)
      assert.same({ nil, 2, nil }, { seen[1], seen[2], seen[3] })
      assert.equal(0, select("#", xio.await_callback(function(callback) callback() end)))
    end)
  end)

  it("takes a callback from outside of every task: a finalizer, a driver of the loop", function()
    local rt = xio.new { clock = "virtual", signals = false }
    local kept, got
    rt:spawn(function() got = xio.await_callback(function(callback) kept = callback end) end)
    while kept == nil do rt:step(0) end
    kept("from outside")
    rt:run(function() xio.testing.settle() end)
    assert.equal("from outside", got)
    rt:close()
  end)

  it("raises an error of the function", function()
    run(function()
      local value = {}
      assert.equal(value, catch(xio.await_callback, function() error(value) end))
      assert.equal(value, catch(xio.await_callback, function(callback)
        callback(1)
        error(value)
      end))
    end)
  end)

  it("a second call of the callback raises there", function()
    run(function()
      local second
      assert.equal(1, xio.await_callback(function(callback)
        callback(1)
        support.misuse(function() callback(2) end, "xio.await_callback", "second")
        second = callback
      end))
      support.misuse(function() second(3) end, "xio.await_callback", "second")
    end)
  end)

  it("E6 a callback that never comes is a deadlock, which tells where", function()
    local at
    local err = catch(run, function()
      at = support.here(1)
      xio.await_callback(function() end)
    end)
    support.mentions(tostring(err), at)
  end)

  it("cancelled, it raises, and a late callback is ignored", function()
    run(function()
      local kept
      local completed = xio.move_on_after(1, xio.await_callback, function(callback)
        kept = callback
      end)
      assert.is_false(completed)
      kept("late")
      kept("and again")
    end)
  end)

  it("C3 cancelled before, it does not call the function", function()
    run(function()
      local called = false
      assert.is_false((xio.move_on_after(0, xio.await_callback, function(callback)
        called = true
        callback()
      end)))
      assert.is_false(called)
    end)
  end)

  it("C3 what was called back takes effect, whatever is cancelled meanwhile", function()
    run(function()
      for _, late in ipairs { true, false } do
        local completed, got = xio.scope(function(scope)
          return xio.await_callback(function(callback)
            local function call()
              callback("effect")
              scope:cancel()
            end
            if late then xio.spawn(call) else call() end
          end)
        end)
        assert.same({ true, "effect" }, { completed, got })
      end
    end)
  end)

  it("can be used in cleanup", function()
    run(function()
      local got
      xio.move_on_after(1, function()
        local _cleanup <close> = closing(function()
          got = xio.cleanup(xio.await_callback, slow_add, 1, 1)
        end)
        xio.sleep_forever()
      end)
      assert.equal(2, got)
    end)
  end)

  it("E5 refuses what is no function, and use outside of a task", function()
    if not support.in_task() then
      support.misuse(function() xio.await_callback(slow_add, 1, 1) end, "await_callback", "xio.run")
    end
    run(function()
      support.misuse(function() xio.await_callback(3) end, "await_callback", "#1", "function")
    end)
  end)
end)

describe("xio.wrap", function()
  it("makes a function that waits, with the callback at the end", function()
    run(function()
      local add = xio.wrap(slow_add)
      assert.same({ 3, nil, "more" }, { add(1, 2) })
      assert.same({ 3, 7 }, { xio.gather(function() return add(1, 2) end,
        function() return add(3, 4) end) })
    end)
  end)

  it("puts the callback where it belongs", function()
    run(function()
      for position = 1, 6 do
        local f = xio.wrap(function(...)
          local arguments = table.pack(...)
          local callback = table.remove(arguments, position)
          callback(arguments.n, table.concat(arguments, ",", 1, math.min(3, arguments.n - 1)))
        end, position)
        local count, text = f("a", "b", "c")
        assert.equal(math.max(4, position), count)
        assert.equal("a,b,c", text)
      end
    end)
  end)

  it("E5 refuses wrong arguments", function()
    support.misuse(function() xio.wrap(1) end, "xio.wrap", "#1", "function")
    for _, position in ipairs { 0, -1, 1.5, "1", 1e9 } do
      support.misuse(function() xio.wrap(print, position) end, "xio.wrap", "#2", "integer")
    end
  end)
end)
