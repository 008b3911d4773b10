-- Reports on errors. The input builds a tree of errors of all kinds, raised in tasks and
-- groups: whatever they are, their reports are texts, and their leaves are counted right.

local xio = require "xio"

-- Makes an error from the input; `at` is where it goes on.
local make

local KINDS = {
  function(input, at) return input:sub(at, at + 7), at + 8 end,
  function(input, at) return { message = input:sub(at, at + 3) }, at + 4 end,
  function(_, at) return false, at end,
  function(input, at)
    local name = input:sub(at, at + 3)
    return setmetatable({}, { __tostring = function() return name end }), at + 4
  end,
  function(_, at)
    return setmetatable({}, { __tostring = function() error "in tostring" end }), at
  end,
  function(_, at) return select(2, xio.fs.open("/no/such/file")), at end,
  function(_, at) return select(2, pcall(xio.fail_after, 0, xio.sleep_forever)), at end,
  function(_, at) return at * 1.5, at end,
}

local function raise_many(count, input, at, depth)
  local errors = {}
  for i = 1, count do errors[i], at = make(input, at, depth + 1) end
  local _, err = pcall(xio.group, { errors = "group" }, function(group)
    for _, value in ipairs(errors) do
      group:spawn(function() error(value, 0) end)
    end
  end)
  return err, at
end

function make(input, at, depth)
  local kind = input:byte(at) or 0
  at = at + 1
  if depth < 4 and kind >= 200 then
    return raise_many(kind % 3 + 1, input, at, depth)
  end
  return KINDS[kind % #KINDS + 1](input, at)
end

local function count_leaves(err)
  local count = 0
  for _ in xio.each_error(err) do count = count + 1 end
  return count
end

return function(input)
  xio.run({ clock = "virtual", signals = false }, function()
    local err = make(input, 1, 0)
    assert(type(tostring(xio.traceback(err))) == "string")
    local leaves = count_leaves(err)
    if xio.is_error_group and xio.is_error_group(err) or type(err) == "table" and err.leaves then
      assert(#err:leaves() == leaves, "leaves are lost")
      local some, rest = err:split(function(leaf) return type(leaf) == "string" end)
      local found = (some and count_leaves(some) or 0) + (rest and count_leaves(rest) or 0)
      assert(found == leaves, "a split loses leaves")
      assert(type(tostring(err)) == "string")
    end
  end)
end
