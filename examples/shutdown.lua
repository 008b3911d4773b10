-- shutdown: a service that is ended by Ctrl-C, and cleans up.
--
-- SIGINT cancels all tasks: whatever waits is woken by an error at that place, and on its
-- way out each task releases what it holds. Cleanup that has to wait itself is shielded:
-- the job in hand is finished, and a guard made by xio.defer says goodbye when its block
-- ends, however it ends. Cleanup may take five seconds; then shields no longer hold. The
-- interpreter ends by the signal, as a shell expects of it.
--
-- The service runs until somebody presses Ctrl-C; with an argument N it does so itself, while
-- it works on job N.
--
-- Run: xio examples/shutdown.lua 3
-- Output: connected
-- Output: job 1 is done
-- Output: job 2 is done
-- Output: interrupted: no new jobs (signal)
-- Output: job 3 is done
-- Output: disconnected
-- Exit: 130
local xio = require "xio"

local interrupted_job = tonumber(arg[1])

-- What the user does at the keyboard.
local function press_ctrl_c()
  io.popen("kill -INT $PPID"):close()
end

local function finish_job(number)
  if number == interrupted_job then press_ctrl_c() end
  xio.sleep(0.2)
  print(("job %d is done"):format(number))
end

local function work()
  local number = 0
  while true do
    number = number + 1
    xio.shield(finish_job, number) -- a job that was begun is finished
    xio.check()                    -- but no other is begun
  end
end

-- Tells of the cancellation, and lets it go on.
local function watch()
  local ok, err = pcall(xio.sleep_forever)
  if not ok and xio.is_cancelled(err) then
    print(("interrupted: no new jobs (%s)"):format(err.source))
  end
  error(err, 0)
end

local function disconnect()
  xio.sleep(0.1) -- the other side wants to be told, which takes a while
  print("disconnected")
end

xio.main(function()
  print("connected")
  local _connection <close> = xio.defer(disconnect)
  xio.group(function(group)
    group:spawn(work)
    group:spawn(watch)
  end)
end)
