-- Channels without buffer, with small ones, and with one that grows; clones, drain,
-- failure.
local xio = ...

local function send_all(tx, count)
  local _tx <close> = tx
  for i = 1, count do assert(tx:send(i)) end
end

return function()
  xio.run({ clock = "virtual" }, function()
    for _, capacity in ipairs { 0, 2, 40, math.huge } do
      xio.group(function(group)
        local tx, rx = xio.channel(capacity)
        group:spawn(send_all, tx:clone(), 70)
        tx:close()
        local sum = 0
        for item in rx do
          sum = sum + item
          for _, more in ipairs(rx:drain(3)) do sum = sum + more end
        end
        assert(sum == 2485 and rx:stats().waiting == 0)
      end)
    end
    local tx, rx = xio.channel(1)
    tx:fail("failed")
    local ok, err = xio.pcall(rx.recv, rx)
    if ok or err ~= "failed" then error(err, 0) end
  end)
end
