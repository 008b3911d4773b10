---@meta xio.fs
-- Written by tools/types from the comments in lua/xio; not to be edited.

---@class xio.Time
---@field sec integer since 1970
---@field nsec integer
local Time = {}

---@class xio.Stat
---@field type "file"|"directory"|"link"|"fifo"|"socket"|"char"|"block"|"unknown"
---@field mode integer with the bits of the type
---@field size integer bytes
---@field atime xio.Time
---@field mtime xio.Time
---@field ctime xio.Time
---@field birthtime xio.Time
---@field dev integer
---@field ino integer
---@field nlink integer
---@field uid integer
---@field gid integer
---@field rdev integer
---@field blksize integer bytes
---@field blocks integer of 512 bytes
---@field flags integer
---@field gen integer
local Stat = {}

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

---@class xio.WatchEvent
---@field name? string of the entry in the folder, or of the file that is watched
---@field kind "change"|"rename"|"lost" contents or attributes; it came, went or has another name; or more happened than was kept (4096 events): look at everything
local WatchEvent = {}

--- Events in the order in which they came. `for event in watch do` ends when it is closed.
--- Closed by `<close>` too. It belongs to the run in which it was made.
---
--- ```lua
--- local dir = assert(xio.fs.mkdtemp())
--- local watch <close> = assert(xio.fs.watch(dir))
--- assert(xio.fs.writefile(dir .. "/new", "text"))
--- print(watch:recv().name, watch:stats().waiting) --> new  0
--- xio.fs.rmtree(dir)
--- print(watch:close())                      --> true
--- ```
---@class xio.Watch
---@operator call: xio.WatchEvent?
---@field closed boolean whether it was closed, by `close` or `<close>`
local Watch = {}

---@class xio.fs
local fs = {}

--- What the system knows of a file; links are followed.
---@param path string
---@return xio.Stat?
---@return xio.Error?
---@return string? code
function fs.stat(path) end

--- The same of a link itself.
---@param path string
---@return xio.Stat?
---@return xio.Error?
---@return string? code
function fs.lstat(path) end

--- The names of what is in a folder, without "." and "..", in the order of their bytes.
---@param path string
---@return string[]?
---@return xio.Error?
---@return string? code
function fs.readdir(path) end

--- Gives a file another name or place, in one step; what has the new name is replaced.
---@param path string
---@param to string on the same file system, else the code is "EXDEV"
---@return true?
---@return xio.Error?
---@return string? code
function fs.rename(path, to) end

--- Copies the bytes and permissions of a file to `to`.
---
--- A file that is there is replaced in one step when all is copied; links at both ends are
--- followed. Cancelled in the middle it raises, and what was at `to` is as it was: there is
--- never half a file. A device is written to as it is.
---@param path string
---@param to string
---@return true?
---@return xio.Error?
---@return string? code
function fs.copy(path, to) end

--- Removes a file or link.
---@param path string
---@return true?
---@return xio.Error?
---@return string? code
function fs.unlink(path) end

--- Removes an empty folder.
---@param path string
---@return true?
---@return xio.Error?
---@return string? code
function fs.rmdir(path) end

--- Removes a folder with all that is in it. Links are removed, never followed, also when they
--- take a folder's place meanwhile; what cannot be removed stays, the rest goes, and the
--- first refusal is returned. Where `path` is no folder, or a link, the code is "ENOTDIR".
---
--- Cancelled in the middle it raises, and what was removed by then is gone.
---@param path string
---@return true?
---@return xio.Error?
---@return string? code
function fs.rmtree(path) end

--- Makes a link at `path` that says `target`.
---@param target string what the link says, relative to its own folder
---@param path string
---@return true?
---@return xio.Error?
---@return string? code
function fs.symlink(target, path) end

--- What a link says.
---@param path string
---@return string?
---@return xio.Error?
---@return string? code
function fs.readlink(path) end

--- The absolute path without links, "." and "..".
---@param path string
---@return string?
---@return xio.Error?
---@return string? code
function fs.realpath(path) end

--- Sets the permissions; links are followed.
---@param path string
---@param mode integer such as tonumber("644", 8)
---@return true?
---@return xio.Error?
---@return string? code
function fs.chmod(path, mode) end

--- Sets the times of the last access and change; links are followed.
---@param path string
---@param accessed number seconds since 1970
---@param modified number seconds since 1970
---@return true?
---@return xio.Error?
---@return string? code
function fs.utime(path, accessed, modified) end

--- Whether the process may read ("r"), write ("w") and execute or enter ("x") a file; with no
--- letters, whether it is there. False is told as nil, err, code. It may have changed by the
--- time it is used: to open the file tells more.
---@param path string
---@param mode? string of the letters r, w, x
---@return true?
---@return xio.Error?
---@return string? code
function fs.access(path, mode) end

--- Makes a folder. With `parents` also those above it that are missing, and one that is there
--- already is no failure; cancelled in the middle, some of them may have been made.
---@param path string
---@param options? {parents?: boolean, mode?: integer} mode: permissions, 0777 (octal) unless given, of which the process's umask takes some
---@return true?
---@return xio.Error?
---@return string? code
function fs.mkdir(path, options) end

--- Makes a folder with a name of its own, which only this user may enter, and returns its
--- path: `prefix` and six characters. Nobody removes it but the caller.
---@param prefix? string with folders; by default in TMPDIR, or /tmp
---@return string?
---@return xio.Error?
---@return string? code
function fs.mkdtemp(prefix) end

--- Iterates over `path` itself and all that is below it: `for path, stat in fs.walk(dir) do`.
---
--- A folder comes before what is in it, names in the order of their bytes. `stat` is that of
--- the entry itself: links are not followed. What vanishes meanwhile is left out. A step
--- raises what it cannot read, and is a checkpoint; nothing stays open between steps, so that
--- the loop can be left at any time.
---@param path string
---@return fun(): string?, xio.Stat?
function fs.walk(path) end

--- Opens a file. The modes are those of io.open: "r" (the default), "w", "a", "r+", "w+",
--- "a+", with a "b" that means nothing. The descriptor is not handed down to other programs.
---
--- The file has the methods of a stream: `recv`, `read`, `read_exactly`, `read_until`,
--- `lines`, `write`, `flush`, `close`, `fileno`, `stats`; and `seek`, `sync`, `stat`,
--- `truncate`. A folder is refused with "EISDIR". A terminal, a pipe or a device is opened
--- without waiting (a named pipe that nobody reads cannot be opened for writing: "ENXIO")
--- and is waited for where it is not ready.
---
--- A file belongs to the run in which it was opened. Cancelled, this raises, and no file is
--- open or was made.
---@param path string
---@param mode? string
---@return xio.File?
---@return xio.Error?
---@return string? code
function fs.open(path, mode) end

--- All of a file, as a string. Cancelled, it raises.
---@param path string
---@return string?
---@return xio.Error?
---@return string? code
function fs.readfile(path) end

--- Makes a file of `data`, in place of what is there.
---
--- By default the file is cut to nothing and written. With `atomic` the data goes to a new
--- file in the same folder, is brought to the disk, and then takes the name in one step:
--- whoever opens the file sees the old or the new contents, also after a crash; the new file
--- has the permissions of the old one. With `append` it is added at the end.
---
--- Cancelled, it raises; without `atomic` the file may then have a part of the data, with it
--- what was there is untouched. The fourth value of a failure is how many bytes were written,
--- where that is known.
---@param path string
---@param data string
---@param options? {atomic?: boolean, append?: boolean}
---@return true?
---@return xio.Error?
---@return string? code
---@return integer? part bytes
function fs.writefile(path, data, options) end

--- Watches a folder (its entries, not what is in folders below) or a file:
--- `for event in fs.watch(path) do`.
---
--- Watching begins with this call, so that what happens between it and the first step is
--- seen. It is no checkpoint, and gives nil, err, code where `path` cannot be watched. The
--- loop ends when the watch is closed, and leaving the loop closes it; each step is a
--- checkpoint, and a cancelled one loses no event. Outside of a loop: `watch:recv()`, which
--- gives nil, err, "ECLOSED" after `watch:close()`. One task may wait at a time. A file that
--- is removed or replaced is watched no more after an event that tells so.
---@param path string
---@return xio.Watch? watch
---@return nil|xio.Error
---@return nil|string
---@return xio.Watch? closing
function fs.watch(path) end

--- Writes strings and numbers, all of them: where the file stands, or at its end where it was
--- opened for appending. A checkpoint; cancelled, it raises and has written nothing, or the
--- file is broken for writing from then on ("ECANCELED"), and `stats` tells how much went out.
--- Up to 1 MiB goes out whole or not at all.
---@param ... string|number
---@return xio.File? self
---@return xio.Error? err
---@return string? code "ENOSPC", "EBADF" where it is not open for writing, "ECLOSED", "ECANCELED" …
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
---@param whence? "set"|"cur"|"end" from the beginning, from where the file stands (the default), or from its end
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

--- Waits for the next event. One task at a time. A checkpoint; cancelled, it raises, and no
--- event is lost.
---@return xio.WatchEvent? event
---@return xio.Error? err
---@return string? code "ECLOSED"
function Watch:recv() end

--- Ends the watch, and wakes who waits with the code "ECLOSED"; what nobody took is lost. Never
--- waits. It cannot fail.
---@return boolean first whether it was open
function Watch:close() end

--- How many tasks wait, and how many events. Never waits or fails.
---@return {waiting: integer, buffered: integer}
function Watch:stats() end

return fs
