-- A group of three children whose results are read later.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local tasks = {}
    local result = xio.group({ name = "three" }, function(group, base)
      for i = 1, 3 do
        tasks[i] = group:spawn(function()
          xio.sleep(i)
          return i, base + i
        end)
      end
      assert(#group == 3 and #group:tasks() == 3 and group.name == "three")
      return "result"
    end, 10)
    assert(result == "result")
    for i = 1, 3 do assert(select(3, tasks[i]:result()) == 10 + i) end
  end)
end
