--- For Lua functions that stand in for C functions of Lua's own library: they raise the
--- same errors. A stand-in asks the stock function for the words, under pcall, and lets
--- `raise` put them as if they came from itself: with its own name and its caller's
--- position.

local standin = {}

local debug, error, next, pairs, pcall, string, tonumber, type =
  debug, error, next, pairs, pcall, string, tonumber, type
local setmetatable = setmetatable
local loaded = package.loaded

local known = setmetatable({}, { __mode = "k" }) -- the stand-ins, as keys

-- The name under which a function can be reached from package.loaded, as Lua's own error
-- messages give it, or "?".
local function global_name(wanted)
  for module, content in pairs(loaded) do
    if type(content) == "table" then
      for key, value in next, content do
        if value == wanted and type(key) == "string" then
          return module == "_G" and key or module .. "." .. key
        end
      end
    end
  end
  return "?"
end

-- "bad argument #2 to 'gsub' (string expected, got nil)": the name and the number of the
-- argument are those of the call at `level`, 1 being the caller of this function.
local function argument_message(level, position, extra)
  local call = debug.getinfo(level + 1, "nf")
  if call.namewhat == "method" then
    position = position - 1
    if position == 0 then
      return string.format("calling '%s' on bad self %s", call.name, extra)
    end
  end
  local name = call.name or global_name(call.func)
  return string.format("bad argument #%d to '%s' %s", position, name, extra)
end

--- Raises what a stock function raised under pcall, as the error of the function that
--- calls this one. Strings get the position of that function's caller, and where they
--- tell of a bad argument the name by which it was called; other values, and the memory
--- error, stay what they are. Never waits.
--- @param err any
function standin.raise(err)
  if type(err) ~= "string" or err == "not enough memory" then error(err, 0) end
  local position, extra = string.match(err, "^bad argument #(%d+) to '.-' (%(.*%))$")
  if position then err = argument_message(2, tonumber(position), extra) end
  error(err, 3)
end

--- Declares `f` a stand-in: `callee` treats it as the C function that it replaces.
--- @param f function
--- @return function f
function standin.register(f)
  known[f] = true
  return f
end

--- The function that a stand-in shall call in the place of its callback `f`. A C function
--- that fails looks at its caller: below a C function, where it expects to be, its
--- message has no position and gives its global name. Nothing changes for a Lua function.
--- @param f function
--- @return function callee  gives the first result of `f`, raises its errors, may wait
function standin.callee(f)
  if not known[f] and debug.getinfo(f, "S").what ~= "C" then return f end
  return function(...)
    local ok, value = pcall(f, ...)
    if not ok then error(value, 0) end
    return value
  end
end

return standin
