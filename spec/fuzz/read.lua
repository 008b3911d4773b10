-- The formats of reading. The input is how many reads, which reads, and what is read: a socket,
-- a stream in memory and an io file must give the same, however the bytes come in.

local xio = require "xio"
local core = require "xio.core"

local function byte(input, at) return input:byte(at) or 0 end

-- A read from a byte of the input: the method, its argument, and whether io files have it.
local READS = {
  function() return "read", "l", true end,
  function() return "read", "L", true end,
  function() return "read", "n", true end,
  function(value) return "read", value, true end,
  function() return "read", "a", true end,
  function(value) return "read_exactly", value, false end,
  function(value) return "read_until", string.char(value % 128), false end,
}

-- How one read ended, as a text.
local function tell(value, err, code)
  if value ~= nil then return ("%s %q"):format(math.type(value) or type(value), value) end
  return "nil " .. tostring(code or err)
end

local function write_all(stream, data, piece)
  for first = 1, #data, piece do
    if not stream:write(data:sub(first, first + piece - 1)) then return end
    xio.checkpoint()
  end
  stream:shutdown()
end

-- What each read of a pair gives whose other end writes `data` in pieces.
local function read_stream(near, far, reads, data, piece)
  local results = {}
  xio.group(function(group)
    group:spawn(write_all, far, data, piece)
    for i, read in ipairs(reads) do
      results[i] = tell(near[read[1]](near, read[2]))
    end
    near:close()
  end)
  far:close()
  return results
end

local function read_file(reads, data)
  local results = {}
  local file <close> = assert(io.tmpfile())
  file:write(data)
  file:seek("set", 0)
  for i, read in ipairs(reads) do
    if not read[3] then break end
    results[i] = tell(file:read(read[2]))
  end
  return results
end

local function compare(name, results, other_name, others, reads)
  for i = 1, math.min(#results, #others) do
    if results[i] ~= others[i] then
      error(("read %d, %s %s: %s gives %s, %s gives %s"):format(i, reads[i][1],
        reads[i][2], name, results[i], other_name, others[i]), 0)
    end
  end
end

return function(input)
  local count = byte(input, 1) % 8 + 1
  local piece = byte(input, 2) % 64 + 1
  local reads = {}
  for i = 1, count do
    local kind, value = byte(input, 2 * i + 1), byte(input, 2 * i + 2)
    reads[i] = table.pack(READS[kind % #READS + 1](value))
  end
  local data = input:sub(2 * count + 3)
  local from_socket, from_memory
  xio.run({ clock = "virtual", signals = false }, function()
    local a, b = core.pair()
    from_socket = read_stream(a, b, reads, data, piece)
    local c, d = xio.testing.pair()
    from_memory = read_stream(c, d, reads, data, piece)
  end)
  compare("a socket", from_socket, "memory", from_memory, reads)
  compare("a socket", from_socket, "a file", read_file(reads, data), reads)
end
