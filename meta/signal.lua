---@meta
--- Listeners for signals, made by xio.signal.listen.

--- Keeps each of its signals at most once until it is read. Can be called, and so iterated
--- over. Closed by `<close>` too; collected open, it is closed with a warning. It belongs to
--- the run in which it was made.
---
--- ```lua
--- local listener = assert(xio.signal.listen("USR1"))
--- os.execute("kill -USR1 $PPID")
--- print(listener:wait(5), listener:stats().buffered, listener:close()) --> USR1  0  true
--- ```
---@class xio.SignalListener
---@operator call: string?
---@field closed boolean whether it was closed, by `close` or `<close>`
local SignalListener = {}

--- Waits for the next signal. One task at a time: a second one raises. A checkpoint; cancelled,
--- it raises and has taken no signal.
---@param timeout? number seconds
---@return string? name
---@return xio.Error? err
---@return string? code "ETIMEDOUT"; "ECLOSED" where the listener is, or meanwhile gets, closed
function SignalListener:wait(timeout) end

--- Lets the signals go. What came and was not read goes on to who had the signal before, which
--- may end the process. Never waits. It cannot fail.
---@return boolean first whether it was open
function SignalListener:close() end

--- How many tasks wait, and how many signals came that were not read. Never waits or fails.
---@return {waiting: integer, buffered: integer}
function SignalListener:stats() end
