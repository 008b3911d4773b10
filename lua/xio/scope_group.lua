--- scope_group: scopes in any tasks that can be cancelled together.
--
-- The groups themselves are in the C module (csrc/lua/scope_group.c). Here is how a function
-- runs in a scope of one: a member takes itself out when its scope ends, by <close>.

local core = require "xio.core"
local argument = require "xio.argument"

local module = {}

-- scope_group:run: see the types. Replaces the hook that loads this module.
function module.run(group, f, ...)
  argument.check_callable(f, 1, "scope_group:run")
  if not core.in_task() then
    argument.misuse("scope_group:run: not inside xio.run: only a task can do that")
  end
  local scope = core.new_scope()
  local _member <close> = core.scope_group_enter(group, scope)
  return scope:run(f, ...)
end
core.hook("scope_group_run", module.run)

--- Makes a group of scopes. It may be used by tasks of several runs, and of several threads.
--- Never waits or fails.
---@return xio.ScopeGroup
function module.scope_group() return core.scope_group() end

return module
