---@meta
--- Byte streams: sockets, ends of pipes, terminals, whatever standard input and output are.
---
--- Failures are nil, an xio.Error with `op`, and its code; the end of a stream is plain nil.
--- One task may read and one may write at a time; a second one raises. A stream belongs to the
--- run in which it was made, but for the standard ones. It is closed by `close` and `<close>`;
--- one that is collected open is closed with a warning.

--- What streams and files share: buffered reading. What a read does not return, at a limit, an
--- early end or a cancellation, stays readable.
---
--- ```lua
--- local reader, writer = xio.testing.pair() -- or a socket, a pipe, a file
--- writer:write("first line\nkey=value\n12345rest")
--- writer:shutdown()
--- print(reader:read("l"))                   --> first line
--- print(reader:read_until("="), reader:read()) --> key  value
--- print(reader:read_exactly(5), reader:recv(2)) --> 12345  re
--- for line in reader:lines() do print(line) end --> st
--- ```
---@class xio.Reader
local Reader = {}

--- Waits for some bytes and takes them: as soon as there are any. A checkpoint; cancelled, it
--- raises and has taken nothing.
---@param max? integer bytes, at least 1; 64 KiB (of a file 96 KiB) by default and at the most
---@return string? data nil at the end
---@return xio.Error? err
---@return string? code "ECLOSED", "ECONNRESET" …
function Reader:recv(max) end

--- Reads as io.read does: "l" (a line, the default), "L" (with its end), "a" (all), "n" (a
--- number), or a count of bytes; one value for each format, nil for the first that meets the
--- end.
---
--- A line of more than 1 MiB gives nil, err, "EMSGSIZE", and how many bytes there are. A
--- checkpoint; cancelled, it raises and has lost only what earlier formats of the same call
--- have read.
---@param ... string|integer formats
---@return any ...
function Reader:read(...) end

--- Reads exactly `count` bytes. A checkpoint; cancelled, it raises and has taken nothing.
---@param count integer at least 0
---@return string? data nil at the end
---@return xio.Error? err
---@return string? code "EOF" where the end comes early; "ECLOSED" …
---@return integer? part bytes that there are, which stay readable
function Reader:read_exactly(count) end

--- Reads to a delimiter, which is taken and left out. A checkpoint; cancelled, it raises and
--- has taken nothing.
---@param delimiter string not empty
---@param max? integer bytes before the delimiter (1 MiB)
---@return string? data nil at the end
---@return xio.Error? err
---@return string? code "EOF" where the end comes first; "EMSGSIZE" where `max` bytes have no
--- delimiter behind them; "ECLOSED" …
---@return integer? part bytes that there are, which stay readable
function Reader:read_until(delimiter, max) end

--- Iterates over what `read(...)` gives, to the end: `for line in stream:lines() do`. Each step
--- is a checkpoint, and raises what `read` would return as an error.
---@param ... string|integer formats
---@return fun(): any
function Reader:lines(...) end

--- ```lua
--- local stream, peer = assert(xio.net.pair())
--- stream:write("hello ", 2, "\n")
--- stream:flush()
--- print(peer:read(), stream:try_write("more")) --> hello 2  4
--- stream:shutdown()                         -- the peer reads the end
--- print(peer:read("a"), stream:stats().written) --> more  12
--- stream:nodelay(true)
--- stream:keepalive(60)
--- print(math.type(stream:fileno()), stream:name() == stream:peername()) --> integer  true
--- print(stream:close(), stream:close())     --> true  false
--- ```
---@class xio.Stream: xio.Reader
---@field closed boolean whether it was closed, by `close` or `<close>`
local Stream = {}

--- Writes strings and numbers, all of them, waiting while the other end has no room. A
--- checkpoint; cancelled, it raises, and if bytes had gone out the stream is broken for writing
--- from then on ("ECANCELED"); `stats` tells how many were.
---@param ... string|number
---@return xio.Stream? self
---@return xio.Error? err
---@return string? code "EPIPE" where nobody reads; "ECLOSED" where it was closed or shut down;
--- "ECONNRESET", "ECANCELED" …
---@return integer? part bytes that went out
function Stream:write(...) end

--- Writes what there is room for, without waiting. May be called anywhere. Never waits.
---@param data string
---@return integer? count bytes
---@return xio.Error? err
---@return string? code "EAGAIN" where there is no room; as `write`
function Stream:try_write(data) end

--- Does nothing: what was written is out already. Never waits.
---@return xio.Stream? self
---@return xio.Error? err
---@return string? code "ECLOSED"
function Stream:flush() end

--- Ends the writing: the other end reads what was written, then the end of the stream. Reading
--- goes on. Harmless the second time. A checkpoint; cancelled, it raises, and nothing has
--- changed.
---@return true? done
---@return xio.Error? err
---@return string? code "ECLOSED", "ENOTCONN" …
function Stream:shutdown() end

--- Closes the stream, and wakes who waits on it with the code "ECLOSED". Closing a standard
--- stream puts the null device in its place. Never waits. It cannot fail.
---@return boolean first whether it was open
function Stream:close() end

--- The number of the descriptor, which stays the stream's. Never waits.
---@return integer? number
---@return xio.Error? err
---@return string? code "ECLOSED"
function Stream:fileno() end

--- How many bytes were read and written, how many came that nobody has read yet, and how many
--- tasks wait. Never waits or fails.
---@return {read: integer, written: integer, buffered: integer, waiting: integer}
function Stream:stats() end

--- Whether small pieces go out at once, which is so for what xio.net makes. Does nothing on what
--- is not TCP. Never waits.
---@param on? boolean true by default
---@return xio.Stream? self
---@return xio.Error? err
---@return string? code
function Stream:nodelay(on) end

--- After so long without a sign of life the peer is asked for one, and the connection breaks ten
--- seconds later. Does nothing on what is not TCP. Never waits.
---@param seconds number|false seconds; false: it is never asked
---@return xio.Stream? self
---@return xio.Error? err
---@return string? code
function Stream:keepalive(seconds) end

--- The address of this end: host and port, or the path of a unix socket ("" where it has none).
--- Never waits.
---@return string? host or path
---@return integer|xio.Error|nil port
---@return string? code "ENOTSOCK", "ECLOSED" …
function Stream:name() end

--- The address of the other end. Never waits.
---@return string? host or path
---@return integer|xio.Error|nil port
---@return string? code "ENOTCONN", "ENOTSOCK", "ECLOSED" …
function Stream:peername() end
