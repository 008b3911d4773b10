--- An empty function in a thread, one after the other.
---   thread.lua thread SECONDS
local xio = require "xio"
local measure = require "measure"
local now = require "benchclock".now

local _, seconds = measure.arguments(arg)

local function empty() end

xio.main(function()
  measure.whole(seconds, now, 100, function()
    for _ = 1, 100 do xio.thread.run(empty) end
  end)
end)
