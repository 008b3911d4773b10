--- testing: helpers for tests of code that runs as tasks.

local core = require "xio.core"

local testing = {}

--- Waits until all other tasks of the run wait, and stay so for `cushion` seconds.
---
--- On the virtual clock it returns before time jumps. A checkpoint; cancelled, it raises and
--- nothing has changed.
---@param cushion? number seconds, 0 by default
function testing.settle(cushion)
  core.settle(cushion)
end

--- Moves the virtual clock of the current run forward by `seconds`, stopping on the way
--- wherever something becomes due, so that it happens in order and at its own time.
---
--- Raises on a real clock, and for a negative number, since time never goes back. A
--- checkpoint; cancelled, it raises, and time has moved as far as it came.
---@param seconds number
function testing.advance(seconds)
  if type(seconds) ~= "number" or seconds ~= seconds or seconds < 0 then
    error(("bad argument #1 to 'xio.testing.advance' (seconds of at least 0 expected, got %s)")
      :format(tostring(seconds)), 2)
  end
  core.next_timer() -- raises on a real clock
  local target = core.now() + seconds
  core.settle()
  while true do
    local due = core.next_timer()
    if due > target then break end
    core.jump(due)
    core.settle()
  end
  core.jump(target)
  core.settle()
end

return testing
