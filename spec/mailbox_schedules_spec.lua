-- Mailboxes and actors under 1,000 schedules each, with cancellation at random: no item is lost
-- or comes twice, equal keys keep the order of each sender, nothing is left behind.

local xio = require "xio"
local support = require "spec.support"
local schedules = require "spec.support.schedules"

local it = support.it(it)

local SCHEDULES = 1000

-- Items are 1000 * sender + number.
local function submit_some(random, box, submitted, sender)
  for number = 1, random(8) do
    local item = 1000 * sender + number
    if box:submit(item) then submitted[item] = true end
    schedules.dawdle(random)
  end
end

local function compare(submitted, received)
  for item in pairs(submitted) do
    if not received[item] then error("lost: " .. item, 0) end
  end
  for item in pairs(received) do
    if not submitted[item] then error("never submitted: " .. item, 0) end
  end
end

-- A consumer that may be cancelled at each item, and goes on receiving then.
local function consume(random, mailbox, received)
  local last = {}
  while true do
    local done, item, why = xio.scope(function(scope)
      if random(3) == 1 then
        xio.spawn({ daemon = true }, function()
          schedules.dawdle(random)
          scope:cancel()
        end)
      end
      return mailbox:recv()
    end)
    if done and item == nil then
      assert(why == "closed")
      return
    elseif done then
      if received[item] then error("received twice: " .. item, 0) end
      received[item] = true
      local sender, key = item // 1000, item % 3
      local before = last[sender * 3 + key]
      if before and before > item then error("out of order: " .. item, 0) end
      last[sender * 3 + key] = item
    end
    if random(4) == 1 then mailbox.floor = random(4) - 2 end
  end
end

describe("xio.mailbox, under random schedules", function()
  it("loses nothing, and keeps each sender's order among equal keys", function()
    schedules.each(SCHEDULES, function(random)
      local mailbox = xio.mailbox { key = function(item) return item % 3 end }
      local submitted, received = {}, {}
      xio.group(function(group)
        group:spawn(consume, random, mailbox, received)
        schedules.crowd(random, 3, 2, function(sender)
          submit_some(random, mailbox, submitted, sender)
        end)
        mailbox:close()
      end)
      compare(submitted, received)
      local stats = mailbox:stats()
      assert.equal(0, stats.buffered + stats.waiting)
      assert.equal(stats.sent, stats.received)
    end)
  end)
end)

describe("xio.actor, under random schedules", function()
  it("begins with every item at most once, and with all where it is not cancelled", function()
    schedules.each(SCHEDULES, function(random)
      local submitted, begun, running, most = {}, {}, 0, 0
      local concurrent = random(2) == 1
      local actor = xio.actor(function(item, release)
        if begun[item] then error("begun twice: " .. item, 0) end
        begun[item] = true
        running = running + 1
        most = math.max(most, running)
        local _ended <close> = support.closing(function() running = running - 1 end)
        schedules.dawdle(random)
        if release and random(2) == 1 then release() end
        schedules.dawdle(random)
      end, { concurrent = concurrent })
      schedules.crowd(random, 3, 2, function(sender)
        submit_some(random, actor, submitted, sender)
      end)
      local cut = random(3) == 1
      if cut then
        actor.task:cancel()
      else
        actor:close()
      end
      actor:wait()
      assert.equal(0, running)
      if not concurrent then assert(most <= 1) end
      for item in pairs(begun) do assert(submitted[item]) end
      if not cut then compare(submitted, begun) end
      assert.same({ nil, "closed" }, { actor:submit(1) })
    end)
  end)
end)
