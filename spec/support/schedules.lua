-- Many schedules of one small program: the order of ready tasks follows a seed, and tasks are
-- cancelled at moments that follow it too. What has to hold in all of them is for the caller
-- to check, in the program or when it has ended.

local xio = require "xio"
local support = require "spec.support"

local schedules = {}

--- A source of reproducible numbers: `random(n)` gives an integer of 1 … n.
-- @tparam integer seed
function schedules.random(seed)
  local state = (seed * 0x9E3779B97F4A7C15) ~ 0x5DEECE66D
  return function(n)
    state = state * 6364136223846793005 + 1442695040888963407
    return ((state >> 33) % n) + 1
  end
end

-- ThreadSanitizer keeps what it knows of each thread and mutex that ever was.
local MOST_UNDER_TSAN <const> = 100
local maps = io.open "/proc/self/maps"
local under_tsan = maps and maps:read "a":find("libtsan", 1, true)
if maps then maps:close() end

--- How many of `count` schedules are to be tried.
function schedules.most(count)
  return under_tsan and math.min(count, MOST_UNDER_TSAN) or count
end

--- Runs `program(random, seed)` as the main task of a run of its own for each seed from 1 to
-- `count`, of which `most` tells how many are tried. An error tells the seed.
function schedules.each(count, program)
  for seed = 1, schedules.most(count) do
    local ok, err = pcall(support.run, program, { seed = seed }, schedules.random(seed), seed)
    if not ok then error(("with seed %d: %s"):format(seed, tostring(err)), 0) end
  end
end

--- Runs `actor(i, random)` in tasks 1 … `count` at once and waits for all; meanwhile tasks are
-- cancelled now and then, up to `cancels` times. After that `finally(group)` is called, where it
-- is given. An error of an actor is raised.
function schedules.crowd(random, count, cancels, actor, finally)
  xio.group(function(group)
    local tasks = {}
    for i = 1, count do tasks[i] = group:spawn(actor, i, random) end
    for _ = 1, random(cancels + 1) - 1 do
      for _ = 1, random(4) do xio.checkpoint() end
      if random(3) == 1 then xio.sleep(random(3)) end
      tasks[random(count)]:cancel("at random")
    end
    if finally then finally(group) end
  end)
end

--- Pauses for a while: not at all, one turn, or some seconds.
function schedules.dawdle(random)
  local choice = random(4)
  if choice == 1 then return end
  if choice == 4 then return xio.sleep(random(2)) end
  xio.checkpoint()
end

return schedules
