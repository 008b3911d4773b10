-- Main tasks with the options of run, on the real clock.
local xio = ...

return function()
  xio.run({ seed = 7, signals = true, grace = 1, errors = "group", debug = false }, function()
    for _ = 1, 3 do xio.spawn(xio.checkpoint) end
    xio.main(xio.sleep, 0.0001)
    assert(xio.deadline() == math.huge)
  end)
end
