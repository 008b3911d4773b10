-- proxy: a TCP proxy that closes connections on which nothing has happened for a while.
--
-- For each connection two tasks copy, one in each direction. They share one deadline, which
-- every byte moves on; when it passes, both are cancelled and both streams closed. The end
-- of one direction is passed on (half-close), so that the other can still say its last word.
--
-- Arguments: LISTEN_PORT HOST PORT [IDLE_SECONDS]. Without arguments it shows itself: it
-- stands between a client and a server that counts, once with a talkative client, once with
-- one that falls asleep.
--
-- Run: xio examples/proxy.lua
-- Output: talkative: 3 lines: one two three
-- Output: silent: closed by the proxy
-- Output: 2 connections, 1 of them idle, 14 bytes out, 22 bytes back
local xio = require "xio"
local net = xio.net

local stats = { connections = 0, idle = 0, out = 0, back = 0 }

-- Copies until the end of `from`, and passes that on.
local function pump(from, to, direction, alive)
  for data in function() return from:recv() end do
    alive()
    stats[direction] = stats[direction] + #data
    if not to:write(data) then return end
    alive()
  end
  to:shutdown()
end

local function proxy(listener, host, port, idle)
  assert(net.serve(listener, function(client)
    stats.connections = stats.connections + 1
    local server <close> = assert(net.connect(host, port, { timeout = 10 }))
    local in_time = xio.scope({ timeout = idle }, function(scope)
      local function alive() scope.deadline = xio.now() + idle end
      xio.gather(
        function() pump(client, server, "out", alive) end,
        function() pump(server, client, "back", alive) end)
    end)
    if not in_time then stats.idle = stats.idle + 1 end
  end, { on_error = function(err) io.stderr:write(tostring(err), "\n") end }))
end

if arg[1] then
  local listener <close> = assert(net.listen("*", arg[1]))
  proxy(listener, arg[2], arg[3], tonumber(arg[4]) or 60)
  return
end

-- Answers, at the end of the lines, with how many there were and the lines.
local function count_lines(stream)
  local lines = {}
  for line in stream:lines() do lines[#lines + 1] = line end
  stream:write(("%d lines: %s"):format(#lines, table.concat(lines, " ")))
end

local function talk(port)
  local stream <close> = assert(net.connect("127.0.0.1", port))
  for _, line in ipairs { "one", "two", "three" } do
    stream:write(line, "\n")
    xio.sleep(0.15) -- all together longer than the proxy's patience
  end
  stream:shutdown()
  print("talkative: " .. stream:read("a"))
end

local function fall_asleep(port)
  local stream <close> = assert(net.connect("127.0.0.1", port))
  print("silent: " .. (stream:recv() or "closed by the proxy"))
end

local server <close> = assert(net.listen("127.0.0.1", 0))
local front <close> = assert(net.listen("127.0.0.1", 0))
xio.group(function(group)
  local _, port = server:name()
  group:spawn({ daemon = true }, net.serve, server, count_lines)
  group:spawn({ daemon = true }, proxy, front, "127.0.0.1", port, 0.3)
  local _, front_port = front:name()
  talk(front_port)
  fall_asleep(front_port)
end)
print(("%d connections, %d of them idle, %d bytes out, %d bytes back"):format(
  stats.connections, stats.idle, stats.out, stats.back))
