--- service_group: services that are started one after the other and stopped in reverse.

local core = require "xio.core"
local argument = require "xio.argument"
local gather = require "xio.combine".gather
local new_close_scope = core.close_scope

local module = {}

--- What xio.service_group gives. It has the methods of a service, and can be a member of another
--- group.
---
--- ```lua
--- local function serve(self)
---   self:started()
---   require("xio").sleep_forever()
--- end
--- local group = xio.service_group(xio.service { run = serve }, xio.service { run = serve })
--- group:start()
--- print((group:wait_started()))             --> true
--- group:call_soon(function() end)
--- print(#group:call_sync(function() return "here" end)) --> 2
--- print(#group:submit(function() end))      --> 2
--- print(group:stop(), (group:join()))       --> true  true
--- ```
---@class xio.ServiceGroup
---@field name string
local methods = {}

local group_type = { __name = "xio.ServiceGroup", __metatable = false, __index = methods }

local function members_of(self, name)
  if type(self) ~= "table" or debug.getmetatable(self) ~= group_type then
    argument.bad_self(name, "xio.ServiceGroup", self)
  end
  return self[1]
end

-- Stops the members from `last` down to the first, each when the one before has ended; adds
-- their errors to `errors`.
local function stop_down(members, last, reason, errors)
  for i = last, 1, -1 do
    local member = members[i]
    if member:stop(reason) or member.close_scope.closed then
      local ok, err = core.pcall(member.join, member)
      if not ok then errors[#errors + 1] = err end
    end
  end
end

local function raise_all(errors)
  if #errors == 1 then core.rethrow(errors[1]) end
  if #errors > 1 then
    error(setmetatable({ errors = errors }, core.types.ErrorGroup), 0)
  end
end

--- Starts the services in order, each when the one before is ready. Where one fails to become
--- ready, or this is cancelled, those that were started are stopped in reverse order; then the
--- error is raised, with those of the others kept beside it.
---
--- A checkpoint. Cancelled, it stops what it has started, and raises when that has ended.
---@return xio.ServiceGroup self
function methods:start()
  local members, state = members_of(self, "service_group:start"), self[2]
  core.enter "service_group:start"
  if state.started then
    argument.misuse "service_group:start: the group was started before: make another"
  end
  state.started = true
  for i, member in ipairs(members) do
    local begun = false
    local ok, err = pcall(function()
      member:start()
      begun = true
      member:wait_started()
    end)
    if not ok then
      local errors = {}
      core.shield(stop_down, members, begun and i or i - 1,
        ("%s was not started"):format(tostring(member)), errors)
      self.close_scope:close("a service was not started")
      for _, other in ipairs(errors) do
        if not rawequal(other, err) then core.suppress(err, other) end
      end
      core.rethrow(err)
    end
  end
  return self
end

local function check_started(self, name)
  local members = members_of(self, name)
  if not self[2].started then
    argument.misuse(name .. ": the group was not started: call start first")
  end
  return members
end

-- Calls a method that takes a timeout for each of the list, within that timeout for all.
local function each_within(list, method, timeout, errors)
  local deadline = timeout and core.now() + timeout
  for _, member in ipairs(list) do
    local left = deadline and math.max(deadline - core.now(), 0)
    local ok, done, err, code = core.pcall(member[method], member, left)
    if not ok then
      errors[#errors + 1] = done
    elseif code == "ETIMEDOUT" and done == nil then
      return nil, err, code
    end
  end
  return true
end

--- Waits until all are ready. Raises what one has failed of before. A checkpoint. Cancelled, it
--- raises, and the services go on.
---@param timeout? number seconds
---@return true? ready
---@return xio.Error? err
---@return "ETIMEDOUT"? code
function methods:wait_started(timeout)
  local errors = {}
  local ready, err, code =
    each_within(check_started(self, "service_group:wait_started"), "wait_started", timeout, errors)
  raise_all(errors)
  return ready, err, code
end

--- Asks the services to end, the one started last first, each when the one before has ended. Does
--- not wait for that; what does is a task of the run. Raises outside of a run. Never waits.
---@param reason? any
---@return boolean first whether nobody had asked before
function methods:stop(reason)
  local members = check_started(self, "service_group:stop")
  local state = self[2]
  if state.stopped then return false end
  core.spawn({ name = self.name .. ":stop" }, core.shield, stop_down, members, #members, reason,
    state.errors)
  state.stopped = true
  self.close_scope:close(reason)
  return true
end

--- Waits until all have ended. Raises what they have failed of. A checkpoint; cancelled, it
--- raises, and the services go on.
---@param timeout? number seconds
---@return true? ended
---@return xio.Error? err
---@return "ETIMEDOUT"? code
function methods:join(timeout)
  local members, reverse, errors = check_started(self, "service_group:join"), {}, {}
  for i, member in ipairs(members) do reverse[#members + 1 - i] = member end
  local ended, err, code = each_within(reverse, "join", timeout, errors)
  if ended then self.close_scope:close("ended") end
  raise_all(errors)
  return ended, err, code
end

--- Has `f(...)` called in the loop of each service. Never waits. Raises where one of them has
--- ended.
---@param f function
---@param ... any
function methods:call_soon(f, ...)
  argument.check_callable(f, 1, "service_group:call_soon")
  for _, member in ipairs(check_started(self, "service_group:call_soon")) do
    member:call_soon(f, ...)
  end
end

--- Calls `f(...)` in the loop of each service at once, and waits for all. Raises the first error.
--- A checkpoint. Cancelled, it cancels the calls, waits for their end and raises.
---@param f function
---@param ... any
---@return any[] results the first of each, in order
function methods:call_sync(f, ...)
  argument.check_callable(f, 1, "service_group:call_sync")
  local members, arguments = check_started(self, "service_group:call_sync"), table.pack(...)
  local calls = {}
  for i, member in ipairs(members) do
    calls[i] = function()
      return member:call_sync(f, table.unpack(arguments, 1, arguments.n))
    end
  end
  return gather(calls)
end

--- Has `f(...)` called in the loop of each service. Never waits. It cannot fail.
---@param f function
---@param ... any
---@return xio.Reply[] replies in order
function methods:submit(f, ...)
  argument.check_callable(f, 1, "service_group:submit")
  local replies = {}
  for i, member in ipairs(check_started(self, "service_group:submit")) do
    replies[i] = member:submit(f, ...)
  end
  return replies
end

group_type.__tostring = function(self)
  return ("service group of %d (%s)"):format(#self[1],
    self.close_scope.closed and "closed" or "open")
end

--- Makes a group of services: one after the other is started, when the one before is ready, and
--- they are stopped in reverse order. What it starts belongs to the run in which it is started,
--- as every service does. Never waits. Raises for what is no service.
---@param ... xio.Service|xio.ServiceGroup
---@return xio.ServiceGroup
function module.service_group(...)
  local members = { ... }
  for i = 1, select("#", ...) do
    local member = members[i]
    if type(member) ~= "table" or type(member.wait_started) ~= "function" then
      argument.fail(i, "xio.service_group", "xio.Service", member)
    end
  end
  return setmetatable({ members, { started = false, stopped = false, errors = {} },
    name = "service group", close_scope = new_close_scope() }, group_type)
end

return module
