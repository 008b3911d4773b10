--- Writes JSON; no more than bench/run needs. Keys are sorted, so that two files can be compared.

local json = {}

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function quote(s)
  return '"' .. s:gsub('[%c"\\]', function(c)
    return escapes[c] or string.format("\\u%04x", c:byte())
  end) .. '"'
end

local encode

local function encode_list(list, indent)
  local flat, parts = true, {}
  for i, item in ipairs(list) do
    flat = flat and type(item) ~= "table"
    parts[i] = encode(item, indent .. "  ")
  end
  if flat then return "[" .. table.concat(parts, ", ") .. "]" end
  return "[\n" .. indent .. "  " .. table.concat(parts, ",\n" .. indent .. "  ")
    .. "\n" .. indent .. "]"
end

local function encode_object(object, indent)
  local keys, parts = {}, {}
  for key in pairs(object) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for i, key in ipairs(keys) do
    parts[i] = indent .. "  " .. quote(key) .. ": " .. encode(object[key], indent .. "  ")
  end
  if #parts == 0 then return "{}" end
  return "{\n" .. table.concat(parts, ",\n") .. "\n" .. indent .. "}"
end

function encode(value, indent)
  local kind = math.type(value) or type(value)
  if kind == "string" then return quote(value) end
  if kind == "integer" then return string.format("%d", value) end
  if kind == "float" then
    assert(value == value and math.abs(value) ~= math.huge, "JSON has no such number")
    return string.format("%.6g", value)
  end
  if kind == "boolean" then return tostring(value) end
  assert(kind == "table", "cannot write a " .. kind)
  -- An empty table is an object unless marked: no list of ours is empty but those of samples.
  if #value > 0 then return encode_list(value, indent) end
  return encode_object(value, indent)
end

--- Returns `value` as JSON text. A table with `value[1]` is a list, any other an object with string
--- keys. Raises on what JSON cannot hold.
---@param value any
---@return string
function json.encode(value)
  return encode(value, "") .. "\n"
end

return json
