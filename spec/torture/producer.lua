-- A producer in a loop that is left, one that fails, and a broadcast.
local xio = ...

local function count(send)
  for i = 1, 5 do send(i) end
  error("failed", 0)
end

return function()
  xio.run({ clock = "virtual" }, function()
    for i in xio.producer(count) do
      if i == 2 then break end
    end
    local ok, err = xio.isolate(function()
      for _ in xio.producer(count) do xio.checkpoint() end
    end)
    assert(not ok)
    if err ~= "failed" then error(err, 0) end
    local hub = xio.broadcast(2)
    local receiver = hub:subscribe()
    for i = 1, 4 do hub:send(i) end
    local item, missed = receiver:recv()
    assert(item == 3 and missed == 2)
    hub:close()
  end)
end
