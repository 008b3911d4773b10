-- parallel: runs the shell commands on standard input, one per line, several at once.
--
-- What a command writes to standard output is printed in one piece when it is done, a command
-- that fails or takes too long is tried again, and a summary comes at the end, also after
-- Ctrl-C, which ends all commands with everything that they have started. A progress bar is
-- shown on standard error if that is a terminal. Commands find the number of the try in $TRY.
-- The exit status is 1 if a command failed, 2 if the options are wrong.
-- Options and their defaults:
--   --jobs 4       commands at once         --timeout 60   seconds for each try
--   --retries 0    more tries for one that fails, after a pause that doubles each time
--   --pause 0.1    seconds before the second try            --quiet 0      1: only the summary
--
-- Run: xio examples/parallel.lua --jobs 3 --timeout 1 --retries 2 --pause 0.01
-- Input: sleep 0.7; echo slow
-- Input: echo quick; echo "done"
-- Input: test $TRY = 3 && echo "third time lucky"
-- Input: echo partial; sleep 9 & wait
-- Input: echo broken >&2; exit 7
-- Output: quick
-- Output: done
-- Output: third time lucky
-- Output: failed: echo broken >&2; exit 7 (exit code 7, 3 tries)
-- Output: slow
-- Output: failed: echo partial; sleep 9 & wait (timed out, 3 tries)
-- Match: 5 commands: 3 done, 2 failed, 0 unfinished; 6 retries; %d%.%d s
-- Error: broken
-- Exit: 1
local xio = require "xio"

local options = { jobs = 4, timeout = 60, retries = 0, pause = 0.1, quiet = 0 }
for i = 1, #arg, 2 do
  local name, value = arg[i]:match("^%-%-(%l+)$"), tonumber(arg[i + 1])
  if not (options[name or ""] and value and value >= 0) then
    io.stderr:write("usage: parallel.lua [--jobs|--timeout|--retries|--pause|--quiet NUMBER]...\n")
    os.exit(2)
  end
  options[name] = value
end

local taken, done, failed, retried = 0, 0, 0, 0
local is_terminal, output = false, xio.lock()
local function draw(text)
  if is_terminal then io.stderr:write("\r\27[K", text or "") end
end

local function show_progress()
  while true do
    local filled = taken == 0 and 0 or (done + failed) * 30 // taken
    local bar = ("#"):rep(filled) .. ("."):rep(30 - filled)
    draw(("[%s] %d of %d, %d failed"):format(bar, done + failed, taken, failed))
    xio.sleep(0.1)
  end
end

local function print_whole(text)
  if text == "" or options.quiet == 1 then return end
  local _held <close> = output:acquire()
  draw()
  assert(xio.writeall(io.stdout, text))
end

-- Runs a command until it succeeds or its tries are used up.
local function work(command)
  local pause, why = options.pause, nil
  for try = 1, options.retries + 1 do
    if try > 1 then
      retried = retried + 1
      xio.sleep(pause)
      pause = pause * 2
    end
    local result, err = xio.process.run { "sh", "-c", command, capture = "stdout",
      check = true, timeout = options.timeout, env = { TRY = try } }
    if result then
      done = done + 1
      return print_whole(result.stdout)
    end
    why = xio.is_timeout(err) and "timed out" or tostring(err):match("^run sh: (.*)$") or err
  end
  failed = failed + 1
  print_whole(("failed: %s (%s, %d tries)\n"):format(command, why, options.retries + 1))
end

xio.main(function()
  local began = xio.now()
  is_terminal = xio.process.run({ "test", "-t", "2" }).code == 0
  local _summary <close> = xio.defer(function()
    draw()
    print(("%d commands: %d done, %d failed, %d unfinished; %d retries; %.1f s"):format(
      taken, done, failed, taken - done - failed, retried, xio.now() - began))
  end)
  xio.group(function(group)
    group:spawn({ daemon = true, name = "progress" }, show_progress)
    xio.each(xio.stdin:lines(), function(command)
      taken = taken + 1
      work(command)
    end, { limit = options.jobs })
  end)
end)
os.exit(failed == 0, true)
