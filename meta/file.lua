---@meta
--- Open files, made by xio.fs.open.

--- A file, which has a position where it stands. Failures are nil, an xio.Error with `op` and
--- `path`, and its code. Closed by `<close>` too; collected open, it is closed with a warning.
--- It belongs to the run in which it was opened. One task may read and one may write at a time.
---
--- ```lua
--- local path = os.tmpname()
--- local file <close> = assert(xio.fs.open(path, "w+"))
--- file:write("one\n", "two\n")
--- file:flush()                              -- nothing is kept back
--- print(file:seek("set", 4), file:read())   --> 4  two
--- file:sync()
--- file:truncate(4)
--- print(file:stat().size, file:stats().written, math.type(file:fileno())) --> 4  8  integer
--- print(file:try_write("") ~= false, file:shutdown(), file:close()) --> true  true  true
--- os.remove(path)
--- ```
---@class xio.File: xio.Reader
---@field closed boolean whether it was closed, by `close` or `<close>`
local File = {}

--- Writes strings and numbers, all of them: where the file stands, or at its end where it was
--- opened for appending. A checkpoint; cancelled, it raises and has written nothing, or the
--- file is broken for writing from then on ("ECANCELED"), and `stats` tells how much went out.
--- Up to 1 MiB goes out whole or not at all.
---@param ... string|number
---@return xio.File? self
---@return xio.Error? err
---@return string? code "ENOSPC", "EBADF" where it is not open for writing, "ECLOSED",
--- "ECANCELED" …
---@return integer? part bytes that are out
function File:write(...) end

--- Writes as much as the system takes without waiting, which can be nothing at all: what must be
--- written is for `write`. May be called anywhere. Never waits.
---@param data string
---@return integer? count bytes
---@return xio.Error? err
---@return string? code "EAGAIN" where it takes none; as `write`
function File:try_write(data) end

--- Ends the writing, which gives "ECLOSED" from then on; reading goes on. A pipe that is open
--- for writing only is closed, so that who reads it sees the end. Harmless the second time.
--- Never waits.
---@return true? done
---@return xio.Error? err
---@return string? code "ECLOSED"
function File:shutdown() end

--- Moves as `seek` of `io` files does. "end" is a checkpoint; cancelled, it raises and has not
--- moved.
---@param whence? "set"|"cur"|"end" from the beginning, from where the file stands (the
--- default), or from its end
---@param offset? integer bytes (0)
---@return integer? position in bytes from the beginning
---@return xio.Error? err
---@return string? code "ESPIPE" where there are no places, "EINVAL", "ECLOSED"
function File:seek(whence, offset) end

--- Waits until all that was written is on the disk. A checkpoint; cancelled, it raises, or
--- returns where it could not be withdrawn.
---@param data_only? boolean leave out what is not needed to read it again, as times
---@return xio.File? self
---@return xio.Error? err
---@return string? code
function File:sync(data_only) end

--- What the system knows of the file. A checkpoint; cancelled, it raises.
---@return xio.Stat? stat
---@return xio.Error? err
---@return string? code
function File:stat() end

--- Cuts the file, or fills it with zeros, to `size` bytes. It stands where it stood. A
--- checkpoint; cancelled, it raises and has changed nothing.
---@param size? integer bytes; by default as many as stand before where it stands
---@return xio.File? self
---@return xio.Error? err
---@return string? code
function File:truncate(size) end

--- Does nothing, since nothing that is written is kept back; see `sync`. Never waits.
---@return xio.File? self
---@return xio.Error? err
---@return string? code "ECLOSED"
function File:flush() end

--- Closes the file, and wakes who waits with the code "ECLOSED". What is at work in a thread ends
--- first. Never waits. It cannot fail.
---@return boolean first whether it was open
function File:close() end

--- The number of the descriptor, which stays the file's. Never waits.
---@return integer? number
---@return xio.Error? err
---@return string? code "ECLOSED"
function File:fileno() end

--- How many bytes were read and written, how many of those got from the system are not read yet,
--- and how many tasks wait. Never waits or fails.
---@return {read: integer, written: integer, buffered: integer, waiting: integer}
function File:stats() end
