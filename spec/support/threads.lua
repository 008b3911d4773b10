-- The threads of this process, as the system counts them.

local lfs = require "lfs"

local threads = {}

--- How many there are.
---@return integer
function threads.count()
  local count = 0
  for name in lfs.dir("/proc/self/task") do
    if name:match("^%d+$") then count = count + 1 end
  end
  return count
end

--- Waits until there are no more than `count`: for those that were abandoned.
---@param count integer
function threads.wait(count)
  for _ = 1, 5000 do
    if threads.count() <= count then return end
    os.execute("sleep 0.002")
  end
  error("threads are left")
end

return threads
