-- Requests that are answered, failed, cancelled, timed out, and those that find it closed.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local registry = xio.registry()
    xio.group(function(group)
      for i = 1, 3 do
        local value = registry:request(i, function(key)
          group:spawn(function() registry:resolve(key, { key }) end)
        end)
        assert(value[1] == i)
      end
    end)
    local ok, err = xio.pcall(registry.request, registry, "a", function(key)
      registry:fail(key, "failed")
    end)
    if ok or err ~= "failed" then error(err, 0) end
    local _, _, code = registry:request("b", function() end, 1)
    assert(code == "ETIMEDOUT" and registry.pending == 0)
    local replies = {}
    for i = 1, 20 do replies[i] = registry:register(i) end
    replies[1]:cancel()
    assert(registry:fail_all("all") == 19)
    ok, err = xio.pcall(replies[20].await, replies[20])
    if ok or err ~= "all" then error(err, 0) end
    registry:close("closed")
    ok, err = xio.pcall(registry.request, registry, 1, print)
    if ok or err ~= "closed" then error(err, 0) end
  end)
end
