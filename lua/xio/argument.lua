--- argument: checks of arguments that the modules written in Lua share.
--
-- The messages are those of Lua's own library. They begin with the nearest place in the
-- program, which is not in a file of xio.

local argument = {}

-- The sources of xio's files in Lua begin with this.
local here = debug.getinfo(1, "S").source:gsub("argument%.lua$", "")

--- Raises `message` behind the nearest place in the program.
---@param message string
function argument.misuse(message)
  for level = 2, math.huge do
    local info = debug.getinfo(level, "Sl")
    if not info then error(message, 0) end
    if info.currentline > 0 and info.source:sub(1, #here) ~= here then
      error(("%s:%d: %s"):format(info.short_src, info.currentline, message), 0)
    end
  end
end

--- Raises that argument `index` of the function `name` is not what was `expected`.
function argument.fail(index, name, expected, value)
  argument.misuse(("bad argument #%d to '%s' (%s expected, got %s)")
    :format(index, name, expected, type(value)))
end

--- Raises that the method `name` was called with an object that is none of its own.
function argument.bad_self(name, expected, value)
  argument.misuse(("bad self of '%s' (%s expected, got %s): call it with a colon")
    :format(name, expected, type(value)))
end

--- Raises that the option of that name, in argument `index` of the function `name`, is not what
--- was `expected`.
function argument.fail_option(index, name, option, expected, value)
  local given = type(value) == "number" and tostring(value) or type(value)
  argument.misuse(("bad argument #%d to '%s' (option '%s': %s expected, got %s)")
    :format(index, name, option, expected, given))
end

--- Whether `value` can be called.
---@param value any
---@return boolean
function argument.callable(value)
  if type(value) == "function" then return true end
  local meta = debug.getmetatable(value)
  return type(meta) == "table" and meta.__call ~= nil
end
local callable = argument.callable

--- Raises unless `value`, argument `index` of the function `name`, can be called.
function argument.check_callable(value, index, name)
  if not callable(value) then argument.fail(index, name, "function", value) end
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
      argument.fail(i, name, "function", functions[i])
    end
  end
  return functions, count, as_list
end

--- Raises unless `options`, argument `index` of the function `name`, is nil or a table
--- that has only the fields in `allowed`, each of the type that is named there; true: of any.
---@param allowed {[string]: true|string}
function argument.check_options(options, allowed, index, name)
  if options == nil then return end
  if type(options) ~= "table" then argument.fail(index, name, "table", options) end
  for key, value in pairs(options) do
    local expected = allowed[key]
    if not expected then
      argument.misuse(("bad argument #%d to '%s' (unknown option '%s')")
        :format(index, name, tostring(key)))
    end
    local given = expected == "integer" and math.type(value) or type(value)
    if expected ~= true and given ~= expected then
      argument.fail_option(index, name, key, expected, value)
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
