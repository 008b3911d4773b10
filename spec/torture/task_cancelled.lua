-- Tasks that are cancelled before their first run and while they wait, and then awaited.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local early, late = xio.spawn(xio.sleep_forever), xio.spawn(xio.sleep_forever)
    assert(early:cancel("early"))
    xio.sleep(1)
    assert(late:cancel({ "late" }) and not late:cancel())
    for _, task in ipairs { early, late } do
      local ok, err = xio.pcall(task.await, task)
      assert(not ok)
      if type(err) ~= "table" or err.code ~= "ECANCELED" then error(err, 0) end
      assert(task:status() == "cancelled" and err.reason)
    end
  end)
end
