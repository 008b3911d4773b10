--- memory_stream: pairs of connected byte streams in memory, for tests.
--
-- Each direction is a pipe that its writer fills and its reader empties into `rest`, the bytes
-- that were taken from the pipe and not yet read. So a cancelled read loses nothing, and a
-- read of more than the pipe holds goes on. Loop's thread.

local core = require "xio.core"
local argument = require "xio.argument"
local failure = require "xio.failure"

local module = {}

local CAPACITY, LIMIT = 65536, 1048576 -- bytes
local DIGITS = 200 -- characters of a numeral, as in io.read

-- An event that is always set: waiting for it checks cancellation and draws on the budget.
local passed = core.event()
passed:set()

-- -- pipes ------------------------------------------------------------------------------

-- `chunks`, a list of strings of `size` bytes; `ended` when the writer has shut down;
-- `broken` when nobody will read. The events are set while there is something to read, or
-- room to write, or the end of either.
local function new_pipe(capacity)
  local pipe = {
    capacity = capacity, chunks = {}, size = 0, ended = false, broken = false,
    readable = core.event(), writable = core.event(),
  }
  pipe.writable:set()
  return pipe
end

local function end_pipe(pipe)
  pipe.ended = true
  pipe.readable:set()
end

local function break_pipe(pipe)
  pipe.broken, pipe.chunks, pipe.size = true, {}, 0
  pipe.writable:set()
end

-- Puts in what there is room for, from byte `first` of `data`; returns how much.
local function put(pipe, data, first)
  local count = math.min(pipe.capacity - pipe.size, #data - first + 1)
  if count <= 0 then return 0 end
  table.insert(pipe.chunks, data:sub(first, first + count - 1))
  pipe.size = pipe.size + count
  pipe.readable:set()
  if pipe.size == pipe.capacity then pipe.writable:clear() end
  return count
end

local function take(pipe)
  local data = table.concat(pipe.chunks)
  pipe.chunks, pipe.size = {}, 0
  if not pipe.ended then pipe.readable:clear() end
  pipe.writable:set()
  return data
end

-- -- common -----------------------------------------------------------------------------

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
local methods = { closed = false }

local states = setmetatable({}, { __mode = "k" }) -- stream -> state

local MESSAGES = {
  ECLOSED = "the stream is closed",
  EPIPE = "broken pipe: nobody reads any more",
  ECANCELED = "a write was cancelled half way: the stream is broken for writing",
  EOF = "unexpected end of the stream",
  EMSGSIZE = "more bytes than the limit without a delimiter",
  EAGAIN = "there is no room now",
}

local function refuse(code, operation, part)
  local message = ("%s: %s (%s)"):format(operation, MESSAGES[code], code)
  return nil, failure.make(code, message, operation), code, part
end

-- Frees the side that an operation has taken.
local release_type = {
  __close = function(release) release.state[release.side] = false end,
}

-- The state of `stream`, on which `operation` was called; raises where it is none.
local function state_of(stream, operation)
  return states[stream] or argument.bad_self("stream:" .. operation, "stream", stream)
end

-- The state of `stream`, and a value whose <close> ends the operation; raises where another
-- task does the same. `side`: "reading" or "writing".
local function begin(stream, side, operation)
  local state = state_of(stream, operation)
  core.enter("stream:" .. operation)
  if state[side] then
    argument.misuse(("stream:%s: another task is %s already"):format(operation, side))
  end
  state[side] = true
  return state, setmetatable({ state = state, side = side }, release_type)
end

-- -- reading ----------------------------------------------------------------------------

-- Waits for more bytes and adds them to the rest. False: the end, or the stream was closed.
local function fill(state)
  local pipe = state.incoming
  if state.closed then return false end
  pipe.readable:wait()
  if state.closed or pipe.size == 0 then return false end
  state.rest = state.rest .. take(pipe)
  return true
end

-- The first `count` bytes of the rest.
local function consume(state, count)
  local data = state.rest:sub(1, count)
  state.rest = state.rest:sub(count + 1)
  state.read = state.read + #data
  return data
end

local function fill_up_to(state, count)
  while #state.rest < count do
    if not fill(state) then return false end
  end
  return true
end

local function at_end(state, operation)
  if state.closed then return refuse("ECLOSED", operation) end
  if state.rest == "" then return nil end
  return refuse("EOF", operation, #state.rest)
end

--- Some bytes, as soon as there are any: at most `max`, or all that are there.
---
--- Plain nil at the end of the stream; nil, an xio.Error and "ECLOSED" where this end is
--- closed. A checkpoint; a cancelled one has lost nothing.
---@param max? integer at least 1
---@return string? data
---@return xio.Error?
---@return string? code
function methods:recv(max)
  if max ~= nil and (math.type(max) ~= "integer" or max < 1) then
    argument.misuse(("bad argument #1 to 'stream:recv' (integer of at least 1 expected, got %s)")
      :format(tostring(max)))
  end
  local state <const>, _release <close> = begin(self, "reading", "recv")
  if state.rest ~= "" then
    passed:wait()
  elseif not fill(state) then
    return at_end(state, "recv")
  end
  return consume(state, max or #state.rest)
end

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
function methods:read_exactly(count)
  if math.type(count) ~= "integer" or count < 0 then
    argument.misuse(("bad argument #1 to 'stream:read_exactly' (integer of at least 0 expected, "
      .. "got %s)"):format(tostring(count)))
  end
  local state <const>, _release <close> = begin(self, "reading", "read_exactly")
  passed:wait()
  if not fill_up_to(state, count) then return at_end(state, "read_exactly") end
  return consume(state, count)
end

-- Where `delimiter` begins in the rest, within `limit` bytes; or nil and why not.
local function find(state, delimiter, limit)
  local from = 1
  while true do
    local first = state.rest:find(delimiter, from, true)
    if first and first <= limit + 1 then return first end
    if first or #state.rest >= limit + #delimiter then return nil, "EMSGSIZE" end
    from = math.max(1, #state.rest - #delimiter + 2)
    if not fill(state) then return nil, state.closed and "ECLOSED" or "EOF" end
  end
end

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
function methods:read_until(delimiter, max)
  if type(delimiter) ~= "string" or delimiter == "" then
    argument.fail(1, "stream:read_until", "string that is not empty", delimiter)
  end
  if max ~= nil and (math.type(max) ~= "integer" or max < 0) then
    argument.fail(2, "stream:read_until", "integer of at least 0", max)
  end
  local state <const>, _release <close> = begin(self, "reading", "read_until")
  passed:wait()
  local first, code = find(state, delimiter, max or LIMIT)
  if code == "EOF" then return at_end(state, "read_until") end
  if code then return refuse(code, "read_until", #state.rest) end
  local data = consume(state, first - 1)
  consume(state, #delimiter)
  return data
end

local function read_line(state, keep)
  local first, code = find(state, "\n", LIMIT)
  if code == "EOF" then
    if state.rest == "" then return nil end
    return consume(state, #state.rest)
  elseif code then
    return refuse(code, "read", #state.rest)
  end
  local line = consume(state, first)
  return keep and line or line:sub(1, -2)
end

local function read_all(state)
  repeat until not fill(state)
  if state.closed then return refuse("ECLOSED", "read", #state.rest) end
  return consume(state, #state.rest)
end

local function read_count(state, count)
  if not fill_up_to(state, math.max(count, 1)) and state.rest == "" then
    if state.closed then return refuse("ECLOSED", "read") end
    return nil
  end
  return consume(state, count)
end

-- A numeral, as io.read reads one: the longest run of characters that may begin one.
local function read_number(state)
  while not state.rest:find("^%s*%S") do
    if not fill(state) then break end
  end
  consume(state, #state.rest:match("^%s*"))
  local used = 0
  local function accept(set, most)
    for _ = 1, most or DIGITS do
      if used >= DIGITS or not fill_up_to(state, used + 1)
        or not state.rest:sub(used + 1, used + 1):find(set) then
        return
      end
      used = used + 1
    end
  end
  local function accepted(set, most)
    local before = used
    accept(set, most)
    return used - before
  end
  local digit, exponent = "%d", "[eE]"
  accept("[+-]", 1)
  local digits = accepted("0", 1)
  if digits > 0 and accepted("[xX]", 1) > 0 then
    digits, digit, exponent = 0, "%x", "[pP]"
  end
  digits = digits + accepted(digit)
  if accepted("%.", 1) > 0 then digits = digits + accepted(digit) end
  if digits > 0 and accepted(exponent, 1) > 0 then
    accept("[+-]", 1)
    accept("%d")
  end
  return tonumber(consume(state, used))
end

local FORMATS = {
  l = function(state) return read_line(state, false) end,
  L = function(state) return read_line(state, true) end,
  a = read_all,
  n = read_number,
}

-- The functions of formats as io.read takes them.
local function check_formats(name, ...)
  local formats = { ... }
  if #formats == 0 then formats[1] = "l" end
  for i, format in ipairs(formats) do
    local count = math.tointeger(format)
    local letter = type(format) == "string" and format:gsub("^%*", ""):sub(1, 1)
    if count and count >= 0 and type(format) == "number" then
      formats[i] = function(state) return read_count(state, count) end
    elseif letter and FORMATS[letter] then
      formats[i] = FORMATS[letter]
    else
      argument.misuse(("bad argument #%d to '%s' ("
        .. '"l", "L", "a", "n" or a count expected as format)'):format(i, name))
    end
  end
  return formats
end

local function read_formats(state, formats)
  local results = {}
  for i, format in ipairs(formats) do
    local value, err, code, part = format(state)
    if err then return nil, err, code, part end
    results[i] = value
    if value == nil then return table.unpack(results, 1, i) end
  end
  return table.unpack(results, 1, #formats)
end

--- Reads as io.read does: "l" (the default), "L", "a", "n", or a count of bytes, each giving
--- one value; nil at the end.
---
--- Lines of more than 1 MiB give nil, an xio.Error and "EMSGSIZE"; a closed end "ECLOSED". A
--- checkpoint; a cancelled one has lost nothing that was not returned, but what earlier
--- formats of the same call have read.
---@param ... string|integer formats
---@return any ...
function methods:read(...)
  local formats = check_formats("stream:read", ...)
  local state <const>, _release <close> = begin(self, "reading", "read")
  passed:wait()
  return read_formats(state, formats)
end

--- Iterates over lines, or what the formats give, to the end of the stream. A step is as a call
--- of `read`, but raises what that returns as an error. Each step is a checkpoint; a cancelled
--- one has lost nothing.
---@param ... string|integer formats
---@return fun(): any
function methods:lines(...)
  check_formats("stream:lines", ...)
  local formats = table.pack(...)
  return function()
    local results = table.pack(self:read(table.unpack(formats, 1, formats.n)))
    if results[1] == nil and results[2] ~= nil then error(results[2], 0) end
    return table.unpack(results, 1, results.n)
  end
end

-- -- writing ----------------------------------------------------------------------------

local function concatenate(...)
  local parts = table.pack(...)
  for i = 1, parts.n do
    if type(parts[i]) ~= "string" and type(parts[i]) ~= "number" then
      argument.fail(i, "stream:write", "string", parts[i])
    end
  end
  return table.concat(parts)
end

-- Why nothing can be written now, or nil.
local function write_refusal(state)
  if state.closed then return "ECLOSED" end
  if state.cut then return "ECANCELED" end
  if state.outgoing.ended then return "ECLOSED" end
  if state.outgoing.broken then return "EPIPE" end
  return nil
end

-- Notes, by <close>, that a write was cancelled after some bytes had gone out.
local sending_type = {
  __close = function(sending, err)
    if err ~= nil and sending.sent > 0 then sending.state.cut = true end
  end,
}

local function send(state, data)
  local sending <close> = setmetatable({ state = state, sent = 0 }, sending_type)
  passed:wait()
  while true do
    local code = write_refusal(state)
    if code then return refuse(code, "write", sending.sent) end
    local count = put(state.outgoing, data, sending.sent + 1)
    sending.sent = sending.sent + count
    state.written = state.written + count
    if sending.sent == #data then return true end
    state.outgoing.writable:wait()
  end
end

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
function methods:write(...)
  local data = concatenate(...)
  local state <const>, _release <close> = begin(self, "writing", "write")
  local done, err, code, part = send(state, data)
  if not done then return nil, err, code, part end
  return self
end

--- Writes what there is room for, without waiting: how many bytes; or nil, an xio.Error and a
--- code, "EAGAIN" where there is no room. Never waits.
---@param data string
---@return integer? count
---@return xio.Error?
---@return string? code
function methods:try_write(data)
  local state = state_of(self, "try_write")
  data = concatenate(data)
  if state.writing then
    argument.misuse("stream:try_write: another task is writing already")
  end
  local code = write_refusal(state)
  local count = not code and put(state.outgoing, data, 1) or 0
  if not code and count == 0 and data ~= "" then code = "EAGAIN" end
  if code then return refuse(code, "try_write") end
  state.written = state.written + count
  return count
end

--- Does nothing: what was written is with the other end. Never waits.
---@return xio.MemoryStream? self
---@return xio.Error?
---@return string? code "ECLOSED"
function methods:flush()
  if state_of(self, "flush").closed then return refuse("ECLOSED", "flush") end
  return self
end

-- -- ends -------------------------------------------------------------------------------

--- Ends the writing: the other end reads what was written, and then the end of the stream.
--- Reading goes on. Returns true; nil, an xio.Error and "ECLOSED" where it is closed. A
--- checkpoint. Cancelled, it raises, and nothing has changed.
---@return boolean?
---@return xio.Error?
---@return string? code
function methods:shutdown()
  local state <const>, _release <close> = begin(self, "writing", "shutdown")
  passed:wait()
  if state.closed then return refuse("ECLOSED", "shutdown") end
  end_pipe(state.outgoing)
  return true
end

local function close(state)
  if state.closed then return false end
  state.closed, state.rest = true, ""
  end_pipe(state.outgoing)
  state.outgoing.writable:set()
  break_pipe(state.incoming)
  state.incoming.readable:set()
  return true
end

--- Closes this end, and wakes who waits on it with the code "ECLOSED". The other end reads what
--- was written, then the end of the stream; it can write no more. Returns whether this was the
--- first time. Never waits. It cannot fail.
---@return boolean first
function methods:close()
  local first = close(state_of(self, "close"))
  rawset(self, "closed", true)
  return first
end

--- There is no descriptor: nil. Never waits or fails.
function methods.fileno()
  return nil
end

--- How many bytes were read and written, how many came that nobody has read yet, and how many
--- tasks wait. Never waits or fails.
---@return {read: integer, written: integer, buffered: integer, waiting: integer}
function methods:stats()
  local state = state_of(self, "stats")
  return {
    read = state.read, written = state.written, buffered = #state.rest,
    waiting = (state.reading and 1 or 0) + (state.writing and 1 or 0),
  }
end

local stream_type = {
  __name = "xio.MemoryStream",
  __metatable = false,
  __index = methods,
  __newindex = function(_, key)
    argument.misuse(("stream: the field '%s' cannot be set"):format(tostring(key)))
  end,
  __tostring = function(self)
    return states[self].closed and "memory stream (closed)" or "memory stream"
  end,
  __close = methods.close,
  __gc = function(self)
    if close(states[self]) then warn("xio: a memory stream was collected, but not closed") end
  end,
}

local function new_stream(incoming, outgoing)
  local stream = {}
  states[stream] = {
    incoming = incoming, outgoing = outgoing, rest = "", read = 0, written = 0,
    closed = false, reading = false, writing = false, cut = false,
  }
  return setmetatable(stream, stream_type)
end

local OPTIONS = { capacity = true }

--- Makes two streams that are connected to each other, with the methods of all streams.
---
--- They may be made outside of a run. `options.capacity`: how many bytes one end may be ahead
--- of the other, in each direction; 65536 by default.
---@param options? {capacity?: integer}
---@return xio.MemoryStream
---@return xio.MemoryStream
function module.pair(options)
  argument.check_options(options, OPTIONS, 1, "xio.testing.pair")
  local capacity = options and options.capacity or CAPACITY
  if math.type(capacity) ~= "integer" or capacity < 1 then
    argument.misuse(("bad argument #1 to 'xio.testing.pair' (capacity: integer of at least 1 "
      .. "expected, got %s)"):format(tostring(capacity)))
  end
  local there, back = new_pipe(capacity), new_pipe(capacity)
  return new_stream(back, there), new_stream(there, back)
end

return module
