-- A function that never ends and waits for nothing: a pure Lua loop.
--
-- ThreadSanitizer holds signals back until the thread calls something of libc, which a pure
-- loop never does: there each round allocates.

local maps = io.open("/proc/self/maps")
local delays_signals = maps ~= nil and maps:read("a"):find("libtsan", 1, true) ~= nil
if maps then maps:close() end

if delays_signals then
  return function()
    while true do local _ = {} end
  end
end

return function()
  while true do end -- luacheck: ignore
end
