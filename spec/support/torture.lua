-- What csrc/test/scenario asks of Lua around a scenario: whether an error tells of a fault,
-- whether the state still works, and what lives in it. Everything here runs while nothing
-- fails; nothing of it is part of what is tortured.

local xio = require "xio"
local core = require "xio.core"

local torture = {}

local MEMORY = "not enough memory"

--- Whether `err`, a leaf of it, or something that it suppressed is a memory error.
-- @return boolean, and the report on the error
function torture.is_memory_error(err)
  local report = tostring(xio.traceback(err))
  return report:find(MEMORY, 1, true) ~= nil, report
end

--- Whether `err`, a leaf of it, or something that it suppressed tells of the system's error
-- `code`, or of its `message`.
-- @return boolean, and the report on the error
function torture.tells(err, code, message)
  local report = tostring(xio.traceback(err))
  local told = report:find(code, 1, true) or report:lower():find(message:lower(), 1, true)
    or code == "ENOMEM" and report:find(MEMORY, 1, true)
  return told ~= nil, report
end

--- What lives now, counted by the core, after two full collections.
-- @treturn {[string]=integer}
function torture.census()
  collectgarbage()
  collectgarbage()
  return core.census()
end

local function what_grew(before, now)
  local grown = {}
  for noun, count in pairs(now) do
    if count > before[noun] then
      grown[#grown + 1] = ("%s %d -> %d"):format(noun, before[noun], count)
    end
  end
  return #grown > 0 and table.concat(grown, ", ") or nil
end

--- Raises where more lives than at `before`; collects garbage only as far as needed.
function torture.check_census(before)
  local grown
  for _ = 1, 3 do
    grown = what_grew(before, core.census())
    if not grown then return end
    collectgarbage()
  end
  error("left behind: " .. grown, 0)
end

local function group_of_three()
  local sum = 0
  xio.group(function(group)
    for i = 1, 3 do
      group:spawn(function()
        xio.sleep(i)
        sum = sum + i
      end)
    end
    sum = sum + group:start(function(started)
      started(10)
      xio.sleep_forever()
    end) * 0
    xio.sleep(5)
    group:cancel("enough")
  end)
  return sum
end

local function health()
  local began = xio.now()
  xio.sleep(1)
  assert(xio.now() - began == 1, "sleep took another time")
  assert(xio.spawn(function(...) return ... end, 7, 8):await() == 7, "await gave another")
  assert(group_of_three() == 6, "not every child ran")
  assert(xio.move_on_after(1, xio.sleep_forever) == false, "a timeout did not fire")
  local ok, err = xio.isolate(error, "wanted", 0)
  assert(not ok and err == "wanted", "an error was not handed on")
  local each = coroutine.wrap(function()
    xio.sleep(1)
    coroutine.yield("item")
  end)
  assert(each() == "item", "a generator gave another value")
  return "well"
end

--- Runs something of everything; raises where anything is wrong.
function torture.check_health()
  assert(xio.run({ clock = "virtual", signals = false }, health) == "well")
  assert(xio.run(function() xio.sleep(0.0001) return 1 end) == 1)
end

return torture
