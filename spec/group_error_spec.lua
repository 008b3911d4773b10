-- Groups: which errors they raise, alone or together, and what they make of a cancellation.

local xio = require "xio"
local bodies = require "spec.support.bodies"
local support = require "spec.support"

local it = support.it(it)
local run, catch = support.run, support.catch
local failing, failing_late = bodies.failing, bodies.failing_late

describe("errors of a group", function()
  it("GRP-04 T3 several become an error group, the first one first", function()
    run(function()
      local a, b = { "a" }, { "b" }
      local err = catch(xio.group, function(g)
        g:spawn(failing_late(b, 0.1))
        xio.checkpoint()
        error(a)
      end)
      assert.is_true(support.is_group(err))
      assert.equal(2, #err)
      assert.equal(a, err.errors[1])
      assert.equal(b, err.errors[2])
    end)
  end)

  it("GRP-04 T3 the body's own error may come second", function()
    run(function()
      local a, b = { "a" }, { "b" }
      local err = catch(xio.group, function(g)
        g:spawn(failing(b, 1))
        failing_late(a, 1)()
      end)
      assert.equal(2, #err)
      assert.equal(b, err.errors[1])
      assert.equal(a, err.errors[2])
    end)
  end)

  it("GRP-06 T3 the group waits for a failing cleanup and raises both", function()
    run(function()
      local a, b, err = { "a" }, { "b" }, nil
      local took = support.elapsed(function()
        err = catch(xio.group, function(g)
          g:spawn(failing_late(b, 0.2))
          g:spawn(failing(a))
        end)
      end)
      assert.near(0.2, took, 1e-6)
      assert.same({ true, true, 2 }, { err.errors[1] == a, err.errors[2] == b, #err })
    end)
  end)

  it("GRP-06 T3 errors = 'first' raises the first and keeps the others beside it", function()
    run(function()
      for _, pair in ipairs { { { "a" }, { "b" } }, { "text a", "text b" } } do
        local a, b = pair[1], pair[2]
        local err = catch(xio.group, { errors = "first" }, function(g)
          g:spawn(failing_late(b, 0.2))
          g:spawn(failing(a))
        end)
        assert.is_true(rawequal(a, err))
        local others = xio.suppressed(err)
        assert.equal(1, #others)
        assert.is_true(rawequal(b, others[1]))
      end
    end)
  end)

  it("T3 errors = 'group' always makes a group", function()
    run(function()
      local value = {}
      local err = catch(xio.group, { errors = "group" }, function(g) g:spawn(failing(value)) end)
      assert.is_true(support.is_group(err))
      assert.equal(1, #err)
      assert.equal(value, err.errors[1])
      err = catch(xio.group, { errors = "group" }, function() error(value) end)
      assert.equal(value, err.errors[1])
      assert.equal(5, xio.group({ errors = "group" }, function() return 5 end))
    end)
  end)

  it("T3 errors = 'auto' raises one as it is", function()
    run(function()
      local value = {}
      local function body(g) g:spawn(failing(value, 1)) end
      assert.equal(value, catch(xio.group, { errors = "auto" }, body))
      assert.equal(value, catch(xio.group, {}, body))
    end)
  end)

  it("T3 three failures of one turn all count", function()
    run(function()
      local err = catch(xio.group, function(g)
        for _, name in ipairs { "a", "b", "c" } do g:spawn(failing(name)) end
      end)
      assert.same({ "a", "b", "c" }, err.errors)
    end)
  end)

  it("T3 false and nil are errors like any other", function()
    run(function()
      local err = catch(xio.group, function(g)
        g:spawn(failing(false))
        g:spawn(failing(nil))
        g:spawn(failing("text"))
      end)
      assert.equal(3, #err)
      assert.is_false(err.errors[1])
      support.mentions(tostring(err.errors[2]), "nil")
      assert.equal("text", err.errors[3])
      assert.equal(3, #support.leaves(err))
    end)
  end)

  it("T3 cancellation caused by the failure is none", function()
    run(function()
      local err = catch(xio.group, function(g)
        for _ = 1, 3 do g:spawn(xio.sleep_forever) end
        g:spawn(failing("only", 1))
        xio.sleep_forever()
      end)
      assert.equal("only", err)
      assert.same({}, xio.suppressed(err))
    end)
  end)

  it("GRP-08 E3 the group of an inner failure is a leaf's parent in the outer one", function()
    run(function()
      local err = catch(xio.group, function(outer)
        outer:spawn(failing("a"))
        xio.group(function(inner)
          inner:spawn(failing("b"))
          inner:spawn(failing("c"))
        end)
      end)
      assert.is_true(support.is_group(err))
      assert.equal("a", err.errors[1])
      assert.same({ "a", "b", "c" }, support.leaves(err))
    end)
  end)

  it("an error that the body caught from a child's await still fails the group", function()
    run(function()
      local err = catch(xio.group, function(g)
        local child = g:spawn(failing("boom", 1))
        pcall(child.await, child)
        return "ignored"
      end)
      assert.equal("boom", err)
    end)
  end)
end)
