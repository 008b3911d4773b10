-- Runs: by themselves, inside each other, driven by hand.
local xio = ...

return function()
  assert(xio.run({ signals = true }, function()
    return xio.run(function() xio.sleep(0.001) return 7 end)
  end) == 7)
  local runtime <close> = xio.new()
  local task = runtime:spawn(xio.sleep, 0.001)
  while runtime:step(0.01) do assert(runtime:fd() and runtime:timeout()) end
  assert(task:status() == "done")
end
