-- xio.new: a loop that is driven by hand.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local catch, closing, recorder = support.catch, support.closing, support.recorder

--- Opens a runtime, calls `f(rt)`, and closes it on every way out.
local function with_runtime(f, opts)
  local all = { clock = "virtual", signals = false }
  for key, value in pairs(opts or {}) do all[key] = value end
  local rt = xio.new(all)
  local _close <close> = closing(function() rt:close() end)
  f(rt)
end

--- Steps until nothing is left, at most `limit` times.
local function drive(rt, limit)
  for _ = 1, limit or 1000 do
    if not rt:step(0) then return end
  end
  error("the runtime does not come to an end", 2)
end

describe("a runtime", function()
  it("RUN-06 runs again and again, and a handle of an earlier run stays good", function()
    with_runtime(function(rt)
      local task = rt:run(function()
        local task = xio.spawn(function() return "kept", nil end)
        task:wait()
        return task
      end)
      for _ = 1, 2 do
        assert.same({ n = 2, "kept" }, table.pack(rt:run(function() return task:await() end)))
      end
    end)
  end)

  it("run passes arguments and results with their holes", function()
    with_runtime(function(rt)
      local got = table.pack(rt:run(function(...)
        xio.sleep(1)
        return select("#", ...), ...
      end, nil, "b", nil))
      assert.same({ n = 4, 3, nil, "b" }, got)
    end)
  end)

  it("run raises the identical error, and runs again after it", function()
    with_runtime(function(rt)
      local value = {}
      assert.equal(value, catch(rt.run, rt, function() error(value) end))
      assert.equal("fine", rt:run(function()
        xio.sleep(1)
        return "fine"
      end))
    end)
  end)

  it("run raises a deadlock, and runs again after it", function()
    with_runtime(function(rt)
      local err = catch(rt.run, rt, function() xio.sleep_forever() end)
      support.mentions(tostring(err):lower(), "deadlock")
      assert.equal(5, rt:run(function() return 5 end))
    end)
  end)

  it("keeps its clock from run to run", function()
    with_runtime(function(rt)
      local first = rt:run(function()
        xio.sleep(100)
        return xio.now()
      end)
      assert.is_true(rt:run(xio.now) >= first)
    end)
  end)

  it("takes the options of run", function()
    with_runtime(function(rt)
      local value = {}
      local err = catch(rt.run, rt, function() error(value) end)
      assert.is_true(support.is_group(err))
      assert.equal(value, err.errors[1])
    end, { errors = "group" })
  end)

  it("two of them are independent", function()
    with_runtime(function(one)
      with_runtime(function(two)
        local log, seen = recorder()
        one:spawn(log, "one")
        two:spawn(log, "two")
        drive(two)
        assert.same({ "two" }, seen)
        drive(one)
        assert.same({ "two", "one" }, seen)
      end)
    end)
  end)

  it("runs inside a task of another", function()
    local value = support.run(function()
      local got
      with_runtime(function(rt)
        got = rt:run(function()
          xio.sleep(1)
          return xio.current().name and "inner"
        end)
      end)
      xio.sleep(1)
      return got
    end)
    assert.equal("inner", value)
  end)

  it("does not run inside itself", function()
    with_runtime(function(rt)
      rt:run(function()
        local ran = false
        local function never() ran = true end
        support.misuse(function() rt:run(never) end, "run")
        support.misuse(function() rt:step() end, "step")
        support.misuse(function() rt:close() end, "close")
        xio.sleep(1)
        assert.is_false(ran)
      end)
    end)
  end)
end)

describe("rt:spawn and rt:step", function()
  it("begin nothing before the first step", function()
    with_runtime(function(rt)
      local log, seen = recorder()
      local task = rt:spawn(function(...)
        log(select("#", ...))
        return "result"
      end, nil, nil)
      assert.equal("ready", task:status())
      assert.same({}, seen)
      drive(rt)
      assert.same({ 2 }, seen)
      assert.same({ true, "result" }, { task:result() })
    end)
  end)

  it("has nothing more to do where nothing lives", function()
    with_runtime(function(rt)
      assert.is_false((rt:step(0)))
      rt:spawn(function() end)
      drive(rt)
      assert.is_false((rt:step(0)))
    end)
  end)

  it("goes on turn by turn", function()
    with_runtime(function(rt)
      local count = 0
      rt:spawn(function()
        for _ = 1, 10 do
          count = count + 1
          xio.checkpoint()
        end
      end)
      local steps, last = 0, 0
      while rt:step(0) do
        steps = steps + 1
        assert.is_true(count - last <= 1)
        last = count
        assert.is_true(steps < 100)
      end
      assert.equal(10, count)
    end)
  end)

  it("jumps over sleeps on the virtual clock", function()
    with_runtime(function(rt)
      local log, seen = recorder()
      for _, seconds in ipairs { 200, 100 } do
        rt:spawn(function()
          xio.sleep(seconds)
          log(seconds)
        end)
      end
      drive(rt)
      assert.same({ 100, 200 }, seen)
    end)
  end)

  it("waits for at most its timeout on the real clock", function()
    with_runtime(function(rt)
      local task = rt:spawn(xio.sleep, 0.02)
      assert.is_true((rt:step(0)))
      for _ = 1, 1000 do
        if not rt:step(0.05) then break end
      end
      assert.equal("done", task:status())
    end, { clock = "real" })
  end)

  it("tells when it is stalled, and raises no deadlock: the host may wake it", function()
    with_runtime(function(rt)
      local task = rt:spawn(xio.sleep_forever)
      local more, stalled
      for _ = 1, 10 do
        more, stalled = rt:step(0)
        if stalled then break end
      end
      assert.is_true(more)
      assert.is_true(stalled)
      task:cancel("by the host")
      drive(rt)
      assert.equal("cancelled", task:status())
    end)
  end)

  it("is not stalled while a task is ready or sleeps", function()
    with_runtime(function(rt)
      rt:spawn(function()
        for _ = 1, 5 do xio.checkpoint() end
        xio.sleep(30)
      end)
      for _ = 1, 5 do
        local more, stalled = rt:step(0)
        assert.is_true(more)
        assert.is_falsy(stalled)
      end
    end, { clock = "real" })
  end)

  it("loses no error of a spawned task", function()
    local value, errors = {}, {}
    local rt = xio.new { clock = "virtual", signals = false }
    local task = rt:spawn(function() error(value) end)
    for _ = 1, 10 do
      local ok, more = pcall(rt.step, rt, 0)
      if not ok then errors[#errors + 1] = more end
      if not ok or not more then break end
    end
    local ok, err = pcall(rt.close, rt)
    if not ok then errors[#errors + 1] = err end
    assert.equal("failed", task:status())
    assert.equal(1, #errors)
    assert.equal(value, errors[1])
  end)

  it("spawns with xio.spawn from its tasks", function()
    with_runtime(function(rt)
      local log, seen = recorder()
      rt:spawn(function()
        xio.spawn(log, "child")
        log("parent")
      end)
      drive(rt)
      assert.same({ "parent", "child" }, seen)
    end)
  end)

  it("E5 refuses wrong arguments", function()
    with_runtime(function(rt)
      support.misuse(function() rt:spawn(5) end, "spawn", { "#1", "function" })
      support.misuse(function() rt:run(nil) end, "run", { "#1", "function" })
      support.misuse(function() rt:step("soon") end, "step", { "#1", "number" })
      support.misuse(function() rt:step(0 / 0) end, "step", { "#1", "NaN", "nan" })
      assert.is_false((rt:step(0)))
    end)
  end)
end)

describe("rt:fd and rt:timeout", function()
  it("give what a foreign loop polls", function()
    with_runtime(function(rt)
      assert.equal("integer", math.type(rt:fd()))
      assert.is_true(rt:fd() >= 0)
    end)
  end)

  it("timeout is zero while a task is ready", function()
    with_runtime(function(rt)
      rt:spawn(xio.sleep, 10)
      assert.equal(0, rt:timeout())
    end, { clock = "real" })
  end)

  it("timeout is the time to the nearest deadline, in seconds", function()
    with_runtime(function(rt)
      rt:spawn(xio.sleep, 10)
      rt:spawn(xio.sleep, 1000)
      for _ = 1, 3 do rt:step(0) end
      local timeout = rt:timeout()
      assert.is_true(timeout > 9 and timeout <= 10.01)
    end, { clock = "real" })
  end)

  it("timeout is none where nothing is due", function()
    with_runtime(function(rt)
      rt:spawn(xio.sleep_forever)
      for _ = 1, 3 do rt:step(0) end
      local timeout = rt:timeout()
      assert.is_true(timeout == nil or timeout == math.huge)
    end, { clock = "real" })
  end)
end)

describe("rt:close", function()
  it("cancels what lives as shutdown and runs its cleanup, which may wait", function()
    local log, seen = recorder()
    local rt = xio.new { clock = "virtual", signals = false }
    local task = rt:spawn(function()
      local _cleanup <close> = closing(function(why)
        xio.shield(xio.sleep, 5)
        log("cleanup " .. why.source)
      end)
      xio.sleep_forever()
    end)
    rt:step(0)
    rt:step(0)
    rt:close()
    assert.same({ "cleanup shutdown" }, seen)
    assert.equal("cancelled", task:status())
    assert.is_false((task:result()))
  end)

  it("lets a task that never ran run up to its first checkpoint", function()
    local log, seen = recorder()
    local rt = xio.new { clock = "virtual", signals = false }
    rt:spawn(function()
      log("begun")
      xio.checkpoint()
      log("never")
    end)
    rt:close()
    assert.same({ "begun" }, seen)
  end)

  it("raises the errors of the cleanup", function()
    local value = {}
    local rt = xio.new { clock = "virtual", signals = false }
    rt:spawn(function()
      pcall(xio.sleep_forever)
      error(value)
    end)
    rt:step(0)
    assert.equal(value, catch(rt.close, rt))
    rt:close()
  end)

  it("is idempotent, and works on a fresh runtime", function()
    local rt = xio.new { clock = "virtual", signals = false }
    rt:close()
    rt:close()
  end)

  it("ends its use: run, spawn and step raise", function()
    local rt = xio.new { clock = "virtual", signals = false }
    rt:run(function() end)
    rt:close()
    local ran = false
    local function never() ran = true end
    support.misuse(function() rt:run(never) end, "run", "closed")
    support.misuse(function() rt:spawn(never) end, "spawn", "closed")
    support.misuse(function() rt:step() end, "step", "closed")
    assert.is_false(ran)
  end)

  it("keeps the results of its tasks readable", function()
    local rt = xio.new { clock = "virtual", signals = false }
    local task = rt:spawn(function() return 1, nil, 3, nil end)
    drive(rt)
    rt:close()
    assert.same({ n = 5, true, 1, nil, 3 }, table.pack(task:result()))
    assert.equal("done", task:status())
  end)
end)
