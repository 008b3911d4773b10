--- N blocked tasks: the time from the cancel of their group until all have ended.
---   cancel.lua cancel SECONDS N
local xio = require "xio"
local measure = require "measure"
local now = require "benchclock".now

local _, seconds, count = measure.arguments(arg)

local function cancel_all()
  local start, blocked = nil, 0
  local function block()
    blocked = blocked + 1
    xio.sleep_forever()
  end
  xio.group(function(group)
    for _ = 1, count do
      group:spawn(block)
    end
    while blocked < count do
      xio.checkpoint()
    end
    start = now()
    group:cancel()
  end)
  return now() - start, count
end

xio.main(measure.repeated, seconds, cancel_all)
