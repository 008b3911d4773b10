--- var: task-local values.
--
-- Each task has a table {variable -> value} that it shares with the task that spawned it
-- until one of them sets something: it is copied then, never changed. The C module hands
-- the table down at spawn.

local core = require "xio.core"
local argument = require "xio.argument"

local module = {}

local NIL = {} -- stands for nil as a value that was set

--- ```lua
--- local user = xio.var("nobody")
--- user:set("Ada")
--- user:with("Bob", function() print(user:get()) end) --> Bob
--- xio.spawn(function() print(user:get()) end):wait() --> Ada
--- print(user:get())                         --> Ada
--- ```
---@class xio.Var
local methods = {}

-- The table of the running task without what it may not change, with one value changed.
local function put(variable, stored)
  local context = {}
  for key, value in pairs(core.context() or {}) do context[key] = value end
  context[variable] = stored
  core.set_context(context)
end

local function stored_in_task(variable)
  if not core.in_task() then return nil end
  local context = core.context()
  return context and context[variable]
end

local defaults = setmetatable({}, { __mode = "k" }) -- variable -> default, or NIL

local function check(variable, name)
  local default = defaults[variable]
  if default == nil then argument.bad_self(name, "xio.Var", variable) end
  return default
end

local function check_in_task(name)
  if not core.in_task() then
    argument.misuse(name .. ": not inside xio.run: only a task can do that")
  end
end

--- The value in the running task: what it, or the task that spawned it before that, has set; or
--- else the default. Outside of a run it is the default. Never waits or fails.
---@return any
function methods:get()
  local default = check(self, "var:get")
  local stored = stored_in_task(self)
  if stored == nil then stored = default end
  if stored == NIL then return nil end
  return stored
end

--- Sets the value for the running task, and for those that it spawns from now on. Others, also
--- those that it has spawned before, do not see it. Raises outside of a run. Never waits.
---@param value any nil and false too
function methods:set(value)
  check(self, "var:set")
  check_in_task("var:set")
  put(self, value == nil and NIL or value)
end

-- Puts the value before back when its block ends.
local restore_type = {
  __close = function(saved) put(saved.variable, saved.stored) end,
}

--- Runs `f(...)` with the value set, and restores what it was before, on every way out.
--- Raises outside of a run. Not itself a checkpoint.
---@param value any
---@param f function
---@param ... any arguments for `f`
---@return any ... what `f` returns
function methods:with(value, f, ...)
  check(self, "var:with")
  argument.check_callable(f, 2, "var:with")
  check_in_task("var:with")
  local _restore <close> =
    setmetatable({ variable = self, stored = stored_in_task(self) }, restore_type)
  put(self, value == nil and NIL or value)
  return f(...)
end

local var_type = {
  __name = "xio.Var",
  __metatable = false,
  __index = methods,
  __newindex = function()
    argument.misuse("xio.var: a variable has no fields; use its methods get, set and with")
  end,
}

--- Makes a variable with a value of its own in each task, inherited from the spawner at spawn.
--- Never waits or fails.
---@param default? any what `get` gives where nothing was set
---@return xio.Var
function module.var(default)
  local variable = setmetatable({}, var_type)
  defaults[variable] = default == nil and NIL or default
  return variable
end

return module
