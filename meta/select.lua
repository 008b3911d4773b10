---@meta
--- Waiting for the first of several things.

---@class xio
local xio = {}

---@alias xio.Case
--- xio.Receiver|xio.Producer|xio.Event|xio.Future|xio.Task|xio.fd|xio.After|table

--- Waits until one of the cases takes effect. Exactly one does: nothing happens by the others.
---
--- A case is a receiver or a producer (an item is received), `{sender, value}` (the value is
--- sent), an event (it is set), a future or a task (it is awaited), a box of xio.fd (readable),
--- `{fd, "readable"}`, `{fd, "writable"}`, or xio.after(seconds). Of several that are ready the
--- first is taken, or in a run with a seed any.
---
--- Returns the number of the case, and what waiting for it alone would; raises what that would,
--- and for what is no case, before anything has happened. A checkpoint; cancelled, it raises,
--- and no case has taken effect.
---
--- ```lua
--- local tx, rx = xio.channel(1)
--- local stop = xio.event()
--- tx:send("job")
--- print(xio.select(stop, rx, xio.after(5))) --> 2  job
--- print(xio.select(stop, rx, xio.after(5))) --> 3
--- print(xio.select({ tx, "next" }, stop))   --> 1  true
--- ```
---@param ... xio.Case
---@return integer index
---@return any ...
function xio.select(...) end

--- A case of xio.select that takes effect so many seconds after the select has begun; it gives no
--- further values. Never waits itself. Raises for NaN and what is no number.
---@param seconds number seconds; 0 and less: one turn, in which others may do something
---@return xio.After
function xio.after(seconds) end

---@class xio.After
