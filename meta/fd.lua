---@meta
--- Files and descriptors of others: `io` files, and numbers that foreign libraries give.
---
--- They stay their owners': nothing is duplicated, closed or changed. One task may wait to read
--- and one to write at a time; a second one raises.

---@class xio
local xio = {}

--- Waits for some bytes and reads them. Of a stream, as its `recv`. Of what an `io` file has
--- read ahead itself, only that of a regular file is seen: elsewhere use `file:setvbuf("no")`,
--- or one way of reading only. Closing an `io` file wakes nobody who waits to read it.
---
--- Errors: code "ECLOSED", "EBADF", "ECONNRESET" and others. A checkpoint; cancelled, it raises
--- and has taken nothing.
---
--- ```lua
--- local out, into = assert(xio.net.pair())
--- print(xio.writeall(out, "hello") == out, xio.write(out, "!")) --> true  1
--- print(xio.read(into, 100))                --> hello!
--- local file <close> = assert(io.tmpfile())
--- print(xio.writeall(file, "text") == file) --> true
--- ```
---@param file file*|xio.Stream|xio.File|xio.fd|integer
---@param count? integer bytes, at least 1; 64 KiB by default, and 1 MiB at the most
---@return string? data nil at the end
---@return xio.Error? err
---@return string? code
function xio.read(file, count) end

--- Writes what an `io` file has buffered, and then, once there is room, some of `data`; of a
--- stream all of it.
---
--- Errors: code "EPIPE", "ECLOSED" and others. A checkpoint; cancelled, it raises and has
--- written nothing of `data` (of a stream: see its `write`).
---@param file file*|xio.Stream|xio.File|xio.fd|integer
---@param data string
---@return integer? count bytes written
---@return xio.Error? err
---@return string? code
---@return integer? part bytes written
function xio.write(file, data) end

--- The same with all of `data`. A checkpoint; cancelled, it raises, and a part may be written:
--- only streams tell how much.
---@param file file*|xio.Stream|xio.File|xio.fd|integer
---@param data string
---@return any file the same; nil where it fails
---@return xio.Error? err
---@return string? code
---@return integer? part bytes written
function xio.writeall(file, data) end

--- A box by which tasks wait for a descriptor that something else reads and writes. Raises
--- outside of a run. It belongs to the run, and notices that the number was closed or is
--- another file by now.
---
--- Errors: code "EBADF" where it is not open, and others. Never waits.
---@param file file*|integer
---@return xio.fd? fd
---@return xio.Error? err
---@return string? code
function xio.fd(file) end

--- A descriptor to be waited for; a case of xio.select. `close`, `<close>` and collecting leave
--- the descriptor open.
---
--- ```lua
--- local a, b = assert(xio.net.pair())
--- local watched = assert(xio.fd(a:fileno())) -- e.g. the socket of a C library
--- print(watched:writable(5))                --> true
--- b:write("x")
--- print(watched:readable(5), watched:fileno() == a:fileno(), watched:close()) --> true  true  true
--- a:close()
--- b:close()
--- ```
---@class xio.fd
---@field closed boolean whether it was closed, by `close` or `<close>`
local fd = {}

--- Waits until there is something to read, an end or an error. A checkpoint; cancelled, it
--- raises.
---@param timeout? number seconds
---@return true? ready
---@return xio.Error? err
---@return string? code "ETIMEDOUT", "ECLOSED", "EBADF" where the number was closed or is
--- another file
function fd:readable(timeout) end

--- The same for room to write. A checkpoint; cancelled, it raises.
---@param timeout? number seconds
---@return true? ready
---@return xio.Error? err
---@return string? code
function fd:writable(timeout) end

--- Lets go of the descriptor, which stays open, and wakes who waits with the code "ECLOSED".
--- Never waits. It cannot fail.
---@return boolean first whether it was open
function fd:close() end

--- The number. Never waits.
---@return integer? number
---@return xio.Error? err
---@return string? code "ECLOSED"
function fd:fileno() end
