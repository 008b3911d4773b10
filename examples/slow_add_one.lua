-- slow_add_one: two slow calls that run at once.
--
-- `slow_add_one(x)` is lazy: it gives a function that does the work when it is called.
-- xio.gather calls both at once, each in a task of its own, and returns the first result of
-- each, in order. Each takes a second; so do both together.
--
-- Run: xio examples/slow_add_one.lua
-- Output: (4, 5)
local xio = require "xio"

local function slow_add_one(x)
  return function()
    xio.sleep(1)
    return x + 1
  end
end

xio.main(function()
  local begin = xio.now()
  local four, five = xio.gather(slow_add_one(3), slow_add_one(4))
  assert(xio.now() - begin < 1.9, "one after the other would take two seconds")
  print(("(%d, %d)"):format(four, five))
end)
