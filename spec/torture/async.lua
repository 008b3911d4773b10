-- Lazy calls: run, shared, in a list, in the background; task-locals and callbacks.
local xio = ...

return function()
  local var, group = xio.var(0), xio.scope_group()
  local work = xio.async(function(n)
    xio.sleep(n)
    return n + var:get()
  end)
  xio.run({ clock = "virtual" }, function()
    local call = work(1)
    local a, b = xio.gather(call, call)
    assert(a == 1 and b == 1)
    var:with(5, function() assert(select(2, xio.await { work(1), work(2) }) == 7) end)
    xio.group(function() assert(xio.await(xio.background(work(1))) == 1) end)
    assert(xio.await_callback(function(callback) xio.spawn(callback, 3) end) == 3)
    xio.spawn(function() group:cancel() end)
    assert(group:run(xio.sleep_forever) == false)
  end)
end
