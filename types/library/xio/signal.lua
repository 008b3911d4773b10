---@meta xio.signal
-- Written by tools/types from the comments in lua/xio; not to be edited.

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

---@class xio.signal
local signal = {}

--- Listens for signals, until the loop over them is left, or the listener is closed:
---
---     for name in xio.signal.listen("HUP", "USR1") do ... end
---
---     local listener <close> = xio.signal.listen("WINCH")
---
--- Each step of the loop is a checkpoint. Raises outside of a run, for no name, a name given
--- twice, and a signal that is unknown or cannot be listened for; where the system refuses:
--- nil, err, code.
---
--- ```lua
--- os.execute("(sleep 0.1; kill -HUP $PPID) &")
--- for name in xio.signal.listen("HUP", "USR2") do
---   print("reloads after " .. name)         --> reloads after HUP
---   break
--- end
--- ```
---@param ... string
---@return xio.SignalListener listener which can be called for the next name, and nil, nil and the listener again for a loop
function signal.listen(...) end

--- Waits for one of some signals, which are listened for only meanwhile. A checkpoint;
--- cancelled, it has taken no signal. Raises as `listen` does.
---
--- ```lua
--- print((xio.move_on_after(0.05, xio.signal.wait, "HUP"))) --> false
--- ```
---@param ... string
---@return string? name of the one that came
---@return xio.Error? err where the system refuses to let it listen; then the code
function signal.wait(...) end

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

return signal
