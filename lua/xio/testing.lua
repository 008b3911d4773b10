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

--- Moves the virtual clock of the current run forward by `seconds`, waking on the way, in
--- order, whatever becomes due, and letting it run. Raises on a real clock. A checkpoint;
--- cancelled, it raises, and time has moved as far as it came.
---@param seconds number
function testing.advance(seconds)
  core.advance(seconds)
end

return testing
