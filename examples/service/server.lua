-- server: what clients may ask, one line each; and the life of the whole service.
--
--   add TEXT      queues a job: "queued", or "busy" where the queue is full
--   stats         "done N, failed N, running N, waiting N"
--   quit          ends the connection
local xio = require "xio"
local Jobs = require "jobs"

local server = {}

local function stats_of(jobs)
  return ("done %d, failed %d, running %d, waiting %d"):format(jobs.done, jobs.failed,
    jobs.running, jobs:waiting())
end

--- Talks to one client. `stream` is any stream of xio, so that tests use one in memory.
function server.talk(stream, jobs, idle)
  while true do
    local in_time, line = xio.move_on_after(idle, stream.read, stream, "l")
    if not in_time then stream:write("idle for too long\n") return end
    local verb, rest = (line or "quit"):match("^(%a+)%s*(.*)$")
    if verb == "quit" then
      return
    elseif verb == "add" and rest ~= "" then
      stream:write(jobs:add(rest) and "queued\n" or "busy\n")
    elseif verb == "stats" then
      stream:write(stats_of(jobs), "\n")
    else
      stream:write("what?\n")
    end
  end
end

--- Serves until `stop`, an event, is set; then nothing more is accepted, connections have `grace`
--- seconds to end, and what is queued is done.
function server.run(options, stop)
  local jobs = Jobs.new(options.work, options)
  local log = options.log
  local listener <close> = assert(xio.net.listen(options.host or "127.0.0.1", options.port or 0))
  local host, port = listener:name()
  log(("listening on %s:%d"):format(host, port))
  if options.started then options.started(host, port) end
  xio.group(function(group)
    group:spawn({ name = "jobs" }, jobs.run, jobs)
    group:spawn({ name = "report", daemon = true }, function()
      local at = xio.now()                      -- a scheduled job, without drift
      while true do
        at = at + (options.every or 60)
        xio.sleep_until(at)
        log(stats_of(jobs))
      end
    end)
    group:spawn({ name = "stop", daemon = true }, function()
      stop:wait()
      log("stopping")
      listener:close()
    end)
    assert(xio.net.serve(listener, function(stream)
      server.talk(stream, jobs, options.idle or 30)
    end, { limit = options.limit or 1000, grace = options.grace or 5,
      on_error = function(err) log("a connection failed: " .. tostring(err)) end }))
    jobs:close()                                -- the group waits for the workers
  end)
  log("stopped: " .. stats_of(jobs))
end

return server
