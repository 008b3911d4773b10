---@meta
--- Time, and the points at which a task lets others run and can be cancelled.

---@class xio
local xio = {}

--- Waits for so many seconds; 0 and less for one turn. It never returns early. A checkpoint;
--- cancelled, it raises. Raises outside of a task and for NaN.
---@param seconds number math.huge: until cancelled
function xio.sleep(seconds) end

--- Waits until the clock of xio.now shows `time`. A checkpoint; as xio.sleep.
---@param time number
function xio.sleep_until(time) end

--- Waits until it is cancelled. A checkpoint.
function xio.sleep_forever() end

--- The time on the run's monotonic clock. It has no relation to the time of day. Raises outside
--- of a run.
---@return number seconds
function xio.now() end

--- Lets others run, for one turn, and raises where the task is cancelled; where no other task is
--- ready and no timer is set it may return at once, 64 times in a row. A checkpoint.
function xio.checkpoint() end

--- Raises where the task is cancelled; never reschedules it. Raises outside of a run.
function xio.check() end

--- Whether a checkpoint would raise now, since the task is cancelled. Raises outside of a run.
---@return boolean
function xio.cancelled() end

--- Calls `f(...)`, in which no task switch can happen: what would wait raises. Returns its
--- results; errors pass through. Raises outside of a run.
---@param f fun(...: any): any
---@param ... any
---@return any ... what `f` returns
function xio.atomic(f, ...) end
