-- service: a service with connections, workers, a scheduled report and an orderly end.
--
-- jobs.lua is the queue and its workers, server.lua the protocol and the life of the service; the
-- tests in spec run without a network and on a virtual clock. With a port as argument it serves
-- until SIGTERM or Ctrl-C; without one it talks to itself and stops, as a demonstration.
--
-- Run: xio examples/service/main.lua
-- Match: listening on 127%.0%.0%.1:%d+
-- Output: queued
-- Output: queued
-- Output: what?
-- Output: stopping
-- Output: stopped: done 2, failed 0, running 0, waiting 0
local folder = arg[0]:match("^(.*/)") or "./"
package.path = folder .. "?.lua;" .. package.path
local xio = require "xio"
local server = require "server"

local stop = xio.event()

-- What a job is: here, some time.
local function work(job)
  xio.sleep(#job / 100)
end

local function demonstrate(host, port)
  local client <close> = assert(xio.net.connect(host, port))
  for _, line in ipairs { "add one", "add two", "hello" } do
    client:write(line, "\n")
    print(client:read("l"))
  end
  stop:set()
end

xio.main(function()
  local port = math.tointeger(tonumber(arg[1]))
  xio.spawn({ name = "signals", daemon = true }, function()
    xio.signal.wait("TERM", "INT")
    stop:set()
  end)
  server.run({ work = work, port = port, workers = 2, log = print,
    started = not port and function(...) xio.spawn(demonstrate, ...) end }, stop)
end)
