-- What specs of child processes ask and run.

local xio = require "xio"

local processes = {}

--- Runs `f` on the real clock, in which processes live.
function processes.run(f, ...)
  return xio.run({ signals = false }, f, ...)
end

--- Waits until `f()` is true, for three seconds at the most.
function processes.eventually(f)
  for _ = 1, 300 do
    local value = f()
    if value then return value end
    xio.sleep(0.01)
  end
  error("it did not happen in three seconds", 2)
end

--- Whether a process of that number lives; a zombie does not.
function processes.lives(pid)
  local file = io.open(("/proc/%d/stat"):format(pid))
  local stat = file and file:read("a")
  if file then file:close() end
  return stat ~= nil and not stat:match("^.*%) [ZX]")
end

--- How many children there are.
function processes.children()
  local file = assert(io.open("/proc/thread-self/children"))
  local text = file:read("a")
  file:close()
  return select(2, text:gsub("%d+", ""))
end

--- The options of a shell that runs `script`.
function processes.sh(script, options)
  local all = { "sh", "-c", script }
  for key, value in pairs(options or {}) do all[key] = value end
  return all
end

--- The result of that shell, with its output.
function processes.captured(script, options)
  local all = processes.sh(script, options)
  all.capture = true
  return assert(xio.process.run(all))
end

return processes
