-- Generators that are resumed, fail, are cancelled in a wait, closed and dropped.
local xio = ...

local function waiting(close)
  local _guard <close> = setmetatable({}, { __close = close })
  coroutine.yield(1)
  xio.sleep(1)
  coroutine.yield(2)
  xio.group(function(group) group:spawn(xio.sleep, 9) error("wanted", 0) end)
end

return function()
  xio.run({ clock = "virtual" }, function()
    local closed = 0
    local co = coroutine.create(waiting)
    for i = 1, 2 do
      local ok, value = coroutine.resume(co, function() closed = closed + 1 end)
      if not ok then error(value, 0) end
      assert(value == i)
    end
    local ok, err = coroutine.resume(co)
    if ok or err ~= "wanted" then error(err, 0) end
    assert(not xio.move_on_after(0.5, coroutine.wrap(xio.sleep), 5))
    coroutine.close(coroutine.create(waiting))
    coroutine.wrap(waiting)(print)
  end)
end
