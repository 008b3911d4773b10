--- Eight tasks that want one lock all the time.
---   lock.lua lock SECONDS
--- One operation: the lock is acquired, all others run while it is held, it is released.
local xio = require "xio"
local measure = require "measure"
local now = require "benchclock".now

local workload, seconds = measure.arguments(arg)
if workload ~= "lock" then measure.unknown() end
local TASKS <const>, PER_TASK <const> = 8, 2500

local function contend(lock)
  local checkpoint = xio.checkpoint
  for _ = 1, PER_TASK do
    lock:acquire()
    checkpoint()
    lock:release()
  end
end

xio.main(function()
  measure.whole(seconds, now, TASKS * PER_TASK, function()
    xio.group(function(group)
      local lock = xio.lock()
      for _ = 1, TASKS do
        group:spawn(contend, lock)
      end
    end)
  end)
end)
