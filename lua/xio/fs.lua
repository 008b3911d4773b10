--- fs: files and folders.
--
-- What the system does with a path happens in a thread of the pool while the task waits, and
-- so holds nobody up. A path is any string without a byte of 0; one with such a byte is
-- refused with "EINVAL". Failures give nil, an xio.Error with the fields `code`, `op` and
-- `path` (and `to`, where there is a second path), and the code; wrong types raise.
--
-- Every function here is a checkpoint. Cancelled before it begins it raises and does nothing.
-- Cancelled later it raises where the work could still be withdrawn, and otherwise is waited
-- for and returns what came of it; functions of which that is not all tell so.

local core = require "xio.core"
local argument = require "xio.argument"

local path_functions = core.fs

--- ```lua
--- local dir = assert(xio.fs.mkdtemp())
--- local path = dir .. "/notes.txt"
--- assert(xio.fs.writefile(path, "first\n", { atomic = true }))
--- print(xio.fs.readfile(path))              --> first
---                                           -->
--- print(xio.fs.stat(path).size, xio.fs.access(path, "r")) --> 6  true
--- assert(xio.fs.copy(path, dir .. "/copy.txt"))
--- assert(xio.fs.rename(path, dir .. "/renamed.txt"))
--- print(table.concat(xio.fs.readdir(dir), " ")) --> copy.txt renamed.txt
--- assert(xio.fs.mkdir(dir .. "/a/b", { parents = true }))
--- assert(xio.fs.rmdir(dir .. "/a/b"))
--- assert(xio.fs.symlink("copy.txt", dir .. "/link"))
--- print(xio.fs.readlink(dir .. "/link"), xio.fs.lstat(dir .. "/link").type) --> copy.txt  link
--- print(xio.fs.realpath(dir .. "/link") == xio.fs.realpath(dir) .. "/copy.txt") --> true
--- assert(xio.fs.chmod(dir .. "/copy.txt", tonumber("600", 8)))
--- assert(xio.fs.utime(dir .. "/copy.txt", 0, 0))
--- assert(xio.fs.unlink(dir .. "/copy.txt"))
--- local count = 0
--- for _, stat in xio.fs.walk(dir) do count = count + (stat and 1 or 0) end
--- print(count)                              --> 4
--- assert(xio.fs.rmtree(dir))
--- print(select(3, xio.fs.stat(dir)))        --> ENOENT
--- ```
---@class xio.fs
local fs = {}

---@class xio.Time
---@field sec integer since 1970
---@field nsec integer

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

-- Raises unless argument `index` of the function `name` is of a type.
local function check(value, expected, index, name)
  if type(value) ~= expected then argument.fail(index, name, expected, value) end
end

-- -- paths ------------------------------------------------------------------------------

--- What the system knows of a file; links are followed.
---@param path string
---@return xio.Stat?
---@return xio.Error?
---@return string? code
fs.stat = path_functions.stat

--- The same of a link itself.
---@param path string
---@return xio.Stat?
---@return xio.Error?
---@return string? code
fs.lstat = path_functions.lstat

--- The names of what is in a folder, without "." and "..", in the order of their bytes.
---@param path string
---@return string[]?
---@return xio.Error?
---@return string? code
fs.readdir = path_functions.readdir

--- Gives a file another name or place, in one step; what has the new name is replaced.
---@param path string
---@param to string on the same file system, else the code is "EXDEV"
---@return true?
---@return xio.Error?
---@return string? code
fs.rename = path_functions.rename

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
fs.copy = path_functions.copy

--- Removes a file or link.
---@param path string
---@return true?
---@return xio.Error?
---@return string? code
fs.unlink = path_functions.unlink

--- Removes an empty folder.
---@param path string
---@return true?
---@return xio.Error?
---@return string? code
fs.rmdir = path_functions.rmdir

--- Removes a folder with all that is in it. Links are removed, never followed, also when they
--- take a folder's place meanwhile; what cannot be removed stays, the rest goes, and the
--- first refusal is returned. Where `path` is no folder, or a link, the code is "ENOTDIR".
---
--- Cancelled in the middle it raises, and what was removed by then is gone.
---@param path string
---@return true?
---@return xio.Error?
---@return string? code
fs.rmtree = path_functions.rmtree

--- Makes a link at `path` that says `target`.
---@param target string what the link says, relative to its own folder
---@param path string
---@return true?
---@return xio.Error?
---@return string? code
fs.symlink = path_functions.symlink

--- What a link says.
---@param path string
---@return string?
---@return xio.Error?
---@return string? code
fs.readlink = path_functions.readlink

--- The absolute path without links, "." and "..".
---@param path string
---@return string?
---@return xio.Error?
---@return string? code
fs.realpath = path_functions.realpath

--- Sets the permissions; links are followed.
---@param path string
---@param mode integer such as tonumber("644", 8)
---@return true?
---@return xio.Error?
---@return string? code
fs.chmod = path_functions.chmod

--- Sets the times of the last access and change; links are followed.
---@param path string
---@param accessed number seconds since 1970
---@param modified number seconds since 1970
---@return true?
---@return xio.Error?
---@return string? code
fs.utime = path_functions.utime

--- Whether the process may read ("r"), write ("w") and execute or enter ("x") a file; with no
--- letters, whether it is there. False is told as nil, err, code. It may have changed by the
--- time it is used: to open the file tells more.
---@param path string
---@param mode? string of the letters r, w, x
---@return true?
---@return xio.Error?
---@return string? code
fs.access = path_functions.access

local MKDIR_OPTIONS = { mode = "integer", parents = "boolean" }

--- Makes a folder. With `parents` also those above it that are missing, and one that is there
--- already is no failure; cancelled in the middle, some of them may have been made.
---@param path string
---@param options? {parents?: boolean, mode?: integer} mode: permissions, 0777 (octal)
--- unless given, of which the process's umask takes some
---@return true?
---@return xio.Error?
---@return string? code
function fs.mkdir(path, options)
  argument.check_options(options, MKDIR_OPTIONS, 2, "xio.fs.mkdir")
  options = options or {}
  return path_functions.mkdir(path, options.mode or 511, options.parents)
end

--- Makes a folder with a name of its own, which only this user may enter, and returns its
--- path: `prefix` and six characters. Nobody removes it but the caller.
---@param prefix? string with folders; by default in TMPDIR, or /tmp
---@return string?
---@return xio.Error?
---@return string? code
function fs.mkdtemp(prefix)
  return path_functions.mkdtemp(prefix == nil
    and (os.getenv "TMPDIR" or "/tmp") .. "/xio-" or prefix)
end

-- -- walk -------------------------------------------------------------------------------

local BATCH = 64 -- names that are looked up in one trip to the pool

local function join(folder, name)
  return folder:sub(-1) == "/" and folder .. name or folder .. "/" .. name
end

-- A folder in the middle of being walked: its names, the next of them, and what is known of
-- names `first` to `last`.
local function open_level(path)
  local names, err, code = path_functions.readdir(path)
  -- a folder that went meanwhile, or became something else, has nothing in it
  if code == "ENOENT" or code == "ENOTDIR" then return nil end
  if not names then error(err, 0) end
  return { path = path, names = names, next = 1, first = 1, last = 0 }
end

-- The next name of a level that is still there, and its stat; nil at the end.
local function next_entry(level)
  while level.next <= #level.names do
    local index = level.next
    if index > level.last then
      local count = math.min(BATCH, #level.names - index + 1)
      local stats, err, code = path_functions.lstats(level.path, level.names, index, count)
      if not stats and code ~= "ENOTDIR" then error(err, 0) end
      if not stats then return nil end
      level.stats, level.first, level.last = stats, index, index + count - 1
    end
    level.next = index + 1
    local stat = level.stats[index - level.first + 1]
    if stat then return level.names[index], stat end
  end
end

--- Iterates over `path` itself and all that is below it: `for path, stat in fs.walk(dir) do`.
---
--- A folder comes before what is in it, names in the order of their bytes. `stat` is that of
--- the entry itself: links are not followed. What vanishes meanwhile is left out. A step
--- raises what it cannot read, and is a checkpoint; nothing stays open between steps, so that
--- the loop can be left at any time.
---@param path string
---@return fun(): string?, xio.Stat?
function fs.walk(path)
  check(path, "string", 1, "xio.fs.walk")
  local levels, entered, begun = {}, nil, false
  return function()
    if not begun then
      local stat, err = path_functions.lstat(path)
      if not stat then error(err, 0) end
      begun, entered = true, stat.type == "directory" and path or nil
      return path, stat
    end
    if entered then
      levels[#levels + 1] = open_level(entered)
      entered = nil
    end
    while #levels > 0 do
      local level = levels[#levels]
      local name, stat = next_entry(level)
      if name then
        local found = join(level.path, name)
        if stat.type == "directory" then entered = found end
        return found, stat
      end
      levels[#levels] = nil
    end
  end
end

-- -- whole files ------------------------------------------------------------------------

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
function fs.open(path, mode)
  return path_functions.open(path, mode)
end

--- All of a file, as a string. Cancelled, it raises.
---@param path string
---@return string?
---@return xio.Error?
---@return string? code
function fs.readfile(path)
  check(path, "string", 1, "xio.fs.readfile")
  core.enter "xio.fs.readfile"
  local file <close>, err, code = path_functions.open(path)
  if not file then return nil, err, code end
  return file:read "a"
end

local PRIVATE = tonumber("600", 8)

local WRITE_OPTIONS = { atomic = "boolean", append = "boolean" }

-- Removes a temporary file where it has not taken its place.
local temporary_type = {
  __close = function(temporary)
    if temporary.path then core.shield(path_functions.unlink, temporary.path) end
  end,
}

-- A new file beside `path`; its name is kept in `temporary` to be removed. Where it replaces
-- another (`stat`), it is its owner's alone until it has the permissions of that.
local function open_temporary(path, temporary, stat)
  local folder = path:match "^.*/" or ""
  while true do
    local name = ("%s.xio-%08x"):format(folder, math.random(0, 0xffffffff))
    local file, err, code = path_functions.open(name, "w", stat and PRIVATE or true)
    if file then
      temporary.path = name
      return file
    elseif code ~= "EEXIST" then
      return nil, err, code
    end
  end
end

-- Writes, with the failures of all steps told in the name of writefile.
local function write_all(file, data, sync)
  local done, err, code, part = file:write(data)
  if done and sync then done, err, code = file:sync() end
  if not done then return nil, err, code, part end
  return true
end

-- Replaces `target`, of which `stat` tells where it is there.
local function replace(target, stat, data)
  if stat then -- what is kept from being written to is not replaced either
    local may, err, code = path_functions.access(target, "w")
    if not may then return nil, err, code end
  end
  local temporary <close> = setmetatable({}, temporary_type)
  local file <close>, err, code = open_temporary(target, temporary, stat)
  if not file then return nil, err, code end
  local done
  done, err, code = write_all(file, data, true)
  if done and stat then
    done, err, code = path_functions.chmod(temporary.path, stat.mode & 511)
  end
  if done then done, err, code = path_functions.rename(temporary.path, target) end
  if not done then return nil, err, code end
  temporary.path = nil
  return true
end

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
function fs.writefile(path, data, options)
  check(path, "string", 1, "xio.fs.writefile")
  check(data, "string", 2, "xio.fs.writefile")
  argument.check_options(options, WRITE_OPTIONS, 3, "xio.fs.writefile")
  options = options or {}
  core.enter "xio.fs.writefile"
  if options.atomic and options.append then
    argument.misuse("xio.fs.writefile: atomic and append exclude each other")
  end
  if options.atomic and not path:find("\0", 1, true) then
    -- a link stays one: what it leads to is replaced
    local target = path_functions.realpath(path) or path
    local stat = path_functions.stat(target)
    if not stat or stat.type == "file" then
      local done, err, code = replace(target, stat, data)
      if done then return true end
      err.path = path -- not that of the new file
      return nil, err, code
    end
  end
  local file <close>, err, code = path_functions.open(path, options.append and "a" or "w")
  if not file then return nil, err, code end
  return write_all(file, data, false)
end

-- -- watch ------------------------------------------------------------------------------

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
fs.watch = path_functions.watch

return fs
