-- echo: an echo server and a load client, in one program or as two.
--
-- The server runs one task for each connection, at most 1000 at once, and sends back what it
-- receives. The client opens several connections; each sends messages one after the other
-- and checks every answer. The client's end, or an error anywhere, ends the program: the
-- server belongs to the same group.
--
-- Options: --listen PORT   only the server, on every address, until Ctrl-C
--          --connect HOST  only the client (with --port)
--          --port N        of the server to connect to
--          --clients N     connections at once (8)
--          --messages N    that each of them sends (100)
--          --size N        bytes of a message (64)
--
-- Run: xio examples/echo.lua --clients 20 --messages 50
-- Output: 20 clients sent 50 messages of 64 bytes each
-- Match: 64000 bytes in [%d.]+ s, %d+ messages/s
local xio = require "xio"
local net = xio.net

local options = { clients = 8, messages = 100, size = 64 }
do
  local i = 1
  while arg[i] do
    local name = arg[i]:match("^%-%-(%a+)$")
    if not name or not arg[i + 1] then error("unknown option " .. arg[i], 0) end
    options[name] = tonumber(arg[i + 1]) or arg[i + 1]
    i = i + 2
  end
end

-- Sends back what comes, until the other side has nothing more to say.
local function echo(stream)
  for data in function() return stream:recv() end do
    if not stream:write(data) then return end -- nobody listens any more
  end
end

local function serve(listener)
  assert(net.serve(listener, echo, { limit = 1000, grace = 1 }))
end

-- One connection of the load client; returns how many bytes came back.
local function client(number, host, port)
  local stream <close> = assert(net.connect(host, port, { timeout = 10 }))
  local message = ("%d "):format(number):rep(options.size):sub(1, options.size)
  local received = 0
  for _ = 1, options.messages do
    assert(stream:write(message))
    local answer = assert(stream:read_exactly(#message))
    assert(answer == message, "the echo is another")
    received = received + #answer
  end
  return received
end

local function load(host, port)
  local began, bytes, clients = xio.now(), 0, {}
  for i = 1, options.clients do
    clients[i] = function() return client(i, host, port) end
  end
  for _, received in ipairs(xio.gather(clients)) do bytes = bytes + received end
  local seconds = xio.now() - began
  print(("%d clients sent %d messages of %d bytes each"):format(options.clients,
    options.messages, options.size))
  print(("%d bytes in %.3f s, %.0f messages/s"):format(bytes, seconds,
    options.clients * options.messages / seconds))
end

if options.connect then
  load(options.connect, options.port)
elseif options.listen then
  local listener <close> = assert(net.listen("*", options.listen))
  print("listening on port " .. select(2, listener:name()))
  serve(listener)
else
  local listener <close> = assert(net.listen("127.0.0.1", 0))
  xio.group(function(group)
    group:spawn({ daemon = true }, serve, listener) -- ends with the client
    load(listener:name())
  end)
end
