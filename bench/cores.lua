--- Whether serving in several threads uses several cores.
---   xio bench/cores.lua [SECONDS]
--- A server whose handler computes for a while per request, with one thread and with as many as
--- there are cores, and clients in a process of their own that hardly compute. Prints requests
--- per second, and the ratio.
local xio = require "xio"

local SECONDS <const> = tonumber(arg[1]) or 3
local CLIENTS <const>, ROUNDS <const> = 32, 20000 -- loops of a handler per request: some 0.2 ms

-- What clients do: connections one after the other, since a connection stays in its thread.
if arg[1] == "clients" then
  local port, seconds = tonumber(arg[2]), tonumber(arg[3])
  local count = 0
  xio.move_on_after(seconds, function()
    xio.group(function(group)
      for _ = 1, CLIENTS do
        group:spawn(function()
          while true do
            local stream <close> = assert(xio.net.connect("127.0.0.1", port))
            for _ = 1, 10 do
              stream:write("x\n")
              if stream:read() then count = count + 1 end
            end
          end
        end)
      end
    end)
  end)
  print(count / seconds)
  return
end

local function measure(threads)
  local listener = assert(xio.net.listen("127.0.0.1", 0, { reuseport = true }))
  local _, port = listener:name()
  local rate
  xio.group(function(group)
    group:spawn(xio.net.serve, listener, function(connection)
      for line in connection:lines() do
        local sum = 0
        for i = 1, ROUNDS do sum = sum + i % 7 end
        connection:write(line, sum, "\n")
      end
    end, { threads = threads, grace = 0 })
    local result = assert(xio.process.run { arg[-1], arg[0], "clients", tostring(port),
      tostring(SECONDS) })
    rate = tonumber(result.stdout) or error(result.stderr, 0)
    listener:close()
  end)
  return rate
end

local cores = tonumber(xio.process.run { "nproc" }.stdout)
local one, all = measure(1), measure(cores)
print(("1 thread   %8.0f requests per second"):format(one))
print(("%d threads  %8.0f requests per second, %.2f times as many"):format(cores, all, all / one))
