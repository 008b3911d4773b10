-- annotations_selftest: definition files with faults, each of which annotations.lua must tell.
local annotations = require("annotations")

local HEAD <const> = "---@meta x\n---@class x\nlocal x = {}\n"

-- { lines, what is told of them, or nothing }
local CASES <const> = {
  { "---@param a integer how many\n---@param ...? any\nfunction x.f(a, ...) end" },
  { "---@param f fun(n: x, ...: any): boolean, ...: any\nfunction x.f(f) end" },
  { '---@param o? {a?: "b"|"c", [1]: x[], f: fun()}|nil options\nfunction x:f(o) end' },
  { "---@generic T\n---@param v T\n---@return T? value it, or nil\nfunction x.f(v) end" },
  { "---@overload fun(self: x, f: (fun(): any)): ...: any\n---@param f function\n"
    .. "function x:f(f) end" },
  { "---@return X\nfunction x.f() end", "there is no type X" },
  { "---@return fun(y: y): x\nfunction x.f() end", "there is no type y" },
  { "---@class y: z\nlocal y = {}", "there is no type z" },
  { "---@class x\nlocal again = {}", "x is defined twice" },
  { "---@class y\n---@field a string\n---@field a any", "the field a twice" },
  { "function x.f() end\nfunction x.f() end", "x.f is defined twice" },
  { "---@param a string\nfunction x.f(b) end", "it has the parameters (b), not (a)" },
  { "---@param b any\n---@param a any\nfunction x.f(a, b) end", "not (b, a)" },
  { "function x.f(a) end", "it has the parameters (a), not ()" },
  { "---@returns integer\nfunction x.f() end", "there is no tag @returns" },
  { "---@return {a: integer\nfunction x.f() end", "} is missing" },
  { "---@return (integer\nfunction x.f() end", ") is missing" },
  { "---@return integer|\nfunction x.f() end", "a type is missing" },
  { "---@return integer, x\nfunction x.f() end", "what is «, x»?" },
  { "---@overload function(a: x)\nfunction x.f() end", "fun is missing" },
  { "---@operator call string\nlocal _", ": is missing" },
}

-- What is not told, or told wrongly, as a list.
return function()
  local wrong = {}
  for _, case in ipairs(CASES) do
    local text, expected = case[1], case[2]
    local told = table.concat(annotations.check({ x = HEAD .. text .. "\n" }), "\n")
    local ok = expected and told:find(expected, 1, true) or not expected and told == ""
    if not ok then
      wrong[#wrong + 1] = ("of\n%s\nthis is told: %s\ninstead of: %s"):format(text,
        told, expected or "nothing")
    end
  end
  return wrong
end
