-- A small service at work. tools/pictures runs this and draws what it prints, tree.svg: two
-- clients, three workers of which one has the disk, a backup, and a report once a minute.
local xio = require "xio"

local jobs_in, jobs = xio.channel(8)
local disk = xio.lock()

local function session(connection)
  for line in connection:lines() do jobs_in:send(tonumber(line)) end
end

local function worker()
  for seconds in jobs do
    disk:with(xio.sleep, seconds)
  end
end

local function workers()
  xio.group(function(g)
    for i = 1, 3 do g:spawn({ name = "worker " .. i }, worker) end
  end)
end

local function report()
  while true do xio.sleep(60) end
end

local listener <close> = assert(xio.net.listen("127.0.0.1", 0))
local host, port = listener:name()
xio.spawn({ name = "report", daemon = true }, report)

xio.group(function(g)
  g:spawn({ name = "server" }, xio.net.serve, listener, session)
  g:spawn({ name = "workers" }, workers)
  g:spawn({ name = "backup" }, xio.process.run, { "sleep", "1000" })
  local ada <close> = assert(xio.net.connect(host, port))
  xio.sleep(1.4)
  local _bob <close> = assert(xio.net.connect(host, port))
  ada:write("20\n30\n")
  xio.sleep(1.4)
  print(xio.tree():draw { colours = true })
  g:cancel()
end)
