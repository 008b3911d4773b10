-- Functions in threads: results, an error, a call back, one that is cancelled, a pool.
local xio = ...

local function add(a, b) return a + b, { sum = a + b } end

return function()
  xio.run(function()
    local sum, list = xio.thread.run(add, 1, 2)
    if sum ~= 3 or list.sum ~= 3 then error("wrong sum", 0) end
    local ok, err = pcall(xio.thread.run, error, { code = 7 })
    if ok then error("no error", 0) end
    if type(err) ~= "table" or err.code ~= 7 then error(err, 0) end
    local twice = xio.thread.run(function(x) return xio.thread.call(add, x, x) end, 4)
    if twice ~= 8 then error("wrong answer", 0) end
    local completed = xio.move_on_after(0.001, xio.thread.run, xio.sleep_forever)
    if completed then error("not cancelled", 0) end
    local sums = xio.thread.pool(1):map({ 1, 2 }, function(x) return x * 2 end)
    if sums[1] + sums[2] ~= 6 then error("wrong map", 0) end
  end)
end
