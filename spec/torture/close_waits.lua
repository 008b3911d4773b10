-- Errors and cancellations that unwind through <close> handlers, which wait and fail.
local xio = ...

local function guarded(own, f, ...)
  local _guard <close> = setmetatable({}, { __close = function()
    xio.shield(xio.sleep, 1)
    if own then error(own, 0) end
  end })
  f(...)
end

return function()
  xio.run({ clock = "virtual" }, function()
    local ok, err = xio.isolate(guarded, nil, error, "first", 0)
    if ok or err ~= "first" then error(err, 0) end
    ok, err = xio.isolate(guarded, "last", guarded, "second", error, "first", 0)
    if ok or err ~= "last" then error(err, 0) end
    ok, err = xio.isolate(xio.move_on_after, 1, guarded, "own", xio.sleep_forever)
    if ok or err ~= "own" then error(err, 0) end
    xio.spawn(guarded, nil, xio.sleep_forever):cancel()
  end)
end
