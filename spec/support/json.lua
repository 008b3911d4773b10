-- Reads JSON as RFC 8259 has it, and nothing else: what is wrong raises. null is `json.null`.

local json = { null = setmetatable({}, { __tostring = function() return "null" end }) }

local ESCAPES = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n",
  r = "\r", t = "\t" }
local WORDS = { ["true"] = true, ["false"] = false, null = json.null }

local parse_value

local function fail(text, at, what)
  error(("not JSON at byte %d: %s: %q"):format(at, what, text:sub(at, at + 30)), 0)
end

local function skip(text, at)
  return text:find("[^ \t\r\n]", at) or #text + 1
end

local function parse_string(text, at)
  local parts = {}
  at = at + 1
  while true do
    local last = text:find('["\\%c]', at) or fail(text, at, "string without end")
    parts[#parts + 1] = text:sub(at, last - 1)
    local char = text:sub(last, last)
    if char == '"' then return table.concat(parts), last + 1 end
    if char ~= "\\" then fail(text, last, "control character") end
    local escape = text:sub(last + 1, last + 1)
    if escape == "u" then
      local hex = text:match("^%x%x%x%x", last + 2) or fail(text, last, "bad escape")
      parts[#parts + 1] = utf8.char(tonumber(hex, 16))
      at = last + 6
    else
      parts[#parts + 1] = ESCAPES[escape] or fail(text, last, "bad escape")
      at = last + 2
    end
  end
end

local function parse_number(text, at)
  local last = select(2, text:find("^-?%d+", at)) or fail(text, at, "no value")
  if text:find("^-?0%d", at) then fail(text, at, "leading zero") end
  last = select(2, text:find("^%.%d+", last + 1)) or last
  last = select(2, text:find("^[eE][+-]?%d+", last + 1)) or last
  return tonumber(text:sub(at, last)), last + 1
end

local function parse_list(text, at)
  local list = {}
  at = skip(text, at + 1)
  if text:sub(at, at) == "]" then return list, at + 1 end
  while true do
    list[#list + 1], at = parse_value(text, at)
    at = skip(text, at)
    local char = text:sub(at, at)
    if char == "]" then return list, at + 1 end
    if char ~= "," then fail(text, at, "no comma") end
    at = at + 1
  end
end

local function parse_object(text, at)
  local object = {}
  at = skip(text, at + 1)
  if text:sub(at, at) == "}" then return object, at + 1 end
  while true do
    at = skip(text, at)
    if text:sub(at, at) ~= '"' then fail(text, at, "no name") end
    local name
    name, at = parse_string(text, at)
    at = skip(text, at)
    if text:sub(at, at) ~= ":" then fail(text, at, "no colon") end
    if object[name] ~= nil then fail(text, at, "name given twice") end
    object[name], at = parse_value(text, at + 1)
    at = skip(text, at)
    local char = text:sub(at, at)
    if char == "}" then return object, at + 1 end
    if char ~= "," then fail(text, at, "no comma") end
    at = at + 1
  end
end

function parse_value(text, at)
  at = skip(text, at)
  local char = text:sub(at, at)
  if char == "{" then return parse_object(text, at) end
  if char == "[" then return parse_list(text, at) end
  if char == '"' then return parse_string(text, at) end
  local word = text:match("^%l+", at)
  if word and WORDS[word] ~= nil then return WORDS[word], at + #word end
  return parse_number(text, at)
end

--- The value that `text` stands for.
function json.parse(text)
  assert(utf8.len(text), "not UTF-8")
  local value, at = parse_value(text, 1)
  if skip(text, at) <= #text then fail(text, at, "something after the end") end
  return value
end

return json
