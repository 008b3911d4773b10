--- A scope with a timeout of ten seconds around a function that does nothing.
---   timeout.lua timeout SECONDS
local xio = require "xio"
local measure = require "measure"
local now = require "benchclock".now

local _, seconds = measure.arguments(arg)
local COUNT <const> = 10000

local function empty() end

xio.main(function()
  local move_on_after = xio.move_on_after
  measure.whole(seconds, now, COUNT, function()
    for _ = 1, COUNT do
      move_on_after(10, empty)
    end
  end)
end)
