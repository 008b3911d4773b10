-- Generators that wait, in one another, read by loops.
local xio = ...

local function numbers(count)
  return coroutine.wrap(function()
    for i = 1, count do
      xio.sleep(1)
      coroutine.yield(i)
    end
  end)
end

local function doubled(source)
  return coroutine.wrap(function()
    for i in source do
      coroutine.yield(2 * i)
      xio.checkpoint()
    end
  end)
end

return function()
  xio.run({ clock = "virtual" }, function()
    local sum = 0
    for i in doubled(doubled(numbers(3))) do sum = sum + i end
    assert(sum == 24)
  end)
end
