-- xio.scope_group: scopes in any tasks that are cancelled together.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, closing = support.run, support.catch, support.closing

describe("xio.scope_group", function()
  it("runs a function in a scope, and returns as xio.scope does", function()
    run(function()
      local group = xio.scope_group()
      local got = table.pack(group:run(function(...)
        assert.equal(1, group.active)
        xio.sleep(1)
        return ..., nil
      end, 7, 8))
      assert.same({ n = 3, true, 7, nil }, got)
      assert.equal(0, group.active)
    end)
  end)

  it("cancels every run, in all tasks, with one reason", function()
    run(function()
      local group, seen = xio.scope_group(), {}
      xio.group(function(g)
        for i = 1, 3 do
          g:spawn(function()
            local completed, why = group:run(xio.sleep_forever)
            seen[#seen + 1] = ("%d %s %s"):format(i, completed, why.reason)
          end)
        end
        xio.sleep(1)
        assert.equal(3, group.active)
        assert.equal(3, group:cancel("enough"))
        assert.equal(0, group:cancel("again"))
      end)
      assert.same({ "1 false enough", "2 false enough", "3 false enough" }, seen)
      assert.equal(0, group.active)
    end)
  end)

  it("cancels only what runs now, without a latch", function()
    run(function()
      local group = xio.scope_group()
      assert.equal(0, group:cancel())
      assert.same({ true, 1 }, { group:run(function()
        xio.checkpoint()
        return 1
      end) })
      assert.is_false(group.latched)
    end)
  end)

  it("with a latch, later runs are born cancelled until it is cleared", function()
    run(function()
      local group = xio.scope_group()
      group:cancel("closing", { latch = true })
      group:cancel("later", { latch = true })
      assert.is_true(group.latched)
      local ran = false
      local completed, why = group:run(function()
        ran = true
        xio.checkpoint()
        error("not reached")
      end)
      assert.is_true(ran)
      assert.is_false(completed)
      assert.equal("closing", why.reason)
      assert.same({ true, 2 }, { group:run(function() return 2 end) })
      group:clear()
      assert.same({ true, 3 }, { group:run(function()
        xio.sleep(1)
        return 3
      end) })
    end)
  end)

  it("lets errors and outer cancellations pass, and forgets the run", function()
    run(function()
      local group, value = xio.scope_group(), {}
      assert.equal(value, catch(group.run, group, error, value))
      assert.equal(0, group.active)
      local completed, why = xio.move_on_after(1, function()
        group:run(xio.sleep_forever)
        error("not reached")
      end)
      assert.is_false(completed)
      assert.equal("deadline", why.source)
      assert.equal(0, group.active)
    end)
  end)

  it("counts a run until its cleanup is over", function()
    run(function()
      local group = xio.scope_group()
      group:run(function()
        local _cleanup <close> = closing(function()
          xio.shield(xio.sleep, 1)
          assert.equal(1, group.active)
        end)
        group:cancel()
        xio.checkpoint()
      end)
      assert.equal(0, group.active)
    end)
  end)

  it("nests in one task, and ends the inner runs in order", function()
    run(function()
      local group, seen = xio.scope_group(), {}
      local completed = group:run(function()
        local inner = group:run(function()
          assert.equal(2, group.active)
          group:cancel()
          xio.checkpoint()
        end)
        seen[#seen + 1] = inner
      end)
      -- the inner one lets go on what cancels the outer one too
      assert.is_false(completed)
      assert.same({}, seen)
      assert.equal(0, group.active)
    end)
  end)

  it("is used in several runs", function()
    local group = xio.scope_group()
    for _ = 1, 2 do
      run(function()
        xio.spawn(function()
          xio.sleep(1)
          group:cancel()
        end)
        assert.is_false((group:run(xio.sleep_forever)))
      end)
    end
    assert.equal(0, group.active)
    assert.equal("scope group (0 active)", tostring(group))
  end)

  it("E5 refuses wrong use", function()
    local group = xio.scope_group()
    if not support.in_task() then
      support.misuse(function() group:run(print) end, "scope_group:run", "xio.run")
    end
    run(function()
      support.misuse(function() group:run() end, "scope_group:run", "#1", "function")
      support.misuse(function() group.run(print) end, "scope_group:run")
      support.misuse(function() group:cancel("x", true) end, "scope_group:cancel", "#2", "table")
      support.misuse(function() group:cancel("x", { lach = true }) end, "lach")
      support.misuse(function() group.active = 3 end, "active")
    end)
  end)
end)
