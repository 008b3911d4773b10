-- Close scopes, work trackers and scope groups.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local scope, work, group = xio.close_scope(), xio.work_tracker(), xio.scope_group()
    xio.group(function(g)
      for _ = 1, 3 do
        g:spawn(function()
          work:track(function()
            local completed, why = group:run(xio.sleep, 10)
            assert(not completed and why.reason == "enough")
          end)
        end)
      end
      g:spawn(function()
        assert(scope:wait())
        assert(work:wait_idle())
      end)
      xio.sleep(1)
      assert(work.count == 3 and group.active == 3)
      group:cancel("enough", { latch = true })
      scope:close({ "reason" })
    end)
    assert(work.count == 0 and group.active == 0 and scope.reason[1] == "reason")
    local completed, why = group:run(xio.checkpoint)
    assert(not completed and why.reason == "enough")
    local failed = xio.close_scope()
    failed:fail("bad")
    local ok, err = xio.pcall(failed.raise_if_closed, failed)
    if ok or err ~= "bad" then error(err, 0) end
  end)
end
