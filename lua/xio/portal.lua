--- portal: what the tasks of a portal's requests do.
--
-- Portals themselves are in the C module (csrc/lua/portal.c), which spawns a task for each
-- request and calls one of these with it. Closing the request gives its reply what is left to
-- say: that it was cancelled.

local core = require "xio.core"
local combine = require "xio.combine"

local module = {}

local function call(request)
  return (function(f, ...) return f(...) end)(core.request_take(request))
end

-- The outcome of a call. What cannot be copied is an error of the call too.
local function tell(request, ok, ...)
  local err = ...
  if ok then
    ok, err = pcall(core.request_done, request, ...)
  end
  if not ok then core.request_failed(request, err) end
end

core.hook("portal_call", function(request)
  local _request <close> = request
  tell(request, combine.isolate(call, request))
end)

core.hook("portal_post", function(request)
  local _request <close> = request
  call(request)
end)

--- Makes a portal into the run of the caller: for functions from other threads. Never waits.
--- Raises outside of a run.
---@return xio.Portal
module.portal = core.portal

return module
