-- xio.gather: all at once, the first result of each.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, closing, recorder = support.run, support.catch, support.closing, support.recorder

--- A function that gives its values after `seconds`.
local function after(seconds, ...)
  local values = table.pack(...)
  return function()
    xio.sleep(seconds)
    return table.unpack(values, 1, values.n)
  end
end

describe("xio.gather", function()
  it("gives the first result of each, in the order of the arguments", function()
    run(function()
      local got = table.pack(xio.gather(after(3, "a", "x"), after(1, "b"), after(2, "c")))
      assert.same({ n = 3, "a", "b", "c" }, got)
    end)
  end)

  it("runs all at once", function()
    local log, seen = recorder()
    run(function()
      local took = support.elapsed(xio.gather, after(1), after(3), after(2), function()
        log("begun")
      end)
      assert.near(3, took, 1e-6)
      xio.gather(function() log(1) end, function() log(2) end, function() log(3) end)
    end)
    assert.same({ "begun", 1, 2, 3 }, seen)
  end)

  it("keeps holes and the count", function()
    run(function()
      local got = table.pack(xio.gather(after(1), after(1, nil, 2), after(1, false), after(1)))
      assert.same({ n = 4, nil, nil, false }, got)
    end)
  end)

  it("of one list gives one list, with n", function()
    run(function()
      local got = table.pack(xio.gather { after(2, "a"), after(1), after(1, "c"), after(1) })
      assert.equal(1, got.n)
      assert.same({ n = 4, "a", nil, "c" }, got[1])
      assert.same({ n = 0 }, xio.gather {})
    end)
  end)

  it("of nothing gives nothing", function()
    run(function() assert.equal(0, select("#", xio.gather())) end)
  end)

  it("carries hundreds", function()
    run(function()
      local list = {}
      for i = 1, 300 do list[i] = after(i % 5, i) end
      local got = table.pack(xio.gather(table.unpack(list)))
      assert.equal(300, got.n)
      for i = 1, 300 do assert.equal(i, got[i]) end
      assert.equal(300, xio.gather(list).n)
    end)
  end)

  it("T3 raises the first error as it is, after the others have ended", function()
    local log, seen = recorder()
    run(function()
      local value, err = {}, nil
      local took = support.elapsed(function()
        err = catch(xio.gather, function()
          local _cleanup <close> = closing(function(why)
            xio.shield(xio.sleep, 1)
            log(why.source)
          end)
          xio.sleep_forever()
        end, function()
          xio.sleep(1)
          error(value)
        end)
      end)
      assert.equal(value, err)
      assert.near(2, took, 1e-6)
    end)
    assert.same({ "failure" }, seen)
  end)

  it("T3 raises several as an error group", function()
    run(function()
      local err = catch(xio.gather, function() error("a", 0) end, function() error("b", 0) end)
      assert.same({ "a", "b" }, err.errors)
    end)
  end)

  it("passes an outer cancellation on, once all have ended", function()
    local log, seen = recorder()
    run(function()
      local completed = xio.move_on_after(1, function()
        xio.gather(xio.sleep_forever, function()
          local _cleanup <close> = closing(function(why) log(why.source) end)
          xio.sleep_forever()
        end)
        log("never")
      end)
      assert.is_false(completed)
    end)
    assert.same({ "deadline" }, seen)
  end)

  it("in a cancelled scope still runs what meets no checkpoint", function()
    run(function()
      local completed, a, b = xio.scope(function(scope)
        scope:cancel()
        return xio.gather(function() return 1 end, function() return 2 end)
      end)
      assert.same({ true, 1, 2 }, { completed, a, b })
    end)
  end)

  it("lets others run, even for nothing to wait for", function()
    local ran = false
    run(function()
      xio.spawn(function() ran = true end)
      xio.gather(function() end)
      assert.is_true(ran)
    end)
  end)

  it("nests", function()
    run(function()
      local function pair(a, b)
        return function() return table.concat({ xio.gather(after(1, a), after(2, b)) }) end
      end
      local took = support.elapsed(function()
        assert.equal("abcd", table.concat { xio.gather(pair("a", "b"), pair("c", "d")) })
      end)
      assert.near(2, took, 1e-6)
    end)
  end)

  it("E5 starts nothing when one argument is no function", function()
    run(function()
      local started = false
      local function start() started = true end
      support.misuse(function() xio.gather(start, 42) end, "gather", { "#2", "function" })
      support.misuse(function() xio.gather(start, nil, start) end, "gather", { "#2", "function" })
      support.misuse(function() xio.gather { start, "x" } end, "gather", "function")
      xio.sleep(1)
      assert.is_false(started)
    end)
  end)
end)
