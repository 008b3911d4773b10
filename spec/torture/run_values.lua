-- A run that waits once and returns values.
local xio = ...

return function()
  local a, b, c = xio.run({ clock = "virtual", name = "values" }, function(...)
    xio.sleep(1)
    return ...
  end, 1, nil, "three")
  assert(a == 1 and b == nil and c == "three")
end
