--- thread: other operating system threads, each with a Lua state and a loop of its own.

local core = require "xio.core"

---@class xio.thread
local module = {}

module.channel = core.thread_channel

return module
