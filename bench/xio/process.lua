--- A program that does nothing, run to its end, one after the other.
---   process.lua process SECONDS
local xio = require "xio"
local measure = require "measure"
local now = require "benchclock".now

local _, seconds = measure.arguments(arg)
local COUNT <const> = 20

xio.main(function()
  local run = xio.process.run
  measure.whole(seconds, now, COUNT, function()
    for _ = 1, COUNT do run "true" end
  end)
end)
