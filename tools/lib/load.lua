-- load: what tools/load measures. One process serves; another, which it starts from this
-- file, is the clients, so that the descriptors and the memory of either count alone.
--
--   xio load.lua whole|fast
--   xio load.lua clients|exchange|cycles PORT N      the other process; talks by its pipes

local xio = require "xio"
package.path = arg[0]:match "^(.*/)" .. "?.lua;" .. package.path
local counting = require "counting"
local net, process = xio.net, xio.process

local BLOCK <const>, AT_ONCE <const> = 64 * 1024, 100
local SIZES <const> = {
  whole = { connections = 10000, blocks = 1600, cycles = 100000, children = 1000 },
  fast = { connections = 1000, blocks = 160, cycles = 5000, children = 100 },
}

-- -- counting ---------------------------------------------------------------------------------

-- Of the bytes so far and of another block: FNV-1a by words, which every change changes.
local function checksum(sum, block)
  for i = 1, #block, 32 do
    local a, b, c, d = string.unpack("<i8i8i8i8", block, i)
    sum = (sum ~ a) * 0x100000001b3
    sum = (sum ~ b) * 0x100000001b3
    sum = (sum ~ c) * 0x100000001b3
    sum = (sum ~ d) * 0x100000001b3
  end
  return sum
end

-- -- both sides -------------------------------------------------------------------------------

-- Sends and receives `blocks` blocks at once; gives the checksums of what went and came.
local function exchange(conn, blocks, seed)
  math.randomseed(seed)
  local words = {}
  for i = 1, BLOCK // 8 do words[i] = string.pack("<i8", math.random(0)) end
  local random = table.concat(words)
  local function send()
    local sum = 0
    for i = 1, blocks do -- each block is another turn of the same bytes
      local at = i * 32 % BLOCK
      local block = random:sub(at + 1) .. random:sub(1, at)
      sum = checksum(sum, block)
      assert(conn:write(block))
    end
    assert(conn:shutdown())
    return sum
  end
  local function receive()
    local sum, count = 0, 0
    for block in function() return conn:read(BLOCK) end do
      assert(#block == BLOCK, "a part is missing")
      sum, count = checksum(sum, block), count + 1
    end
    assert(count == blocks, "bytes are missing")
    return sum
  end
  return xio.gather(send, receive)
end

-- -- the other process ------------------------------------------------------------------------

local function connect(port, host)
  return assert(net.connect("127.0.0.1", port, { local_host = host }))
end

-- Calls f(i) for 1 to n, some at a time.
local function many(n, f)
  local i = 0
  xio.each(function()
    i = i + 1
    return i <= n and i or nil
  end, f, { limit = AT_ONCE })
end

local others = {}

-- Opens connections, and sends a byte through each when it is told to.
function others.clients(port, n)
  local open = {}
  many(n, function(i) open[i] = connect(port) end)
  print "open"
  for _ in xio.stdin:lines() do
    for i = 1, n do assert(open[i]:write "x") end
    for i = 1, n do assert(open[i]:recv() == "x") end
    print "answered"
  end
  for i = 1, n do open[i]:close() end
end

function others.exchange(port, blocks)
  local conn <close> = connect(port)
  print(exchange(conn, blocks, 2))
end

function others.cycles(port, n)
  many(n, function(i) -- from several addresses, since the ports of one stay taken a while
    local conn <close> = connect(port, ("127.0.0.%d"):format(2 + i % 16))
    assert(conn:recv() == nil)
  end)
  print "done"
end

local function start(what, port, n)
  return assert(process.spawn { arg[-1], arg[0], what, port, n, stdin = "pipe",
    stderr = "inherit" })
end

-- -- the server -------------------------------------------------------------------------------

local function listen()
  local listener = assert(net.listen("127.0.0.1", 0))
  return listener, select(2, listener:name())
end

local function report(what, seconds, ...)
  print(("%-34s %8.2f s   %s"):format(what, seconds, (string.format(...))))
end

local function check_gone(before)
  collectgarbage()
  collectgarbage()
  local now = counting.descriptors()
  assert(now == before, ("descriptors: %d before, %d now"):format(before, now))
end

local function connections(n)
  local listener <close>, port = listen()
  local served = 0
  local function serve(conn)
    served = served + 1
    for data in function() return conn:recv() end do assert(conn:write(data)) end
    served = served - 1
  end
  xio.group(function(group)
    group:spawn({ daemon = true }, net.serve, listener, serve, { limit = n })
    local other <close> = start("clients", port, n)
    collectgarbage()
    local before, lua_before, began = counting.resident(), collectgarbage "count", xio.now()
    assert(other.stdout:read() == "open")
    while served < n do xio.sleep(0.01) end
    local took = xio.now() - began
    collectgarbage()
    report(("%d connections opened"):format(n), took,
      "%.1f KB each while idle, with its task (%.1f KB of it Lua's)",
      (counting.resident() - before) / n,
      (collectgarbage "count" - lua_before) / n)
    began = xio.now()
    assert(other.stdin:write "all\n")
    assert(other.stdout:read() == "answered")
    report(("%d answered"):format(n), xio.now() - began, "%d descriptors", counting.descriptors())
    assert(other.stdin:close())
    assert(other:wait().code == 0)
    while served > 0 do xio.sleep(0.01) end
  end)
end

local function bytes(blocks)
  local listener <close>, port = listen()
  local other <close> = start("exchange", port, blocks)
  local conn <close> = assert(listener:accept())
  local began = xio.now()
  local sent, received = exchange(conn, blocks, 1)
  local took = xio.now() - began
  local their_sent, their_received = other.stdout:read("n", "n")
  assert(sent == their_received and received == their_sent, "checksums differ")
  assert(other:wait().code == 0)
  report(("%d MiB both ways"):format(blocks * BLOCK >> 20), took,
    "checksums %016x %016x equal on both sides", sent, received)
end

local function cycles(n)
  local listener <close>, port = listen()
  local other <close> = start("cycles", port, n)
  local began, most = xio.now(), 0
  for i = 1, n do
    assert(listener:accept()):close()
    if i % 1000 == 0 then most = math.max(most, counting.descriptors()) end
  end
  assert(other.stdout:read() == "done")
  assert(other:wait().code == 0)
  local took = xio.now() - began
  report(("%d accepts and closes"):format(n), took, "%.0f per second, never more than %d "
    .. "descriptors", n / took, most)
end

local function children(n)
  local began = xio.now()
  many(n, function() assert(process.run { "true", check = true }) end)
  local took = xio.now() - began
  assert(counting.children() == 0, "a zombie is left")
  report(("%d processes, %d at once"):format(n, AT_ONCE), took, "%.0f per second, no zombie",
    n / took)
  began = xio.now()
  local alive
  xio.group(function(group)
    for _ = 1, n do group:spawn(process.run, { "sleep", "1000" }) end
    while counting.children() < n do xio.sleep(0.01) end
    alive = counting.children()
    group:cancel()
  end)
  assert(counting.children() == 0, "a zombie is left")
  report(("%d processes alive, cancelled"):format(n), xio.now() - began,
    "%d at once, no zombie", alive)
end

local function main(size)
  local numbers = assert(SIZES[size], "usage: tools/load [--fast] [INTERPRETER]")
  local first <close> = assert(process.spawn { "true" })
  first:wait()
  assert(process.run { "true", capture = true })
  first:close() -- what is opened once per loop is open now
  local before = counting.descriptors()
  connections(numbers.connections)
  check_gone(before)
  bytes(numbers.blocks)
  check_gone(before)
  cycles(numbers.cycles)
  check_gone(before)
  children(numbers.children)
  check_gone(before)
end

xio.main(function()
  io.stdout:setvbuf "line"
  if others[arg[1]] then
    others[arg[1]](math.tointeger(tonumber(arg[2])), math.tointeger(tonumber(arg[3])))
  else
    main(arg[1])
  end
end)
