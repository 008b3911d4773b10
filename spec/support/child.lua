-- Runs a Lua script in a process of its own, under the interpreter that runs the specs.
-- For what cannot be seen from inside: signals, warnings, what happens before `require`.
-- Real time passes here; a child that hangs is ended after 20 seconds (status 124).

local child = {}

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- The interpreter of this process: the first word of its command line.
function child.interpreter()
  local args = rawget(_G, "arg") or {}
  local first = 0
  while args[first - 1] do
    first = first - 1
  end
  return first < 0 and args[first] or "lua5.4"
end

-- On one line, so that line numbers in messages stay those of the script.
local PRELUDE = [[
local xio = require "xio"
io.stdout:setvbuf("no")
-- Sends a signal to this process; it has arrived when this returns.
-- It blocks, where the interpreter's io.popen would wait and be cut short by a cancellation.
local function kill(name)
  local function send() io.popen("kill -" .. name .. " $PPID"):close() end
  if pcall(xio.current) then xio.atomic(send) else send() end
end
-- Which of SIGINT (0x2) and SIGTERM (0x4000) have a handler; nil where /proc is missing.
local function caught()
  local status = io.open("/proc/self/status")
  local hex = status and status:read("a"):match("SigCgt:%s*%x*(%x%x%x%x)\n")
  if status then status:close() end
  return hex and tonumber(hex, 16) & 0x4002
end
]]
PRELUDE = PRELUDE:gsub("%-%-[^\n]*", ""):gsub("%s*\n%s*", " ")

-- A shell may hand down ignored signals to what it starts in the background; the
-- children of specs begin with the defaults where the system's `env` can do that.
local default_signals
local function reset_signals()
  if default_signals == nil then
    local can = os.execute("env --default-signal=INT true >/dev/null 2>&1")
    default_signals = can and "env --default-signal=INT,TERM " or ""
  end
  return default_signals
end

--- Runs `script` and returns what it wrote to both outputs, and its exit status (128 +
--- the signal's number if one ended it). `xio`, `kill(name)` and `caught()` are there.
--- opts: `bare` leaves those out; `ignore` names a signal that is ignored from the start;
--- `descriptors` is how many it may have open; `memory` how many KiB of addresses it may use.
function child.run(script, opts)
  opts = opts or {}
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(opts.bare and "" or PRELUDE, script)
  file:close()
  local command = quote(child.interpreter()) .. " " .. quote(path)
  if opts.ignore then
    command = "sh -c " .. quote("trap '' " .. opts.ignore .. "; exec " .. command)
  else
    command = reset_signals() .. command
  end
  if opts.descriptors then
    command = "sh -c " .. quote(("ulimit -n %d; exec %s"):format(opts.descriptors, command))
  end
  if opts.memory then
    command = "sh -c " .. quote(("ulimit -v %d; exec %s"):format(opts.memory, command))
  end
  local pipe = assert(io.popen(
    -- The shell's own remarks ("Terminated") are not the script's output.
    "exec 2>/dev/null; timeout 20 " .. command .. " 2>&1; echo status $?"
  ))
  local text = pipe:read("a")
  pipe:close()
  os.remove(path)
  local out, status = text:match("^(.*)status (%d+)\n$")
  return out, tonumber(status)
end

return child
