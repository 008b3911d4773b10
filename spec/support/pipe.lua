-- Real pipes between io files of this process, scratch files, and what specs on descriptors
-- ask of them.

local assert = require "luassert"
local support = require "spec.support"
local xio = require "xio"

local pipe = {}

--- A path that nothing has yet.
function pipe.path()
  local path = os.tmpname()
  os.remove(path)
  return path
end

--- A named pipe without a name: the end to read from and the end to write to, as io files
--- without buffers. `both` gives one file more, which keeps both ends open.
function pipe.open(both)
  local path = pipe.path()
  assert(os.execute("mkfifo " .. path))
  local keeper = assert(io.open(path, "r+")) -- the one way to open it that does not block
  local reader, writer = assert(io.open(path, "r")), assert(io.open(path, "w"))
  os.remove(path)
  reader:setvbuf("no")
  writer:setvbuf("no")
  if both then return reader, writer, keeper end
  keeper:close()
  return reader, writer
end

--- A file with `content`, open for reading and writing at its beginning; it has no name.
function pipe.file(content)
  local file = assert(io.tmpfile())
  file:write(content)
  file:seek("set")
  return file
end

--- Runs `f(reader, writer)` by `runner` (support.run), and closes both ends afterwards.
function pipe.with(f, runner)
  local reader, writer = pipe.open()
  local ok, err = pcall(runner or support.run, function() return f(reader, writer) end)
  if io.type(reader) == "file" then reader:close() end
  if io.type(writer) == "file" then writer:close() end
  if not ok then error(err, 0) end
end

--- Fills the pipe under `writer`; how many bytes it took. Call it in a task.
function pipe.fill(writer)
  local ready <close> = xio.fd(writer)
  local sum = 0
  while ready:writable(0) do
    sum = sum + assert(xio.write(writer, ("f"):rep(4096)))
  end
  return sum
end

--- Checks the failure that the results of a call tell of: nil, an xio.Error, its code.
-- Returns the fourth result.
function pipe.refused(code, op, ...)
  local value, err, given = ...
  assert.is_nil(value)
  assert.equal(xio.Error, getmetatable(err))
  assert.same({ code, code, op }, { given, err.code, err.op })
  support.mentions(tostring(err), op, code)
  assert.equal(tostring(err) .. "!", err .. "!")
  return select(4, ...)
end

return pipe
