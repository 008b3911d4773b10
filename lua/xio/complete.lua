--- Completion of names and fields, for the prompt.
---
--- What stands before the cursor is a path such as `xio.net.con` or `file:re`. It is followed
--- without running anything of the program: fields are read raw, and of metatables only an
--- `__index` that is a table is followed, and `__names`, a table whose keys are further names.

local debug, ipairs, math, next, rawget, table, type =
  debug, ipairs, math, next, rawget, table, type
local globals = _ENV

local CHAIN = 10 -- tables behind each other by __index

local KEYWORDS = { "and", "break", "do", "else", "elseif", "end", "false", "for", "function",
  "goto", "if", "in", "local", "nil", "not", "or", "repeat", "return", "then", "true", "until",
  "while" }

-- The metatable of a value, where it is one.
local function metatable_of(value)
  local metatable = debug.getmetatable(value)
  return type(metatable) == "table" and metatable or nil
end

-- Calls `visit` with each table in which a field of `value` may be found, nearest first, until
-- that returns something, and returns it.
local function each_table(value, visit)
  for _ = 1, CHAIN do
    if type(value) == "table" then
      local found = visit(value)
      if found ~= nil then return found end
    end
    local metatable = metatable_of(value)
    if not metatable then return nil end
    value = rawget(metatable, "__index")
    if type(value) ~= "table" then return nil end
  end
end

local function field(value, name)
  return each_table(value, function(t) return rawget(t, name) end)
end

local function add_names(names, t, start, only_functions)
  for key, value in next, t do
    if type(key) == "string" and key:sub(1, #start) == start and key:find("^[%a_][%w_]*$")
      and (not only_functions or type(value) == "function") then
      names[key] = true
    end
  end
end

-- The names of fields of `value` that begin with `start`, as keys.
local function names_of(value, start, only_functions)
  local names = {}
  each_table(value, function(t) add_names(names, t, start, only_functions) end)
  local metatable = metatable_of(value)
  local more = metatable and rawget(metatable, "__names")
  if type(more) == "table" and not only_functions then add_names(names, more, start) end
  return names
end

-- What all names begin with.
local function common_start(names)
  local start = names[1]
  for i = 2, #names do
    local length = math.min(#start, #names[i])
    while start:sub(1, length) ~= names[i]:sub(1, length) do length = length - 1 end
    start = start:sub(1, length)
  end
  return start
end

--- What completes a line.
---@param line string  what stands before the cursor
---@return string insert  to be inserted there; may be empty
---@return string[] names  all that begin so, sorted; none: nothing does
local function complete(line)
  local path = line:match("[%a_][%w_%.:]*$")
  if not path or line:sub(1, #line - #path):find("[%d%.:]$") then return "", {} end
  local value, start, mark = globals, path, nil
  for name, separator in path:gmatch("([%w_]*)([%.:])") do
    value = field(value, name)
    start, mark = start:sub(#name + 2), separator
    if value == nil then return "", {} end
  end
  local found = names_of(value, start, mark == ":")
  if not mark then
    for _, word in ipairs(KEYWORDS) do
      if word:sub(1, #start) == start then found[word] = true end
    end
  end
  local names = {}
  for name in next, found do names[#names + 1] = name end
  table.sort(names)
  if #names == 0 then return "", names end
  return common_start(names):sub(#start + 1), names
end

return complete
