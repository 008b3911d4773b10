-- port_scan: which TCP ports of this machine are open.
--
-- Tries each port with a time limit, at most 100 at once: xio.map keeps the number of tasks,
-- and so of sockets, bounded. It scans the loopback address only; scan nobody who has not
-- asked you to.
--
-- Arguments: FIRST LAST [AT_ONCE]. Without arguments it opens three ports itself and looks
-- for them among their neighbours.
--
-- Run: xio examples/port_scan.lua
-- Match: port %d+ is open
-- Match: port %d+ is open
-- Match: port %d+ is open
-- Match: %d+ ports tried, %d+ at once at the most, in [%d.]+ s
local xio = require "xio"
local net = xio.net

local HOST <const>, TIMEOUT <const> = "127.0.0.1", 1.0

local now, most = 0, 0 -- attempts that are going on

local function is_open(port)
  now = now + 1
  most = math.max(most, now)
  local _done <close> = xio.defer(function() now = now - 1 end)
  local stream = net.connect(HOST, port, { timeout = TIMEOUT })
  if not stream then return false end
  stream:close()
  return true
end

-- Prints those of the ports that are open and, where `wanted` is given, in it.
local function scan(ports, at_once, wanted)
  local began = xio.now()
  local open = xio.map(ports, is_open, { limit = at_once })
  for i, port in ipairs(ports) do
    if open[i] and (not wanted or wanted[port]) then print(("port %d is open"):format(port)) end
  end
  print(("%d ports tried, %d at once at the most, in %.2f s"):format(#ports, most,
    xio.now() - began))
end

local function range(first, last, ports)
  for port = math.max(first, 1), math.min(last, 65535) do ports[#ports + 1] = port end
  return ports
end

if arg[1] then
  scan(range(tonumber(arg[1]), tonumber(arg[2] or arg[1]), {}), tonumber(arg[3]) or 100)
  return
end

local ports, wanted, listeners = {}, {}, {}
local _listeners <close> = xio.defer(function()
  for _, listener in ipairs(listeners) do listener:close() end
end)
for i = 1, 3 do
  listeners[i] = assert(net.listen(HOST, 0))
  local _, port = listeners[i]:name()
  wanted[port] = true
end
for port in pairs(wanted) do range(port - 30, port + 30, ports) end
-- neighbours may be neighbours of two
table.sort(ports)
for i = #ports, 2, -1 do
  if ports[i] == ports[i - 1] then table.remove(ports, i) end
end
scan(ports, 50, wanted)
