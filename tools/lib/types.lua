-- types: definition files for lua-language-server, from the comments in lua/xio and meta.
--
-- One file for `require "xio"` with the classes that are not of a module, and one for each module
-- of it. The comments are those of the sources; where an optional argument comes before others an
-- overload without it is added.
local types = {}

types.MODULES = { "fs", "net", "process", "signal", "stream", "testing", "thread" }

local CONFIG <const> = [[
{
  "name": "xio",
  "words": ["require[%s%(]*['\"]xio[%.'\"]"],
  "settings": {
    "Lua.runtime.version": "Lua 5.4"
  }
}
]]

local HEAD <const> = [[
---@meta %s
-- Written by tools/types from the comments in lua/xio; not to be edited.

]]

-- The lines of a comment, with each tag on one line, as that server wants it.
local function write_comment(out, comment)
  local in_tags = false
  for _, line in ipairs(comment) do
    if in_tags and not line:find("^%-%-%-@") then
      out[#out] = out[#out] .. " " .. line:gsub("^%-%-%-%s*", "")
    else
      out[#out + 1] = line
    end
    in_tags = in_tags or line:find("^%-%-%-@") ~= nil
  end
end

-- The overload without the optional arguments that stand before a required one, or nil.
local function overload(item)
  local last_required, dropped, kept = 0, false, {}
  for i, param in ipairs(item.params) do
    if not param.optional and param.name ~= "..." then last_required = i end
  end
  for i, param in ipairs(item.params) do
    if param.optional and i < last_required then
      dropped = true
    else
      local mark = param.optional and "?" or ""
      local kind = param.type:find("^fun") and "(" .. param.type .. ")" or param.type
      kept[#kept + 1] = ("%s%s: %s"):format(param.name, mark, kind)
    end
  end
  for _, line in ipairs(item.comment) do
    if line:find("^%-%-%-@overload") then return nil end
  end
  if not dropped then return nil end
  if item.method then table.insert(kept, 1, "self: " .. item.owner) end
  local returns = {}
  for _, value in ipairs(item.returns) do
    local name = value.text:match("^%.%.%.")
    returns[#returns + 1] = name and "...: " .. value.type or value.type
  end
  local results = #returns > 0 and ": " .. table.concat(returns, ", ") or ""
  return ("---@overload fun(%s)%s"):format(table.concat(kept, ", "), results)
end

-- The name of the local that stands for a class.
local function variable(class)
  return class == "xio" and "xio" or (class:match("[%w_]+$"))
end

local function write_function(out, item)
  write_comment(out, item.comment)
  out[#out + 1] = overload(item)
  local names = {}
  for _, param in ipairs(item.params) do names[#names + 1] = param.name end
  out[#out + 1] = ("function %s%s%s(%s) end\n"):format(variable(item.owner),
    item.method and ":" or ".", item.short, table.concat(names, ", "))
end

-- What is public in the files of all pages: a list for each module, "" for `xio` itself.
local function sort(pages)
  local modules = { [""] = {} }
  for _, name in ipairs(types.MODULES) do modules[name] = {} end
  for _, page in ipairs(pages) do
    for _, file in ipairs(page.files) do
      for _, item in ipairs(file.items) do
        local module = modules[(item.owner or item.name):match("^xio%.(%l[%w_]*)$")
          or page.name] or modules[""]
        module[#module + 1] = item
      end
    end
  end
  return modules
end

-- Writes the classes, which define their locals, before the functions that need these.
local function write_module(name, items, fields)
  local class = name == "" and "xio" or "xio." .. name
  local out, seen = {}, {}
  for _, item in ipairs(items) do
    if item.kind ~= "function" and item.name ~= class then
      write_comment(out, item.comment)
      local is_class = item.kind == "class"
      out[#out + 1] = is_class and ("local %s = {}\n"):format(variable(item.name)) or ""
      seen[item.name] = is_class
    end
  end
  out[#out + 1] = "---@class " .. class
  table.move(fields, 1, #fields, #out + 1, out)
  out[#out + 1] = ("local %s = {}\n"):format(variable(class))
  for _, item in ipairs(items) do
    assert(item.kind ~= "function" or item.owner == class or seen[item.owner], item.name)
    if item.kind == "function" then write_function(out, item) end
  end
  if name == "" then out[#out + 1] = "xio.timeout = xio.fail_after\n" end
  out[#out + 1] = "return " .. variable(class) .. "\n"
  return HEAD:format(class) .. table.concat(out, "\n")
end

-- The fields of `xio` itself that are no functions.
local function fields_of(items)
  local fields = {}
  for _, item in ipairs(items) do
    if item.kind == "class" and item.name == "xio" then
      local comment = {}
      write_comment(comment, item.comment)
      for _, line in ipairs(comment) do
        if line:find("^%-%-%-@field") then fields[#fields + 1] = line end
      end
    end
  end
  for _, name in ipairs(types.MODULES) do
    fields[#fields + 1] = ("---@field %s xio.%s"):format(name, name)
  end
  return fields
end

-- The files as a table of name, below `types`, to text.
function types.write(pages)
  local modules, written = sort(pages), { ["config.json"] = CONFIG }
  for name, items in pairs(modules) do
    local path = name == "" and "library/xio.lua" or ("library/xio/%s.lua"):format(name)
    written[path] = write_module(name, items, name == "" and fields_of(items) or {})
  end
  return written
end

return types
