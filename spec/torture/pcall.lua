-- Protected calls that wait, handlers of one's own, and cancellations that pass.
local xio = ...

local function failing() xio.sleep(1) error("wanted", 0) end

local function handler(err) return { err } end

return function()
  xio.run({ clock = "virtual" }, function()
    for _, protected in ipairs { pcall, xio.pcall } do
      local ok, err = protected(failing)
      if ok or err ~= "wanted" then error(err, 0) end
    end
    for _, protected in ipairs { xpcall, xio.xpcall } do
      local ok, err = protected(failing, handler)
      if ok or type(err) ~= "table" or err[1] ~= "wanted" then error(err, 0) end
    end
    local ok, err = xio.pcall(error)
    if ok or err.code ~= "ENIL" then error(err, 0) end
    for _, protected in ipairs { xio.pcall, xio.xpcall } do
      local ended, _, other = xio.move_on_after(1, protected, xio.sleep_forever, handler)
      if ended then error(other, 0) end
    end
  end)
end
