---@meta
--- Time, and the points at which a task lets others run and can be cancelled.

---@class xio
local xio = {}

--- Waits for so many seconds; 0 and less for one turn. It never returns early. A checkpoint;
--- cancelled, it raises. Raises outside of a task and for NaN.
---
--- ```lua
--- local began = xio.now()
--- xio.sleep(0.5)
--- print(xio.now() - began)                  --> 0.5
--- ```
---@param seconds number math.huge: until cancelled
function xio.sleep(seconds) end

--- Waits until the clock of xio.now shows `time`. A checkpoint; as xio.sleep. Raises outside of a
--- task and for NaN; cancelled, it raises.
---
--- ```lua
--- local next_time = xio.now()
--- for _ = 1, 3 do                           -- every ten seconds, without drift
---   next_time = next_time + 10
---   xio.sleep_until(next_time)
--- end
--- print(xio.now())                          --> 30.0
--- ```
---@param time number when, as of xio.now
function xio.sleep_until(time) end

--- Waits until it is cancelled. A checkpoint. It cannot fail otherwise.
---
--- ```lua
--- print((xio.move_on_after(1, xio.sleep_forever))) --> false
--- ```
function xio.sleep_forever() end

--- The time on the run's monotonic clock. It has no relation to the time of day. Raises outside
--- of a run. Never waits.
---@return number seconds
function xio.now() end

--- Lets others run, for one turn, and raises where the task is cancelled; where no other task is
--- ready and no timer is set it may return at once, 64 times in a row. A checkpoint.
---
--- ```lua
--- local sum = 0
--- for i = 1, 1000 do
---   sum = sum + i
---   if i % 100 == 0 then xio.checkpoint() end   -- others run, and this can be cancelled
--- end
--- print(sum)                                --> 500500
--- ```
function xio.checkpoint() end

--- Raises where the task is cancelled; never reschedules it. Raises outside of a run.
---
--- ```lua
--- xio.scope(function(scope)
---   scope:cancel()
---   print(xio.cancelled())                  --> true
---   xio.check()
---   print("never comes here")
--- end)
--- ```
function xio.check() end

--- Whether a checkpoint would raise now, since the task is cancelled. Raises outside of a run.
---@return boolean
function xio.cancelled() end

--- Calls `f(...)`, in which no task switch can happen: what would wait raises. Returns its
--- results; errors pass through. Raises outside of a run. Not itself a checkpoint.
---
--- ```lua
--- local ok, err = pcall(xio.atomic, function() xio.sleep(1) end)
--- print(ok)                                 --> false
--- ```
---@param f fun(...: any): any
---@param ... any
---@return any ... what `f` returns
function xio.atomic(f, ...) end
