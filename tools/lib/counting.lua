-- counting: what this process holds, as the kernel tells.
local lfs = require "lfs"

local counting = {}

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

--- Open descriptors.
function counting.descriptors()
  local count = -3 -- ".", ".." and the folder itself
  for _ in lfs.dir "/proc/self/fd" do count = count + 1 end
  return count
end

--- KB of memory.
function counting.resident() return tonumber(read "/proc/self/status":match "VmRSS:%s*(%d+)") end

--- Child processes of the main thread that live or have not been waited for.
function counting.children()
  return select(2, read "/proc/thread-self/children":gsub("%d+", ""))
end

return counting
