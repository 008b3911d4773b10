--- What one operation costs while there are N of something, for bench/scale.
---   scaling.lua NAME N      prints nanoseconds per operation
--- Small N are repeated until there is something to measure.
local xio = require "xio"

local name, count = arg[1], tonumber(arg[2])
local LEAST <const> = 200000 -- operations that are measured, more or less
local repeats = math.max(1, LEAST // (count or 1))

local function empty() end

-- Real time, also where the run's clock is virtual.
local function seconds(f)
  local start = os.clock()
  f()
  return os.clock() - start
end

-- Runs f while `count` tasks wait for ever.
local function beside_waiting(f)
  local spent
  xio.group(function(group)
    for _ = 1, count do group:spawn({ daemon = true }, xio.sleep_forever) end
    xio.sleep(0)
    spent = seconds(f)
  end)
  return spent
end

local operations = {}

--- N tasks that do nothing, all at once: one spawned, run and joined.
function operations.spawn()
  return seconds(function()
    for _ = 1, repeats do
      xio.group(function(group)
        for _ = 1, count do group:spawn(empty) end
      end)
    end
  end) / (repeats * count)
end

--- N tasks that sleep for different times: one sleep.
function operations.sleep()
  return seconds(function()
    for _ = 1, repeats do
      xio.group(function(group)
        for i = 1, count do group:spawn(xio.sleep, (i * 7919) % count + 1) end
      end)
    end
  end) / (repeats * count)
end

--- A timeout set and taken back while N sleep.
function operations.timeout()
  local spent
  xio.group(function(group)
    for i = 1, count do group:spawn({ daemon = true }, xio.sleep, 1e6 + i) end
    xio.checkpoint()
    spent = seconds(function()
      for i = 1, LEAST do xio.move_on_after(1e6 + (i * 7919) % count, empty) end
    end)
  end)
  return spent / LEAST
end

--- A value from one task to another while N wait.
function operations.channel()
  return beside_waiting(function()
    local tx, rx = xio.channel()
    xio.group(function(group)
      group:spawn(function()
        for i = 1, LEAST do tx:send(i) end
        tx:close()
      end)
      for _ in rx do end
    end)
  end) / LEAST
end

--- N tasks that wait are cancelled: one.
function operations.cancel()
  local spent = 0
  for _ = 1, repeats do
    xio.group(function(group)
      for _ = 1, count do group:spawn(xio.sleep_forever) end
      xio.sleep(0)
      local start = os.clock()
      group:cancel()
      xio.group(empty)
      spent = spent - start
    end)
    spent = spent + os.clock()
  end
  return spent / (repeats * count)
end

--- A message of 64 bytes there and back over one of N connections, each with its task.
function operations.connection()
  local ends, bytes, rounds = {}, ("x"):rep(64), math.max(1, 20000 // count)
  local spent
  xio.group(function(group)
    for i = 1, count do
      local other
      ends[i], other = assert(xio.net.pair())
      group:spawn({ daemon = true }, function()
        for data in function() return other:recv() end do other:write(data) end
      end)
    end
    xio.sleep(0)
    spent = seconds(function()
      for _ = 1, rounds do
        for i = 1, count do
          ends[i]:write(bytes)
          ends[i]:read_exactly(64)
        end
      end
    end)
  end)
  return spent / (rounds * count)
end

if not name then
  local names = {}
  for key in pairs(operations) do names[#names + 1] = key end
  table.sort(names)
  print(table.concat(names, "\n"))
  return
end
print(xio.run({ clock = name == "sleep" and "virtual" or nil }, operations[name]) * 1e9)
