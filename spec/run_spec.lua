-- xio.run and xio.main: what goes in, what comes out, what may nest.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, closing = support.run, support.catch, support.closing

describe("xio.run", function()
  it("RUN-01 returns what main returns", function()
    assert.same({ n = 1, 8 }, table.pack(run(function() return 8 end)))
  end)

  it("RUN-01 keeps holes and the count, after a checkpoint too", function()
    local function main()
      xio.checkpoint()
      return 1, nil, 3
    end
    assert.same({ n = 3, 1, nil, 3 }, table.pack(run(main)))
    assert.same({ n = 2 }, table.pack(run(function() return nil, nil end)))
    assert.same({ n = 0 }, table.pack(run(function() end)))
  end)

  it("passes arguments with their holes and count", function()
    local function main(...)
      xio.checkpoint()
      return select("#", ...), ...
    end
    local got = table.pack(run(main, nil, nil, "b", nil))
    assert.same({ n = 4, 3, nil, "b", nil }, got)
  end)

  it("takes no options at all, on the real clock", function()
    local sum = xio.run(function(a, b)
      xio.sleep(0)
      return a + b
    end, 2, 3)
    assert.equal(5, sum)
  end)

  it("carries hundreds of values both ways", function()
    local many = {}
    for i = 1, 500 do many[i] = i end
    local got = table.pack(run(function(...)
      xio.checkpoint()
      return ...
    end, nil, table.unpack(many)))
    assert.equal(500, got.n)
    assert.equal(500, got[500])
  end)

  it("RUN-02 E1 raises the identical value that main raised", function()
    local values = { "boom", 42, {}, print, coroutine.create(print), false, true, 1.5 }
    for _, value in ipairs(values) do
      local function main() error(value, 0) end
      local function later()
        xio.checkpoint()
        error(value, 0)
      end
      assert.is_true(rawequal(value, catch(run, main)))
      assert.is_true(rawequal(value, catch(run, later)))
    end
  end)

  it("E1 turns a nil error into a named one", function()
    local err = catch(run, function() error(nil) end)
    assert.is_not_nil(err)
    support.mentions(tostring(err), "nil")
  end)

  it("raises an error whose __tostring fails unchanged", function()
    local bad = setmetatable({}, { __tostring = function() error("no text") end })
    assert.is_true(rawequal(bad, catch(run, function() error(bad) end)))
  end)

  it("RUN-03 refuses what is no function and names the argument", function()
    support.misuse(function() xio.run() end, "run", { "#1", "function" })
    support.misuse(function() xio.run(42) end, "run", { "#1", "function" })
    support.misuse(function() xio.run({}, 42) end, "run", { "#2", "function" })
    support.misuse(function() xio.run(coroutine.create(print)) end, "run", "pass a function")
  end)

  it("RUN-03 raises a usage error of main at once", function()
    local err = catch(run, function() xio.sleep("soon") end)
    support.mentions(tostring(err), "sleep", "number")
  end)

  it("RUN-05 runs a new loop inside a task while the outer loop stands still", function()
    local ticks = 0
    run(function()
      xio.spawn({ daemon = true }, function()
        while true do
          xio.checkpoint()
          ticks = ticks + 1
        end
      end)
      xio.checkpoint()
      local before = ticks
      local value = run(function()
        for _ = 1, 5 do xio.checkpoint() end
        return "inner"
      end)
      assert.equal("inner", value)
      assert.equal(before, ticks)
      xio.checkpoint()
      xio.checkpoint()
      assert.is_true(ticks > before)
    end)
  end)

  it("RUN-05 gives the inner run a current task and a clock of its own", function()
    run(function()
      local outer, began = xio.current(), xio.now()
      run(function()
        assert.are_not.equal(outer, xio.current())
        xio.sleep(10)
      end)
      assert.equal(outer, xio.current())
      assert.equal(began, xio.now())
    end)
  end)

  it("RUN-05 lets the outer run catch the inner one's error and go on", function()
    local value = {}
    local result = run(function()
      local err = catch(run, function()
        xio.spawn(function() xio.sleep_forever() end)
        xio.checkpoint()
        error(value)
      end)
      xio.sleep(1)
      return err
    end)
    assert.equal(value, result)
  end)

  it("nests ten deep", function()
    local function nest(depth)
      xio.checkpoint()
      if depth == 0 then return "bottom" end
      return (run(nest, nil, depth - 1))
    end
    assert.equal("bottom", run(nest, nil, 10))
  end)

  it("works inside a plain coroutine and below a C function that cannot yield", function()
    local wrapped = coroutine.wrap(function()
      return run(function()
        xio.sleep(1)
        return "in a coroutine"
      end)
    end)
    assert.equal("in a coroutine", wrapped())
    local text = ("a"):gsub(".", function()
      return run(function()
        xio.sleep(1)
        return "b"
      end)
    end)
    assert.equal("b", text)
  end)

  it("RUN-08 waits for the tasks of the root group, then returns main's values", function()
    local log, seen = support.recorder()
    local values = table.pack(run(function()
      xio.spawn(function()
        xio.sleep(2)
        log("background")
      end)
      log("main")
      return "m", nil
    end))
    assert.same({ "main", "background" }, seen)
    assert.same({ n = 2, "m" }, values)
  end)

  it("RUN-09 a background error cancels main, whose shielded cleanup completes", function()
    local failure, ended, source = {}, nil, nil
    local err = catch(run, function()
      local began = xio.now()
      xio.spawn(function()
        xio.sleep(0.5)
        error(failure)
      end)
      local _cleanup <close> = closing(function(why)
        source = why.source
        xio.shield(xio.sleep, 0.5)
        ended = xio.now() - began
      end)
      xio.sleep(1)
      error("main was not cancelled")
    end)
    assert.equal(failure, err)
    assert.equal("failure", source)
    assert.near(1, ended, 1e-6)
  end)

  it("RUN-11 lets the cleanup of a failing main wait", function()
    local failure, took = {}, nil
    local err = catch(run, function()
      local began = xio.now()
      local _cleanup <close> = closing(function()
        xio.sleep(0.1)
        took = xio.now() - began
      end)
      error(failure)
    end)
    assert.equal(failure, err)
    assert.is_true(took >= 0.1)
  end)

  it("T2 has no task left when it raises", function()
    local log, seen = support.recorder()
    catch(run, function()
      for i = 1, 3 do
        xio.spawn(function()
          local _cleanup <close> = closing(function()
            xio.shield(xio.sleep, i)
            log(i)
          end)
          xio.sleep_forever()
        end)
      end
      xio.checkpoint()
      error("boom")
    end)
    assert.same({ 1, 2, 3 }, seen)
  end)

  it("T3 takes the option errors", function()
    local first, second = { "first" }, { "second" }
    local function main()
      xio.spawn(function() error(second) end)
      error(first)
    end
    local both = catch(run, main)
    assert.equal(2, #both)
    assert.equal(first, both.errors[1])
    assert.equal(second, both.errors[2])
    assert.equal(first, catch(run, main, { errors = "first" }))
    assert.equal(second, xio.suppressed(first)[1])
    local group = catch(run, function() error(first) end, { errors = "group" })
    assert.equal(1, #group)
    assert.equal(first, group.errors[1])
  end)

  it("shows its name in the tree", function()
    local text = run(function() return tostring(xio.tree()) end, { name = "bakery" })
    support.mentions(text, "bakery")
  end)

  it("is over when it has returned: current and sleep know no run", function()
    if support.in_task() then return end
    run(xio.checkpoint)
    support.mentions(tostring(catch(xio.sleep, 1)), "sleep", "not inside xio.run")
  end)

  it("takes no real time on the virtual clock", function()
    local began = os.time()
    run(function() xio.sleep(100000) end)
    assert.is_true(os.time() - began < 60)
  end)

  it("C6 never wakes a sleeper early on the real clock", function()
    local took = xio.run({ signals = false }, function()
      return support.elapsed(xio.sleep, 0.03)
    end)
    assert.is_true(took >= 0.03)
  end)
end)

describe("the option seed of xio.run", function()
  local function order(seed)
    local seen = {}
    run(function()
      for i = 1, 12 do
        xio.spawn(function()
          xio.checkpoint()
          seen[#seen + 1] = i
        end)
      end
    end, { seed = seed })
    return table.concat(seen, " ")
  end

  it("gives the same order for the same seed", function()
    for seed = 1, 5 do assert.equal(order(seed), order(seed)) end
  end)

  it("gives other orders for other seeds, and FIFO without one", function()
    local fifo = "1 2 3 4 5 6 7 8 9 10 11 12"
    assert.equal(fifo, order(nil))
    local different = {}
    local count = 0
    for seed = 1, 8 do
      local text = order(seed)
      if not different[text] then count = count + 1 end
      different[text] = true
    end
    assert.is_true(count > 1)
  end)

  it("loses no task", function()
    for seed = 1, 20 do
      local numbers = {}
      for number in order(seed):gmatch("%d+") do numbers[#numbers + 1] = tonumber(number) end
      table.sort(numbers)
      assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }, numbers)
    end
  end)
end)

describe("xio.main", function()
  it("is a plain call inside a task", function()
    run(function()
      local task = xio.current()
      local same, a, b, n = xio.main(function(...)
        xio.checkpoint()
        return xio.current() == task, ..., select("#", ...)
      end, 5)
      assert.same({ true, 5, 1 }, { same, a, b })
      assert.is_nil(n)
    end)
  end)

  it("passes values with holes and errors unchanged", function()
    run(function()
      local got = table.pack(xio.main(function(...) return ... end, nil, 2, nil))
      assert.same({ n = 3, nil, 2 }, got)
      local value = {}
      assert.equal(value, catch(xio.main, function() error(value) end))
    end)
  end)

  it("is a run where no task is running", function()
    local value = xio.main(function(x)
      xio.sleep(0)
      return x
    end, "ran")
    assert.equal("ran", value)
  end)
end)
