--- The longest time that a program stands still for the collector while N tasks wait.
---   xio bench/pause.lua N incremental|generational [SECONDS]
--- Makes garbage all the time, and prints the longest step of the loop that does.
local xio = require "xio"

local count, mode, seconds = tonumber(arg[1]), arg[2], tonumber(arg[3] or 4)
if not count or not mode then
  print "usage: xio bench/pause.lua N incremental|generational [SECONDS]"
  os.exit(2)
end
collectgarbage(mode)

xio.main(function()
  xio.group(function(group)
    for _ = 1, count do group:spawn({ daemon = true }, xio.sleep_forever) end
    xio.sleep(0)
    local last, longest = os.clock(), 0
    local stop = last + seconds
    repeat
      local garbage = {}
      for i = 1, 20 do garbage[i] = { i } end
      assert(#garbage == 20)
      local now = os.clock()
      longest, last = math.max(longest, now - last), now
    until last > stop
    print(("%d tasks, %s: %.1f ms"):format(count, mode, longest * 1e3))
  end)
end)
