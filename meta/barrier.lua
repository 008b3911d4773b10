---@meta
--- Barriers: a number of tasks wait for each other, again and again.

---@class xio
local xio = {}

--- Makes a barrier for `count` tasks. May be made outside of a run. Never waits. Raises for
--- another count.
---@param count integer at least 1
---@return xio.Barrier
function xio.barrier(count) end

--- ```lua
--- local barrier = xio.barrier(2)
--- xio.spawn(function() xio.sleep(1); barrier:wait() end)
--- print(barrier:wait(), barrier:stats().waiting) --> 0  0
--- ```
---@class xio.Barrier
---@field total integer for how many tasks it is
local Barrier = {}

--- Waits until `total` tasks have come; whoever comes next begins another round. A checkpoint;
--- cancelled, it raises, and the task has not come: the others wait for one more.
---@return integer place in the order of coming, from 0
function Barrier:wait() end

--- How many tasks wait, and for how many it is. Never waits or fails.
---@return {waiting: integer, total: integer}
function Barrier:stats() end
