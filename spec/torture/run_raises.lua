-- A run whose main task raises: a string, an object, false.
local xio = ...

local object = { "an error" }

return function()
  for _, value in ipairs { "an error", object, false } do
    local ok, err = pcall(xio.run, { clock = "virtual" }, function()
      xio.sleep(1)
      error(value, 0)
    end)
    assert(not ok)
    if err ~= value then error(err, 0) end
  end
end
