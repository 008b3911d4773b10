-- A runtime that is closed while tasks live in it, which clean up or fail.
local xio = ...

return function()
  local cleaned = 0
  local rt = xio.new { clock = "virtual" }
  rt:spawn(function()
    local _guard <close> = xio.defer(function() xio.sleep(1) cleaned = cleaned + 1 end)
    xio.sleep_forever()
  end)
  rt:spawn(function()
    local _guard <close> = setmetatable({}, { __close = function() error("wanted", 0) end })
    xio.sleep_forever()
  end)
  for _ = 1, 3 do rt:step() end
  local ok, err = pcall(rt.close, rt)
  if ok or err ~= "wanted" then error(err, 0) end
  assert(cleaned == 1 and rt:close() == false)
end
