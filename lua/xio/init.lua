--- xio: structured concurrency for Lua 5.4.
--
-- This module is what `require "xio"` gives: the functions of the C module, the sugar
-- written in Lua, and further modules that are loaded when first used. It holds no state.

local core = require "xio.core"

-- The sources of these files begin with this; tracebacks leave their frames out.
local here = debug.getinfo(1, "S").source
core.sources((here:gsub("init%.lua$", "")))

---@class xio
local xio = {}

-- Functions of the C module that are public as they are.
for _, name in ipairs {
  "run", "new", "spawn", "group", "current",
  "scope", "new_scope", "move_on_after", "move_on_at", "fail_after", "fail_at",
  "shield", "cleanup",
  "sleep", "sleep_until", "sleep_forever", "now", "deadline",
  "checkpoint", "check", "cancelled", "atomic",
  "is_cancelled", "is_timeout", "is_interrupted", "pcall", "xpcall",
  "event", "future", "lock", "semaphore", "limiter", "condition", "barrier",
  "channel", "select", "after", "close_scope", "work_tracker",
  "fd", "read", "write", "writeall",
} do
  xio[name] = core[name]
end

xio.timeout = core.fail_after
xio.coroutine = core.coroutine

xio._VERSION = "xio " .. core.version

local function include(name)
  for key, value in pairs(require(name)) do xio[key] = value end
end

include "xio.error"

-- Methods of objects that may come from another thread, where their module was loaded.
core.hook("request", function(...) return require "xio.registry".request(...) end)
core.hook("scope_group_run", function(...) return require "xio.scope_group".run(...) end)

-- Modules that are fields of xio, loaded when first used.
local lazy = {
  testing = "xio.testing",
  net = "xio.net",
  fs = "xio.fs",
  signal = "xio.signal",
  process = "xio.process",
  stream = "xio.stream",
  thread = "xio.thread",
}

-- Functions of modules that are loaded when the first of them is used.
local functions = {
  main = "xio.combine",
  gather = "xio.combine",
  race = "xio.combine",
  any = "xio.combine",
  isolate = "xio.combine",
  defer = "xio.combine",
  map = "xio.map",
  each = "xio.map",
  as_completed = "xio.map",
  var = "xio.var",
  await_callback = "xio.callback",
  wrap = "xio.callback",
  async = "xio.async",
  await = "xio.async",
  background = "xio.async",
  producer = "xio.channel",
  broadcast = "xio.channel",
  tree = "xio.tree",
  mailbox = "xio.mailbox",
  registry = "xio.registry",
  scope_group = "xio.scope_group",
  actor = "xio.actor",
  portal = "xio.portal",
  service = "xio.service",
  service_group = "xio.service_group",
}

-- Streams, made when first used.
local standard = { stdin = 0, stdout = 1, stderr = 2 }

-- What is not there before it is used first, for who completes names (complete.lua).
local names = {}
for _, list in ipairs { lazy, functions, standard } do
  for name in pairs(list) do names[name] = true end
end

return setmetatable(xio, {
  __names = names,
  __index = function(self, name)
    local number = standard[name]
    if number then
      local stream = core.stdio(number)
      rawset(self, name, stream)
      return stream
    end
    if lazy[name] then
      rawset(self, name, require(lazy[name]))
    elseif functions[name] then
      -- all of the module's at once: what belongs together comes from one load of it
      local module = require(functions[name])
      for key, from in pairs(functions) do
        if from == functions[name] then rawset(self, key, module[key]) end
      end
    end
    return rawget(self, name)
  end,
})
