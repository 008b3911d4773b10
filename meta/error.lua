---@meta
--- Protected calls that let cancellations pass, and telling errors apart.

---@class xio
local xio = {}

--- As pcall, but a cancellation is not caught, and an error nil has become one with a name. `f`
--- may wait. Not itself a checkpoint. Raises only what cannot be called, and cancellations.
---
--- ```lua
--- print(xio.pcall(error, "caught", 0))      --> false  caught
--- local completed = xio.move_on_after(1, function()
---   xio.pcall(xio.sleep, 60)                -- the cancellation passes through
---   print("never comes here")
--- end)
--- print(completed)                          --> false
--- ```
---@param f fun(...: any): any
---@param ... any
---@return boolean ok
---@return any ... results, or the error
function xio.pcall(f, ...) end

--- As xpcall, but a cancellation is not caught, and `handler` is not called for it. `f` may wait,
--- `handler` may not. Not itself a checkpoint. Raises only what cannot be called, and
--- cancellations.
---
--- ```lua
--- print(xio.xpcall(error, function(e) return "seen: " .. e end, "broken")) --> false  seen: broken
--- ```
---@param f fun(...: any): any
---@param handler fun(err: any): any
---@param ... any
---@return boolean ok
---@return any ... results, or what the handler returned
function xio.xpcall(f, handler, ...) end

--- Whether `err` is a cancellation that still counts: code that catches errors hands these on.
--- One that was kept and raised again after its scope has ended is an ordinary error. Never waits
--- or fails.
---
--- ```lua
--- local completed = xio.move_on_after(1, function()
---   local ok, err = pcall(xio.sleep, 60)
---   if xio.is_cancelled(err) then error(err, 0) end   -- hand it on
--- end)
--- print(completed)                          --> false
--- ```
---@param err any
---@return boolean
function xio.is_cancelled(err) end

--- Whether `err` tells that time has run out: an xio.TimeoutError, or an xio.Error with the code
--- "ETIMEDOUT". Never waits.
---@param err any
---@return boolean
function xio.is_timeout(err) end

--- Whether `err` is an xio.Interrupted, which xio.run raises after a signal. Never waits.
---@param err any
---@return boolean
function xio.is_interrupted(err) end

--- What is raised in a cancelled task. Programs cannot make one.
---@class xio.Cancelled
---@field source "cancel"|"deadline"|"failure"|"signal"|"shutdown"
---@field reason? any what `cancel` was given; the error, for "failure"; the signal's name
---@field task? xio.Task the task that asked, or failed
