---@meta
--- Replies: a result that comes once, from any thread, to any number of waiters.
---
--- What portals, services and registries answer with. Whoever awaits a reply in the Lua state
--- that settled it gets the very values; others get copies.

--- May be copied to other threads, and is a case of xio.select, which returns or raises what
--- `await` does.
---
--- ```lua
--- local reply = xio.registry():register("key")
--- print(reply:await(0.01))                  --> nil  await: timed out (ETIMEDOUT)  ETIMEDOUT
--- reply = xio.registry():register("key")
--- print(reply.done, reply:stats().waiting)  --> false  0
--- print(reply:set("value"), reply:fail("too late"), reply:cancel()) --> true  false  false
--- print(reply:await())                      --> value
--- ```
---@class xio.Reply
---@field done boolean whether it is settled
local Reply = {}

--- Waits for the result. Raises the error, with its traceback; an xio.Error with code "ECANCELED"
--- where the work was cancelled, and "ECLOSED" where who should have answered is gone. Outside of
--- runs it blocks the thread. A checkpoint; cancelled, it raises, and the work goes on.
---@param timeout? number seconds; 0 is one turn
---@return any ... the values; nil after the timeout
---@return xio.Error? err
---@return "ETIMEDOUT"? code
function Reply:await(timeout) end

--- Asks who works at the result to stop; the reply is settled when they have. Where nobody does,
--- it is settled as cancelled at once. Never waits; may be called anywhere. It cannot fail.
---@param reason? any
---@return boolean first whether it was neither settled nor cancelled before
function Reply:cancel(reason) end

--- Settles it with values. May be called anywhere. Raises where they cannot be copied and another
--- thread knows the reply. Never waits.
---@param ... any
---@return boolean first false: it was settled before, and nothing has changed
function Reply:set(...) end

--- Settles it with an error, which awaiting it raises. nil becomes an error that says so. Never
--- waits.
---@param err any
---@return boolean first
function Reply:fail(err) end

--- How many wait for it. Never waits or fails.
---@return {waiting: integer}
function Reply:stats() end
