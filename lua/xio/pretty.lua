--- Values as text, for the prompt on a terminal: the results of an expression.
---
--- Tables are shown with what is in them, to a depth and a length; strings in tables are quoted.
--- Nothing of the program runs: fields are read raw, and only a `__tostring` or `__name` is
--- asked, as `print` would.

local debug, ipairs, math, next, rawlen, string, table, tostring, type =
  debug, ipairs, math, next, rawlen, string, table, tostring, type
local rawget = rawget

local DEPTH, ITEMS, WIDTH = 4, 60, 76

local KEYWORDS = {}
for word in ("and break do else elseif end false for function goto if in local nil not or "
  .. "repeat return then true until while"):gmatch("%a+") do KEYWORDS[word] = true end

-- The order of keys: numbers by value, then strings, then the rest by type.
local RANKS = { number = 1, string = 2, boolean = 3 }

local function is_before(a, b)
  local rank_a, rank_b = RANKS[type(a)] or 4, RANKS[type(b)] or 4
  if rank_a ~= rank_b then return rank_a < rank_b end
  if rank_a <= 2 then return a < b end
  return tostring(a) < tostring(b)
end

local function quote(text)
  return (string.format("%q", text):gsub("\\\n", "\\n"):gsub("\r", "\\r"):gsub("%c", function(c)
    return string.format("\\x%02x", c:byte())
  end))
end

local function key_text(key)
  if type(key) == "string" then
    if key:find("^[%a_][%w_]*$") and not KEYWORDS[key] then return key end
    return "[" .. quote(key) .. "]"
  end
  return "[" .. tostring(key) .. "]"
end

-- The metatable's field, where that is a plain table and has it.
local function meta_field(value, name)
  local metatable = debug.getmetatable(value)
  return type(metatable) == "table" and rawget(metatable, name) or nil
end

local show

-- The parts of a table, in order, as texts; and whether some were left out.
local function parts_of(value, seen, depth)
  local parts = {}
  local length = rawlen(value)
  for i = 1, math.min(length, ITEMS) do
    local item = rawget(value, i)
    parts[i] = show(item, seen, depth + 1)
  end
  local keys = {}
  for key in next, value do
    if not (math.type(key) == "integer" and key >= 1 and key <= length) then
      keys[#keys + 1] = key
    end
  end
  table.sort(keys, is_before)
  for i, key in ipairs(keys) do
    if #parts >= ITEMS then return parts, length + #keys - #parts, i end
    parts[#parts + 1] = key_text(key) .. " = " .. show(rawget(value, key), seen, depth + 1)
  end
  return parts, length + #keys - #parts
end

-- Joins parts with commas, as many on a line as fit.
local function wrap(parts, depth)
  local inset = "\n" .. ("  "):rep(depth + 1)
  local lines, line = {}, nil
  for i, part in ipairs(parts) do
    local text = i < #parts and part .. "," or part
    if line and #line + #text + 2 * depth + 3 <= WIDTH and not text:find("\n", 1, true) then
      line = line .. " " .. text
    else
      lines[#lines + 1] = line
      line = text
    end
  end
  lines[#lines + 1] = line
  return "{" .. inset .. table.concat(lines, inset) .. "\n" .. ("  "):rep(depth) .. "}"
end

local function show_table(value, seen, depth)
  if seen[value] then return "<" .. tostring(value) .. ", as above>" end
  if depth >= DEPTH then return next(value) == nil and "{}" or "{ ... }" end
  seen[value] = true
  local parts, left = parts_of(value, seen, depth)
  seen[value] = nil
  if left > 0 then parts[#parts + 1] = ("... (%d more)"):format(left) end
  if #parts == 0 then return "{}" end
  local line = "{ " .. table.concat(parts, ", ") .. " }"
  if #line + 2 * depth <= WIDTH and not line:find("\n", 1, true) then return line end
  return wrap(parts, depth)
end

function show(value, seen, depth)
  if type(value) == "string" then return depth > 0 and quote(value) or value end
  if meta_field(value, "__name") == "xio.Tree" then return value:draw() end -- with colours
  if type(value) ~= "table" or meta_field(value, "__tostring") or meta_field(value, "__name") then
    return tostring(value)
  end
  return show_table(value, seen, depth)
end

--- The text of a value, without an end of line.
---@param value any
---@return string
local function pretty(value)
  return show(value, {}, 0)
end

return pretty
