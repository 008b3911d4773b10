-- Values of all kinds as messages, and one that is refused.
local xio = ...
local core = require "xio.core"

local many = {}
for i = 1, 60 do many[i] = { n = i, name = "item " .. i } end
many.self, many[many] = many, many[3]

local count = 0
local function up() count = count + 1 return count, many end
local function get() return count, up, xio.sleep, math.floor, xio end
local stuck = { deep = { coroutine.create(print) } }

return function()
  local copy, f, g, text = core.copy({}, many, up, get, ("x"):rep(2000))
  if copy.self ~= copy or #text ~= 2000 or f() ~= 1 or g() ~= 1 then error("copied wrong", 0) end
  local ok, err = pcall(core.copy, {}, stuck)
  if ok or not tostring(err):find("args[1].deep[1]: a coroutine", 1, true) then error(err, 0) end
  local handle <close> = core.copy_counted()
  local a <close> = core.copy({}, handle)
  local failure = core.copy_error(setmetatable({ message = "m", list = many }, xio.Error))
  if handle:count() ~= 2 or a:count() ~= 2 or failure.message ~= "m" then error("lost", 0) end
end
