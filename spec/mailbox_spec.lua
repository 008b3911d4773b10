-- xio.mailbox: items from anybody to one consumer, by key, floor and gate.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, misuse = support.run, support.catch, support.misuse

local function rank(item) return item.key end

-- Items as "keyname", submitted in this order.
local function submit_all(mailbox, ...)
  for _, text in ipairs { ... } do
    local key, name = text:match "^(-?%d+)(.*)$"
    assert.is_true(mailbox:submit { key = tonumber(key), name = name, text = text })
  end
end

local function texts(items)
  local list = {}
  for i, item in ipairs(items) do list[i] = item.text end
  return table.concat(list, " ")
end

local function receive_all(mailbox, count)
  local items = {}
  for i = 1, count do items[i] = mailbox:recv() end
  return texts(items)
end

describe("xio.mailbox", function()
  it("gives items in the order in which they came, the very same values", function()
    run(function()
      local mailbox, item = xio.mailbox(), {}
      assert.is_true(mailbox:submit(item))
      assert.is_true(mailbox:submit(false))
      assert.is_true(mailbox:submit(3))
      assert.equal(item, mailbox:recv())
      assert.is_false(mailbox:recv())
      assert.equal(3, mailbox:recv())
      assert.same({ nil, "empty" }, { mailbox:try_recv() })
    end)
  end)

  it("makes the consumer wait for an item, and wakes it at once", function()
    run(function()
      local mailbox, began = xio.mailbox(), xio.now()
      xio.group(function(group)
        group:spawn(function()
          xio.sleep(3)
          mailbox:submit("late")
        end)
        assert.equal("late", mailbox:recv())
        assert.equal(3, xio.now() - began)
      end)
      assert.equal(0, mailbox:stats().waiting)
    end)
  end)

  it("may be filled and closed outside of a run", function()
    local mailbox = xio.mailbox { key = rank }
    submit_all(mailbox, "1a", "2b")
    assert.equal("2b", mailbox:try_recv().text)
    mailbox:close()
    assert.equal("1a", texts(mailbox:drain()))
    assert.same({ nil, "closed" }, { mailbox:try_recv() })
  end)

  it("with a key gives the highest first, and equal ones in the order of coming", function()
    run(function()
      local mailbox = xio.mailbox { key = rank }
      submit_all(mailbox, "1a", "5b", "3c", "5d", "1e", "3f", "-2g", "5h")
      assert.equal("5b 5d 5h", receive_all(mailbox, 3))
      submit_all(mailbox, "4i", "1j")
      assert.equal("4i 3c 3f 1a 1e 1j -2g", receive_all(mailbox, 7))
    end)
  end)

  it("orders many items as sorting them would", function()
    run(function()
      local random = require "spec.support.schedules".random(7)
      local mailbox, expected = xio.mailbox { key = rank }, {}
      for i = 1, 500 do
        local item = { key = random(20), i = i }
        expected[i] = item
        mailbox:submit(item)
        if i == 250 then assert.equal(20, mailbox:recv().key) end
      end
      table.sort(expected, function(a, b)
        if a.key ~= b.key then return a.key > b.key end
        return a.i < b.i
      end)
      table.remove(expected, 1) -- it was in the first half: the first 20
      for i = 1, 499 do assert.equal(expected[i], mailbox:recv()) end
    end)
  end)

  it("gives a waiting consumer the next item before any order applies", function()
    run(function()
      local mailbox = xio.mailbox { key = rank }
      xio.group(function(group)
        local got
        group:spawn(function() got = receive_all(mailbox, 3) end)
        xio.sleep(1)
        submit_all(mailbox, "1a", "2b", "3c")
        xio.sleep(1)
        assert.equal("1a 3c 2b", got)
      end)
    end)
  end)

  it("holds back what is at or below the floor, until that is lowered", function()
    run(function()
      local mailbox = xio.mailbox { key = rank, floor = 2 }
      assert.equal(2, mailbox.floor)
      submit_all(mailbox, "1a", "2b", "3c")
      assert.equal("3c", mailbox:recv().text)
      assert.same({ nil, "empty" }, { mailbox:try_recv() })
      assert.same({ 2, 2 }, { mailbox:stats().held, mailbox:stats().buffered })
      mailbox.floor = 1
      assert.equal("2b", mailbox:recv().text)
      assert.same({ nil, "empty" }, { mailbox:try_recv() })
      mailbox.floor = nil
      assert.is_nil(mailbox.floor)
      assert.equal("1a", mailbox:recv().text)
    end)
  end)

  it("lowering the floor wakes the consumer; what it held back comes in order", function()
    run(function()
      local mailbox = xio.mailbox { key = rank, floor = 10 }
      xio.group(function(group)
        local got
        group:spawn(function() got = receive_all(mailbox, 4) end)
        xio.sleep(1)
        submit_all(mailbox, "1a", "9b", "5c")
        xio.sleep(1)
        assert.equal(3, mailbox:stats().held)
        mailbox.floor = 0
        submit_all(mailbox, "2d") -- not the next item: those held back were here before
        xio.sleep(1)
        assert.equal("9b 5c 2d 1a", got)
      end)
    end)
  end)

  it("a waiting consumer gets no item that the floor holds back", function()
    run(function()
      local mailbox = xio.mailbox { key = rank, floor = 3 }
      xio.group(function(group)
        local got
        group:spawn(function() got = mailbox:recv().text end)
        xio.sleep(1)
        submit_all(mailbox, "1a", "4b", "9c")
        xio.sleep(1)
        assert.equal("4b", got)
      end)
      assert.equal("9c 1a", texts(mailbox:drain()))
    end)
  end)

  it("raising the floor makes a consumer wait that was about to get the item", function()
    run(function()
      local mailbox = xio.mailbox { key = rank, floor = 0 }
      xio.group(function(group)
        local got
        group:spawn(function() got = mailbox:recv().text end)
        xio.sleep(1)
        submit_all(mailbox, "1a")
        mailbox.floor = 5
        xio.sleep(1)
        assert.is_nil(got)
        mailbox.floor = 0
        xio.sleep(1)
        assert.equal("1a", got)
      end)
    end)
  end)

  it("the gate sees every item in the order of coming; false consumes it", function()
    run(function()
      local seen = {}
      local mailbox = xio.mailbox {
        key = rank,
        gate = function(item)
          seen[#seen + 1] = item.text
          if item.name == "x" then return false end
        end,
      }
      submit_all(mailbox, "1a", "9x", "3b", "2x", "2c")
      assert.same({}, seen)
      assert.equal("3b 2c 1a", receive_all(mailbox, 3))
      assert.same({ "1a", "9x", "3b", "2x", "2c" }, seen)
      assert.same({ 5, 3 }, { mailbox:stats().sent, mailbox:stats().received })
    end)
  end)

  it("what the gate consumes does not end the wait", function()
    run(function()
      local mailbox = xio.mailbox { gate = function(item) return item ~= "x" end }
      xio.group(function(group)
        local got, at
        group:spawn(function() got, at = mailbox:recv(), xio.now() end)
        local began = xio.now()
        xio.sleep(1)
        mailbox:submit("x")
        xio.sleep(1)
        assert.is_nil(got)
        mailbox:submit("x")
        mailbox:submit("y")
        mailbox:submit("z")
        xio.sleep(1)
        assert.same({ "y", 2 }, { got, at - began })
        assert.equal("z", mailbox:recv())
      end)
    end)
  end)

  it("runs key and gate in the task that receives", function()
    run(function()
      local seen = {}
      local function note() seen[#seen + 1] = xio.current().name end
      local mailbox = xio.mailbox {
        key = function() note() return 1 end,
        gate = note,
      }
      xio.group(function(group)
        group:spawn({ name = "consumer" }, function() mailbox:recv() end)
        group:spawn({ name = "other" }, function() mailbox:submit(1) end)
      end)
      assert.same({ "consumer", "consumer" }, seen)
    end)
  end)

  it("raises what key and gate raise, and goes on behind that item", function()
    run(function()
      local mailbox = xio.mailbox {
        key = function(item) return item == "keyless" and item or 1 end,
        gate = function(item)
          if item == "bad" then error("gate", 0) end
        end,
      }
      for _, item in ipairs { "bad", "good", "keyless", "last" } do mailbox:submit(item) end
      assert.equal("gate", catch(mailbox.recv, mailbox))
      misuse(function() mailbox:recv() end, "key", "number", "string")
      assert.equal("good", mailbox:recv())
      assert.equal("last", mailbox:recv())
    end)
  end)

  it("does not let key and gate wait", function()
    run(function()
      local mailbox = xio.mailbox { gate = function() xio.sleep(1) end }
      mailbox:submit(1)
      support.mentions(tostring(catch(mailbox.recv, mailbox)), "xio.sleep", "cannot wait")
    end)
  end)

  it("closed, gives what was submitted, and then nil and why, for ever", function()
    run(function()
      local mailbox = xio.mailbox { key = rank, floor = 1 }
      submit_all(mailbox, "1a", "2b")
      assert.is_false(mailbox.closed)
      assert.is_true(mailbox:close())
      assert.is_true(mailbox.closed)
      assert.is_false(mailbox:close())
      assert.is_false(mailbox:fail("late"))
      assert.same({ nil, "closed" }, { mailbox:submit { key = 3 } })
      assert.equal("2b 1a", receive_all(mailbox, 2)) -- the floor holds nothing back any more
      for _ = 1, 3 do assert.same({ nil, "closed" }, { mailbox:recv() }) end
      assert.same({}, mailbox:drain())
    end)
  end)

  it("failed, gives what was submitted, and then raises the error every time", function()
    run(function()
      local mailbox, err = xio.mailbox(), {}
      mailbox:submit(1)
      assert.is_true(mailbox:fail(err))
      assert.is_false(mailbox:fail("again"))
      assert.is_false(mailbox:close())
      assert.same({ nil, "closed" }, { mailbox:submit(2) })
      assert.equal(1, mailbox:recv())
      for _ = 1, 2 do assert.equal(err, catch(mailbox.recv, mailbox)) end
      local unnamed = xio.mailbox()
      unnamed:fail()
      support.mentions(tostring(catch(unnamed.recv, unnamed)), "mailbox", "nil")
    end)
  end)

  it("close and fail wake the consumer", function()
    run(function()
      for _, way in ipairs { "close", "fail" } do
        local mailbox = xio.mailbox()
        xio.group(function(group)
          local got
          group:spawn(function() got = table.pack(pcall(mailbox.recv, mailbox)) end)
          xio.sleep(1)
          mailbox[way](mailbox, "failed")
          xio.sleep(0)
          xio.sleep(0)
          if way == "close" then
            assert.same({ n = 3, true, nil, "closed" }, got)
          else
            assert.same({ n = 2, false, "failed" }, got)
          end
        end)
      end
    end)
  end)

  it("is iterated over until it is closed, and by <close> too", function()
    run(function()
      local mailbox, got = xio.mailbox(), {}
      xio.group(function(group)
        group:spawn(function()
          local _mailbox <close> = mailbox
          for i = 1, 3 do
            mailbox:submit(i)
            xio.sleep(1)
          end
        end)
        for item in mailbox do got[#got + 1] = item end
      end)
      assert.same({ 1, 2, 3 }, got)
    end)
  end)

  it("drain takes everything, in order, the gate's share excepted", function()
    run(function()
      local mailbox = xio.mailbox {
        key = rank, floor = 100,
        gate = function(item) return item.name ~= "x" end,
      }
      submit_all(mailbox, "1a", "4x", "3b", "2c")
      assert.equal("3b 2c", texts(mailbox:drain(2)))
      assert.equal("1a", texts(mailbox:drain()))
      assert.same({}, mailbox:drain(math.huge))
      local plain = xio.mailbox()
      plain:submit(1)
      plain:submit(2)
      plain:submit(3)
      assert.same({ 1, 2 }, plain:drain(2))
      plain:submit(4)
      assert.same({ 3, 4 }, { plain:recv(), plain:recv() })
    end)
  end)

  it("cancelled, the consumer has taken nothing", function()
    run(function()
      local mailbox = xio.mailbox()
      assert.is_false((xio.move_on_after(1, mailbox.recv, mailbox)))
      mailbox:submit(1)
      assert.is_false((xio.scope(function(scope)
        scope:cancel()
        mailbox:recv()
      end)))
      assert.same({ 1, 0 }, { mailbox:stats().buffered, mailbox:stats().waiting })
      assert.equal(1, mailbox:recv())
    end)
  end)

  it("an item that has woken the consumer is not lost where that is cancelled", function()
    run(function()
      local mailbox, got = xio.mailbox(), nil
      local scope = xio.new_scope()
      xio.group(function(group)
        group:spawn(function()
          scope:run(function() got = mailbox:recv() end)
        end)
        xio.sleep(1)
        mailbox:submit("item")
        scope:cancel()
      end)
      assert.equal("item", got)
      assert.is_false(scope.cancelled_caught)
    end)
  end)

  it("has one consumer at a time", function()
    run(function()
      local mailbox = xio.mailbox()
      xio.group(function(group)
        group:spawn(mailbox.recv, mailbox)
        xio.sleep(1)
        assert.equal(1, mailbox:stats().waiting)
        misuse(function() mailbox:recv() end, "mailbox:recv", "consumer")
        misuse(function() mailbox:try_recv() end, "mailbox:try_recv", "consumer")
        mailbox:submit(1)
      end)
    end)
  end)

  it("recv is a checkpoint, also where it need not wait; submit is none", function()
    run(function()
      local mailbox = xio.mailbox()
      xio.testing.assert_no_checkpoints(function()
        for i = 1, 3 do mailbox:submit(i) end
        mailbox:try_recv()
        mailbox:stats()
      end)
      xio.testing.assert_checkpoints(function() mailbox:recv() end)
      xio.testing.assert_checkpoints(function() mailbox:recv() end)
    end)
  end)

  it("a consumer of many items lets others run", function()
    run(function()
      local mailbox, turns = xio.mailbox(), 0
      for i = 1, 5000 do mailbox:submit(i) end
      xio.group(function(group)
        group:spawn(function()
          for _ = 1, 10 do
            turns = turns + 1
            xio.checkpoint()
          end
        end)
        for _ = 1, 5000 do mailbox:recv() end
        assert.equal(10, turns)
      end)
    end)
  end)

  it("waiting for an item that nobody can submit is a deadlock", function()
    local err = catch(run, function() xio.mailbox():recv() end)
    assert.equal("EDEADLK", err.code)
  end)

  it("says what is wrong", function()
    run(function()
      local mailbox = xio.mailbox()
      misuse(function() mailbox:submit(nil) end, "mailbox:submit", "#1", "nil")
      misuse(function() mailbox.submit({}, 1) end, "mailbox:submit", "xio.Mailbox")
      misuse(function() mailbox:drain(-1) end, "mailbox:drain", "integer")
      misuse(function() mailbox:drain(1.5) end, "mailbox:drain", "integer")
      misuse(function() mailbox.closed = true end, "closed", "set")
      misuse(function() mailbox.floor = 1 end, "floor", "key")
      misuse(function() xio.mailbox { key = rank }.floor = "x" end, "floor", "number")
      misuse(function() xio.mailbox(1) end, "xio.mailbox", "table")
      misuse(function() xio.mailbox { size = 1 } end, "xio.mailbox", "size")
      misuse(function() xio.mailbox { key = 1 } end, "xio.mailbox", "key", "function")
      misuse(function() xio.mailbox { gate = 1 } end, "xio.mailbox", "gate", "function")
      misuse(function() xio.mailbox { floor = 1 } end, "xio.mailbox", "floor", "key")
      misuse(function() xio.mailbox { key = rank, floor = 0 / 0 } end, "floor", "number")
      assert.equal("mailbox (open)", tostring(mailbox))
      mailbox:close()
      assert.equal("mailbox (closed)", tostring(mailbox))
      assert.is_nil(mailbox.nothing)
      assert.is_false(getmetatable(mailbox))
    end)
    local mailbox = xio.mailbox()
    if not support.in_task() then
      misuse(function() mailbox:recv() end, "mailbox:recv", "xio.run")
    end
  end)
end)
