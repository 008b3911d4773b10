--- stream: streams made of other streams.

local core = require "xio.core"
local argument = require "xio.argument"
local failure = require "xio.failure"

local module = {}

--- A stream that reads from `reader` and writes to `writer`, and owns both. Reading is as of the
--- reader. Closed by `<close>` too.
---
--- ```lua
--- local near, far = xio.testing.pair()
--- local both <close> = xio.stream.staple(near, near)   -- e.g. a process's stdout and stdin
--- both:write("out")
--- both:flush()
--- print(far:recv(), both:try_write("!"), both:stats().written) --> out  1  4
--- both:shutdown()
--- print(both:close())                       --> true
--- ```
---@class xio.StapledStream: xio.Reader
---@field reader any
---@field writer any
---@field closed boolean whether it was closed, by `close` or `<close>`
local methods = { closed = false }

for _, name in ipairs { "recv", "read", "read_exactly", "read_until", "lines" } do
  methods[name] = function(self, ...)
    local reader = self.reader
    return reader[name](reader, ...)
  end
end

--- As the writer's, but for what it returns: this stream. A checkpoint. Cancelled: as the
--- writer's.
---@param ... string|number
---@return xio.StapledStream? self
---@return xio.Error? err
---@return string? code
---@return integer? part bytes that went out
function methods:write(...)
  local done, err, code, part = self.writer:write(...)
  if done then return self end
  return nil, err, code, part
end

--- As the writer's; never waits.
---@param data string
---@return integer? count bytes
---@return xio.Error? err
---@return string? code
function methods:try_write(data)
  return self.writer:try_write(data)
end

--- As the writer's, but for what it returns: this stream. Never waits.
---@return xio.StapledStream? self
---@return xio.Error? err
---@return string? code
function methods:flush()
  local done, err, code = self.writer:flush()
  if done then return self end
  return nil, err, code
end

--- Ends the writing; reading goes on. A checkpoint. Cancelled: as the writer's.
---@return true? done
---@return xio.Error? err
---@return string? code
function methods:shutdown()
  return self.writer:shutdown()
end

-- Closes both, also where the first raises; returns whether any was open.
local function close_both(self, in_flight)
  self.closed = true
  local ok, first = pcall(self.writer.close, self.writer)
  local second_ok, second = pcall(self.reader.close, self.reader)
  if ok and second_ok then return first or second end
  if ok then first = second elseif not second_ok then core.suppress(first, second) end
  failure.join(in_flight, first)
end

--- Closes both streams, also where closing one raises: of two errors the second is kept beside
--- the first. Returns whether any was open. Not a checkpoint.
---@return boolean first
function methods:close()
  return close_both(self, nil)
end

--- How many bytes were read and written, how many came that nobody has read yet, and how many
--- tasks wait. Never waits or fails.
---@return {read: integer, written: integer, buffered: integer, waiting: integer}
function methods:stats()
  local reader, writer = self.reader:stats(), self.writer:stats()
  return {
    read = reader.read, written = writer.written, buffered = reader.buffered,
    waiting = reader.waiting + (self.reader ~= self.writer and writer.waiting or 0),
  }
end

local stapled_type = {
  __name = "xio.StapledStream",
  __index = methods,
  __close = close_both,
  __tostring = function(self)
    return ("stapled stream (%s, %s)"):format(tostring(self.reader), tostring(self.writer))
  end,
}

--- Makes one stream of two: it reads from `reader`, writes to `writer`, and closes both.
---
--- It has the methods of all streams but those about descriptors and addresses. Never waits.
--- Raises for what is no stream.
---@param reader any a stream to read from
---@param writer any a stream to write to
---@return xio.StapledStream
function module.staple(reader, writer)
  for i, stream in ipairs { reader or false, writer or false } do
    if type(stream) ~= "table" and type(stream) ~= "userdata" then
      argument.fail(i, "xio.stream.staple", "stream", stream or nil)
    end
  end
  return setmetatable({ reader = reader, writer = writer }, stapled_type)
end

return module
