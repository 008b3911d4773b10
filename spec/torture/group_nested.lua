-- Groups in groups and in children, the innermost of which fails.
local xio = ...

local function nest(depth)
  xio.group(function(group)
    group:spawn(xio.sleep_forever)
    if depth == 0 then
      xio.sleep(1)
      error("innermost", 0)
    end
    group:spawn(nest, depth - 1)
    nest(depth - 1)
  end)
end

return function()
  xio.run({ clock = "virtual" }, function()
    local ok, err = xio.pcall(nest, 2)
    assert(not ok)
    for leaf in xio.each_error(err) do
      if leaf ~= "innermost" then error(err, 0) end
    end
  end)
end
