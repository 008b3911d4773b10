---@meta
--- Limiters: a token for each task, of a number that may be changed.

---@class xio
local xio = {}

--- Makes a limiter with `total` tokens. May be made outside of a run and used in several.
---@param total integer|number math.huge: no limit
---@return xio.Limiter
function xio.limiter(total) end

--- A limiter. Writing `total` gives new tokens to those who wait, at once; fewer take effect as
--- tokens are given back.
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
---@param borrower any but nil
---@return xio.Limiter self
function Limiter:acquire_on_behalf_of(borrower) end

--- Takes a token for the running task if there is one; never waits. Raises where the task has
--- one.
---@return boolean acquired
function Limiter:try_acquire() end

--- The same for a borrower other than the task. May be called anywhere.
---@param borrower any but nil
---@return boolean acquired
function Limiter:try_acquire_on_behalf_of(borrower) end

--- Gives the running task's token to the first who waits, at once, or back. Raises where this
--- task has none.
function Limiter:release() end

--- The same for a borrower other than the task. May be called anywhere.
---@param borrower any but nil
function Limiter:release_on_behalf_of(borrower) end

--- Calls `f(...)` while the task has a token, gives that back on every way out, and returns
--- what `f` returns. A checkpoint, as `acquire`.
---@param f fun(...: any): any
---@param ... any
---@return any ...
function Limiter:with(f, ...) end

--- How many tasks wait, how many tokens are out, and how many there are.
---@return {waiting: integer, held: integer, total: integer|number}
function Limiter:stats() end
