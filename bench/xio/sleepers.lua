--- N tasks asleep at once: CPU time of one's whole life, resident memory of one asleep.
---   sleepers.lua sleepers SECONDS N
local xio = require "xio"
local measure = require "measure"

local _, seconds, count = measure.arguments(arg)
local asleep, woken = 0, 0

local function sleep_once(i)
  asleep = asleep + 1
  xio.sleep(measure.pause(seconds, i, count))
  woken = woken + 1
end

xio.main(function()
  local kb, cpu = measure.resident_kb(), os.clock()
  xio.group(function(group)
    for i = 1, count do
      group:spawn(sleep_once, i)
    end
    while asleep < count do
      xio.checkpoint()
    end
    kb = measure.resident_kb() - kb
    assert(woken == 0, "some woke before all slept")
  end)
  cpu = os.clock() - cpu
  measure.report("us", cpu * 1e6 / count)
  measure.report("kb", kb / count)
end)
