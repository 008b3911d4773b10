-- resolve: looks up the addresses of hosts, several at once.
--
-- Each name is looked up in a task of its own; the answers are printed in the order of the
-- arguments. A lookup that takes too long is given up. Exit status 1 if any has failed.
--
-- Options: -4, -6      only addresses of that family
--          -p PORT     a number or the name of a service, printed with the address
--          -t SECONDS  for each lookup (5)
--
-- Run: xio examples/resolve.lua -4 -p http localhost 192.0.2.7 no-such.invalid
-- Output: localhost: 127.0.0.1 port 80
-- Output: 192.0.2.7: 192.0.2.7 port 80
-- Match: no%-such.invalid: .*%(EAI_.*%)
-- Exit: 1
local xio = require "xio"

local options, hosts = { timeout = 5 }, {}
do
  local i = 1
  while arg[i] do
    local word = arg[i]
    if word == "-4" or word == "-6" then
      options.family = word == "-4" and "inet" or "inet6"
    elseif word == "-p" or word == "-t" then
      i = i + 1
      if word == "-p" then options.port = arg[i] else options.timeout = tonumber(arg[i]) end
    else
      hosts[#hosts + 1] = word
    end
    i = i + 1
  end
end
if #hosts == 0 then error("usage: resolve.lua [-4 | -6] [-p PORT] [-t SECONDS] HOST...", 0) end

local function look_up(host)
  local addresses, err = xio.net.resolve(host, options)
  if not addresses then return { failed = true, tostring(err) } end
  local lines = {}
  for i, address in ipairs(addresses) do
    lines[i] = address.host .. (options.port and " port " .. address.port or "")
  end
  return lines
end

local failed = false
for i, lines in ipairs(xio.map(hosts, look_up)) do
  failed = failed or lines.failed
  for _, line in ipairs(lines) do print(hosts[i] .. ": " .. line) end
end
if failed then os.exit(1, true) end
