-- lines: works on the lines of standard input, each in a task of its own, several at once.
--
-- Prints number, words, bytes and Adler-32 checksum of each line, as they are done, and a
-- summary, also after Ctrl-C. A line `sleep S` takes S seconds. One that takes longer than the
-- timeout is reported, and the rest go on. Progress is shown on standard error if that is a
-- terminal. Options and their defaults: --limit 8 (tasks at once), --timeout 2 (seconds).
--
-- Run: printf 'a b c\nsleep 9\nsleep 0.2\n\nlast' | xio examples/lines.lua --timeout 0.6
-- Output:      1       3 words       5 bytes  04330167
-- Output:      4       0 words       0 bytes  00000001
-- Output:      5       1 words       4 bytes  043101b5
-- Output:      3       2 words       9 bytes  106302ca
-- Output:      2  given up after 0.6 s
-- Match: 5 lines: 4 done, 1 given up, 0 unfinished; at most %d at once
local xio = require "xio"
local options = { limit = 8, timeout = 2 }
for i = 1, #arg, 2 do
  local name, value = arg[i]:match("^%-%-(%l+)$"), tonumber(arg[i + 1])
  if not (options[name or ""] and value and value > 0) then
    io.stderr:write("usage: lines.lua [--limit TASKS] [--timeout SECONDS]\n")
    os.exit(2)
  end
  options[name] = value
end

local CLEAR_LINE = os.execute("test -t 2") and "\r\27[K" or "" -- empty: no terminal
local taken, done, given_up, most = 0, 0, 0, 0 -- lines; and how many were at work at once
local buffer, at, ended = "", 1, false -- what was read, and where the next line begins
local printing -- the task that prints last: the next one waits for its end

local function show_progress()
  while true do
    xio.sleep(0.1)
    io.stderr:write(CLEAR_LINE, taken, " lines, ", taken - done - given_up, " at work")
  end
end

-- The next line of standard input, or nil at the end. One task at a time.
local function next_line()
  local stop = buffer:find("\n", at, true)
  while not (stop or ended) do
    local bytes, err = xio.read(io.stdin, 65536)
    if err then error(err) end
    ended = not bytes
    buffer, at = buffer:sub(at) .. (bytes or ""), 1
    stop = buffer:find("\n", 1, true)
  end
  if at > #buffer then return nil end
  local line = buffer:sub(at, (stop or 0) - 1)
  at = (stop or #buffer) + 1
  return line
end

local function work(line)
  xio.sleep(tonumber(line:match("^sleep (%S+)$")) or 0)
  local _, words = line:gsub("%S+", "")
  local a, b = 1, 0
  for i = 1, #line do
    a = (a + line:byte(i)) % 65521
    b = (b + a) % 65521
    if i % 65536 == 0 then xio.checkpoint() end -- others run, and the timeout may act
  end
  return ("%6d words %7d bytes  %08x"):format(words, #line, b << 16 | a)
end

local function print_in_turn(text)
  local before = printing
  printing = xio.current()
  if before then before:wait() end
  io.stderr:write(CLEAR_LINE)
  assert(xio.writeall(io.stdout, text))
end

-- Takes one line. The task for the next one starts as soon as the group's limit allows.
local function handle(group)
  local line = next_line()
  if not line then return end
  group:spawn(handle, group)
  taken = taken + 1
  local number = taken
  most = math.max(most, taken - done - given_up)
  local in_time, result = xio.move_on_after(options.timeout, work, line)
  if not in_time then result = ("given up after %g s"):format(options.timeout) end
  print_in_turn(("%6d  %s\n"):format(number, result))
  if in_time then done = done + 1 else given_up = given_up + 1 end
end

local function summarize()
  print_in_turn(("%d lines: %d done, %d given up, %d unfinished; at most %d at once\n")
    :format(taken, done, given_up, taken - done - given_up, most))
end

xio.main(function()
  local _summary <close> = xio.defer(summarize)
  xio.group(function(group)
    if CLEAR_LINE ~= "" then group:spawn({ daemon = true }, show_progress) end
    xio.group({ limit = options.limit }, function(tasks) tasks:spawn(handle, tasks) end)
  end)
end)
