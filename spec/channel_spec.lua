-- xio.channel: items, and what cancelling does; misuse. Its ends: channel_end_spec.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, misuse = support.run, support.catch, support.misuse
local recorder = support.recorder

--- What `f` gives, as a list with n.
local function pack(f, ...)
  return table.pack(f(...))
end

local CLOSED = { n = 2, nil, "closed" }

--- Spawns a task that sends `...` one after the other and then closes the sender.
local function spawn_sends(tx, ...)
  local items = table.pack(...)
  return xio.spawn(function()
    for i = 1, items.n do assert.is_true(tx:send(items[i])) end
    tx:close()
  end)
end

describe("a channel", function()
  it("CHN-02 without capacity hands over from sender to receiver", function()
    local log, seen = recorder()
    run(function()
      local tx, rx = xio.channel()
      assert.same({ n = 2, nil, "full" }, pack(tx.try_send, tx, 1))
      assert.same({ n = 2, nil, "empty" }, pack(rx.try_recv, rx))
      local task = xio.spawn(function()
        log("sends")
        assert.is_true(tx:send("a"))
        log("sent")
      end)
      xio.sleep(1)
      log("receives")
      assert.equal("a", rx:recv())
      task:wait()
      task = xio.spawn(function() log(rx:recv()) end)
      xio.sleep(1)
      assert.is_true(tx:send("b"))
      task:wait()
    end)
    assert.same({ "sends", "receives", "sent", "b" }, seen)
  end)

  it("CHN-02 without capacity takes a try with a waiting partner, both ways", function()
    run(function()
      local tx, rx = xio.channel(0)
      local task = xio.spawn(function() return rx:recv() end)
      xio.checkpoint()
      assert.is_true(tx:try_send("to the receiver"))
      assert.equal("to the receiver", task:await())
      task = xio.spawn(function() return tx:send("from the sender") end)
      xio.checkpoint()
      assert.equal("from the sender", rx:try_recv())
      assert.is_true(task:await())
    end)
  end)

  it("buffers as many items as its capacity", function()
    run(function()
      local tx, rx = xio.channel(2)
      local sent = 0
      local task = xio.spawn(function()
        for i = 1, 5 do
          tx:send(i)
          sent = i
        end
      end)
      xio.sleep(1)
      assert.equal(2, sent)
      assert.same({ n = 2, nil, "full" }, pack(tx.try_send, tx, 9))
      for i = 1, 5 do assert.equal(i, rx:recv()) end
      task:wait()
      assert.same({ n = 2, nil, "empty" }, pack(rx.try_recv, rx))
    end)
  end)

  it("with a large or no limit grows as it is needed, and keeps the order", function()
    run(function()
      for _, capacity in ipairs { 255, 256, 257, 3000, 70000, math.huge } do
        local tx, rx = xio.channel(capacity)
        assert.equal(capacity, tx:stats().capacity)
        local next_out = 1
        for i = 1, 5000 do
          if not tx:try_send(i) then
            assert.equal(capacity, rx:stats().buffered)
            assert.equal(next_out, rx:recv())
            next_out = next_out + 1
            assert.is_true(tx:try_send(i))
          end
          if i % 7 == 0 then
            assert.equal(next_out, rx:recv())
            next_out = next_out + 1
          end
        end
        tx:close()
        for item in rx do
          assert.equal(next_out, item)
          next_out = next_out + 1
        end
        assert.equal(5001, next_out)
      end
    end)
  end)

  it("carries every value but nil, error objects too", function()
    run(function()
      local tx, rx = xio.channel(20)
      local err = select(2, pcall(xio.fail_after, 0, xio.sleep, 1))
      local _, cancelled = xio.move_on_after(0, xio.checkpoint)
      local values = { false, true, 0, 0.5, "", "text", {}, print, coroutine.create(print), tx,
        err, cancelled, xio.ErrorGroup { "e" }, io.stdout }
      for _, value in ipairs(values) do tx:send(value) end
      for _, value in ipairs(values) do assert.is_true(rawequal(value, rx:recv())) end
    end)
  end)

  it("CHN-07 gives each item to exactly one of several receivers", function()
    run(function()
      local tx, rx = xio.channel(3)
      local got, count = {}, 0
      xio.group(function(g)
        for _ = 1, 4 do
          g:spawn(function()
            for item in rx do
              assert.is_nil(got[item])
              got[item] = true
              count = count + 1
              xio.checkpoint()
            end
          end)
        end
        for i = 1, 50 do tx:send(i) end
        tx:close()
      end)
      assert.equal(50, count)
    end)
  end)

  it("serves those who wait in order", function()
    local log, seen = recorder()
    run(function()
      local tx, rx = xio.channel()
      xio.group(function(g)
        for i = 1, 3 do
          g:spawn(function() log(("%d gets %s"):format(i, rx:recv())) end)
        end
        xio.checkpoint()
        for _, item in ipairs { "a", "b", "c" } do tx:send(item) end
      end)
      xio.group(function(g)
        for i = 1, 3 do g:spawn(tx.send, tx, i) end
        xio.checkpoint()
        for _ = 1, 3 do log(rx:recv()) end
      end)
    end)
    assert.same({ "1 gets a", "2 gets b", "3 gets c", 1, 2, 3 }, seen)
  end)

  it("CHN-15 belongs to who waits: an item that was just sent to it", function()
    run(function()
      for _, capacity in ipairs { 0, 1, 5 } do
        local tx, rx = xio.channel(capacity)
        local task = xio.spawn(function() return rx:recv() end)
        xio.checkpoint()
        assert.is_true(tx:try_send("for the task"))
        assert.same({ n = 2, nil, "empty" }, pack(rx.try_recv, rx))
        assert.equal("for the task", task:await())
      end
    end)
  end)

  it("CHN-15 belongs to who waits: a slot that was just freed", function()
    run(function()
      local tx, rx = xio.channel(1)
      tx:send(1)
      local task = xio.spawn(function() return tx:send(2) end)
      xio.checkpoint()
      assert.equal(1, rx:try_recv())
      assert.same({ n = 2, nil, "full" }, pack(tx.try_send, tx, 3))
      assert.is_true(task:await())
      assert.same({ 2 }, rx:drain())
    end)
  end)

  it("CHN-16 lets a blocked sender go on when a slot is freed, in order", function()
    run(function()
      local tx, rx = xio.channel(2)
      local task = spawn_sends(tx, 1, 2, 3, 4)
      xio.sleep(1)
      local got = {}
      for _ = 1, 4 do
        got[#got + 1] = rx:try_recv()
        xio.checkpoint()
      end
      assert.same({ 1, 2, 3, 4 }, got)
      assert.equal("done", task:status())
    end)
  end)

  it("is left open by a loop over it that is left", function()
    run(function()
      local tx, rx = xio.channel()
      spawn_sends(tx, 1, 2, 3, 4, 5)
      for item in rx do
        if item == 2 then break end
      end
      assert.equal(3, rx:recv())
      local rest = {}
      for item in rx do rest[#rest + 1] = item end
      assert.same({ 4, 5 }, rest)
      for _ in rx do error("never") end
    end)
  end)

  it("can be made and used outside of a run, and in several", function()
    local tx, rx = xio.channel(2)
    assert.is_true(tx:try_send("before"))
    run(function()
      assert.equal("before", rx:recv())
      tx:send("first")
    end)
    run(function()
      assert.equal("first", rx:recv())
      tx:send("second")
    end)
    assert.equal("second", rx:try_recv())
    assert.is_true(tx:close())
    assert.same(CLOSED, pack(rx.try_recv, rx))
  end)

  it("passes items from an inner run to a task of the outer one", function()
    run(function()
      local tx, rx = xio.channel()
      local task = xio.spawn(function() return rx:recv() end)
      xio.checkpoint()
      run(function() assert.is_true(tx:send("out")) end)
      assert.equal("out", task:await())
    end)
  end)

  it("works in generators", function()
    run(function()
      local tx, rx = xio.channel()
      local function numbers()
        for i = 1, 3 do
          tx:send(i)
          coroutine.yield("sent " .. i)
        end
      end
      local doubled = coroutine.wrap(function()
        for item in rx do coroutine.yield(2 * item) end
      end)
      local task = xio.spawn(function()
        local list = {}
        for line in coroutine.wrap(numbers) do list[#list + 1] = line end
        return list
      end)
      assert.same({ 2, 4, 6 }, { doubled(), doubled(), doubled() })
      assert.same({ "sent 1", "sent 2", "sent 3" }, task:await())
    end)
  end)

  it("T9 does not let a task that never waits starve the others", function()
    run(function()
      local tx, rx = xio.channel(math.huge)
      local turns, over = 0, false
      xio.spawn(function()
        while not over do
          turns = turns + 1
          xio.checkpoint()
        end
      end)
      for i = 1, 1000 do tx:send(i) end
      assert.is_true(turns >= 10)
      turns = 0
      for i = 1, 1000 do assert.equal(i, rx:recv()) end
      assert.is_true(turns >= 10)
      over = true
    end)
  end)

  it("E6 tells in the deadlock report who waits for it", function()
    local err = catch(run, function()
      local _tx, rx = xio.channel()
      rx:recv()
    end)
    support.mentions(tostring(err), "deadlock", "recv")
  end)

  it("T10 names the C function that keeps it from waiting", function()
    run(function()
      local _tx, rx = xio.channel()
      misuse(function() string.format("%s", setmetatable({}, { __tostring = rx })) end, "recv")
      misuse(function() xio.atomic(rx.recv, rx) end, "recv", "atomic")
    end)
  end)
end)

describe("draining a channel", function()
  it("gives a list of what there is, of waiting senders too", function()
    run(function()
      local tx, rx = xio.channel(2)
      assert.same({}, rx:drain())
      local tasks = {}
      for i = 1, 4 do tasks[i] = xio.spawn(tx.send, tx, i) end
      xio.checkpoint()
      assert.same({ 1 }, rx:drain(1))
      assert.same({}, rx:drain(0))
      assert.same({ 2, 3, 4 }, rx:drain())
      for i = 1, 4 do assert.is_true(tasks[i]:await()) end
      tx:send(5)
      assert.same({ 5 }, rx:drain(math.huge))
      local stats = rx:stats()
      assert.same({ 5, 5, 0 }, { stats.sent, stats.received, stats.waiting })
    end)
  end)

  it("works without buffer, and outside of a run", function()
    run(function()
      local tx, rx = xio.channel()
      for i = 1, 3 do xio.spawn(tx.send, tx, i) end
      xio.checkpoint()
      assert.same({ 1, 2, 3 }, rx:drain())
    end)
    local tx, rx = xio.channel(math.huge)
    for i = 1, 100 do tx:try_send(i) end
    assert.equal(100, #rx:drain())
  end)
end)

describe("cancelling", function()
  it("CHN-10 of a blocked send leaves nothing behind", function()
    run(function()
      for _, capacity in ipairs { 0, 1 } do
        local tx, rx = xio.channel(capacity)
        if capacity == 1 then tx:send("first") end
        assert.is_false((xio.move_on_after(1, tx.send, tx, "ghost")))
        if capacity == 1 then assert.equal("first", rx:try_recv()) end
        assert.same({ n = 2, nil, "empty" }, pack(rx.try_recv, rx))
        assert.equal(0, rx:stats().waiting)
      end
    end)
  end)

  it("CHN-11 does not lose an item that was handed over", function()
    run(function()
      local tx, rx = xio.channel()
      local scope = xio.new_scope()
      local task = xio.spawn(function()
        return scope:run(function() return rx:recv() end)
      end)
      xio.checkpoint()
      tx:send("item")
      scope:cancel()
      assert.same({ true, "item" }, { task:await() })
      assert.is_false(scope.cancelled_caught)
    end)
  end)

  it("C3 does not undo a send whose item was taken", function()
    run(function()
      local tx, rx = xio.channel()
      local scope = xio.new_scope()
      local task = xio.spawn(function()
        return scope:run(function() return tx:send("item") end)
      end)
      xio.checkpoint()
      assert.equal("item", rx:try_recv())
      scope:cancel()
      assert.same({ true, true }, { task:await() })
    end)
  end)

  it("CHN-13 before a receive leaves the waiting sender's item", function()
    run(function()
      local tx, rx = xio.channel()
      xio.spawn(tx.send, tx, "item")
      xio.checkpoint()
      local completed = xio.scope(function(scope)
        scope:cancel()
        rx:recv()
      end)
      assert.is_false(completed)
      assert.equal("item", rx:recv())
    end)
  end)

  it("CHN-14 before a send gives nothing to the waiting receiver", function()
    run(function()
      local tx, rx = xio.channel(3)
      local task = xio.spawn(rx.recv, rx)
      xio.checkpoint()
      local completed = xio.scope(function(scope)
        scope:cancel()
        tx:send("never")
      end)
      assert.is_false(completed)
      assert.same({ 0, 1 }, { tx:stats().sent, tx:stats().waiting })
      tx:send("item")
      assert.equal("item", task:await())
    end)
  end)

  it("reaches operations that need not wait", function()
    run(function()
      local tx, rx = xio.channel(9)
      tx:send(1)
      xio.scope(function(scope)
        scope:cancel()
        assert.is_true(xio.is_cancelled(catch(tx.send, tx, 2)))
        assert.is_true(xio.is_cancelled(catch(rx.recv, rx)))
        assert.is_true(tx:try_send(2))
        assert.equal(1, rx:try_recv())
      end)
      assert.same({ 2 }, rx:drain())
    end)
  end)

  it("of one waiter leaves the others in order", function()
    run(function()
      local tx, rx = xio.channel()
      local tasks = {}
      for i = 1, 4 do tasks[i] = xio.spawn(tx.send, tx, i) end
      xio.checkpoint()
      tasks[2]:cancel()
      assert.same({ 1, 3, 4 }, rx:drain())
      for i = 1, 4 do tasks[i] = xio.spawn(rx.recv, rx) end
      xio.checkpoint()
      tasks[1]:cancel()
      for i = 2, 4 do assert.is_true(tx:try_send(i)) end
      for i = 2, 4 do assert.equal(i, tasks[i]:await()) end
    end)
  end)

  it("leaves what a cancelled owner had sent", function()
    run(function()
      local tx, rx = xio.channel(5)
      local task = xio.spawn(function()
        local _tx <close> = tx
        for i = 1, 3 do tx:send(i) end
        xio.sleep_forever()
      end)
      xio.checkpoint()
      task:cancel()
      local got = {}
      for item in rx do got[#got + 1] = item end
      assert.same({ 1, 2, 3 }, got)
    end)
  end)
end)

describe("the stats of a channel", function()
  it("E7 tell what there is and who waits", function()
    run(function()
      local tx, rx = xio.channel(1)
      assert.same({ capacity = 1, buffered = 0, senders = 1, receivers = 1, sent = 0,
        received = 0, waiting = 0 }, tx:stats())
      local tx2 = tx:clone()
      tx:send(1)
      local task = xio.spawn(tx.send, tx, 2)
      xio.checkpoint()
      assert.same({ capacity = 1, buffered = 1, senders = 2, receivers = 1, sent = 1,
        received = 0, waiting = 1 }, rx:stats())
      rx:recv()
      task:wait()
      tx:close()
      tx2:close()
      rx:close()
      assert.same({ capacity = 1, buffered = 0, senders = 0, receivers = 0, sent = 2,
        received = 1, waiting = 0 }, rx:stats())
      assert.equal(math.huge, (xio.channel(math.huge)):stats().capacity)
    end)
  end)

  it("are told in short by tostring", function()
    local tx, rx = xio.channel(3)
    tx:try_send(1)
    assert.equal("sender (open, 1 of 3 buffered)", tostring(tx))
    tx:close()
    assert.equal("sender (closed, 1 of 3 buffered)", tostring(tx))
    assert.equal("receiver (open, 1 of 3 buffered)", tostring(rx))
  end)
end)

describe("misuse of a channel", function()
  it("E5 is a capacity that is none", function()
    for _, capacity in ipairs { -1, 1.5, 0 / 0, "2", {}, -math.huge } do
      misuse(function() xio.channel(capacity) end, "xio.channel", "#1")
    end
  end)

  it("E5 is to send nil", function()
    run(function()
      local tx = xio.channel(1)
      misuse(function() tx:send() end, "send", "nil")
      misuse(function() tx:send(nil) end, "send", "nil")
      misuse(function() tx:try_send(nil) end, "try_send", "nil")
      assert.equal(0, tx:stats().sent)
    end)
  end)

  it("E5 is to wait outside of a run", function()
    local tx, rx = xio.channel(1)
    if support.in_task() then return end
    misuse(function() tx:send(1) end, "send", "xio.run")
    misuse(function() rx:recv() end, "recv", "xio.run")
    assert.equal(0, tx:stats().sent)
  end)

  it("E5 is another receiver or count than a method can use", function()
    run(function()
      local tx, rx = xio.channel(1)
      misuse(function() tx.send(rx, 1) end, "send", "xio.Sender")
      misuse(function() rx.recv(tx) end, "recv", "xio.Receiver")
      misuse(function() rx.recv({}) end, "recv", "xio.Receiver")
      misuse(function() rx.recv() end, "recv", "xio.Receiver")
      misuse(function() tx.close(io.stdout) end, "close")
      misuse(function() rx:drain(-1) end, "drain", "#1")
      misuse(function() rx:drain("all") end, "drain", "#1")
    end)
  end)

  it("E5 CHN-03 is to use an end by the task that closed it", function()
    run(function()
      local tx, rx = xio.channel(1)
      local tx2 = tx:clone()
      tx:close()
      misuse(function() tx:send(1) end, "send", "closed")
      misuse(function() tx:try_send(1) end, "try_send", "closed")
      misuse(function() tx:clone() end, "clone", "closed")
      misuse(function() xio.select({ tx, 1 }) end, "select", "closed")
      tx2:fail("e")
      misuse(function() tx2:send(1) end, "send", "closed")
      rx:close()
      misuse(function() rx:recv() end, "recv", "closed")
      misuse(function() rx:try_recv() end, "try_recv", "closed")
      misuse(function() rx:drain() end, "drain", "closed")
      misuse(function() rx:clone() end, "clone", "closed")
      misuse(function() for _ in rx do error("never") end end, "recv", "closed")
      misuse(function() xio.select(rx) end, "select", "closed")
    end)
  end)

  it("E5 is not to use an end that another task has closed", function()
    run(function()
      local tx, rx = xio.channel(1)
      xio.group(function(g)
        g:spawn(tx.close, tx)
        g:spawn(rx.close, rx)
      end)
      assert.same(CLOSED, pack(tx.send, tx, 1))
      assert.same(CLOSED, pack(tx.try_send, tx, 1))
      assert.same(CLOSED, pack(tx.clone, tx))
      assert.same(CLOSED, pack(rx.recv, rx))
      assert.same(CLOSED, pack(rx.try_recv, rx))
      assert.same(CLOSED, pack(rx.drain, rx))
      assert.same(CLOSED, pack(rx.clone, rx))
      for _ in rx do error("never") end
      assert.is_false(tx:close())
      assert.is_false(rx:fail("e"))
    end)
  end)

  it("E5 is not to use an end in a later run", function()
    local tx, rx = xio.channel(1)
    run(function() tx:close() end)
    run(function()
      assert.same(CLOSED, pack(tx.send, tx, 1))
      assert.same(CLOSED, pack(rx.recv, rx))
    end)
  end)
end)
