-- Reports on errors: tracebacks, chains of spawns, suppressed errors, groups.
local xio = ...

local function failing()
  local _guard <close> = setmetatable({}, { __close = function() error("second") end })
  error("first")
end

return function()
  local ok, err = pcall(xio.run, { clock = "virtual" }, function()
    xio.group(function(group)
      group:spawn({ name = "one" }, failing)
      group:spawn(failing)
    end)
  end)
  assert(not ok)
  local report = xio.traceback(err)
  if not report:find("second") or report:find("not enough memory") then error(err, 0) end
  for leaf in xio.each_error(err) do assert(#xio.suppressed(leaf) <= 1) end
  assert(tostring(err):find("second") and #err == 2 and err:find(function() return true end))
end
