---@meta
--- Events: a flag that tasks wait for.

---@class xio
local xio = {}

--- Makes an event that is not set. May be made outside of a run and used in several. Never waits
--- or fails.
---@return xio.Event
function xio.event() end

--- A flag. The object itself is true, as all objects are: ask `is_set`.
---
--- ```lua
--- local ready = xio.event()
--- xio.spawn(function() xio.sleep(1); ready:set() end)
--- print(ready:wait(0.5), ready:is_set())    --> false  false
--- print(ready:wait(), ready:stats().waiting) --> true  0
--- ready:clear()
--- ```
---@class xio.Event
local Event = {}

--- Sets it, and wakes all who wait. Harmless where it is set. May be called anywhere. Never waits
--- or fails.
function Event:set() end

--- Clears it; whoever was woken stays so. May be called anywhere. Never waits or fails.
function Event:clear() end

--- Whether it is set. Never waits or fails.
---@return boolean
function Event:is_set() end

--- Waits until it is set. True, also where it has been cleared since; false when the time is
--- over. A checkpoint; cancelled, it raises.
---@param timeout? number seconds; 0 is one turn
---@return boolean set
function Event:wait(timeout) end

--- How many tasks wait. Never waits or fails.
---@return {waiting: integer}
function Event:stats() end
