-- xio.any: the first to succeed.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, closing, recorder = support.run, support.catch, support.closing, support.recorder

local function after(seconds, ...)
  local values = table.pack(...)
  return function()
    xio.sleep(seconds)
    return table.unpack(values, 1, values.n)
  end
end

local function fails(seconds, err)
  return function()
    xio.sleep(seconds)
    error(err, 0)
  end
end

describe("xio.any", function()
  it("gives the index and the results of the first to succeed", function()
    run(function()
      local got
      local took = support.elapsed(function()
        got = table.pack(xio.any(fails(1, "x"), after(3, "late"), after(2, "a", nil, 3, nil)))
      end)
      assert.same({ n = 5, 3, "a", nil, 3, nil }, got)
      assert.near(2, took, 1e-9)
    end)
  end)

  it("HND-11 raises an error group where all fail, in the order of failing", function()
    run(function()
      local value = {}
      local err = catch(xio.any, fails(2, "b"), fails(1, value))
      assert.is_true(support.is_group(err))
      assert.same({ value, "b" }, err.errors)
      assert.equal(value, err.errors[1])
    end)
  end)

  it("raises a group of one where one fails alone", function()
    run(function()
      local err = catch(xio.any, fails(1, false))
      assert.same({ false }, err.errors)
    end)
  end)

  it("E2 keeps the traces of the errors", function()
    run(function()
      local value, at = {}, nil
      catch(xio.any, function()
        at = support.here(1)
        error(value)
      end)
      support.mentions(xio.traceback(value), at)
    end)
  end)

  it("cancels the others and waits for their cleanup, whose failure does not matter", function()
    local log, seen = recorder()
    run(function()
      local index = xio.any(function()
        local _cleanup <close> = closing(function(why)
          xio.shield(xio.sleep, 1)
          log(why.source)
          error("ignored")
        end)
        xio.sleep_forever()
      end, after(1))
      assert.equal(2, index)
      assert.equal(1, #xio.tree())
    end)
    assert.same({ "cancel" }, seen)
  end)

  it("passes an outer cancellation on", function()
    run(function()
      local completed, why = xio.move_on_after(2, xio.any, fails(1, "x"), xio.sleep_forever)
      assert.is_false(completed)
      assert.equal("deadline", why.source)
    end)
  end)

  it("C3 returns the winner although a cancellation comes while the others end", function()
    run(function()
      local completed, index = xio.move_on_after(2, xio.any, after(1), function()
        local _cleanup <close> = closing(function() xio.shield(xio.sleep, 5) end)
        xio.sleep_forever()
      end)
      assert.same({ true, 1 }, { completed, index })
    end)
  end)

  it("lets a function time out by its own means", function()
    run(function()
      local index = xio.any(function() xio.fail_after(1, xio.sleep_forever) end, after(2))
      assert.equal(2, index)
    end)
  end)

  it("E5 refuses none, and what cannot be called", function()
    run(function()
      support.misuse(function() xio.any() end, "any", "function")
      support.misuse(function() xio.any(print, "x") end, "any", "#2")
    end)
    if not support.in_task() then
      support.misuse(function() xio.any(print) end, "any", "xio.run")
    end
  end)
end)
