-- day_to_day: what programs need every day, one after the other.
--
-- Several calls at once; a call in the background; one call awaited twice, and run once; a
-- semaphore; a barrier; results as they come; a failure turned into a result; a timeout. The
-- calls are async functions, which are lazy: they run when they are awaited, or given to a
-- function that runs functions. Plain functions work in all these places as well. The clock
-- is virtual, so that the example takes no time.
--
-- Run: xio examples/day_to_day.lua
-- Output: await a list      5 6, after 1 s
-- Output: background        first this, then 9, after 1 s
-- Output: awaited twice     10 10, run once, after 1 s
-- Output: semaphore         6 workers, at most 2 at once, after 3 s
-- Output: barrier           all 3 have arrived after 3 s
-- Output: as_completed      fast medium slow, after 3 s
-- Output: isolate           false no such thing, and life goes on, after 1 s
-- Output: timeout           timed out after 2 s, the slow call is over, after 2 s
local xio = require "xio"
local await = xio.await

-- Prints what `f` tells, and how long it took.
local function show(title, f)
  local began = xio.now()
  print(("%-17s %s after %g s"):format(title, f(), xio.now() - began))
end

local runs = 0
local add = xio.async(function(x, y)
  runs = runs + 1
  xio.sleep(1)
  return x + y
end)

local say = xio.async(function(seconds, word)
  xio.sleep(seconds)
  return word
end)

local function await_list()
  local five, six = await { add(2, 3), add(3, 3) }
  return ("%d %d,"):format(five, six)
end

local function background()
  local words = {}
  xio.group(function() -- the innermost group waits for what is in the background
    local call = xio.background(add(4, 5))
    words[1] = "first this"
    words[2] = "then " .. await(call)
  end)
  return table.concat(words, ", ") .. ","
end

local function awaited_twice()
  runs = 0
  local call = add(5, 5)
  local function double()
    return await(call)
  end
  local a, b = xio.gather(double, double)
  return ("%d %d, run %s,"):format(a, b, runs == 1 and "once" or runs .. " times")
end

local function semaphore()
  local places, running, most, workers = xio.semaphore(2), 0, 0, {}
  for i = 1, 6 do
    workers[i] = function()
      local _place <close> = places:acquire()
      running = running + 1
      most = math.max(most, running)
      xio.sleep(1)
      running = running - 1
    end
  end
  xio.gather(workers)
  return ("%d workers, at most %d at once,"):format(#workers, most)
end

local function barrier()
  local meeting, arrived = xio.barrier(3), 0
  xio.map({ 1, 2, 3 }, function(seconds)
    xio.sleep(seconds)
    arrived = arrived + 1
    meeting:wait()
    assert(arrived == 3)
  end)
  return ("all %d have arrived"):format(arrived)
end

local function as_completed()
  local seen = {}
  local calls = { say(3, "slow"), say(1, "fast"), say(2, "medium") }
  for _, word in xio.as_completed(calls) do seen[#seen + 1] = word end
  return table.concat(seen, " ") .. ","
end

local function isolate()
  local ok, err = xio.isolate(function()
    xio.gather(say(10, "never said"), function()
      xio.sleep(1)
      error("no such thing", 0)
    end)
  end)
  return ("%s %s, and life goes on,"):format(ok, err)
end

local function timeout()
  local over = false
  local ok, err = xio.pcall(xio.timeout, 2, function()
    local _cleanup <close> = xio.defer(function() over = true end)
    await(say(60, "too late"))
  end)
  assert(not ok and xio.is_timeout(err))
  return ("%s, the slow call is %s,"):format(tostring(err):match("timed out.*"),
    over and "over" or "not over")
end

xio.run({ clock = "virtual" }, function()
  show("await a list", await_list)
  show("background", background)
  show("awaited twice", awaited_twice)
  show("semaphore", semaphore)
  show("barrier", barrier)
  show("as_completed", as_completed)
  show("isolate", isolate)
  show("timeout", timeout)
end)
