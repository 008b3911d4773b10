-- A runtime that goes on after a run in it has failed.
local xio = ...

local function failing()
  xio.group(function(group)
    group:spawn(error, "wanted", 0)
    group:spawn(xio.sleep_forever)
  end)
end

return function()
  local rt <close> = xio.new { clock = "virtual" }
  local memory
  for _ = 1, 2 do
    local ok, err = pcall(rt.run, rt, failing)
    if ok or err ~= "wanted" then memory = err end
  end
  local ok, err = pcall(rt.run, rt, function() xio.sleep(1) return 7 end)
  if not ok then memory = err else assert(err == 7) end
  if memory then error(memory, 0) end
end
