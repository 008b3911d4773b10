-- Ways out of a group's body: a cancel of its own, one from outside, an early return.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local none = select("#", xio.group(function(group)
      group:spawn(xio.sleep_forever)
      group:cancel("own")
      xio.sleep_forever()
    end))
    assert(none == 0)
    local ok = xio.move_on_after(1, xio.group, function(group)
      group:spawn(xio.sleep_forever)
      return "early"
    end)
    assert(ok == false)
  end)
end
