-- Every error of wrong use (E5) is provoked: each names its place, the function and the argument,
-- and says what was wrong. docs/errors.md lists the messages (tools/errors).

local xio = require "xio"
local misuse = require "spec.support.misuse"
local support = require "spec.support"

local it = support.it(it)

-- What is raised as the name of the function is part of the code, but for a function that was
-- given another name there.
local function is_about(name, code)
  local short = name:match("[%w_]+$")
  return code:find("%f[%w_]" .. short .. "%f[^%w_]") ~= nil
    or code:find("%.%w+ = ") ~= nil -- a field of the object that is named
end

for _, section in ipairs(misuse.SECTIONS) do
  describe("wrong use, " .. section.name:lower() .. ":", function()
    for _, code in ipairs(section) do
      it(code, function()
        if section.outside and support.in_task() then return end
        local message, placed, raised = misuse.provoke(xio, section, code)
        assert.is_true(raised, "nothing was raised")
        assert.is_true(placed, "no place: " .. message)
        local name = misuse.named(message)
        assert.is_truthy(name, "no function is named: " .. message)
        assert.is_true(is_about(name, code), "another function is named: " .. message)
      end)
    end
  end)
end
