--- Two tasks and channels between them.
---   channel.lua ping-pong|channel-64|receive|select-8 SECONDS
--- `ping-pong`: a value there and back, by two channels without buffer; one operation is a
--- round trip. `channel-64`: one value through a buffer of 64. `receive`: one value through a
--- channel without buffer. `select-8`: the same by a select over eight of them, in turn.
local xio = require "xio"
local measure = require "measure"
local now = require "benchclock".now

local workload, seconds = measure.arguments(arg)
local COUNT <const> = 20000

local function echo(rx, tx)
  for value in rx do
    tx:send(value)
  end
end

local function ping_pong(group)
  local tx, rx = xio.channel()
  local back_tx, back_rx = xio.channel()
  group:spawn(echo, rx, back_tx)
  for i = 1, COUNT do
    tx:send(i)
    back_rx:recv()
  end
  tx:close()
end

local function send_all(tx)
  for i = 1, COUNT do
    tx:send(i)
  end
  tx:close()
end

local function pass(capacity)
  return function(group)
    local tx, rx = xio.channel(capacity)
    local received = 0
    group:spawn(send_all, tx)
    for _ in rx do
      received = received + 1
    end
    assert(received == COUNT)
  end
end

local function send_round(senders)
  for i = 1, COUNT do
    senders[i % 8 + 1]:send(i)
  end
end

local function select_8(group)
  local senders, receivers = {}, {}
  for i = 1, 8 do
    senders[i], receivers[i] = xio.channel()
  end
  group:spawn(send_round, senders)
  local a, b, c, d, e, f, g, h = table.unpack(receivers)
  local select = xio.select
  for _ = 1, COUNT do
    select(a, b, c, d, e, f, g, h)
  end
end

local bodies = {
  ["ping-pong"] = ping_pong,
  ["channel-64"] = pass(64),
  ["receive"] = pass(0),
  ["select-8"] = select_8,
}
local body = bodies[workload] or measure.unknown()

xio.main(function()
  measure.whole(seconds, now, COUNT, function()
    xio.group(body)
  end)
end)
