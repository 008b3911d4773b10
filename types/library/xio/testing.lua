---@meta xio.testing
-- Written by tools/types from the comments in lua/xio; not to be edited.

--- An end of a pair of streams in memory. Closed by `<close>` too.
---
--- ```lua
--- local a, b = xio.testing.pair()
--- a:write("line\n", "key=value;")
--- a:flush()
--- print(b:read("l"), b:read_until("="), b:recv(2)) --> line  key  va
--- print(b:read_exactly(3), a:try_write("tail"), a:fileno()) --> lue  4  nil
--- a:shutdown()
--- for rest in b:lines() do print(rest) end --> ;tail
--- print(a:stats().written, a:close(), a:close()) --> 19  true  false
--- ```
---@class xio.MemoryStream
---@field closed boolean whether it was closed, by `close` or `<close>`
local MemoryStream = {}

---@class xio.testing
local testing = {}

--- Waits until all other tasks of the run wait, and stay so for `cushion` seconds.
---
--- On the virtual clock it returns before time jumps. A checkpoint; cancelled, it raises and
--- nothing has changed.
---
--- ```lua
--- local log = {}
--- xio.spawn(function() log[1] = "began"; xio.sleep(10) end)
--- xio.testing.settle()                      -- until all others wait
--- print(log[1], xio.now())                  --> began  0.0
--- ```
---@param cushion? number seconds, 0 by default
function testing.settle(cushion) end

--- Moves the virtual clock of the current run forward by `seconds`, stopping on the way
--- wherever something becomes due, so that it happens in order and at its own time.
---
--- Raises on a real clock, and for a negative number, since time never goes back. A
--- checkpoint; cancelled, it raises, and time has moved as far as it came.
---
--- ```lua
--- local fired = false
--- xio.spawn(function() xio.sleep(10); fired = true end)
--- xio.testing.advance(9.5)
--- print(fired, xio.now())                   --> false  9.5
--- xio.testing.advance(0.5)
--- print(fired)                              --> true
--- ```
---@param seconds number seconds, at least 0
function testing.advance(seconds) end

--- Calls `f(...)` and raises unless the task met a checkpoint in it: was suspended, or would
--- have been had it used up its turn, and could have been cancelled from outside.
---
--- Half a checkpoint is none: a function that checks cancellation and never suspends
--- (xio.check), or one that suspends only under a shield. Both together make one. Errors of
--- `f` pass through.
---
--- ```lua
--- xio.testing.assert_checkpoints(xio.sleep, 0)
--- print(pcall(xio.testing.assert_checkpoints, function() end) == false) --> true
--- ```
---@param f function
---@param ... any arguments for `f`
---@return any ... what `f` returns
function testing.assert_checkpoints(f, ...) end

--- Calls `f(...)` and raises if the task met a checkpoint in it, also one at which it need
--- not wait, or one under a shield. Errors of `f` pass through.
---
--- ```lua
--- local tx = xio.channel(1)
--- print(xio.testing.assert_no_checkpoints(tx.try_send, tx, 1)) --> true
--- ```
---@param f function
---@param ... any arguments for `f`
---@return any ... what `f` returns
function testing.assert_no_checkpoints(f, ...) end

--- Makes a sequencer, which brings points in several tasks into one order.
---
--- `local _ <close> = sequencer(n)`: waits for point `n` to come, and lets the next one come
--- at the end of the block. `sequencer(n, f, ...)` does so around a call of `f`, and returns
--- its results. Points count from 0; each is used once, which a second use raises. Such a
--- call is a checkpoint. Cancelled while it waits, it raises, and the sequence is broken: all
--- others that wait, and all later uses, raise that.
---
--- ```lua
--- local at = xio.testing.sequencer()
--- xio.spawn(function() at(1, print, "second") end) --> first
--- at(0, print, "first")                     --> second
--- ```
---@return fun(point: integer, f?: function, ...: any): any
function testing.sequencer() end

--- Makes tasks of busted's bodies: of each `it`, and of each hook (`before_each`, `setup` …)
--- that is defined later. Called in a spec file it counts for that file; called in a helper
--- (`busted --helper`), for all files.
---
--- Each body and each hook is the main task of a run of its own; where a task is running already,
--- as under the interpreter, a body without `options` just runs. `options` are those of xio.run,
--- such as `{ clock = "virtual" }`. Never waits. Raises where busted is not running.
---
--- ```lua
--- -- in a spec file, under a plain Lua:
--- if busted then xio.testing.busted { clock = "virtual" } end
--- ```
---@param options? table
function testing.busted(options) end

--- Makes two streams in memory that are connected to each other, with the methods of all streams.
--- They may be made outside of a run. `options.capacity`: how many bytes one end may be ahead of
--- the other, in each direction; 65536 by default. Never waits. Raises for wrong options.
---
--- ```lua
--- local client, server = xio.testing.pair { capacity = 1024 }
--- client:write("hello\n")
--- print(server:read())                      --> hello
--- ```
---@param options? {capacity?: integer}
---@return xio.MemoryStream
---@return xio.MemoryStream
function testing.pair(options) end

--- Checks that the streams that `make` gives do what every stream of xio does.
---
--- `make()` returns two streams that are connected to each other; it is called for each check,
--- and what it gives is closed. `only`, the name of a check, runs that alone. Raises what the
--- first failing check says. A checkpoint. Cancelled, it raises, and closes what it has made.
---
--- ```lua
--- print(#xio.testing.check_stream(xio.testing.pair) > 10) --> true
--- ```
---@param make fun(): any, any
---@param only? string
---@return string[] names of the checks that were run
function testing.check_stream(make, only) end

--- Some bytes, as soon as there are any: at most `max`, or all that are there.
---
--- Plain nil at the end of the stream; nil, an xio.Error and "ECLOSED" where this end is
--- closed. A checkpoint; a cancelled one has lost nothing.
---@param max? integer at least 1
---@return string? data
---@return xio.Error?
---@return string? code
function MemoryStream:recv(max) end

--- Exactly `count` bytes.
---
--- Plain nil at the end of the stream; where that comes early nil, an xio.Error, "EOF" and
--- how many bytes there are, which stay readable; also "ECLOSED". A checkpoint; a cancelled
--- one has lost nothing.
---@param count integer bytes
---@return string? data
---@return xio.Error?
---@return string? code
---@return integer? part bytes
function MemoryStream:read_exactly(count) end

--- The bytes up to `delimiter`, which is taken and left out.
---
--- Plain nil at the end of the stream; nil, an xio.Error, a code, and how many bytes there
--- are, which stay readable: "EOF" where the end comes first, "EMSGSIZE" where there is no
--- delimiter within `max` bytes; also "ECLOSED". A checkpoint; a cancelled one has lost nothing.
---@param delimiter string not empty
---@param max? integer bytes before the delimiter; 1 MiB by default
---@return string? data
---@return xio.Error?
---@return string? code
---@return integer? part bytes
function MemoryStream:read_until(delimiter, max) end

--- Reads as io.read does: "l" (the default), "L", "a", "n", or a count of bytes, each giving
--- one value; nil at the end.
---
--- Lines of more than 1 MiB give nil, an xio.Error and "EMSGSIZE"; a closed end "ECLOSED". A
--- checkpoint; a cancelled one has lost nothing that was not returned, but what earlier
--- formats of the same call have read.
---@param ... string|integer formats
---@return any ...
function MemoryStream:read(...) end

--- Iterates over lines, or what the formats give, to the end of the stream. A step is as a call
--- of `read`, but raises what that returns as an error. Each step is a checkpoint; a cancelled
--- one has lost nothing.
---@param ... string|integer formats
---@return fun(): any
function MemoryStream:lines(...) end

--- Writes strings and numbers, all of them, waiting while the other end has not read.
---
--- Returns the stream; or nil, an xio.Error, a code and how many bytes went out: "EPIPE" where
--- the other end is closed, "ECLOSED" where this one is or has shut down, "ECANCELED" after a
--- cancelled write. A checkpoint; cancelled, it raises, and if bytes had gone out the stream is
--- broken for writing.
---@param ... string|number
---@return xio.MemoryStream?
---@return xio.Error?
---@return string? code
---@return integer? part bytes
function MemoryStream:write(...) end

--- Writes what there is room for, without waiting: how many bytes; or nil, an xio.Error and a
--- code, "EAGAIN" where there is no room. Never waits.
---@param data string
---@return integer? count
---@return xio.Error?
---@return string? code
function MemoryStream:try_write(data) end

--- Does nothing: what was written is with the other end. Never waits.
---@return xio.MemoryStream? self
---@return xio.Error?
---@return string? code "ECLOSED"
function MemoryStream:flush() end

--- Ends the writing: the other end reads what was written, and then the end of the stream.
--- Reading goes on. Returns true; nil, an xio.Error and "ECLOSED" where it is closed. A
--- checkpoint. Cancelled, it raises, and nothing has changed.
---@return boolean?
---@return xio.Error?
---@return string? code
function MemoryStream:shutdown() end

--- Closes this end, and wakes who waits on it with the code "ECLOSED". The other end reads what
--- was written, then the end of the stream; it can write no more. Returns whether this was the
--- first time. Never waits. It cannot fail.
---@return boolean first
function MemoryStream:close() end

--- There is no descriptor: nil. Never waits or fails.
function MemoryStream:fileno() end

--- How many bytes were read and written, how many came that nobody has read yet, and how many
--- tasks wait. Never waits or fails.
---@return {read: integer, written: integer, buffered: integer, waiting: integer}
function MemoryStream:stats() end

return testing
