---@meta
--- Conditions: waiting, with a lock given up meanwhile, until another task says that something
--- has changed.

---@class xio
local xio = {}

--- Makes a condition on `lock`, or on a lock of its own. Never waits. Raises for what is no lock.
---@param lock? xio.Lock
---@return xio.Condition
function xio.condition(lock) end

--- ```lua
--- local queue, changed = {}, xio.condition()
--- xio.spawn(function()
---   xio.sleep(1)
---   changed:with(function() queue[1] = "job"; print(changed:notify()) end) --> 1
--- end)
--- do
---   local _ <close> = changed:acquire()
---   while #queue == 0 do changed:wait() end
---   print(queue[1], changed:stats().held)   --> job  1
--- end
--- print(changed:try_acquire(), changed:notify_all()) --> true  0
--- changed:release()
--- ```
---@class xio.Condition
---@field lock xio.Lock
---@field locked boolean of the lock
---@field owner? xio.Task of the lock
local Condition = {}

--- Releases the lock, which the running task owns, and waits to be notified. Whichever way it
--- ends, the task owns the lock again, after a cancellation too. Raises where it does not own
--- the lock. A checkpoint; cancelled before it is notified, it raises.
---@param timeout? number seconds
---@return true? notified
---@return xio.Error? err
---@return string? code "ETIMEDOUT"
function Condition:wait(timeout) end

--- Lets the first `count` who wait go on, in order, once they have the lock. Raises where this
--- task does not own the lock. Never waits.
---@param count? integer 1 by default
---@return integer notified how many these are
function Condition:notify(count) end

--- The same for all who wait. Never waits. Raises where this task does not own the lock.
---@return integer notified how many these are
function Condition:notify_all() end

--- Acquires the lock: as of the lock, but returns the condition, whose `<close>` releases it. A
--- checkpoint. Raises where this task owns it. Cancelled, it raises, and the task does not own
--- the lock.
---@return xio.Condition self
function Condition:acquire() end

--- As of the lock; never waits. Raises where this task owns it.
---@return boolean acquired
function Condition:try_acquire() end

--- Releases the lock. Raises where this task does not own it. Never waits.
function Condition:release() end

--- Acquires the lock, calls `f(...)`, releases it on every way out, and returns what `f` returns.
--- A checkpoint. Errors of `f` pass through. Cancelled while it waits, it raises, and `f` is not
--- called.
---@param f fun(...: any): any
---@param ... any
---@return any ...
function Condition:with(f, ...) end

--- How many tasks wait to be notified, and how many own the lock. Never waits or fails.
---@return {waiting: integer, held: integer}
function Condition:stats() end
