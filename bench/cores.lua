--- Whether serving in several threads uses several cores.
---   xio bench/cores.lua [SECONDS [ROUNDS]]
--- One server, whose handler computes for some 0.2 ms per request, with one thread and with one
--- for each core, in turn; the clients are a process of their own that computes little. Prints
--- the medians of requests per second, of cores that the server and the clients kept busy, and
--- of the ratio within a round. The clients use a core too: N times as many is not reached.
local xio = require "xio"

local SECONDS <const> = tonumber(arg[1]) or 2
local ROUNDS <const> = tonumber(arg[2]) or 5
local CLIENTS <const>, LOOPS <const> = 32, 20000 -- loops of the handler for one request

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
            for _ = 1, 100 do
              stream:write("x\n")
              if stream:read() then count = count + 1 end
            end
          end
        end)
      end
    end)
  end)
  print(count / seconds, os.clock() / seconds)
  return
end

local function handle(connection)
  for line in function() return (connection:read()) end do -- until the client is gone
    local sum = 0
    for i = 1, LOOPS do sum = sum + i % 7 end
    connection:write(line, sum, "\n")
  end
end

local function measure(threads)
  local listener <close> = assert(xio.net.listen("127.0.0.1", 0, { reuseport = true }))
  local _, port = listener:name()
  local result = {}
  xio.group(function(group)
    group:spawn({ daemon = true }, xio.net.serve, listener, handle,
      { threads = threads, grace = 0 })
    local before = os.clock() -- of all threads of this process
    local clients = assert(xio.process.run { arg[-1], arg[0], "clients", tostring(port),
      tostring(SECONDS), capture = "stdout" })
    result.server = (os.clock() - before) / SECONDS
    result.rate, result.clients = clients.stdout:match("(%S+)%s+(%S+)")
  end)
  return result
end

local function median(list, field)
  local values = {}
  for i, each in ipairs(list) do values[i] = tonumber(each[field]) end
  table.sort(values)
  return values[(#values + 1) // 2]
end

local cores = tonumber(xio.process.run { "nproc", capture = "stdout" }.stdout)
local one, all, ratios = {}, {}, {}
for i = 1, ROUNDS do
  one[i], all[i] = measure(1), measure(cores)
  ratios[i] = { ratio = all[i].rate / one[i].rate }
end
for threads, list in pairs { [1] = one, [cores] = all } do
  print(("%2d thread%s %8.0f requests per second; busy cores: server %.2f, clients %.2f"):format(
    threads, threads == 1 and " " or "s", median(list, "rate"), median(list, "server"),
    median(list, "clients")))
end
print(("%.2f times as many"):format(median(ratios, "ratio")))
