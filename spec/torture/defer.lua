-- Deferred functions: after an end, beside an error, with an error of their own.
local xio = ...

local function failing(message)
  xio.sleep(1)
  error(message, 0)
end

local function body(in_flight, own)
  local _first <close> = xio.defer(xio.sleep, 1)
  local _second <close> = xio.defer(own and failing or xio.sleep, own or 1)
  if in_flight then failing(in_flight) end
end

return function()
  xio.run({ clock = "virtual" }, function()
    body()
    for _, errors in ipairs { { "a" }, { nil, "b" }, { "c", "d" } } do
      local ok, err = xio.isolate(body, errors[1], errors[2])
      assert(not ok)
      if err ~= (errors[1] or errors[2]) then error(err, 0) end
    end
  end)
end
