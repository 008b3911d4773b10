---@meta
--- Locks: one task at a time. They are handed on in the order of waiting, and nobody can come
--- between.

---@class xio
local xio = {}

--- Makes a lock that is free. May be made outside of a run and used in several. Never waits or
--- fails.
---@return xio.Lock
function xio.lock() end

--- A lock. One whose owner ends without releasing it is broken: whoever acquires it from then
--- on gets an error that says so.
---
--- ```lua
--- local lock = xio.lock()
--- do
---   local _ <close> = lock:acquire()
---   print(lock.locked, lock.owner == xio.current()) --> true  true
--- end
--- print(lock:with(function() return lock:stats().held end)) --> 1
--- print(lock:try_acquire())                 --> true
--- lock:release()
--- ```
---@class xio.Lock
---@field locked boolean
---@field owner? xio.Task
local Lock = {}

--- Waits until the running task owns the lock: `local _ <close> = lock:acquire()` releases it
--- at the end of the block. Raises where this task owns it already, or an owner has ended
--- without releasing it. A checkpoint; cancelled, it raises, and the task does not own it.
---@return xio.Lock self
function Lock:acquire() end

--- Takes the lock if it is free; never waits. Raises as `acquire` does.
---@return boolean acquired
function Lock:try_acquire() end

--- Gives the lock to the first who waits, at once. Raises where this task does not own it. Never
--- waits.
function Lock:release() end

--- Acquires, calls `f(...)`, releases on every way out, and returns what `f` returns. A
--- checkpoint, as `acquire`. Errors of `f` pass through. Cancelled while it waits, it raises, and
--- `f` is not called.
---@param f fun(...: any): any
---@param ... any
---@return any ...
function Lock:with(f, ...) end

--- How many tasks wait, and how many own it. Never waits or fails.
---@return {waiting: integer, held: integer}
function Lock:stats() end
