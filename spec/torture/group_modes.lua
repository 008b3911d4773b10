-- The errors of body and children in each mode.
local xio = ...

local function both(mode)
  return xio.pcall(xio.group, { errors = mode }, function(group)
    group:spawn(error, { "child" })
    xio.sleep_forever()
  end)
end

return function()
  xio.run({ clock = "virtual" }, function()
    for _, mode in ipairs { "auto", "first", "group" } do
      local ok, err = both(mode)
      assert(not ok)
      for leaf in xio.each_error(err) do
        if type(leaf) ~= "table" or leaf[1] ~= "child" then error(err, 0) end
      end
    end
  end)
end
