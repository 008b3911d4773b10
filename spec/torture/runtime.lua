-- A runtime that is driven by hand: run, spawn, step, close.
local xio = ...

return function()
  local rt <close> = xio.new { clock = "virtual", name = "by hand" }
  assert(rt:run(function(x) xio.sleep(1) return x end, 5) == 5)
  local ok, err = pcall(rt.run, rt, error, "wanted", 0)
  if ok or err ~= "wanted" then error(err, 0) end
  local task = rt:spawn(function() xio.sleep(2) return "done" end)
  rt:spawn(xio.sleep_forever)
  for _ = 1, 6 do rt:step() end
  assert(task:status() == "done" and rt:fd() and rt:timeout() and tostring(rt) and rt.name)
  assert(tostring(xio.tree(rt)))
end
