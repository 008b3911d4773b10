-- xio.thread: cancelling who waits for a thread, and what the function in it sees of that. Time
-- here is real; nothing asserts how long a thing took, but that it ended.

local xio = require "xio"
local core = require "xio.core"
local spin = require "spec.support.spin"
local support = require "spec.support"
local flag = require "spec.support.flag"
local threads = require "spec.support.threads"
local util = require "spec.support.util"

local it = support.it(it)
local catch = support.catch
local contains = util.contains

-- The specs run on the real clock.
local function run(...) return xio.run(...) end

-- Runs `f(begun, ...)` in a thread, and cancels that once it has sent to `begun`. Gives what the
-- scope does.
local function cancelled_once_begun(on_cancel, f, ...)
  local begun, has_begun = xio.thread.channel(1)
  local scope = xio.new_scope()
  xio.spawn(function()
    has_begun:recv()
    scope:cancel()
  end)
  return scope:run(xio.thread.run, { on_cancel = on_cancel }, f, begun, ...)
end

describe("cancelling xio.thread.run", function()
  it("LUA-14 THR-03 interrupts a pure Lua loop; its cleanup runs", function()
    run(function()
      local path, wait_for = flag()
      local ok, cancelled = xio.move_on_after(0.01, xio.thread.run, function(name)
        local _guard <close> = setmetatable({}, { __close = function(_, err)
          local file = io.open(name, "w")
          file:write(tostring(xio.is_cancelled(err)), " ", tostring(err))
          file:close()
        end })
        spin()
      end, path)
      assert.is_false(ok)
      assert.equal("deadline", cancelled.source)
      local file = io.open(path)
      assert.equal("true cancelled (deadline)", file:read("a"))
      file:close()
      wait_for()
    end)
  end)

  it("interrupts what waits in the thread, and every task there", function()
    run(function()
      local ok, n = xio.move_on_after(0.01, function()
        xio.thread.run(function()
          xio.group(function(g)
            g:spawn(xio.sleep_forever)
            g:spawn(function() xio.channel(1) xio.sleep(100) end)
            xio.sleep_forever()
          end)
        end)
      end)
      assert.is_false(ok)
      assert.equal("deadline", n.source)
    end)
  end)

  it("interrupts generators, nested runs and sort functions", function()
    run(function()
      local bodies = {
        function() for _ in coroutine.wrap(function() spin() end) do end end,
        function()
          coroutine.wrap(function() while true do coroutine.yield(1) end end)()
          spin()
        end,
        function() xio.run(function() spin() end) xio.checkpoint() end,
        function() xio.run(xio.sleep, 100) xio.checkpoint() end,
        function() xio.run(xio.sleep_forever) xio.checkpoint() end,
        xio.sleep_forever,
        function() table.sort({ 3, 2, 1, 5 }, function() spin() end) end,
        function() pcall(function() spin() end) xio.sleep(100) end,
        function()
          local function again() local _ = {} return again() end
          again()
        end,
        function() setmetatable({}, { __index = function() spin() end }).x = nil
          return setmetatable({}, { __index = function() spin() end }).x end,
        function()
          xio.group(function(g)
            g:spawn(function() spin() end)
            xio.sleep(9)
          end)
        end,
        function() while true do xio.checkpoint() end end,
      }
      for i, body in ipairs(bodies) do
        local ok = xio.move_on_after(0.005, xio.thread.run, body)
        assert.is_false(ok, "body " .. i)
      end
    end)
  end)

  it("does not interrupt cleanup that was told of it", function()
    run(function()
      local ok, result = cancelled_once_begun("interrupt", function(begun)
        local ok, err = pcall(function()
          begun:send(true)
          xio.sleep(100)
        end)
        local n = 0
        for _ = 1, 5000000 do n = n + 1 end -- many times as long as it takes to interrupt
        return ok, xio.is_cancelled(err), n
      end)
      assert.is_true(ok)
      assert.is_false(result)
    end)
  end)

  it("respects shields in the thread", function()
    run(function()
      local completed, a = cancelled_once_begun("interrupt", function(begun)
        local n = 0
        xio.shield(function()
          begun:send(true)
          local till = os.clock() + 0.03
          while os.clock() < till do n = n + 1 end
        end)
        return n
      end)
      assert.is_true(completed)
      assert.is_true(a > 0)
      completed = cancelled_once_begun("interrupt", function(begun)
        xio.shield(function()
          begun:send(true)
          local till = os.clock() + 0.03
          while os.clock() < till do end
        end)
        spin()
      end)
      assert.is_false(completed)
    end)
  end)

  it("THR-04 raises an error that the function makes of it", function()
    run(function()
      local err = catch(cancelled_once_begun, "interrupt", function(begun)
        local ok = pcall(function()
          begun:send(true)
          spin()
        end)
        error("made of it: " .. tostring(ok), 0)
      end)
      assert.equal("made of it: false", err)
    end)
  end)

  it("C3 gives the results of a function that returned all the same", function()
    run(function()
      local scope = xio.new_scope()
      local begun, has_begun = xio.thread.channel(1)
      local completed, value, at_next = scope:run(function()
        xio.spawn(function()
          has_begun:recv()
          scope:cancel()
        end)
        local value = xio.thread.run(function(tx)
          pcall(function()
            tx:send(true)
            xio.sleep(100)
          end)
          return "returned"
        end, begun)
        return value, pcall(xio.checkpoint)
      end)
      assert.is_true(completed)
      assert.equal("returned", value)
      assert.is_false(at_next)
    end)
  end)

  it("THR-05 waits where it shall, runs other tasks, and gives the result", function()
    run(function()
      local path, wait_for = flag()
      local turns = 0
      local scope = xio.new_scope()
      local begun, has_begun = xio.thread.channel(1)
      local completed, value, next_ok = scope:run(function()
        xio.spawn(function()
          has_begun:recv()
          scope:cancel()
        end)
        local value = xio.thread.run({ on_cancel = "wait" }, function(tx, name)
          tx:send(true)
          local till = os.clock() + 0.03
          while os.clock() < till do end
          io.open(name, "w"):close()
          return "all of it"
        end, begun, path)
        return value, pcall(xio.checkpoint)
      end)
      wait_for()
      assert.is_true(completed)
      assert.equal("all of it", value)
      assert.is_false(next_ok)
      xio.spawn(function() turns = turns + 1 end)
      xio.checkpoint()
      assert.equal(1, turns)
    end)
  end)

  it("xio.thread.check raises where the function is awaited", function()
    run(function()
      local ok, cancelled = xio.move_on_after(0.005, xio.thread.run, { on_cancel = "wait" },
        function() while true do xio.thread.check() end end)
      assert.is_false(ok)
      assert.equal("deadline", cancelled.source)
      xio.thread.check() -- here it does what xio.check does
      assert.is_false((xio.move_on_after(0, xio.thread.check)))
    end)
  end)

  it("abandons where it shall, and the run does not wait", function()
    local before = threads.count()
    local started, wait_for_start = flag()
    local path, wait_for = flag()
    run(function()
      local scope = xio.new_scope()
      xio.spawn(function()
        wait_for_start()
        scope:cancel("enough")
      end)
      local ok, cancelled = scope:run(xio.thread.run, { on_cancel = "abandon" },
        function(start, name)
          local _guard <close> = setmetatable({}, { __close = function()
            io.open(name, "w"):close()
          end })
          io.open(start, "w"):close()
          os.execute("sleep 0.5") -- C code
          spin()
        end, started, path)
      assert.is_false(ok)
      assert.equal("enough", cancelled.reason)
      assert.is_nil(io.open(path))
    end)
    assert.is_nil(io.open(path))
    run(wait_for)
    threads.wait(before)
  end)

  it("THR-07 has the room of an abandoned function back when that ends", function()
    run(function()
      local pool = xio.thread.pool(1)
      local ok = xio.move_on_after(0.005, function()
        pool:run({ on_cancel = "abandon" }, os.execute, "sleep 0.5")
      end)
      assert.is_false(ok)
      assert.equal(1, core.thread_count())
      assert.equal(5, pool:run(function() return 5 end)) -- when the other has ended
      assert.equal(1, core.thread_count())
    end)
  end)

  it("says of a function that was cancelled by itself", function()
    run(function()
      local err = catch(xio.thread.run, function()
        xio.current():cancel()
        xio.checkpoint()
      end)
      assert.equal("ECANCELED", err.code)
      assert.is_true(contains(err, "the function in the thread was cancelled"))
    end)
  end)

  it("THR-17 cancels all others when one fails, and loses no error", function()
    run(function()
      local err = catch(xio.group, function(g)
        for i = 1, 10 do
          g:spawn(xio.thread.run, function(n)
            if n == 5 then error("the fifth", 0) end
            spin()
          end, i)
        end
      end)
      assert.equal("the fifth", err)
      err = catch(xio.group, { errors = "group" }, function(g)
        for i = 1, 10 do
          g:spawn(xio.thread.run, function(n)
            pcall(xio.sleep, n == 1 and 0.01 or 100)
            error(n, 0)
          end, i)
        end
      end)
      assert.equal(10, #err)
    end)
  end)

  it("ends with the run where a task of the run fails", function()
    local before = threads.count()
    local err = catch(xio.run, function()
      xio.spawn(function()
        xio.sleep(0.005)
        error("elsewhere", 0)
      end)
      xio.thread.run(function() spin() end)
    end)
    assert.equal("elsewhere", err)
    assert.equal(before, threads.count())
  end)
end)
