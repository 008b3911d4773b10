-- Channels, select and producers under 1,000 schedules each, with cancellation at random: no
-- item is lost or comes twice, each sender's come in order, nothing is left behind.

local xio = require "xio"
local support = require "spec.support"
local schedules = require "spec.support.schedules"

local it = support.it(it)

local SCHEDULES = 1000

-- The oracle: what was sent for sure, what was received by whom.
local function new_book()
  return { sent = {}, received = {}, count = 0 }
end

local function note_sent(book, item)
  assert(not book.sent[item], "sent twice")
  book.sent[item] = true
  book.count = book.count + 1
end

--- Items are 1000 * sender + number. `last` is what this receiver got from each sender.
local function note_received(book, last, item)
  local sender, number = item // 1000, item % 1000
  if book.received[item] then error("received twice: " .. item, 0) end
  book.received[item] = true
  if number <= (last[sender] or 0) then error("out of order: " .. item, 0) end
  last[sender] = number
end

local function check(book, rx)
  local count = 0
  for item in pairs(book.received) do
    if not book.sent[item] then error("received, but not sent: " .. item, 0) end
    count = count + 1
  end
  if count ~= book.count then error("lost: " .. book.count - count, 0) end
  local stats = rx:stats()
  assert.equal(book.count, stats.sent)
  assert.equal(book.count, stats.received)
  assert.equal(0, stats.buffered + stats.waiting + stats.senders)
end

local CAPACITIES = { 0, 0, 1, 2, 5, 300, math.huge }

--- Sends numbered items, each in one of several ways, until it is cancelled.
local function send_some(random, book, tx, sender, idle)
  local _tx <close> = tx
  for number = 1, random(8) do
    local item, way = 1000 * sender + number, random(4)
    local sent
    if way == 1 then
      sent = tx:try_send(item)
    elseif way == 2 then
      sent = select(2, xio.select(idle, { tx, item }, xio.after(random(3))))
    else
      sent = tx:send(item)
    end
    if sent then note_sent(book, item) end
    schedules.dawdle(random)
  end
end

local function receive_some(random, book, rx, idle)
  local last = {}
  local way = random(3)
  if way == 1 then
    for item in rx do
      note_received(book, last, item)
      schedules.dawdle(random)
    end
    return
  end
  while true do
    local item, why
    if way == 2 then
      item, why = rx:recv()
    else
      local case
      case, item, why = xio.select(rx, idle, xio.after(random(2)))
      if case == 3 then why = "late" end
    end
    if item then note_received(book, last, item) end
    if why == "closed" then return end
    schedules.dawdle(random)
  end
end

describe("under many schedules", function()
  it("a channel loses no item, doubles none, and keeps the order", function()
    schedules.each(SCHEDULES, function(random)
      local book, idle = new_book(), xio.event()
      local tx, rx = xio.channel(CAPACITIES[random(#CAPACITIES)])
      local senders = {}
      for i = 1, 4 do senders[i] = tx:clone() end
      tx:close()
      schedules.crowd(random, 7, 5, function(i)
        if i <= 4 then return send_some(random, book, senders[i], i, idle) end
        return receive_some(random, book, rx, idle)
      end, function(group)
        -- the rest is received here, by one who is not cancelled
        group:spawn(receive_some, random, book, rx, idle)
      end)
      check(book, rx)
      assert.equal(0, idle:stats().waiting)
    end)
  end)

  it("a drain takes what is left, and no more", function()
    schedules.each(SCHEDULES, function(random)
      local book, idle = new_book(), xio.event()
      local tx, rx = xio.channel(CAPACITIES[random(#CAPACITIES)])
      local last, over = {}, false
      local function drain()
        for _, item in ipairs(rx:drain(random(6))) do note_received(book, last, item) end
      end
      xio.group(function(group)
        group:spawn({ daemon = true }, function()
          while not over do
            drain()
            xio.sleep(1)
          end
        end)
        schedules.crowd(random, 4, 4, function(i)
          send_some(random, book, tx:clone(), i, idle)
        end)
        over = true
      end)
      tx:close()
      repeat drain() until rx:stats().buffered == 0
      check(book, rx)
    end)
  end)

  it("select over several channels takes exactly one case", function()
    schedules.each(SCHEDULES, function(random)
      local books, tx, rx, ends = {}, {}, {}, {}
      for i = 1, 3 do
        books[i] = new_book()
        tx[i], rx[i] = xio.channel(random(3) - 1)
      end
      for i = 1, 8 do
        ends[i] = { tx = {}, rx = {} }
        for k = 1, 3 do ends[i].tx[k], ends[i].rx[k] = tx[k]:clone(), rx[k]:clone() end
      end
      for k = 1, 3 do tx[k]:close() end
      -- each sends and receives at once; by a and b, two of the channels
      local function take_part(i)
        local own, last = ends[i], { {}, {}, {} }
        for number = 1, random(8) do
          local a, b = random(3), random(3)
          local item = 1000 * i + number
          local case, value = xio.select(own.rx[a], { own.tx[b], item }, own.rx[b],
            xio.after(random(3)))
          if case == 2 and value then note_sent(books[b], item) end
          if case == 1 and value then note_received(books[a], last[a], value) end
          if case == 3 and value then note_received(books[b], last[b], value) end
          schedules.dawdle(random)
        end
      end
      schedules.crowd(random, 8, 6, take_part)
      for i = 1, 8 do
        for k = 1, 3 do ends[i].tx[k]:close() end
      end
      for k = 1, 3 do
        for item in rx[k] do note_received(books[k], {}, item) end
        check(books[k], rx[k])
      end
    end)
  end)

  it("closing and failing refuse what they do not deliver", function()
    schedules.each(SCHEDULES, function(random)
      local book, idle = new_book(), xio.event()
      local tx, rx = xio.channel(CAPACITIES[random(#CAPACITIES)])
      local senders, receiver, lost = {}, rx:clone(), nil
      for i = 1, 3 do senders[i] = tx:clone() end
      schedules.crowd(random, 5, 3, function(i)
        if i <= 3 then return send_some(random, book, senders[i], i, idle) end
        if i == 4 then
          local _receiver <close> = receiver
          local ok, err = pcall(receive_some, random, book, receiver, idle)
          if not ok and err ~= "failed" then error(err, 0) end
          return
        end
        for _ = 1, random(10) do xio.checkpoint() end
        local how = random(4)
        if how == 1 then tx:fail("failed") end
        if how == 2 then rx:fail("failed") end
        lost = how == 3
        if lost then rx:close() end
      end, function(group)
        tx:close()
        group:spawn(function() -- what is left, until the last sender is closed
          local ok, err = pcall(receive_some, random, book, rx, idle)
          if not ok and err ~= "failed" then error(err, 0) end
        end)
      end)
      local stats = tx:stats()
      assert.equal(book.count, stats.sent)
      if not lost then assert.equal(stats.sent, stats.received) end
      assert.equal(0, stats.waiting + stats.buffered)
    end)
  end)

  it("a producer has always ended when its loop has", function()
    schedules.each(SCHEDULES, function(random)
      local alive = 0
      local function produce(send, n)
        alive = alive + 1
        local _alive <close> = support.closing(function()
          xio.cleanup(schedules.dawdle, random)
          alive = alive - 1
        end)
        for i = 1, n do
          send(i)
          schedules.dawdle(random)
        end
      end
      schedules.crowd(random, 3, 3, function()
        local before, next_one = random(9), 1
        local own = {}
        local function counted(send, n)
          own.alive = true
          local _own <close> = support.closing(function() own.alive = false end)
          produce(send, n)
        end
        local _ended <close> = support.closing(function()
          if own.alive then error("the producer is alive after its loop", 0) end
        end)
        for i in xio.producer(counted, random(9)) do
          if i ~= next_one then error("a value is missing", 0) end
          next_one = i + 1
          schedules.dawdle(random)
          if i == before then break end
        end
      end)
      assert.equal(0, alive)
    end)
  end)
end)

describe("a buffer", function()
  --- Lets `senders` tasks send numbered items and take them all, in runs of random length.
  local function trickle(capacity, senders, seed)
    local random = schedules.random(seed)
    local tx, rx = xio.channel(capacity)
    local last, count = {}, 0
    xio.group(function(group)
      for number = 1, senders do
        last[number] = 0
        group:spawn(function()
          for i = 1, 300 do
            if not (random(2) == 1 and tx:try_send { number, i }) then tx:send { number, i } end
            if random(10) == 1 then xio.checkpoint() end
          end
        end)
      end
      while count < senders * 300 do
        for _ = 1, random(3) == 1 and random(3 * capacity) or random(3) do
          if count == senders * 300 then break end
          local item = random(2) == 1 and rx:try_recv() or rx:recv()
          assert.equal(last[item[1]] + 1, item[2])
          last[item[1]] = item[2]
          count = count + 1
        end
        xio.checkpoint()
      end
    end)
    assert.equal(0, rx:stats().buffered)
  end

  it("keeps the order of each sender, full, empty and between", function()
    support.run(function()
      for _, capacity in ipairs { 1, 2, 9, 16, 17, 64, 256, 257 } do
        for senders = 1, 3 do trickle(capacity, senders, capacity * 3 + senders) end
      end
    end)
  end)
end)
