-- jobs: a queue of jobs with workers, retries and counts; knows nothing of connections.
local xio = require "xio"

local jobs = {}
jobs.__index = jobs

--- A queue that `work(job)` is called for, `workers` at a time. A job that fails is tried again
--- after `delay` seconds, `tries` times in all.
function jobs.new(work, options)
  local tx, rx = xio.channel(options.capacity or 100)
  return setmetatable({ work = work, workers = options.workers or 4, tries = options.tries or 3,
    delay = options.delay or 1, tx = tx, rx = rx, done = 0, failed = 0, running = 0 }, jobs)
end

--- Adds a job. False where the queue is full or closed: who asks is told, and nobody waits.
function jobs:add(job)
  return self.tx:try_send(job) == true
end

function jobs:waiting()
  return self.rx:stats().buffered
end

local function attempt(self, job)
  for try = 1, self.tries do
    local ok, result = xio.pcall(self.work, job)  -- lets a cancellation through
    if ok then return true, result end
    if try == self.tries then return false, result end
    xio.sleep(self.delay)
  end
end

--- Works until the queue is closed and empty.
function jobs:run()
  xio.group({ name = "workers" }, function(group)
    for number = 1, self.workers do
      group:spawn({ name = "worker " .. number }, function()
        for job in self.rx:clone() do
          self.running = self.running + 1
          local ok = attempt(self, job)
          self.running = self.running - 1
          local field = ok and "done" or "failed"
          self[field] = self[field] + 1
        end
      end)
    end
  end)
end

--- Takes no more jobs; what is queued is still done.
function jobs:close()
  self.tx:close()
end

return jobs
