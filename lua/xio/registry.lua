--- registry: requests that wait for an answer, in this thread or another one.
--
-- The registry itself is in the C module (csrc/lua/registry.c); here is what asks and waits.

local core = require "xio.core"
local argument = require "xio.argument"
local failure = require "xio.failure"

local module = {}

-- The request is not pending any more, however it has ended.
local ending = { __close = function(self) self.reply:cancel() end }

local function send_and_wait(reply, key, send)
  send(key)
  return reply:await()
end

-- registry:request: see the types. Replaces the hook that loads this module.
function module.request(registry, key, send, timeout)
  argument.check_callable(send, 2, "registry:request")
  if timeout ~= nil and (type(timeout) ~= "number" or timeout ~= timeout) then
    argument.fail(3, "registry:request", "number", timeout)
  end
  core.enter "registry:request"
  local reply = core.registry_request(registry, key)
  if reply.done then return reply:await() end -- the registry is closed
  local _ending <close> = setmetatable({ reply = reply }, ending)
  if timeout == nil then return send_and_wait(reply, key, send) end
  local results = table.pack(core.move_on_after(timeout, send_and_wait, reply, key, send))
  if results[1] then return table.unpack(results, 2, results.n) end
  if not reply:cancel() then return core.shield(reply.await, reply) end -- it has just come
  return nil, failure.make("ETIMEDOUT", "request: timed out", "request"), "ETIMEDOUT"
end
core.hook("request", module.request)

--- Makes a registry: pending requests by key. It may be used by any thread, made and used outside
--- of a run, and sent to other threads. Closed by `<close>`, and when no thread has a handle of
--- it any more. Not a checkpoint. It cannot fail.
---@return xio.Registry
module.registry = core.registry

return module
