-- A generator that ends while a scope and a group, opened in it, are still open.
local xio = ...

local function opening(f)
  local co = coroutine.create(function()
    f(function(group)
      if group then group:spawn(xio.sleep_forever) end
      coroutine.yield()
    end)
  end)
  local ok, err = coroutine.resume(co)
  if not ok then error(err, 0) end
end

return function()
  xio.run({ clock = "virtual" }, function()
    for _, f in ipairs { xio.group, xio.shield } do
      local ok, err = xio.isolate(xio.move_on_after, 5, opening, f)
      assert(not ok)
      if not tostring(err):find("still open") then error(err, 0) end
    end
  end)
end
