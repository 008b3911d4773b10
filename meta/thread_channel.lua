---@meta
--- Channels between threads: items by copy, from senders to receivers in any Lua states.
---
--- Each item is copied when it is sent, and made a value again when it is received, in the same
--- Lua state too; what can be copied is told with `xio.thread`. The items of one sender are
--- received in the order in which it sent them. An end is one thing wherever it is known: handing
--- it to another thread makes no second one, and closed in one thread it is closed in all; `clone`
--- makes another. An end that no thread refers to any more is closed.
---
--- A channel that was made in a run ends with it: others may still receive what was sent. Made
--- outside of runs it lasts as long as its ends.
---
--- Outside of every run, and in a service without a loop, `send` and `recv` block the thread.
--- They raise there where no other thread knows the channel, which could not end the wait.

---@class xio.thread
local thread = {}

--- Makes a channel between threads. Raises for another capacity or option. Never waits.
---@param capacity? integer|number items that wait for a receiver before `send` waits: 0, the
--- default, is none; math.huge: any number
---@param options? {late?: "raise"|"drop"} what becomes of an item that is sent after the channel
--- has ended: by default `send` tells so; "raise": it raises an xio.Error with code "ECLOSED";
--- "drop": it returns true, and the item is counted in `stats().dropped`
---@return xio.ThreadSender
---@return xio.ThreadReceiver
function thread.channel(capacity, options) end

---@class xio.ThreadChannelStats: xio.ChannelStats
---@field dropped integer items that were sent too late, where those are dropped

--- The end that items are sent by. Closed by `<close>` too. May be copied to other threads.
---
--- ```lua
--- local tx, rx = xio.thread.channel(2, { late = "drop" })
--- local other = tx:clone()
--- print(tx:send { 1, 2 }, other:try_send("b"), other:try_send("c")) --> true  true  nil  full
--- print(#rx:recv(), tx:stats().buffered)    --> 2  1
--- print(other:close(), tx:fail("broken"), tx:close()) --> true  true  false
--- ```
---@class xio.ThreadSender
local ThreadSender = {}

--- Sends a copy of a value, waiting until there is room for it, or, without buffer, a receiver.
--- Raises for nil, for what cannot be copied (it says where that is), and where this task has
--- closed this end. A checkpoint; cancelled, it raises, and nothing was sent.
---@param value any anything but nil
---@return true? sent
---@return "closed"? why no receiver is left, or somebody else has closed this end
function ThreadSender:send(value) end

--- Sends a copy of a value if that needs no waiting. May be called anywhere. Raises as `send`.
--- Never waits.
---@param value any anything but nil
---@return true? sent
---@return "full"|"closed"|nil why
function ThreadSender:try_send(value) end

--- Closes this end, in all threads; the channel ends with its last sender, once what was sent is
--- received. Whoever waits at this end gets nil, "closed". Never waits. It cannot fail.
---@return boolean first whether it was open
function ThreadSender:close() end

--- Ends the channel with an error, a copy of which every receiver raises once it has received what
--- was sent before; and closes this end. nil becomes an error that says so. Never waits.
---@param err any
---@return boolean first whether the channel was not ended before
function ThreadSender:fail(err) end

--- Makes another sender of the same channel, to be closed on its own. Never waits or fails.
---@return xio.ThreadSender? sender
---@return "closed"? why
function ThreadSender:clone() end

--- What the channel holds, and what has passed through it. Never waits or fails.
---@return xio.ThreadChannelStats
function ThreadSender:stats() end

--- The end that items are received by: `for value in receiver do` too, which ends with the
--- channel and leaves the receiver open. A case of xio.select. Closed by `<close>` too. May be
--- copied to other threads; each item goes to one of those who receive.
---
--- ```lua
--- local tx, rx = xio.thread.channel(8)
--- local sum = xio.spawn(xio.thread.run, function(input)    -- in another thread
---   local n = 0
---   for value in input do n = n + value end
---   return n
--- end, rx:clone())
--- for i = 1, 4 do tx:send(i) end
--- tx:close()
--- print(sum:await())                        --> 10
--- print(rx:recv())                          --> nil  closed
--- print(rx:try_recv())                      --> nil  closed
--- print(#rx:drain(), rx:stats().sent, rx:fail("late"), rx:close()) --> 0  4  false  true
--- ```
---@class xio.ThreadReceiver
---@operator call: any
local ThreadReceiver = {}

--- Waits for the next item, and takes it. Raises what the channel was failed with, when all
--- that was sent before is received, and where this task has closed this end. A checkpoint;
--- cancelled, it raises, and no item is lost.
---@return any item nil at the end
---@return "closed"? why
function ThreadReceiver:recv() end

--- Takes the next item if there is one. May be called anywhere. Raises as `recv`. Never waits.
---@return any item
---@return "empty"|"closed"|nil why
function ThreadReceiver:try_recv() end

--- Takes what can be received without waiting, the items of waiting senders too, which go on
--- then. May be called anywhere. Never waits. Raises for a negative count.
---@param count? integer at most so many; by default all
---@return any[]? items
---@return "closed"? why this end is closed
function ThreadReceiver:drain(count) end

--- Closes this end, in all threads. With the last receiver the channel ends for senders, and what
--- was not received is dropped. Never waits. It cannot fail.
---@return boolean first whether it was open
function ThreadReceiver:close() end

--- Ends the channel with an error: as a sender's, but this end stays open. Never waits or fails.
---@param err any
---@return boolean first whether the channel was not ended before
function ThreadReceiver:fail(err) end

--- Makes another receiver of the same channel, to be closed on its own. Never waits or fails.
---@return xio.ThreadReceiver? receiver
---@return "closed"? why
function ThreadReceiver:clone() end

--- What the channel holds, and what has passed through it. Never waits or fails.
---@return xio.ThreadChannelStats
function ThreadReceiver:stats() end
