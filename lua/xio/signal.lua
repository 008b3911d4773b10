--- signal: tasks that listen for signals of the operating system.
--
-- Names are those of `kill -l`: "HUP", "USR1", without "SIG". A signal has no queue in the
-- kernel, and a listener keeps each of its signals at most once: what comes again before it
-- was read is one with the first. Signals are read in the order in which they came; of two
-- that come all the time each has its turn.
--
-- From `listen` on the signal does not do what it did before; when the listener is closed
-- the disposition found is put back exactly. A signal that came and was not read until then
-- is not lost: it goes to who had it before, an outer run that listens for it or else the
-- process, which most signals end. A task that listens for "INT" or "TERM" takes it over from
-- its run. Of nested runs the innermost that listens for a signal, or whose run ends by
-- it, gets it. Several listeners of one run are each told.
--
-- "KILL" and "STOP" cannot be listened for, nor "SEGV", "BUS", "FPE", "ILL".

local core = require "xio.core"

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
---@return xio.SignalListener listener which can be called for the next name, and nil, nil and
---  the listener again for a loop
function signal.listen(...)
  return core.signal_listen(...)
end

--- Waits for one of some signals, which are listened for only meanwhile. A checkpoint;
--- cancelled, it has taken no signal. Raises as `listen` does.
---
--- ```lua
--- print((xio.move_on_after(0.05, xio.signal.wait, "HUP"))) --> false
--- ```
---@param ... string
---@return string? name of the one that came
---@return xio.Error? err where the system refuses to let it listen; then the code
function signal.wait(...)
  local listener <close>, err, code = core.signal_listen_once(...)
  if not listener then return nil, err, code end
  return listener:wait()
end

return signal
