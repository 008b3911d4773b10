-- stress_threads: many threads send through one channel, and some receive; run by
-- tools/stress_threads. Each item tells its sender and number; nothing may be lost, doubled, or
-- received out of its sender's order.
local xio = require "xio"

local THREADS = tonumber(arg[1]) or 8
local EACH = tonumber(arg[2]) or 1000000
local CAPACITY = tonumber(arg[3]) or 1024
local BYTES = tonumber(arg[4]) or 0
local RECEIVERS = tonumber(arg[5]) or 1

local function send(tx, id, each, bytes)
  local payload = bytes > 0 and ("x"):rep(bytes)
  for number = 1, each do
    -- one number for both: the cheapest item that tells them
    local mark = id << 40 | number
    assert(tx:send(payload and { mark, payload } or mark))
  end
  tx:close()
end

local function receive(rx)
  local last, count, bad = {}, 0, 0
  for item in rx do
    local mark = type(item) == "table" and item[1] or item
    local id, number = mark >> 40, mark & (1 << 40) - 1
    if number <= (last[id] or 0) then bad = bad + 1 end
    last[id] = number
    count = count + 1
  end
  return count, bad
end

xio.run(function()
  local tx, rx = xio.thread.channel(CAPACITY)
  local began = xio.now()
  local count, bad = 0, 0
  xio.group(function(g)
    for id = 1, THREADS do
      g:spawn(xio.thread.run, send, tx:clone(), id, EACH, BYTES)
    end
    tx:close()
    for i = 1, RECEIVERS do
      g:spawn(function()
        local got, wrong
        if i == 1 then
          got, wrong = receive(rx)
        else
          got, wrong = xio.thread.run(receive, rx)
        end
        count, bad = count + got, bad + wrong
      end)
    end
  end)
  local seconds = xio.now() - began
  print(("%d threads, %d receivers, capacity %s, %d bytes: %d of %d items, %d out of order, "
    .. "%.2f s, %.0f items/s"):format(THREADS, RECEIVERS, CAPACITY, BYTES, count, THREADS * EACH,
    bad, seconds, count / seconds))
  if count ~= THREADS * EACH or bad ~= 0 then os.exit(1) end
end)
