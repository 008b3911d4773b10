-- Errors of every type, and misuse, handed on through groups.
local xio = ...

local values = { "text", 5, false, {}, print, coroutine.create(print), io.stdout }

return function()
  xio.run({ clock = "virtual" }, function()
    for i = 1, #values do
      local ok, err = xio.isolate(error, values[i], 0)
      if ok or err ~= values[i] then error(err, 0) end
    end
    for _, misuse in ipairs {
      function() xio.sleep("x") end,
      function() xio.group({ limit = 0 }, print) end,
      function() xio.spawn({ color = 1 }, print) end,
      function() table.sort({ 1, 2 }, function() xio.sleep(1) end) end,
    } do
      local ok, err = xio.isolate(misuse)
      assert(not ok)
      local text = tostring(err)
      if not (text:find("bad argument") or text:find("cannot wait")) then error(err, 0) end
    end
  end)
end
