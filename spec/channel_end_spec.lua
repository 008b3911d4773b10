-- The ends of a channel: closing, cloning and collecting them, and failing them.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch = support.run, support.catch

--- What `f` gives, as a list with n.
local function pack(f, ...)
  return table.pack(f(...))
end

local CLOSED = { n = 2, nil, "closed" }

describe("the ends of a channel", function()
  it("CHN-03 end it for receivers, once they have what was sent, for ever", function()
    run(function()
      local tx, rx = xio.channel(5)
      for i = 1, 3 do tx:send(i) end
      assert.is_true(tx:close())
      for i = 1, 3 do assert.equal(i, rx:recv()) end
      for _ = 1, 3 do assert.same(CLOSED, pack(rx.recv, rx)) end
      assert.same(CLOSED, pack(rx.try_recv, rx))
      assert.same({}, rx:drain())
    end)
  end)

  it("CHN-03 wake a waiting receiver when the last sender is closed", function()
    run(function()
      local tx, rx = xio.channel()
      local tx2 = tx:clone()
      local task = xio.spawn(function() return pack(rx.recv, rx) end)
      xio.checkpoint()
      tx:close()
      xio.sleep(1)
      assert.equal("waiting", task:status())
      tx2:close()
      assert.same(CLOSED, task:await())
    end)
  end)

  it("CHN-04 wake a blocked sender when the last receiver is closed", function()
    run(function()
      local tx, rx = xio.channel(1)
      tx:send("lost")
      local task = xio.spawn(function() return pack(tx.send, tx, 2) end)
      xio.checkpoint()
      assert.is_true(rx:close())
      assert.same(CLOSED, task:await())
      assert.same(CLOSED, pack(tx.send, tx, 3))
      assert.same(CLOSED, pack(tx.try_send, tx, 3))
      assert.equal(0, tx:stats().buffered)
    end)
  end)

  it("CHN-06 with clones: the loop ends after the last of ten producers", function()
    run(function()
      local tx, rx = xio.channel(4)
      for i = 1, 10 do
        local own = tx:clone()
        xio.spawn(function()
          local _own <close> = own
          for k = 1, 3 do
            own:send(10 * i + k)
            xio.sleep(i % 3)
          end
        end)
      end
      tx:close()
      local items = {}
      for item in rx do items[#items + 1] = item end
      assert.equal(30, #items)
      table.sort(items)
      for i = 1, 10 do assert.equal(10 * i + 3, items[3 * i]) end
    end)
  end)

  it("CHN-08 when closed end only what waits through them", function()
    run(function()
      local tx, rx = xio.channel()
      local tx2, rx2 = tx:clone(), rx:clone()
      local first = xio.spawn(function() return pack(tx.send, tx, 1) end)
      local second = xio.spawn(function() return pack(tx2.send, tx2, 2) end)
      xio.checkpoint()
      tx:close()
      assert.same(CLOSED, first:await())
      assert.equal("waiting", second:status())
      assert.equal(2, rx:recv())
      first = xio.spawn(function() return pack(rx.recv, rx) end)
      second = xio.spawn(function() return pack(rx2.recv, rx2) end)
      xio.checkpoint()
      rx:close()
      assert.same(CLOSED, first:await())
      tx2:send("still open")
      assert.same({ n = 1, "still open" }, second:await())
    end)
  end)

  it("CHN-18 deliver all that was sent before the close", function()
    run(function()
      local tx, rx = xio.channel(2)
      local tx2 = tx:clone()
      local task = xio.spawn(function()
        for i = 1, 3 do assert.is_true(tx:send(i)) end
        tx:close()
      end)
      xio.checkpoint()
      tx2:close()
      local got = {}
      for item in rx do got[#got + 1] = item end
      assert.same({ 1, 2, 3 }, got)
      task:wait()
    end)
  end)

  it("tell whether they were closed first", function()
    run(function()
      local tx, rx = xio.channel()
      assert.is_true(tx:close())
      assert.is_false(tx:close())
      assert.is_true(rx:close())
      assert.is_false(rx:close())
    end)
  end)

  it("are closed by <close>", function()
    run(function()
      local tx, rx = xio.channel(1)
      do
        local _tx <close> = tx
        tx:send(1)
      end
      assert.equal(1, rx:recv())
      assert.same(CLOSED, pack(rx.recv, rx))
      assert.is_false(tx:close())
    end)
  end)

  it("are closed when they are dropped and collected", function()
    run(function()
      local tx, rx = xio.channel() -- luacheck: ignore 231
      local task = xio.spawn(function() return pack(rx.recv, rx) end)
      xio.checkpoint()
      tx = nil -- luacheck: ignore 231 311
      collectgarbage()
      assert.same(CLOSED, task:await())
      local kept = xio.channel(1)
      collectgarbage()
      assert.same(CLOSED, pack(kept.send, kept, {}))
    end)
  end)

  it("let go of the items that nobody will receive", function()
    run(function()
      for _, capacity in ipairs { 5, 1000 } do
        local tx, rx = xio.channel(capacity)
        local weak = setmetatable({}, { __mode = "k" })
        for _ = 1, 5 do
          local item = {}
          weak[item] = true
          tx:send(item)
        end
        rx:recv()
        rx:close()
        collectgarbage()
        assert.is_nil(next(weak))
      end
    end)
  end)

  it("do not keep what was received", function()
    run(function()
      for _, capacity in ipairs { 5, 1000 } do
        local tx, rx = xio.channel(capacity)
        local weak = setmetatable({ {} }, { __mode = "v" })
        tx:send(weak[1])
        rx:recv()
        collectgarbage()
        assert.is_nil(weak[1])
        for i = 1, 3 do
          weak[i] = { i }
          tx:send(weak[i])
        end
        rx:recv()
        collectgarbage()
        assert.is_nil(weak[1])
        assert.same({ { 2 }, { 3 } }, { weak[2], weak[3] })
        assert.equal(weak[2], rx:recv())
      end
    end)
  end)

  it("are collected with what is buffered, although that names them", function()
    run(function()
      for _, capacity in ipairs { 5, 1000 } do
        local weak = setmetatable({}, { __mode = "v" })
        do
          local tx, rx = xio.channel(capacity)
          tx:send { tx, rx }
          weak[1], weak[2] = tx, rx
        end
        collectgarbage()
        assert.is_nil(weak[1])
        assert.is_nil(weak[2])
      end
    end)
  end)

  it("are clones of an end that may be closed before them", function()
    run(function()
      local tx, rx = xio.channel(1)
      local tx2, rx2 = tx:clone(), rx:clone()
      tx:close()
      rx:close()
      assert.is_true(tx2:send(1))
      assert.equal(1, rx2:recv())
      assert.same({ 1, 1 }, { tx2:stats().senders, tx2:stats().receivers })
    end)
  end)
end)

describe("a failed channel", function()
  it("CHN-19 gives what was sent, then raises the error each time", function()
    run(function()
      local tx, rx = xio.channel(2)
      local err = { "the very same" }
      tx:send(1)
      assert.is_true(tx:fail(err))
      assert.is_false(tx:fail("another"))
      assert.is_false(tx:close())
      assert.is_false(rx:fail("another"))
      assert.equal(1, rx:recv())
      for _ = 1, 2 do assert.equal(err, catch(rx.recv, rx)) end
      assert.equal(err, catch(rx.try_recv, rx))
      assert.equal(err, catch(function() for _ in rx do error("never") end end))
      assert.same({}, rx:drain())
    end)
  end)

  it("raises in a receiver that waits", function()
    run(function()
      local tx, rx = xio.channel()
      local task = xio.spawn(function() return pcall(rx.recv, rx) end)
      xio.checkpoint()
      tx:fail(false)
      assert.same({ false, false }, { task:await() })
    end)
  end)

  it("is closed for all its senders, those who wait included", function()
    run(function()
      local tx, rx = xio.channel(1)
      local tx2 = tx:clone()
      tx:send(1)
      local task = xio.spawn(function() return pack(tx2.send, tx2, 2) end)
      xio.checkpoint()
      tx:fail("e")
      assert.same(CLOSED, task:await())
      assert.same(CLOSED, pack(tx2.send, tx2, 3))
      assert.equal(1, rx:recv())
      assert.equal("e", catch(rx.recv, rx))
    end)
  end)

  it("may be failed by a receiver, which still gets what was sent", function()
    run(function()
      local tx, rx = xio.channel(1)
      tx:send(1)
      assert.is_true(rx:fail("e"))
      assert.same(CLOSED, pack(tx.send, tx, 2))
      assert.equal(1, rx:recv())
      assert.equal("e", catch(rx.recv, rx))
      assert.is_true(rx:close())
    end)
  end)

  it("E1 names a nil error", function()
    run(function()
      local tx, rx = xio.channel()
      tx:fail(nil)
      assert.equal("ENIL", catch(rx.recv, rx).code)
    end)
  end)

  it("is none where it had ended before", function()
    run(function()
      local tx, rx = xio.channel(1)
      tx:send(1)
      tx:close()
      assert.is_false(rx:fail("late"))
      assert.equal(1, rx:recv())
      assert.same(CLOSED, pack(rx.recv, rx))
    end)
  end)

  it("E2 shows where the error was raised first", function()
    run(function()
      local tx, rx = xio.channel()
      local place
      local failing = xio.spawn(function()
        local ok, err = xio.isolate(function()
          place = support.here(1)
          error { "e" }
        end)
        assert.is_false(ok)
        tx:fail(err)
      end)
      local err = catch(xio.group, function() rx:recv() end)
      support.mentions(xio.traceback(err), place)
      failing:wait()
    end)
  end)
end)
