--- The main task and a function in another thread, with channels between them.
---   threads.lua thread-trip|thread-send|thread-send-64k SECONDS
--- `thread-trip`: a value there and back, by two channels without buffer; one operation is a
--- round trip. `thread-send`: one value from the other thread through a buffer of 64.
--- `thread-send-64k`: the same with strings of 64 KB. `thread-run`: an empty function.
local xio = require "xio"
local measure = require "measure"
local now = require "benchclock".now

local workload, seconds = measure.arguments(arg)
local run, channel = xio.thread.run, xio.thread.channel

local function send_back(rx, tx)
  for value in rx do
    tx:send(value)
  end
end

local function trips(count)
  return function(group)
    local tx, rx = channel()
    local back_tx, back_rx = channel()
    group:spawn(run, send_back, rx, back_tx)
    for i = 1, count do
      tx:send(i)
      back_rx:recv()
    end
    tx:close()
  end
end

local function send_numbers(tx, count)
  for i = 1, count do
    tx:send(i)
  end
  tx:close()
end

local function send_blocks(tx, count)
  local block = ("x"):rep(65536)
  for _ = 1, count do
    tx:send(block)
  end
  tx:close()
end

local function pass(f, count)
  return function(group)
    local tx, rx = channel(64)
    local received = 0
    group:spawn(run, f, tx, count)
    for _ in rx do
      received = received + 1
    end
    assert(received == count)
  end
end

local workloads = {
  ["thread-trip"] = { 1000, trips },
  ["thread-send"] = { 20000, function(count) return pass(send_numbers, count) end },
  ["thread-send-64k"] = { 2000, function(count) return pass(send_blocks, count) end },
}
local count, make = table.unpack(workloads[workload] or measure.unknown())
local body = make(count)

xio.main(function()
  measure.whole(seconds, now, count, function()
    xio.group(body)
  end)
end)
