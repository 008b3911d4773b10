--- A file that the system has in memory, read to its end, piece by piece.
---   file.lua file SECONDS
local xio = require "xio"
local measure = require "measure"
local now = require "benchclock".now

local _, seconds = measure.arguments(arg)
local path = measure.file()

xio.main(function()
  measure.rate(seconds, now, function()
    local file <close> = assert(xio.fs.open(path))
    local count = 0
    for data in function() return file:recv() end do
      count = count + #data
    end
    return count
  end)
end)
