-- xio.broadcast: every receiver gets everything; slow ones lose the oldest and are told.

local xio = require "xio"
local support = require "spec.support"
local schedules = require "spec.support.schedules"

local it = support.it(it)
local run, misuse = support.run, support.misuse

local function collect(receiver)
  local items = {}
  for item in receiver do items[#items + 1] = item end
  return items
end

describe("xio.broadcast", function()
  it("gives every receiver every later item", function()
    run(function()
      local hub = xio.broadcast(10)
      assert.is_true(hub:send("before"))
      local first = hub:subscribe()
      hub:send(1)
      local second = hub:subscribe()
      hub:send(2)
      hub:send(3)
      assert.is_true(hub:close())
      assert.same({ 1, 2, 3 }, collect(first))
      assert.same({ 2, 3 }, collect(second))
    end)
  end)

  it("wakes all who wait", function()
    run(function()
      local hub, got = xio.broadcast(1), {}
      xio.group(function(g)
        for i = 1, 3 do
          local receiver = hub:subscribe()
          g:spawn(function() got[i] = table.pack(receiver:recv()) end)
        end
        xio.checkpoint()
        hub:send("x")
      end)
      for i = 1, 3 do assert.same({ n = 1, "x" }, got[i]) end
    end)
  end)

  it("lets a slow receiver lose the oldest, and tells how many", function()
    run(function()
      local hub = xio.broadcast(2)
      local slow, fast = hub:subscribe(), hub:subscribe()
      for i = 1, 5 do
        hub:send(i)
        assert.equal(i, fast:recv())
      end
      assert.same({ 4, 3 }, { slow:recv() })
      assert.same({ 5, nil }, { slow:recv() })
      hub:send(6)
      assert.same({ 6, nil }, { slow:recv() })
      for i = 7, 9 do hub:send(i) end
      assert.same({ 8, 1 }, { slow:try_recv() })
      local index, item, missed = xio.select(slow, fast)
      assert.same({ 1, 9 }, { index, item, missed })
      hub:send(10)
      index, item, missed = xio.select(fast)
      assert.same({ 1, 9, 3 }, { index, item, missed })
    end)
  end)

  it("tells a loop over it too", function()
    run(function()
      local hub = xio.broadcast(2)
      local receiver, seen = hub:subscribe(), {}
      for i = 1, 4 do hub:send(i) end
      hub:close()
      for item, missed in receiver do seen[#seen + 1] = { item, missed } end
      assert.same({ { 3, 2 }, { 4 } }, seen)
    end)
  end)

  it("tells of lost items also when the budget of the turn is spent", function()
    run(function()
      local hub = xio.broadcast(1)
      local receiver = hub:subscribe()
      for i = 1, 300 do
        hub:send("lost")
        hub:send(i)
        assert.same({ i, 1 }, { receiver:recv() })
      end
      for i = 1, 300 do
        hub:send("lost")
        hub:send(i)
        assert.same({ 1, i, 1 }, { xio.select(receiver) })
      end
    end)
  end)

  it("never waits, and may be used outside of a run", function()
    local hub = xio.broadcast(3)
    local receiver = hub:subscribe()
    for i = 1, 1000 do assert.is_true(hub:send(i)) end
    assert.same({ 998, 999, 1000 }, receiver:drain())
    hub = xio.broadcast(math.huge)
    receiver = hub:subscribe()
    for i = 1, 1000 do assert.is_true(hub:send(i)) end
    assert.equal(1000, #receiver:drain())
  end)

  it("goes on without receivers that were closed or collected", function()
    run(function()
      local hub = xio.broadcast(3)
      local first, second = hub:subscribe(), hub:subscribe()
      hub:subscribe()
      first:close()
      collectgarbage()
      hub:send(1)
      assert.equal(1, hub:stats().receivers)
      assert.equal(1, second:recv())
      second:close()
      hub:send(2)
      assert.equal(0, hub:stats().receivers)
    end)
  end)

  it("ends its receivers when it is closed or dropped", function()
    run(function()
      local hub = xio.broadcast(3)
      local receiver = hub:subscribe()
      local task = xio.spawn(collect, receiver)
      hub:send(1)
      assert.is_true(hub:close())
      assert.is_false(hub:close())
      assert.same({ 1 }, task:await())
      assert.same({ nil, "closed" }, { hub:send(2) })
      assert.same({ nil, "closed" }, { hub:subscribe() })
      do
        local closed <close> = xio.broadcast(1)
        receiver = closed:subscribe()
      end
      assert.same({ nil, "closed" }, { receiver:recv() })
      receiver = xio.broadcast(1):subscribe()
      collectgarbage()
      assert.same({ nil, "closed" }, { receiver:recv() })
    end)
  end)

  it("has receivers that can be cloned, to share the items", function()
    run(function()
      local hub = xio.broadcast(10)
      local one = hub:subscribe()
      local other = one:clone()
      for i = 1, 4 do hub:send(i) end
      assert.same({ 1, 2, 3 }, { one:recv(), other:recv(), one:recv() })
      one:close()
      hub:close()
      assert.same({ 4 }, collect(other))
    end)
  end)

  it("E7 has stats", function()
    run(function()
      local hub = xio.broadcast(2)
      local first, second = hub:subscribe(), hub:subscribe()
      local task = xio.spawn(first.recv, first)
      xio.checkpoint()
      hub:send(1)
      hub:send(2)
      assert.same({ capacity = 2, receivers = 2, sent = 2, buffered = 3, waiting = 0 }, hub:stats())
      assert.equal("hub (2 receivers)", tostring(hub))
      task:wait()
      first:drain()
      second:drain()
      task = xio.spawn(second.recv, second)
      xio.checkpoint()
      assert.same({ capacity = 2, receivers = 2, sent = 2, buffered = 0, waiting = 1 }, hub:stats())
      hub:close()
      assert.same({ capacity = 2, receivers = 0, sent = 2, buffered = 0, waiting = 0 }, hub:stats())
      task:wait()
    end)
  end)

  it("E5 raises for a capacity that is none, and for nil", function()
    for _, capacity in ipairs { 0, -1, 1.5, "2", 0 / 0, false } do
      misuse(function() xio.broadcast(capacity) end, "xio.broadcast", "#1")
    end
    misuse(function() xio.broadcast() end, "xio.broadcast", "#1")
    local hub = xio.broadcast(1)
    misuse(function() hub:send(nil) end, "hub:send", "nil")
    assert.equal(0, hub:stats().sent)
  end)

  it("accounts for every item under 1,000 schedules with cancellation", function()
    schedules.each(1000, function(random)
      local hub = xio.broadcast(random(4))
      local receivers, known = {}, {}
      for i = 1, 3 do
        receivers[i] = hub:subscribe()
        known[i] = 0
      end
      schedules.crowd(random, 4, 3, function(i)
        if i == 4 then
          for n = 1, 20 do
            hub:send(n)
            schedules.dawdle(random)
          end
          return
        end
        for item, missed in receivers[i] do
          assert(item == known[i] + (missed or 0) + 1, "an item or its loss was not told")
          known[i] = item
          schedules.dawdle(random)
        end
      end, function() hub:close() end)
      for i = 1, 3 do
        for item, missed in receivers[i] do
          assert(item == known[i] + (missed or 0) + 1, "an item or its loss was not told")
          known[i] = item
        end
        assert.equal(hub:stats().sent, known[i])
        assert.equal(0, receivers[i]:stats().waiting)
      end
    end)
  end)
end)
