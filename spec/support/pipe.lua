-- Real pipes between io files of this process, and scratch files. Nothing here starts a task.

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

return pipe
