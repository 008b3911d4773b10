-- A wrapped generator that fails: its handlers run, and its stack is in the report.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local closed = false
    local each = coroutine.wrap(function()
      local _guard <close> = setmetatable({}, { __close = function() closed = true end })
      coroutine.yield(1)
      xio.sleep(1)
      error({ "wanted" })
    end)
    each()
    local ok, err = xio.isolate(each)
    assert(not ok)
    if type(err) ~= "table" or err[1] ~= "wanted" then error(err, 0) end
    assert(closed and xio.traceback(err):find("in function"))
  end)
end
