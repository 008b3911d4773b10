-- Tasks of the root group with options, names and many arguments.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local sum = 0
    local function add(...)
      xio.sleep(1)
      sum = sum + select("#", ...)
    end
    xio.spawn(add)
    xio.spawn({ name = "named" }, add, 1, 2)
    xio.spawn({ daemon = true }, xio.sleep_forever)
    xio.spawn(add, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
    xio.sleep(2)
    assert(sum == 14)
  end)
end
