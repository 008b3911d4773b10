-- annotations: reads definition files as an editor's server does, and tells what it would complain
-- about: types that it cannot read or does not know, parameters that are not those of the function,
-- what is defined twice, tags that do not exist.
local annotations = {}

local BUILTIN <const> = {}
for name in ([[nil any unknown boolean true false number integer string table function thread
  userdata lightuserdata self ... file*]]):gmatch("%S+") do
  BUILTIN[name] = true
end

-- The tags, and what reads their rest.
local TAGS <const> = { meta = true, async = true, nodiscard = true, deprecated = true, see = true }

-- -- types --------------------------------------------------------------------------------

-- A reader of one line: `at` in `text`; `use(name)` is called with each name of a type.
local Reader = {}
Reader.__index = Reader

function Reader:fail(what)
  error({ ("%s at «%s»"):format(what, self.text:sub(self.at, self.at + 24)) })
end

function Reader:skip() self.at = self.text:match("^%s*()", self.at) end

-- Goes behind `pattern` if it stands here; gives what it has matched.
function Reader:take(pattern)
  self:skip()
  local found, behind = self.text:match("^(" .. pattern .. ")()", self.at)
  if found then self.at = behind end
  return found
end

function Reader:need(pattern, what)
  return self:take(pattern) or self:fail(what .. " is missing")
end

-- A list of `read`, separated by commas, up to `closing`.
function Reader:list(closing, read)
  if self:take(closing) then return end
  repeat read(self) until not self:take(",")
  self:need(closing, closing:sub(-1))
end

function Reader:parameter()
  if not self:take("%.%.%.") then
    self:need("[%a_][%w_]*", "the name of a parameter")
    self:take("%?")
  end
  if self:take(":") then self:type() end
end

function Reader:result()
  local before = self.at
  if not ((self:take("%.%.%.") or self:take("[%a_][%w_]*")) and self:take(":")) then
    self.at = before
  end
  self:type()
end

-- What stands behind `fun`.
function Reader:fun()
  self:need("%(", "(")
  self:list("%)", Reader.parameter)
  if self:take(":") then
    repeat self:result() until not self:take(",")
  end
end

function Reader:field()
  if self:take("%[") then
    self:type()
    self:need("%]", "]")
  else
    self:need("[%a_][%w_]*", "the name of a field")
  end
  self:take("%?")
  self:need(":", ":")
  self:type()
end

function Reader:unit()
  if self:take("fun%f[^%w_.]") then
    self:fun()
  elseif self:take("{") then
    self:list("}", Reader.field)
  elseif self:take("%(") then
    self:type()
    self:need("%)", ")")
  elseif not (self:take('"[^"]*"') or self:take("%-?%d+")) then
    local name = self:take("%.%.%.") or self:take("file%*") or self:need("[%a_][%w_.]*", "a type")
    self.use(name)
    if self:take("<") then self:list(">", Reader.type) end
  end
  repeat until not (self:take("%[%]") or self:take("%?"))
end

function Reader:type()
  repeat self:unit() until not self:take("|")
end

-- -- tags ---------------------------------------------------------------------------------

local read = {}

function read:class()
  local name = self:need("[%a_][%w_.]*", "the name of a class")
  if self:take(":") then
    repeat self:type() until not self:take(",")
  end
  self.define(name)
end

function read:alias()
  self.define(self:need("[%a_][%w_.]*", "the name of a type"))
  self:type()
end

function read:field()
  local _ = self:take("package%s") or self:take("private%s") or self:take("protected%s")
  if self:take("%[") then
    self:type()
    self:need("%]", "]")
  else
    self.block.field(self:need("[%a_][%w_]*", "the name of a field"))
  end
  self:take("%?")
  self:type()
end

function read:param()
  local name = self:take("%.%.%.") or self:need("[%a_][%w_]*", "the name of a parameter")
  table.insert(self.block.params, name)
  self:take("%?")
  self:type()
end

function read:generic()
  repeat
    self.block.generics[self:need("[%a_][%w_]*", "a name")] = true
    if self:take(":") then self:type() end
  until not self:take(",")
end

read["return"] = function(self) self:type() end
read.type = read["return"]

function read:overload()
  self:need("fun%f[(]", "fun")
  self:fun()
end

function read:operator()
  self:need("%l+", "an operator")
  if self:take("%(") then
    self:type()
    self:need("%)", ")")
  end
  self:need(":", ":")
  self:type()
end

-- -- files --------------------------------------------------------------------------------

local function new_block(complain)
  local fields = {}
  return { params = {}, generics = {}, field = function(name)
    if fields[name] then complain("the field " .. name .. " twice") end
    fields[name] = true
  end }
end

local function check_params(block, arguments, complain)
  local names = {}
  for name in arguments:gmatch("[%w_.]+") do names[#names + 1] = name end
  local said, has = table.concat(block.params, ", "), table.concat(names, ", ")
  if said ~= has then complain(("it has the parameters (%s), not (%s)"):format(has, said)) end
end

-- What is wrong in the files, a table of name to text, as a list.
function annotations.check(written)
  local wrong, defined, used, functions = {}, {}, {}, {}
  for path, text in pairs(written) do
    local number = 0
    local function complain(what) table.insert(wrong, ("%s:%d: %s"):format(path, number, what)) end
    local function define(name)
      if defined[name] then complain(name .. " is defined twice") end
      defined[name] = true
    end
    local block = new_block(complain)
    for line in text:gmatch("([^\n]*)\n") do
      number = number + 1
      local tag, rest = line:match("^%-%-%-@(%a+)%s*(.*)$")
      local owner, arguments = line:match("^function ([%w_.:]+)%((.-)%) end$")
      if tag and read[tag] then
        local generics, place = block.generics, number
        local reader = setmetatable({ text = rest, at = 1, block = block, define = define,
          use = function(name) table.insert(used, { name, generics, path, place }) end }, Reader)
        local ok, err = pcall(read[tag], reader)
        if not ok then complain(("@%s: %s"):format(tag, type(err) == "table" and err[1] or err)) end
        if ok and reader.at <= #rest and not rest:find("^%s", reader.at - 1) then
          complain(("@%s: what is «%s»?"):format(tag, rest:sub(reader.at)))
        end
      elseif tag and not TAGS[tag] then
        complain("there is no tag @" .. tag)
      elseif owner then
        check_params(block, arguments, complain)
        local whole = path .. " " .. owner
        if functions[whole] then complain(owner .. " is defined twice") end
        functions[whole] = true
      end
      if not line:find("^%-%-%-") then block = new_block(complain) end
    end
  end
  for _, use in ipairs(used) do
    local name, generics, path, number = table.unpack(use)
    if not (BUILTIN[name] or defined[name] or generics[name]) then
      table.insert(wrong, ("%s:%d: there is no type %s"):format(path, number, name))
    end
  end
  table.sort(wrong)
  return wrong
end

return annotations
