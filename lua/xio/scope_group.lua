--- scope_group: a set of scopes, in any tasks, that can be cancelled together.
--
-- The scopes are kept in a ring, in the order of their registration, so that they are
-- cancelled in that order. A member takes itself out when its scope ends, by <close>.

local core = require "xio.core"
local argument = require "xio.argument"

local module = {}

---@class xio.ScopeGroup
---@field active integer how many scopes it has now
---@field latched boolean whether later runs are born cancelled
local methods = {}

local states = setmetatable({}, { __mode = "k" }) -- handle -> state

local function state_of(group, name)
  local state = states[group]
  if not state then argument.fail(1, name, "xio.ScopeGroup", group) end
  return state
end

-- A member's link in the ring; closing it takes it out.
local member_type = {
  __close = function(member)
    member.before.after, member.after.before = member.after, member.before
    member.state.active = member.state.active - 1
  end,
}

local function register(state, scope)
  local last = state.ring.before
  local member = setmetatable(
    { state = state, scope = scope, before = last, after = state.ring }, member_type)
  last.after, state.ring.before = member, member
  state.active = state.active + 1
  return member
end

--- Runs `f(...)` in a fresh scope of the group.
---
--- Returns true and what `f` returns; or false and the Cancelled, where the group was
--- cancelled and that cut `f` short. Errors of `f` pass through. Not itself a checkpoint.
---@param f function
---@param ... any arguments for `f`
---@return boolean completed
---@return any ...
function methods:run(f, ...)
  local state = state_of(self, "scope_group:run")
  argument.check_callable(f, 1, "scope_group:run")
  if not core.in_task() then argument.misuse("scope_group:run: not inside xio.run") end
  local scope = core.new_scope()
  if state.latched then scope:cancel(state.reason) end
  local _member <close> = register(state, scope)
  return scope:run(f, ...)
end

local OPTIONS = { latch = true }

--- Cancels all scopes that the group has now.
---
--- With `latch`, those of later runs are born cancelled with the same reason, until
--- `clear()`; of several, the first reason stands. Never waits.
---@param reason? any what their Cancelled tells
---@param options? {latch?: boolean}
---@return integer count how many scopes this has cancelled that were not before
function methods:cancel(reason, options)
  local state = state_of(self, "scope_group:cancel")
  argument.check_options(options, OPTIONS, 2, "scope_group:cancel")
  if options and options.latch and not state.latched then
    state.latched, state.reason = true, reason
  end
  local count = 0
  local member = state.ring.after
  while member ~= state.ring do
    if member.scope:cancel(reason) then count = count + 1 end
    member = member.after
  end
  return count
end

--- Ends the latch: later runs are not cancelled. What was cancelled stays so.
function methods:clear()
  local state = state_of(self, "scope_group:clear")
  state.latched, state.reason = false, nil
end

local group_type = {
  __name = "xio.ScopeGroup",
  __metatable = false,
  __index = function(self, key)
    if methods[key] then return methods[key] end
    if key == "active" or key == "latched" then return states[self][key] end
    return nil
  end,
  __newindex = function(_, key)
    argument.misuse(("scope_group: the field '%s' cannot be set"):format(tostring(key)))
  end,
  __tostring = function(self)
    return ("scope group (%d active)"):format(states[self].active)
  end,
}

--- Makes a group of scopes. It may be used by tasks of several runs.
---@return xio.ScopeGroup
function module.scope_group()
  local ring = {}
  ring.before, ring.after = ring, ring
  local group = {}
  states[group] = { ring = ring, active = 0, latched = false }
  return setmetatable(group, group_type)
end

return module
