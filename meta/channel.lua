---@meta
--- Channels: values from tasks to tasks, in order, each to one receiver.
---
--- A channel has senders and receivers, which are its ends. It ends for receivers with its last
--- sender, and for senders with its last receiver. Ends may be made outside of a run and used
--- in several. One that is collected open is closed.

---@class xio
local xio = {}

--- Makes a channel. Raises unless `capacity` is an integer of at least 0, or math.huge. Never
--- waits.
---
--- ```lua
--- local tx, rx = xio.channel(16)
--- xio.spawn(function()
---   for i = 1, 3 do tx:send(i) end
---   tx:close()
--- end)
--- local sum = 0
--- for value in rx do sum = sum + value end
--- print(sum)                                --> 6
--- ```
---@param capacity? integer|number items that wait for a receiver before `send` waits: 0, the
--- default, is none (sender and receiver meet); math.huge: any number
---@return xio.Sender
---@return xio.Receiver
function xio.channel(capacity) end

---@class xio.ChannelStats
---@field capacity integer|number
---@field buffered integer items that were sent and not received
---@field senders integer open ends
---@field receivers integer open ends
---@field sent integer items so far
---@field received integer items so far
---@field waiting integer tasks that wait to send or to receive

--- The end that values are sent by. Closed by `<close>` too.
---
--- ```lua
--- local tx, rx = xio.channel(2)
--- local other <close> = tx:clone()          -- for a second task
--- print(tx:send("a"), other:try_send("b"), tx:try_send("c")) --> true  true  nil  full
--- print(tx:stats().buffered, tx:close())    --> 2  true
--- print(rx:recv(), rx:recv(), other:fail("gone wrong")) --> a  b  true
--- print(pcall(rx.recv, rx))                 --> false  gone wrong
--- ```
---@class xio.Sender
local Sender = {}

--- Sends a value, waiting until there is room for it, or, without buffer, a receiver. Raises
--- for nil, and where this task has closed this end. A checkpoint; cancelled, it raises, and
--- nothing was sent.
---@param value any anything but nil
---@return true? sent
---@return "closed"? why no receiver is left, or another task has closed this end
function Sender:send(value) end

--- Sends a value if that needs no waiting. May be called anywhere. Raises as `send`. Never waits.
---@param value any anything but nil
---@return true? sent
---@return "full"|"closed"|nil why
function Sender:try_send(value) end

--- Closes this end; the channel ends with its last sender, once what was sent is received.
--- Whoever waits at this end gets nil, "closed". Never waits. It cannot fail.
---@return boolean first whether it was open
function Sender:close() end

--- Ends the channel with an error, which every receiver raises once it has received what was
--- sent before; and closes this end. nil becomes an error that says so. Never waits.
---@param err any
---@return boolean first whether the channel was not ended before
function Sender:fail(err) end

--- Makes another sender of the same channel, to be closed on its own. Never waits or fails.
---@return xio.Sender? sender
---@return "closed"? why
function Sender:clone() end

--- What the channel holds, and what has passed through it. Never waits or fails.
---@return xio.ChannelStats
function Sender:stats() end

--- The end that values are received by: `for value in receiver do` too, which ends with the
--- channel and leaves the receiver open. A case of xio.select. Closed by `<close>` too.
---
--- ```lua
--- local tx, rx = xio.channel(8)
--- local other = rx:clone()                  -- each item goes to one of them
--- for i = 1, 5 do tx:send(i) end
--- print(rx:recv(), other:try_recv())        --> 1  2
--- print(table.concat(rx:drain(2), " "), rx:stats().buffered) --> 3 4  1
--- print(other:close(), rx:fail("stop"), rx:recv()) --> true  true  5
--- print(rx:close(), tx:try_send(6))         --> true  nil  closed
--- ```
---@class xio.Receiver
---@operator call: any
local Receiver = {}

--- Waits for the next item, and takes it. Raises what the channel was failed with, when all
--- that was sent before is received, and where this task has closed this end. A checkpoint;
--- cancelled, it raises, and no item is lost.
---@return any item nil at the end
---@return "closed"|integer|nil why "closed" at the end; of a receiver from xio.broadcast, how
--- many items were lost before this one, nil for none
function Receiver:recv() end

--- Takes the next item if there is one. May be called anywhere. Raises as `recv`. Never waits.
---@return any item
---@return "empty"|"closed"|integer|nil why, or how many were lost before this one
function Receiver:try_recv() end

--- Takes what can be received without waiting, the items of waiting senders too, which go on
--- then. May be called anywhere. Never waits. Raises for a negative count.
---@param count? integer at most so many; by default all
---@return any[]? items
---@return "closed"? why this end is closed
function Receiver:drain(count) end

--- Closes this end. With the last receiver the channel ends for senders, and what was not
--- received is dropped. Never waits. It cannot fail.
---@return boolean first whether it was open
function Receiver:close() end

--- Ends the channel with an error: as a sender's, but this end stays open. Never waits or fails.
---@param err any
---@return boolean first whether the channel was not ended before
function Receiver:fail(err) end

--- Makes another receiver of the same channel; each item goes to one of them. Never waits or
--- fails.
---@return xio.Receiver? receiver
---@return "closed"? why
function Receiver:clone() end

--- What the channel holds, and what has passed through it. Never waits or fails.
---@return xio.ChannelStats
function Receiver:stats() end
