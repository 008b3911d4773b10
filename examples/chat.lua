-- chat: a chat room for any number of line-based clients (nc, telnet, socat).
--
-- Everything that is said goes into a broadcast hub, to which each client subscribes. The
-- hub never waits: a client that is too slow to read loses the oldest lines, and is told how
-- many, but holds up nobody. A client is two tasks in one group: one reads what it types, the
-- other writes what the room says; when either ends, so does the other.
--
-- With a port as argument the room is open on it until Ctrl-C. Without one, three clients
-- meet and leave.
--
-- Run: xio examples/chat.lua
-- Output: ann: * ann has come
-- Output: ann: * bob has come
-- Output: bob: * bob has come
-- Output: ann: <bob> hello
-- Output: bob: <bob> hello
-- Output: ann: * bob has gone
local xio = require "xio"
local net = xio.net

local HISTORY <const> = 100 -- lines that a client may lag behind

-- Writes what the room says, until it closes or the client is gone.
local function tell(stream, lines)
  for line, missed in lines do
    if missed then stream:write(("* you have missed %d lines\n"):format(missed)) end
    if not stream:write(line, "\n") then return end
  end
end

local function join(hub, stream)
  stream:write("your name? ")
  local name = stream:read("l")
  if not name or not name:find("%S") then return end
  name = name:match("^%s*(.-)%s*$"):sub(1, 20)
  local lines = hub:subscribe()
  xio.group(function(group)
    hub:send(("* %s has come"):format(name))
    group:spawn({ daemon = true }, tell, stream, lines)
    local _goodbye <close> = xio.defer(function()
      lines:close()
      hub:send(("* %s has gone"):format(name))
    end)
    for line in stream:lines() do hub:send(("<%s> %s"):format(name, line)) end
  end)
end

local function run_room(listener)
  local hub <close> = xio.broadcast(HISTORY)
  assert(net.serve(listener, function(stream)
    local _, err = xio.pcall(join, hub, stream)
    if err then io.stderr:write(tostring(err), "\n") end -- a line that was too long, a reset
  end))
end

if arg[1] then
  local listener <close> = assert(net.listen("*", arg[1]))
  run_room(listener)
  return
end

-- A client that prints what the room says to it.
local function enter(port, name)
  local stream = assert(net.connect("127.0.0.1", port))
  stream:read_exactly(#"your name? ")
  stream:write(name, "\n")
  return stream
end

local function hear(stream, name, count)
  for _ = 1, count do print(name .. ": " .. stream:read("l")) end
end

local listener <close> = assert(net.listen("127.0.0.1", 0))
xio.group(function(group)
  group:spawn({ daemon = true }, run_room, listener)
  local _, port = listener:name()
  local ann <close> = enter(port, "ann")
  hear(ann, "ann", 1)
  local bob <close> = enter(port, "bob")
  hear(ann, "ann", 1)
  hear(bob, "bob", 1)
  bob:write("hello\n")
  hear(ann, "ann", 1)
  hear(bob, "bob", 1)
  bob:close()
  hear(ann, "ann", 1)
end)
