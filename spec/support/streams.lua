-- Pairs of connected streams of every kind, for specs.

local core = require "xio.core"
local lfs = require "lfs"
local staple = require("xio.stream").staple
local memory_pair = require("xio.memory_stream").pair

local streams = {}

--- A pair of TCP streams over the loopback: the one that connected, the one accepted.
function streams.tcp(host)
  local listener <close> = assert(core.tcp_listen(host or "127.0.0.1", 0))
  local address, port = listener:name()
  local near = assert(core.tcp_connect(address, port))
  return near, assert(listener:accept())
end

--- A path in the file system that nothing has yet.
function streams.path()
  local path = os.tmpname()
  os.remove(path)
  return path
end

function streams.unix(path)
  local listener <close> = assert(core.unix_listen(path or streams.path()))
  local near = assert(core.unix_connect((listener:name())))
  return near, assert(listener:accept())
end

function streams.abstract()
  return streams.unix(("@xio-spec-%d-%d"):format(lfs.attributes("/proc/self").uid,
    math.random(1 << 40)))
end

--- Two streams of two pipes each.
function streams.pipes()
  local here, there_out = assert(core.pipe())
  local there, here_out = assert(core.pipe())
  return staple(here, here_out), staple(there, there_out)
end

function streams.small()
  return memory_pair { capacity = 4096 }
end

streams.pair = core.pair
streams.memory = memory_pair

--- Their names, in order.
streams.kinds = { "tcp", "unix", "abstract", "pair", "pipes", "memory", "small" }

return streams
