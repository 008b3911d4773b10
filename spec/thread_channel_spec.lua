-- xio.thread.channel: items by copy, ends that several states name, late sends, select.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, misuse = support.run, support.catch, support.misuse

local function pack(f, ...) return table.pack(f(...)) end

local CLOSED = { n = 2, nil, "closed" }

describe("a thread channel", function()
  it("carries copies, in order, between tasks of one run", function()
    run(function()
      local tx, rx = xio.thread.channel(2)
      local value = { 1, { "two" } }
      value.self = value
      xio.spawn(function()
        for i = 1, 5 do assert.is_true(tx:send(i)) end
        assert.is_true(tx:send(value))
        tx:close()
      end)
      local seen = {}
      for item in rx do seen[#seen + 1] = item end
      assert.same({ 1, 2, 3, 4, 5 }, { table.unpack(seen, 1, 5) })
      local copy = seen[6]
      assert.is_not.equal(value, copy)
      assert.equal(copy, copy.self)
      assert.equal("two", copy[2][1])
      assert.same(CLOSED, pack(rx.recv, rx))
    end)
  end)

  it("CHN-02 without capacity hands over in both orders", function()
    run(function()
      local tx, rx = xio.thread.channel()
      assert.same({ n = 2, nil, "full" }, pack(tx.try_send, tx, 1))
      assert.same({ n = 2, nil, "empty" }, pack(rx.try_recv, rx))
      local task = xio.spawn(function() return tx:send("a") end)
      xio.checkpoint()
      assert.equal("a", rx:recv())
      assert.is_true(task:await())
      task = xio.spawn(function() return rx:recv() end)
      xio.checkpoint()
      assert.is_true(tx:try_send("b"))
      assert.equal("b", task:await())
    end)
  end)

  it("CHN-21 takes items before and outside of any run, and gives them later", function()
    if support.in_task() then return end
    local tx, rx = xio.thread.channel(10)
    for i = 1, 5 do assert.is_true(tx:send(i)) end
    tx:close()
    local seen = {}
    run(function()
      for item in rx do seen[#seen + 1] = item end
    end)
    assert.same({ 1, 2, 3, 4, 5 }, seen)
    assert.same(CLOSED, pack(rx.recv, rx))
  end)

  it("raises where nothing could ever end the wait outside of a run", function()
    if support.in_task() then return end
    local tx, rx = xio.thread.channel(1)
    misuse(function() rx:recv() end, "receiver:recv", "xio.run")
    assert.is_true(tx:send(1))
    misuse(function() tx:send(2) end, "sender:send", "xio.run")
    assert.equal(1, rx:recv())
  end)

  it("CHN-10 CHN-13 CHN-14 leaves nothing behind where it was cancelled", function()
    run(function()
      local tx, rx = xio.thread.channel(0)
      assert.is_false((xio.move_on_after(1, function() tx:send("ghost") end)))
      assert.same({ n = 2, nil, "empty" }, pack(rx.try_recv, rx))
      local task = xio.spawn(function() return tx:send("kept") end)
      xio.checkpoint()
      assert.is_false((xio.move_on_after(0, function() rx:recv() end)))
      assert.equal("kept", rx:recv())
      assert.is_true(task:await())
      task = xio.spawn(function() return rx:recv() end)
      xio.checkpoint()
      assert.is_false((xio.move_on_after(0, function() tx:send("no") end)))
      tx:send("yes")
      assert.equal("yes", task:await())
    end)
  end)

  it("CHN-11 gives the item that was handed over, though a cancellation came then", function()
    run(function()
      local tx, rx = xio.thread.channel(0)
      local scope = xio.new_scope()
      local got
      local task = xio.spawn(function()
        return scope:run(function() got = rx:recv() end)
      end)
      xio.checkpoint()
      assert.is_true(tx:try_send("item"))
      scope:cancel()
      assert.is_true((task:await()))
      assert.equal("item", got)
    end)
  end)

  it("CHN-15 CHN-16 keeps the order among those who wait", function()
    run(function()
      local tx, rx = xio.thread.channel(1)
      tx:send(1)
      local sent = {}
      for i = 2, 4 do
        xio.spawn(function()
          tx:send(i)
          sent[#sent + 1] = i
        end)
      end
      xio.sleep(1)
      assert.same({ n = 2, nil, "full" }, pack(tx.try_send, tx, 9))
      assert.equal(1, rx:try_recv())
      assert.same({ n = 2, nil, "full" }, pack(tx.try_send, tx, 9))
      xio.sleep(1)
      assert.same({ 2 }, sent)
      assert.same({ 2, 3, 4 }, rx:drain())
      xio.sleep(1)
      assert.same({ 2, 3, 4 }, sent)
      assert.same({}, rx:drain())
    end)
  end)

  it("CHN-03 CHN-06 ends with its last sender, for clones too", function()
    run(function()
      local tx, rx = xio.thread.channel(0)
      for i = 1, 10 do
        local clone = tx:clone()
        xio.spawn(function()
          local _clone <close> = clone
          for _ = 1, 3 do clone:send(i) end
        end)
      end
      assert.is_true(tx:close())
      assert.is_false(tx:close())
      local count = 0
      for _ in rx do count = count + 1 end
      assert.equal(30, count)
    end)
  end)

  it("CHN-04 tells senders when the last receiver is closed", function()
    run(function()
      local tx, rx = xio.thread.channel(0)
      local task = xio.spawn(function() return pack(tx.send, tx, 1) end)
      xio.checkpoint()
      rx:close()
      assert.same(CLOSED, task:await())
      assert.same(CLOSED, pack(tx.send, tx, 2))
      assert.same(CLOSED, pack(tx.try_send, tx, 2))
      misuse(function() rx:recv() end, "receiver:recv", "closed")
    end)
  end)

  it("CHN-19 gives what was sent, then raises a copy of the error each time", function()
    run(function()
      local tx, rx = xio.thread.channel(5)
      tx:send(1)
      assert.is_true(tx:fail({ code = 7 }))
      assert.is_false(rx:fail("again"))
      assert.equal(1, rx:recv())
      for _ = 1, 2 do
        assert.same({ code = 7 }, catch(rx.recv, rx))
        assert.same({ code = 7 }, catch(rx.try_recv, rx))
      end
    end)
    run(function()
      local tx, rx = xio.thread.channel(5)
      tx:fail(nil)
      assert.equal("ENIL", catch(rx.recv, rx).code)
    end)
  end)

  it("CHN-22 tells, raises or counts a late send, as it was asked", function()
    run(function()
      local tx, rx = xio.thread.channel(1, { late = "raise" })
      rx:close()
      local err = catch(tx.send, tx, 1)
      assert.equal("ECLOSED", err.code)
      assert.equal("ECLOSED", catch(tx.try_send, tx, 1).code)
      tx, rx = xio.thread.channel(1, { late = "drop" })
      rx:close()
      assert.is_true(tx:send(1))
      assert.is_true(tx:try_send(2))
      tx:close()
      assert.is_true(tx:send(3))
      assert.equal(3, tx:stats().dropped)
    end)
  end)

  it("a channel made in a run ends with it", function()
    local tx, rx
    run(function()
      tx, rx = xio.thread.channel(1)
      tx:send(1)
    end)
    assert.same(CLOSED, pack(tx.try_send, tx, 1))
    assert.same(CLOSED, pack(rx.try_recv, rx))
  end)

  it("finds a deadlock as long as no other thread knows it", function()
    local err = catch(run, function()
      local _, rx = xio.thread.channel()
      rx:recv()
    end)
    assert.matches("deadlock", tostring(err))
    assert.matches("recv", tostring(err))
  end)

  it("is the same value again where it comes back", function()
    run(function()
      local tx, rx = xio.thread.channel(3)
      tx:send(tx)
      tx:send({ rx, rx })
      assert.equal(tx, rx:recv())
      local both = rx:recv()
      assert.equal(rx, both[1])
      assert.equal(rx, both[2])
      tx:close()
      assert.same(CLOSED, pack(rx.recv, rx))
    end)
  end)

  it("is closed when nobody refers to an end any more", function()
    run(function()
      local tx, rx = xio.thread.channel(3)
      tx:send(tx)
      tx:send(1)
      tx = nil -- luacheck: ignore
      collectgarbage()
      assert.equal("userdata", type(rx:recv())) -- it was on its way
      assert.equal(1, rx:recv())
      collectgarbage()
      assert.same(CLOSED, pack(rx.recv, rx))
    end)
  end)

  it("tells stats and a short text", function()
    run(function()
      local tx, rx = xio.thread.channel(3)
      tx:send(1)
      local clone <close> = rx:clone()
      assert.same({ capacity = 3, buffered = 1, senders = 1, receivers = 2, waiting = 0,
        sent = 1, received = 0, dropped = 0 }, clone:stats())
      assert.equal("thread sender (open, 1 of 3 buffered)", tostring(tx))
      rx:close()
      assert.equal("thread receiver (closed, 1 of 3 buffered)", tostring(rx))
      assert.equal(math.huge, xio.thread.channel(math.huge):stats().capacity)
    end)
  end)

  it("CHN-27 is a case of select, of which exactly one takes effect", function()
    run(function()
      local tx1, rx1 = xio.thread.channel(1)
      local tx2, rx2 = xio.thread.channel(1)
      tx1:send("a")
      tx2:send("b")
      assert.same({ n = 2, 1, "a" }, pack(xio.select, rx1, rx2))
      assert.same({ n = 2, 2, "b" }, pack(xio.select, rx1, rx2))
      assert.same({ n = 1, 3 }, pack(xio.select, rx1, rx2, xio.after(1)))
      xio.spawn(function()
        xio.sleep(1)
        tx2:send("later")
      end)
      assert.same({ n = 2, 2, "later" }, pack(xio.select, rx1, rx2))
      local event = xio.event()
      xio.spawn(function()
        xio.sleep(1)
        event:set()
        tx1:send("kept")
      end)
      assert.same({ n = 2, 2, true }, pack(xio.select, rx1, event))
      assert.equal("kept", rx1:recv())
      xio.spawn(function()
        xio.sleep(1)
        tx1:close()
      end)
      assert.same({ n = 3, 1, nil, "closed" }, pack(xio.select, rx1, rx2))
      assert.is_false((xio.move_on_after(1, function() xio.select(rx2) end)))
    end)
  end)

  it("selects with copies: one item goes to one of two selects", function()
    run(function()
      local tx, rx = xio.thread.channel(0)
      local counts = { 0, 0 }
      xio.group(function(g)
        for i = 1, 2 do
          g:spawn(function()
            while true do
              local _, item = xio.select(rx)
              if item == nil then break end
              counts[i] = counts[i] + 1
            end
          end)
        end
        for i = 1, 100 do tx:send(i) end
        tx:close()
      end)
      assert.equal(100, counts[1] + counts[2])
    end)
  end)

  it("E5 refuses wrong use", function()
    misuse(function() xio.thread.channel(-1) end, "xio.thread.channel", "#1")
    misuse(function() xio.thread.channel(1.5) end, "xio.thread.channel", "#1")
    misuse(function() xio.thread.channel(1, { late = "never" }) end, "late")
    misuse(function() xio.thread.channel(1, { latte = "drop" }) end, "latte")
    local tx, rx = xio.thread.channel(1)
    misuse(function() tx.send(rx, 1) end, "sender:send", "bad self")
    misuse(function() tx:try_send(nil) end, "sender:try_send", "nil")
    misuse(function() rx:drain(-1) end, "receiver:drain", "#1")
    local err = catch(tx.try_send, tx, { deep = { coroutine.create(print) } })
    assert.matches("value.deep%[1%]", tostring(err))
    run(function()
      tx:close()
      misuse(function() tx:send(1) end, "sender:send", "closed")
      misuse(function() tx:clone() end, "channel:clone", "closed")
    end)
  end)
end)

--- Random cancellation: senders and receivers in threads and at home, each cut short again and
--- again; then each item has been received once, in the order of its sender.
local function random_run(seed)
  local SENDERS, EACH = 3, 60
  local tx, rx = xio.thread.channel(({ 0, 1, 5, math.huge })[seed % 4 + 1])
  local function send(tx, id, each, seed) -- luacheck: ignore
    local xio = require "xio" -- luacheck: ignore
    math.randomseed(seed, id)
    local number = 1
    while number <= each do
      local sent = xio.move_on_after(math.random() * 2e-4, function()
        assert(tx:send({ id, number }))
        number = number + 1
      end)
      if not sent then xio.checkpoint() end
    end
    tx:close()
  end
  local function receive(rx, seed, id) -- luacheck: ignore
    local xio = require "xio" -- luacheck: ignore
    math.randomseed(seed, id)
    local seen, over = {}, false
    while not over do
      xio.move_on_after(math.random() * 2e-4, function()
        local item = rx:recv()
        if item == nil then over = true else seen[#seen + 1] = item end
      end)
    end
    return seen
  end
  local lists = {}
  xio.group(function(g)
    for id = 1, SENDERS do
      local clone = tx:clone()
      if id == 1 then
        g:spawn(send, clone, id, EACH, seed)
      else
        g:spawn(xio.thread.run, send, clone, id, EACH, seed)
      end
    end
    tx:close()
    g:spawn(function() lists[1] = receive(rx, seed, 11) end)
    g:spawn(function() lists[2] = xio.thread.run(receive, rx, seed, 12) end)
  end)
  local count = 0
  for _, list in pairs(lists) do
    local last = {}
    for _, item in ipairs(list) do
      assert(item[2] > (last[item[1]] or 0), "out of order")
      last[item[1]] = item[2]
      count = count + 1
    end
  end
  assert.equal(SENDERS * EACH, count)
end

describe("a thread channel, between threads", function()
  local function run_real(f) return xio.run(f) end

  it("CHN-21 takes what a thread sends before anybody receives", function()
    run_real(function()
      local tx, rx = xio.thread.channel(10)
      xio.thread.run(function()
        for i = 1, 5 do assert(tx:send(i)) end
        tx:close()
      end)
      assert.same({ 1, 2, 3, 4, 5 }, rx:drain())
      assert.same(CLOSED, pack(rx.recv, rx))
    end)
  end)

  it("CHN-07 gives each item to one of several consumers, in order for each sender", function()
    run_real(function()
      local tx, rx = xio.thread.channel(3)
      local out_tx, out_rx = xio.thread.channel(math.huge)
      xio.group(function(g)
        for _ = 1, 2 do
          g:spawn(xio.thread.run, function()
            for item in rx do out_tx:send(item) end
          end)
        end
        for i = 1, 200 do tx:send(i) end
        tx:close()
      end)
      local items = out_rx:drain()
      table.sort(items)
      assert.equal(200, #items)
      for i = 1, 200 do assert.equal(i, items[i]) end
    end)
  end)

  it("CHN-10 lets a thread that waits be cancelled, and loses nothing", function()
    run_real(function()
      local tx, rx = xio.thread.channel()
      assert.is_false((xio.move_on_after(0.05, xio.thread.run, function() rx:recv() end)))
      assert.is_false((xio.move_on_after(0.05, xio.thread.run, function() tx:send("ghost") end)))
      assert.same({ n = 2, nil, "empty" }, pack(rx.try_recv, rx))
      local task = xio.spawn(xio.thread.run, function() return rx:recv() end)
      assert.is_true(tx:send("real"))
      assert.equal("real", task:await())
    end)
  end)

  it("CHN-19 CHN-04 tells the other thread of failure and of the end", function()
    run_real(function()
      local tx, rx = xio.thread.channel()
      local task = xio.spawn(xio.thread.run, function()
        return pcall(rx.recv, rx)
      end)
      xio.sleep(0.01)
      tx:fail({ code = 4 })
      local ok, err = task:await()
      assert.is_false(ok)
      assert.same({ code = 4 }, err)
      local tx2, rx2 = xio.thread.channel()
      task = xio.spawn(xio.thread.run, function() return tx2:send(1) end)
      xio.sleep(0.01)
      rx2:close()
      assert.same(CLOSED, pack(task.await, task))
    end)
  end)

  it("CHN-27 is selected from while threads send", function()
    run_real(function()
      local cases = {}
      local count = 0
      xio.group(function(g)
        for i = 1, 2 do
          local tx, rx = xio.thread.channel(1)
          cases[i] = rx
          g:spawn(xio.thread.run, function()
            for n = 1, 100 do assert(tx:send(n)) end
            tx:close()
          end)
        end
        local last = { 0, 0 }
        while #cases > 0 do
          local index, item = xio.select(table.unpack(cases))
          if item == nil then
            table.remove(cases, index)
            table.remove(last, index)
          else
            assert.equal(last[index] + 1, item)
            last[index] = item
            count = count + 1
          end
        end
      end)
      assert.equal(200, count)
    end)
  end)

  it("C3 loses, doubles and reorders nothing under random cancellation", function()
    for seed = 1, tonumber(os.getenv("XIO_SEEDS") or 8) do
      run_real(function() random_run(seed) end)
    end
  end)
end)
