---@meta
--- Limiters: a token for each task, of a number that may be changed.

---@class xio
local xio = {}

--- Makes a limiter with `total` tokens. May be made outside of a run and used in several. Never
--- waits. Raises for what is no number of tokens.
---@param total integer|number math.huge: no limit
---@return xio.Limiter
function xio.limiter(total) end

--- A limiter. Writing `total` gives new tokens to those who wait, at once; fewer take effect as
--- tokens are given back.
---
--- ```lua
--- local limiter = xio.limiter(2)
--- do
---   local _ <close> = limiter:acquire()
---   print(limiter.held, limiter:try_acquire_on_behalf_of("request 7")) --> 1  true
---   limiter:release_on_behalf_of("request 7")
--- end
--- print(limiter:with(function() return limiter:stats().held end)) --> 1
--- limiter:acquire_on_behalf_of("request 8")
--- print(limiter:try_acquire(), limiter.available) --> true  0
--- limiter:release()
--- ```
---@class xio.Limiter
---@field total integer|number
---@field held integer tokens that are out
---@field available integer|number negative while more are out than there are
local Limiter = {}

--- Waits until the running task has a token: `local _ <close> = limiter:acquire()` gives it
--- back at the end of the block. Raises where the task has one. A checkpoint; cancelled, it
--- raises, and the task has none.
---@return xio.Limiter self
function Limiter:acquire() end

--- The same for a borrower other than the task; any task may give the token back. A checkpoint.
--- Raises where that borrower has a token. Cancelled, it raises, and nothing was taken.
---@param borrower any but nil
---@return xio.Limiter self
function Limiter:acquire_on_behalf_of(borrower) end

--- Takes a token for the running task if there is one; never waits. Raises where the task has
--- one.
---@return boolean acquired
function Limiter:try_acquire() end

--- The same for a borrower other than the task. May be called anywhere. Never waits. Raises where
--- that borrower has a token.
---@param borrower any but nil
---@return boolean acquired
function Limiter:try_acquire_on_behalf_of(borrower) end

--- Gives the running task's token to the first who waits, at once, or back. Raises where this
--- task has none. Never waits.
function Limiter:release() end

--- The same for a borrower other than the task. May be called anywhere. Never waits. Raises where
--- that borrower has none.
---@param borrower any but nil
function Limiter:release_on_behalf_of(borrower) end

--- Calls `f(...)` while the task has a token, gives that back on every way out, and returns what
--- `f` returns. A checkpoint, as `acquire`. Errors of `f` pass through. Cancelled while it waits,
--- it raises, and `f` is not called.
---@param f fun(...: any): any
---@param ... any
---@return any ...
function Limiter:with(f, ...) end

--- How many tasks wait, how many tokens are out, and how many there are. Never waits or fails.
---@return {waiting: integer, held: integer, total: integer|number}
function Limiter:stats() end
