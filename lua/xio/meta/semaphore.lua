---@meta
--- Semaphores: a number of permits, which belong to nobody in particular.

---@class xio
local xio = {}

--- Makes a semaphore with `permits` free permits. With `max`, releasing beyond it raises. May
--- be made outside of a run and used in several.
---@param permits integer at least 0
---@param max? integer
---@return xio.Semaphore
function xio.semaphore(permits, max) end

---@class xio.Semaphore
---@field value integer free permits
---@field max? integer
local Semaphore = {}

--- Waits for a permit: `local _ <close> = semaphore:acquire()` gives it back at the end of the
--- block. A checkpoint; cancelled, it raises, and nothing was taken.
---@return xio.Semaphore self
function Semaphore:acquire() end

--- Takes a permit if one is free; never waits. May be called anywhere.
---@return boolean acquired
function Semaphore:try_acquire() end

--- Gives a permit to the first who waits, at once, or back. May be called anywhere, also by who
--- has acquired none. Raises where `max` permits are free.
function Semaphore:release() end

--- Calls `f(...)` with a permit, gives it back on every way out, and returns what `f` returns.
--- A checkpoint, as `acquire`.
---@param f fun(...: any): any
---@param ... any
---@return any ...
function Semaphore:with(f, ...) end

--- `held` is negative where more were released than acquired; `total` is held and free
--- together.
---@return {waiting: integer, held: integer, total: integer}
function Semaphore:stats() end
