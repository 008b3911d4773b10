-- xio.producer: a function as a receiver; its end, its errors, cleanup.

-- luacheck: ignore 512 (loops that are left in the first step)

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, misuse, closing = support.run, support.catch, support.misuse, support.closing
local recorder = support.recorder

--- Sends 1, 2, 3 … one per second, for ever; `log` is told why it ended, half a second later.
local function counter(log)
  return function(send)
    local _cleanup <close> = closing(function(why)
      xio.cleanup(xio.sleep, 0.5)
      log(xio.is_cancelled(why) and "cancelled" or why)
    end)
    local i = 0
    while true do
      i = i + 1
      send(i)
      xio.sleep(1)
    end
  end
end

describe("xio.producer", function()
  it("gives what the function sends, and ends with it", function()
    run(function()
      local seen = {}
      for value in xio.producer(function(send, first, last)
        for i = first, last do assert.is_true(send(i)) end
        return "ignored"
      end, 3, 6) do
        seen[#seen + 1] = value
      end
      assert.same({ 3, 4, 5, 6 }, seen)
      for _ in xio.producer(function() end) do error("never") end
    end)
  end)

  it("is never ahead by more than one", function()
    local log, seen = recorder()
    run(function()
      for value in xio.producer(function(send)
        for i = 1, 4 do
          log("makes " .. i)
          send(i)
        end
      end) do
        log("takes " .. value)
        xio.sleep(1)
      end
    end)
    assert.same({ "makes 1", "makes 2", "takes 1", "takes 2", "makes 3", "takes 3", "makes 4",
      "takes 4" }, seen)
  end)

  it("begins with the first step of the loop", function()
    run(function()
      local began = false
      local iterator, state, control, close = xio.producer(function(send)
        began = true
        send(1)
      end)
      xio.sleep(1)
      assert.is_false(began)
      for value in iterator, state, control, close do assert.equal(1, value) end
      assert.is_true(began)
    end)
  end)

  it("carries false, and many values", function()
    run(function()
      local count = 0
      for value in xio.producer(function(send) for _ = 1, 1000 do send(false) end end) do
        assert.is_false(value)
        count = count + 1
      end
      assert.equal(1000, count)
    end)
  end)

  it("CHN-24 is cancelled by leaving the loop, and has ended before the loop is over", function()
    local log, seen = recorder()
    run(function()
      for value in xio.producer(counter(log)) do
        if value == 3 then break end
      end
      log("after the loop")
      assert.near(2.5, xio.now(), 1e-9)
    end)
    assert.same({ "cancelled", "after the loop" }, seen)
  end)

  it("CHN-24 is cancelled by return, goto and errors of the consumer", function()
    local log, seen = recorder()
    run(function()
      local function by_return()
        for value in xio.producer(counter(log)) do return value end
      end
      assert.equal(1, by_return())
      for _ in xio.producer(counter(log)) do goto out end
      ::out::
      local err = {}
      assert.equal(err, catch(function()
        for _ in xio.producer(counter(log)) do error(err) end
      end))
      log("end")
      assert.near(1.5, xio.now(), 1e-9)
    end)
    assert.same({ "cancelled", "cancelled", "cancelled", "end" }, seen)
  end)

  it("CHN-24 is cancelled where its consumer is", function()
    local log, seen = recorder()
    run(function()
      local completed = xio.move_on_after(2.2, function()
        for value in xio.producer(counter(log)) do log(value) end
      end)
      assert.is_false(completed)
      log("end")
      assert.near(2.7, xio.now(), 1e-9)
    end)
    assert.same({ 1, 2, 3, "cancelled", "end" }, seen)
  end)

  it("raises its error after what it sent before, and only once", function()
    run(function()
      local err, seen = {}, {}
      assert.equal(err, catch(function()
        for value in xio.producer(function(send)
          send(1)
          send(2)
          error(err)
        end) do
          seen[#seen + 1] = value
        end
      end))
      assert.same({ 1, 2 }, seen)
    end)
  end)

  it("E2 shows where the error was raised", function()
    run(function()
      local place
      local err = catch(xio.group, function()
        for _ in xio.producer(function()
          place = support.here(1)
          error("e", 0)
        end) do error("never") end
      end)
      assert.equal("e", err)
      support.mentions(xio.traceback(err), place)
    end)
  end)

  it("CHN-24 does not lose an error that the loop was not told of", function()
    run(function()
      local function fails_in_cleanup(send)
        local _cleanup <close> = xio.defer(function() error("cleanup", 0) end)
        send(1)
        send(2)
      end
      assert.equal("cleanup", catch(function()
        for _ in xio.producer(fails_in_cleanup) do break end
      end))
      local err = catch(function()
        for _ in xio.producer(fails_in_cleanup) do error("consumer", 0) end
      end)
      assert.is_true(support.is_group(err))
      assert.same({ "consumer", "cleanup" }, support.leaves(err))
      local completed
      err = catch(function()
        completed = xio.move_on_after(1, function()
          for _ in xio.producer(fails_in_cleanup) do xio.sleep_forever() end
        end)
      end)
      assert.equal("cleanup", err)
      assert.is_nil(completed)
    end)
  end)

  it("does not lose an error that came after the last value", function()
    run(function()
      assert.equal("late", catch(function()
        for _ in xio.producer(function(send)
          send(1)
          error("late", 0)
        end) do
          xio.sleep(1)
          break
        end
      end))
    end)
  end)

  it("holds its function in the scopes around the loop", function()
    run(function()
      local inner
      xio.fail_after(9, function()
        for deadline in xio.producer(function(send) send(xio.deadline()) end) do
          inner = deadline
        end
      end)
      assert.near(9, inner, 1e-9)
      local sum = 0
      xio.scope(function(scope)
        scope:cancel()
        xio.shield(function()
          for value in xio.producer(counter(function() end)) do
            sum = sum + value
            if value == 4 then break end
          end
        end)
      end)
      assert.equal(10, sum)
    end)
  end)

  it("may have tasks of its own", function()
    run(function()
      local seen = {}
      for value in xio.producer(function(send)
        xio.group(function(g)
          for i = 1, 3 do
            g:spawn(function()
              xio.sleep(i)
              send(i)
            end)
          end
        end)
      end) do
        seen[#seen + 1] = value
      end
      assert.same({ 1, 2, 3 }, seen)
    end)
  end)

  it("nests, and follows another", function()
    run(function()
      local function numbers(send, n) for i = 1, n do send(i) end end
      local function squares(send, n)
        for i in xio.producer(numbers, n) do send(i * i) end
      end
      local seen = {}
      for a in xio.producer(squares, 3) do
        for b in xio.producer(numbers, 2) do seen[#seen + 1] = a .. b end
      end
      assert.same({ "11", "12", "41", "42", "91", "92" }, seen)
      for _ in xio.producer(squares, 1000) do break end
    end)
  end)

  it("does not wait in its cleanup for who has left", function()
    run(function()
      local sent, why
      for _ in xio.producer(function(send)
        local _cleanup <close> = xio.defer(function() sent, why = send("last") end)
        while true do send(1) end
      end) do break end
      assert.is_nil(sent)
      assert.equal("closed", why)
    end)
  end)

  it("E5 raises for what is no function", function()
    run(function()
      misuse(function() xio.producer(42) end, "xio.producer", "#1", "function")
      misuse(function() xio.producer() end, "xio.producer", "#1", "function")
      local _, err = pcall(function()
        for _ in xio.producer(function(send) send(nil) end) do error("never") end
      end)
      support.mentions(tostring(err), "send", "nil")
    end)
  end)

  it("E5 raises where a scope is left open in the loop", function()
    run(function()
      local text = tostring(catch(xio.group, function()
        coroutine.wrap(function()
          local function ignore() end
          for value in xio.producer(counter(ignore)) do coroutine.yield(value) end
        end)()
      end))
      support.mentions(text, "open", "producer_spec.lua")
    end)
  end)
end)

describe("a producer without a loop", function()
  it("is received from", function()
    local log, seen = recorder()
    run(function()
      do
        local values <close> = xio.producer(counter(log))
        assert.equal(1, values:recv())
        assert.same({ nil, "empty" }, { values:try_recv() })
        assert.equal(2, values:recv())
        assert.equal("producer (waiting)", tostring(values))
        for value in values do
          log(value)
          if value == 4 then break end
        end
      end
      log("end")
      assert.near(3.5, xio.now(), 1e-9)
    end)
    assert.same({ 3, 4, "cancelled", "end" }, seen)
  end)

  it("ends", function()
    run(function()
      local values = xio.producer(function(send) send(1) end)
      assert.equal(1, values:recv())
      assert.same({ nil, "closed" }, { values:recv() })
      assert.equal(0, values:stats().senders)
      assert.is_true(values:close())
      assert.is_false(values:close())
    end)
  end)

  it("raises its error, which close does not repeat", function()
    run(function()
      local values <close> = xio.producer(function() error("e", 0) end)
      assert.equal("e", catch(values.recv, values))
      assert.equal("e", catch(values.recv, values))
      assert.is_true(values:close())
    end)
  end)

  it("closed before it began never runs", function()
    run(function()
      local values = xio.producer(function() error("never") end)
      assert.is_true(values:close())
      assert.equal("producer (closed)", tostring(values))
    end)
  end)

  it("can be a case of xio.select", function()
    run(function()
      local values <close> = xio.producer(counter(function() end))
      local _, never = xio.channel()
      assert.same({ 2, 1 }, { xio.select(never, values) })
      assert.same({ 2, 2 }, { xio.select(never, values, xio.after(1.5)) })
      assert.same({ 3 }, { xio.select(never, values, xio.after(0.5)) })
    end)
  end)

  it("does not keep a group from ending", function()
    local log, seen = recorder()
    run(function()
      xio.group(function()
        local values = xio.producer(counter(log))
        values:recv()
      end)
      log("end")
      assert.near(0.5, xio.now(), 1e-9)
    end)
    assert.same({ "cancelled", "end" }, seen)
  end)

  it("that was dropped ends when it is collected", function()
    local log, seen = recorder()
    run(function()
      xio.producer(counter(log)):recv()
      collectgarbage()
      collectgarbage()
      xio.sleep(5)
      log("end")
    end)
    assert.same({ "cancelled", "end" }, seen)
  end)

  it("tells where somebody else has cancelled it", function()
    run(function()
      local values
      xio.group(function(g)
        values = xio.producer(counter(function() end))
        values:recv()
        g:cancel()
      end)
      assert.equal("ECANCELED", catch(values.recv, values).code)
    end)
  end)
end)
