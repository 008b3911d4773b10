--- argument: checks of arguments that the modules written in Lua share.
--
-- The messages are those of Lua's own library, and are put at the place of the call of the
-- public function that calls the check.

local argument = {}

--- Whether `value` can be called.
---@param value any
---@return boolean
function argument.callable(value)
  if type(value) == "function" then return true end
  local meta = getmetatable(value)
  return type(meta) == "table" and meta.__call ~= nil
end
local callable = argument.callable

--- Raises that argument `index` of the function `name` is not what was `expected`.
---@param level? integer 3 by default: the caller of the function that calls this
function argument.fail(index, name, expected, value, level)
  error(("bad argument #%d to '%s' (%s expected, got %s)")
    :format(index, name, expected, type(value)), level or 3)
end

--- Raises unless `value`, argument `index` of the function `name`, can be called.
function argument.check_callable(value, index, name)
  if not callable(value) then argument.fail(index, name, "function", value, 4) end
end

--- The functions among the arguments of the function `name`, or in the one list that is its
--- argument. Raises where one of them cannot be called.
---@return function[] functions
---@return integer count
---@return boolean as_list
function argument.functions(name, ...)
  local first = ...
  local count = select("#", ...)
  local as_list = count == 1 and type(first) == "table" and not callable(first)
  local functions = as_list and first or { ... }
  if as_list then count = #functions end
  for i = 1, count do
    if not callable(functions[i]) then
      argument.fail(i, name, "function", functions[i], 4)
    end
  end
  return functions, count, as_list
end

--- Raises unless `options` is nil or a table that has only the fields in `allowed`.
---@param allowed {[string]: boolean}
function argument.check_options(options, allowed, index, name)
  if options == nil then return end
  if type(options) ~= "table" then argument.fail(index, name, "table", options, 4) end
  for key in pairs(options) do
    if not allowed[key] then
      error(("bad argument #%d to '%s' (unknown option '%s')")
        :format(index, name, tostring(key)), 3)
    end
  end
end

--- The name that a task running `f` is given: what `f` is known by, or its place.
---@return string
function argument.name_of(f)
  if type(f) ~= "function" then
    local name = type(f) == "table" and rawget(f, "name")
    return type(name) == "string" and name or type(f)
  end
  for key, value in pairs(_G) do
    if value == f and type(key) == "string" then return key end
  end
  local info = debug.getinfo(f, "S")
  return info.linedefined > 0 and ("%s:%d"):format(info.short_src, info.linedefined)
    or info.short_src
end

return argument
