-- xio.close_scope: a state that is closed once, and all who wait for that.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, misuse = support.run, support.catch, support.misuse

describe("xio.close_scope", function()
  it("is closed once, with a reason, and wakes all", function()
    run(function()
      local scope = xio.close_scope()
      assert.is_false(scope.closed)
      assert.is_false(scope.failed)
      assert.is_nil(scope.reason)
      assert.equal(0, select("#", scope:raise_if_closed()))
      local tasks = {}
      for i = 1, 3 do tasks[i] = xio.spawn(function() return scope:wait() end) end
      xio.sleep(1)
      local reason = { "done" }
      assert.is_true(scope:close(reason))
      assert.is_false(scope:close("later"))
      assert.is_false(scope:fail("later"))
      for i = 1, 3 do assert.is_true(tasks[i]:await()) end
      assert.is_true(scope:wait())
      assert.is_true(scope.closed)
      assert.is_false(scope.failed)
      assert.equal(reason, scope.reason)
      assert.is_nil(scope.error)
      local err = catch(scope.raise_if_closed, scope)
      assert.equal("ECLOSED", err.code)
      assert.equal(reason, err.reason)
      assert.equal("close scope (closed)", tostring(scope))
    end)
  end)

  it("fails once, with the error that is raised from then on", function()
    run(function()
      local scope = xio.close_scope()
      local err = { code = 1 }
      assert.is_true(scope:fail(err))
      assert.is_false(scope:close())
      assert.is_true(scope:wait())
      assert.is_true(scope.closed)
      assert.is_true(scope.failed)
      assert.equal(err, scope.error)
      assert.is_nil(scope.reason)
      for _ = 1, 2 do assert.equal(err, catch(scope.raise_if_closed, scope)) end
      scope = xio.close_scope()
      scope:fail(nil)
      assert.equal("ENIL", scope.error.code)
    end)
  end)

  it("needs no reason", function()
    local scope = xio.close_scope()
    assert.is_true(scope:close())
    assert.is_true(scope.closed)
    assert.is_nil(scope.reason)
    assert.matches("closed", tostring(catch(scope.raise_if_closed, scope)))
    assert.is_true(scope:wait())
  end)

  it("is waited for with a limit, and under cancellation", function()
    run(function()
      local scope = xio.close_scope()
      for _, seconds in ipairs { 0, 1 } do
        local ok, _, code = scope:wait(seconds)
        assert.is_nil(ok)
        assert.equal("ETIMEDOUT", code)
      end
      assert.equal(1, xio.now())
      assert.is_false((xio.move_on_after(1, scope.wait, scope)))
      assert.is_false(scope.closed)
      xio.spawn(function()
        xio.sleep(1)
        scope:close("x")
      end)
      assert.is_true(scope:wait(5))
      assert.equal(3, xio.now())
    end)
  end)

  it("crosses as itself, and shows a deadlock while nobody else knows it", function()
    run(function()
      local tx, rx = xio.thread.channel(1)
      local scope = xio.close_scope()
      tx:send(scope)
      assert.equal(scope, rx:recv())
    end)
    assert.matches("deadlock", tostring(catch(run, function() xio.close_scope():wait() end)))
  end)

  it("E5 refuses wrong use", function()
    local scope = xio.close_scope()
    misuse(function() scope:fail() end, "close_scope:fail", "#2")
    misuse(function() scope:wait(0 / 0) end, "close_scope:wait", "#2")
    misuse(function() scope.close({}) end, "close_scope:close", "#1")
    if not support.in_task() then
      misuse(function() scope:wait() end, "close_scope:wait", "xio.run")
    end
  end)
end)
