-- nested: a run inside a task of another run.
--
-- xio.run may be called anywhere, in a task too: it then drives a loop of its own to the end
-- and blocks the outer one meanwhile, as any function that computes for a while would. That
-- is what a library wants that uses tasks inside but looks like a plain function outside;
-- and with a virtual clock, what took an hour has passed at once.
--
-- Run: xio examples/nested.lua
-- Output: simulated 3600 seconds: 60 ticks, 2 tocks
-- Output: the outer task ran 0 times meanwhile
-- Output: the inner run failed: examples/nested.lua:25: out of sand
-- Output: the outer task runs again
local xio = require "xio"

-- A plain function to whoever calls it: an hourglass with two tasks, simulated.
local function simulate(seconds, breaks)
  local ticks, tocks = 0, 0
  xio.run({ clock = "virtual", name = "hourglass" }, function()
    xio.move_on_after(seconds, function()
      xio.group(function(group)
        group:spawn(function()
          while true do
            xio.sleep(60)
            ticks = ticks + 1
            if breaks then error("out of sand") end
          end
        end)
        group:spawn(function() while true do xio.sleep(1700); tocks = tocks + 1 end end)
      end)
    end)
  end)
  return ticks, tocks
end

xio.main(function()
  local steps = 0
  xio.group(function(group)
    group:spawn(function()
      for _ = 1, 10 do
        steps = steps + 1
        xio.checkpoint()
      end
      print("the outer task runs again")
    end)
    local ticks, tocks = simulate(3600 + 1)
    print(("simulated 3600 seconds: %d ticks, %d tocks"):format(ticks, tocks))
    print(("the outer task ran %d times meanwhile"):format(steps))
    local ok, err = pcall(simulate, 3600, true)
    print(("the inner run %s: %s"):format(ok and "succeeded" or "failed", err))
  end)
end)
