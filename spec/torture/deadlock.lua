-- Runs in which nothing can wake any task: without and with shields.
local xio = ...

local function stuck()
  xio.group(function(group)
    local task = group:spawn({ name = "stuck" }, xio.sleep_forever)
    task:await()
  end)
end

return function()
  for _, main in ipairs { stuck, function() xio.shield(stuck) end } do
    local ok, err = pcall(xio.run, { clock = "virtual" }, main)
    assert(not ok)
    if type(err) ~= "table" or err.code ~= "EDEADLK" then error(err, 0) end
  end
end
