-- xio.testing: assertions on checkpoints, the sequencer, and busted's bodies as tasks.

local xio = require "xio"
local support = require "spec.support"
local child = require "spec.support.child"

local testing = xio.testing
local plain_it = it
local it = support.it(it)
local run, catch = support.run, support.catch

describe("testing.assert_checkpoints", function()
  it("CLK-03 passes where a checkpoint is met, and gives the results", function()
    run(function()
      assert.same({ 1, nil, 3 }, { testing.assert_checkpoints(function(...)
        xio.checkpoint()
        return ...
      end, 1, nil, 3) })
      testing.assert_checkpoints(xio.sleep, 0)
      testing.assert_checkpoints(xio.sleep, 1)
      testing.assert_checkpoints(xio.group, function() end)
      testing.assert_checkpoints(coroutine.yield)
    end)
  end)

  it("CLK-03 counts operations that need not wait", function()
    run(function()
      local event, done = xio.event(), xio.spawn(function() end)
      event:set()
      done:wait()
      testing.assert_checkpoints(event.wait, event)
      testing.assert_checkpoints(done.await, done)
    end)
  end)

  it("CLK-03 raises where none is met, also for what only checks or only asks", function()
    run(function()
      for _, f in ipairs { function() end, xio.check, xio.cancelled, xio.now } do
        support.misuse(function() testing.assert_checkpoints(f) end, "assert_checkpoints",
          "checkpoint")
      end
    end)
  end)

  it("CLK-03 half a checkpoint is none, two halves are one", function()
    run(function()
      local function shielded() xio.shield(xio.checkpoint) end
      local event = xio.event()
      event:set()
      for _, f in ipairs { shielded, function() xio.shield(xio.sleep, 1) end,
        function() xio.cleanup(event.wait, event) end,
      } do
        support.misuse(function() testing.assert_checkpoints(f) end, "assert_checkpoints",
          "shield")
        support.misuse(function() testing.assert_no_checkpoints(f) end, "assert_no_checkpoints")
      end
      support.misuse(function() testing.assert_checkpoints(xio.check) end, "checked", "suspended")
      testing.assert_checkpoints(function() shielded(); xio.check() end)
      testing.assert_checkpoints(function() shielded(); event:wait() end)
      xio.shield(testing.assert_checkpoints, xio.checkpoint) -- it is hidden from outside of that
    end)
  end)

  it("CLK-03 one assertion may stand in another", function()
    run(function()
      local function shielded() xio.shield(xio.checkpoint) end
      testing.assert_checkpoints(function()
        testing.assert_no_checkpoints(function() end)
        support.misuse(function() testing.assert_checkpoints(shielded) end, "shield")
        xio.check()
      end)
      testing.assert_checkpoints(testing.assert_checkpoints, xio.checkpoint)
      testing.assert_checkpoints(function()
        xio.checkpoint()
        testing.assert_no_checkpoints(function() end) -- what came before it still counts
      end)
      support.misuse(function()
        testing.assert_checkpoints(function()
          xio.shield(testing.assert_checkpoints, xio.checkpoint)
        end)
      end, "shield")
    end)
  end)

  it("lets errors and cancellations pass", function()
    run(function()
      assert.equal("boom", catch(testing.assert_checkpoints, error, "boom", 0))
      assert.is_false((xio.move_on_after(1, testing.assert_checkpoints, xio.sleep_forever)))
    end)
  end)
end)

describe("testing.assert_no_checkpoints", function()
  it("CLK-03 passes where none is met, and gives the results", function()
    run(function()
      assert.same({ 1, nil, 3 }, { testing.assert_no_checkpoints(function(...)
        xio.check()
        xio.spawn(function() end)
        return ...
      end, 1, nil, 3) })
    end)
  end)

  it("CLK-03 raises where one is met, also one that need not wait", function()
    run(function()
      local event = xio.event()
      event:set()
      local done = xio.spawn(function() end)
      done:wait()
      for _, f in ipairs {
        xio.checkpoint, function() xio.sleep(1) end, function() event:wait() end,
        function() done:await() end, function() xio.group(function() end) end,
      } do
        support.misuse(function() testing.assert_no_checkpoints(f) end,
          "assert_no_checkpoints", "checkpoint")
      end
    end)
  end)

  it("leaves the budget of the turn as it was", function()
    run(function()
      local event = xio.event()
      event:set()
      event:wait() -- the same turn, until the budget is spent
      local other = false
      xio.spawn(function() other = true end)
      testing.assert_no_checkpoints(function() end)
      event:wait()
      assert.is_false(other)
    end)
  end)

  it("E5 refuses wrong use", function()
    if not support.in_task() then
      support.misuse(function() testing.assert_checkpoints(print) end, "assert_checkpoints",
        "xio.run")
    end
    run(function()
      support.misuse(function() testing.assert_no_checkpoints(1) end, "assert_no_checkpoints",
        "#1", "function")
    end)
  end)
end)

describe("testing.sequencer", function()
  it("CLK-04 brings points in several tasks into one order", function()
    for seed = 1, 10 do
      local seen = {}
      run(function()
        local at = testing.sequencer()
        xio.group(function(g)
          for _, points in ipairs { { 0, 3, 4 }, { 1, 5 }, { 2 } } do
            g:spawn(function()
              for _, point in ipairs(points) do
                local _turn <close> = at(point)
                seen[#seen + 1] = point
                xio.sleep(math.random())
                seen[#seen + 1] = point
              end
            end)
          end
        end)
      end, { seed = seed })
      assert.same({ 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5 }, seen)
    end
  end)

  it("runs a function at a point, and gives its results", function()
    run(function()
      local at = testing.sequencer()
      local seen = {}
      xio.spawn(function()
        assert.same({ "b", nil, 3 }, { at(1, function(...)
          seen[#seen + 1] = "b"
          return "b", ...
        end, nil, 3) })
      end)
      xio.sleep(1)
      assert.equal("boom", catch(at, 0, function()
        seen[#seen + 1] = "a"
        error("boom", 0)
      end))
      at(2, function() seen[#seen + 1] = "c" end)
      assert.same({ "a", "b", "c" }, seen)
    end)
  end)

  it("is a checkpoint also where the point has come", function()
    run(function()
      local at = testing.sequencer()
      testing.assert_checkpoints(at, 0, function() end)
    end)
  end)

  it("CLK-04 a waiter that is cancelled breaks it for all others", function()
    run(function()
      local at = testing.sequencer()
      local broken = 0
      xio.group(function(g)
        local victim = g:spawn(function() at(2, function() error("not reached") end) end)
        for _, point in ipairs { 1, 3, 4 } do
          g:spawn(function()
            support.mentions(tostring(catch(at, point)), "broken", "2")
            broken = broken + 1
          end)
        end
        testing.settle()
        victim:cancel()
      end)
      assert.equal(3, broken)
      support.misuse(function() at(0) end, "sequencer", "broken")
    end)
  end)

  it("E5 refuses a point twice, and what is no point", function()
    if not support.in_task() then
      support.misuse(function() testing.sequencer()(0) end, "sequencer", "xio.run")
    end
    run(function()
      local at = testing.sequencer()
      at(0, function() end)
      support.misuse(function() at(0) end, "sequencer", "0", "already")
      for _, point in ipairs { -1, 1.5, "1" } do
        support.misuse(function() at(point) end, "sequencer", "integer")
      end
      support.misuse(function() at(1, 5) end, "sequencer", "#2", "function")
    end)
  end)
end)

describe("testing.busted", function()
  local SPEC = [[
    local xio = require "xio"
    %s
    describe("bodies", function()
      local log = {}
      before_each(function() %s log[#log + 1] = "before" end)
      after_each(function() %s log[#log + 1] = "after" end)
      it("may wait", function()
        local began = xio.now()
        xio.sleep(%s)
        assert.is_true(xio.now() - began >= %s)
        log[#log + 1] = "body"
      end)
      it("are reported with place and name", function()
        xio.sleep(0)
        assert.same({ "before", "body", "after", "before" }, log)
        error("wanted failure")
      end)
      it("may be pending", function() xio.sleep(0) pending("not yet") end)
    end)
  ]]

  local function write_file(content)
    local path = os.tmpname()
    os.remove(path)
    path = path .. ".lua"
    local file = assert(io.open(path, "w"))
    file:write(content)
    file:close()
    return path
  end

  --- Runs busted on a spec made of SPEC, with the code of a helper; gives what it printed, and
  --- the path of the spec.
  local function busted(helper, ...)
    local path, helper_path = write_file(SPEC:format(...)), write_file(helper)
    local out = child.run(([[
      arg = { [0] = "busted", "--helper=%s", "--pattern=.", "-o", "plainTerminal", %q }
      require("busted.runner")({ standalone = false })
    ]]):format(helper_path, path), { bare = true })
    os.remove(path)
    os.remove(helper_path)
    return out, path
  end

  local VIRTUAL = 'require("xio").testing.busted { clock = "virtual" }'

  plain_it("makes tasks of bodies and hooks of a spec file", function()
    local out, path = busted("", VIRTUAL, "xio.sleep(1)", "xio.sleep(1)", "3600", "3600")
    support.mentions(out, "1 success", "1 error", "1 pending", "wanted failure", path .. " @ 13",
      path .. ":16:")
  end)

  plain_it("called in a helper, does so in all files", function()
    local out, path = busted(VIRTUAL, "", "xio.sleep(1)", "xio.sleep(1)", "3600", "3600")
    support.mentions(out, "1 success", "1 error", "1 pending", "wanted failure", path .. " @ 13",
      path .. ":16:")
  end)

  plain_it("without options, runs on the real clock", function()
    local out = busted("", 'require("xio").testing.busted()', "", "", "0.001", "0.0005")
    support.mentions(out, "1 success", "1 error", "1 pending")
  end)

  plain_it("E5 refuses use without busted", function()
    local out = child.run([[
      local ok, err = pcall(xio.testing.busted)
      print(ok, err)
    ]])
    support.mentions(out, "false", "busted")
  end)
end)
