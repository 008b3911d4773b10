---@meta
--- Semaphores: a number of permits, which belong to nobody in particular.

---@class xio
local xio = {}

--- Makes a semaphore with `permits` free permits. With `max`, releasing beyond it raises. May be
--- made outside of a run and used in several. Never waits.
---@param permits integer at least 0
---@param max? integer permits that may be free at once
---@return xio.Semaphore
function xio.semaphore(permits, max) end

--- ```lua
--- local semaphore = xio.semaphore(2)
--- do
---   local _ <close> = semaphore:acquire()
---   print(semaphore.value, semaphore:try_acquire(), semaphore:try_acquire()) --> 1  true  false
---   semaphore:release()
--- end
--- print(semaphore:with(function() return semaphore:stats().held end)) --> 1
--- ```
---@class xio.Semaphore
---@field value integer free permits
---@field max? integer
local Semaphore = {}

--- Waits for a permit: `local _ <close> = semaphore:acquire()` gives it back at the end of the
--- block. A checkpoint; cancelled, it raises, and nothing was taken.
---@return xio.Semaphore self
function Semaphore:acquire() end

--- Takes a permit if one is free; never waits. May be called anywhere. It cannot fail.
---@return boolean acquired
function Semaphore:try_acquire() end

--- Gives a permit to the first who waits, at once, or back. May be called anywhere, also by who
--- has acquired none. Raises where `max` permits are free. Never waits.
function Semaphore:release() end

--- Calls `f(...)` with a permit, gives it back on every way out, and returns what `f` returns. A
--- checkpoint, as `acquire`. Errors of `f` pass through. Cancelled while it waits, it raises, and
--- `f` is not called.
---@param f fun(...: any): any
---@param ... any
---@return any ...
function Semaphore:with(f, ...) end

--- `held` is negative where more were released than acquired; `total` is held and free together.
--- Never waits or fails.
---@return {waiting: integer, held: integer, total: integer}
function Semaphore:stats() end
