-- A function on many items, limited and not, from a list and from an iterator.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local function twice(seconds) xio.sleep(seconds) return 2 * seconds end
    assert(xio.map({ 2, 1 }, twice)[1] == 4)
    assert(xio.map({ 2, 1, 3 }, twice, { limit = 2 })[3] == 6)
    local count = 0
    xio.each(table.pack(ipairs { 1, 2, 3 }), function(_, seconds)
      xio.sleep(seconds)
      count = count + 1
    end, { limit = 2 })
    assert(count == 3)
  end)
end
