--- One operation at a time, for bench/count, which counts its instructions.
---   operations.lua NAME N      does N of them
--- What is done once, by whatever N, is not counted: N are subtracted from more.
local xio = require "xio"

local name, count = arg[1], tonumber(arg[2])
local unpack = table.unpack

local function empty() end

local function piece() return ("x"):rep(64) end

-- Runs `body` in a task of its own beside the caller, until that is done.
local function beside(body, f)
  xio.group(function(group)
    group:spawn({ daemon = true }, body)
    f()
  end)
end

local operations = {}

--- A task that does nothing, in a group of 1000, and its end.
function operations.spawn()
  for _ = 1, count // 1000 do
    xio.group(function(group)
      for _ = 1, 1000 do group:spawn(empty) end
    end)
  end
end

--- The same, with a handle that is awaited.
function operations.await()
  xio.group(function(group)
    for _ = 1, count do group:spawn(empty):await() end
  end)
end

--- A group without tasks.
function operations.group()
  for _ = 1, count do xio.group(empty) end
end

--- From one task to another.
function operations.switch()
  local function pass()
    for _ = 1, count // 10 do xio.checkpoint() end
  end
  xio.group(function(group)
    for _ = 1, 10 do group:spawn(pass) end
  end)
end

--- A sleep of one among 100 tasks, by the virtual clock.
function operations.sleep()
  local function nap(first)
    for i = 1, count // 100 do xio.sleep((first + i) % 7 + 1) end
  end
  xio.group(function(group)
    for i = 1, 100 do group:spawn(nap, i) end
  end)
end

--- A timeout that does not fire.
function operations.scope()
  for _ = 1, count do xio.move_on_after(60, empty) end
end

local function pass_all(capacity)
  return function()
    local tx, rx = xio.channel(capacity)
    xio.group(function(group)
      group:spawn(function()
        for i = 1, count do tx:send(i) end
        tx:close()
      end)
      for _ in rx do end
    end)
  end
end

--- A value through a channel without buffer.
operations.channel = pass_all(0)

--- A value through a channel of 64.
operations["channel-64"] = pass_all(64)

--- A value through one of eight channels, by select.
function operations.select()
  local senders, receivers = {}, {}
  for i = 1, 8 do senders[i], receivers[i] = xio.channel() end
  beside(function()
    for i = 1, count + 8 do senders[i % 8 + 1]:send(i) end
  end, function()
    local a, b, c, d, e, f, g, h = unpack(receivers)
    for _ = 1, count do xio.select(a, b, c, d, e, f, g, h) end
  end)
end

--- A lock that is free: taken and given back.
function operations.lock()
  local lock = xio.lock()
  for _ = 1, count do
    lock:acquire()
    lock:release()
  end
end

--- A lock that 8 tasks want all the time.
operations["lock-8"] = function()
  local lock = xio.lock()
  local function work()
    for _ = 1, count // 8 do
      lock:acquire()
      xio.checkpoint()
      lock:release()
    end
  end
  xio.group(function(group)
    for _ = 1, 8 do group:spawn(work) end
  end)
end

--- 64 bytes written to a socket.
function operations.write()
  local a, b = xio.net.pair()
  local bytes = piece()
  for _ = 1, count // 100 do
    for _ = 1, 100 do a:write(bytes) end
    b:read_exactly(6400)
  end
end

--- 64 bytes read from a socket, which had them.
function operations.read()
  local a, b = xio.net.pair()
  local bytes = piece():rep(100)
  for _ = 1, count // 100 do
    a:write(bytes)
    for _ = 1, 100 do b:read_exactly(64) end
  end
end

--- 64 bytes there and back on a socket, from task to task.
function operations.echo()
  local a, b = xio.net.pair()
  local bytes = piece()
  beside(function()
    for data in function() return b:recv() end do b:write(data) end
  end, function()
    for _ = 1, count do
      a:write(bytes)
      a:recv()
    end
  end)
end

if not name then
  local names = {}
  for key in pairs(operations) do names[#names + 1] = key end
  table.sort(names)
  print(table.concat(names, "\n"))
  return
end
xio.run({ clock = name == "sleep" and "virtual" or nil }, operations[name])
