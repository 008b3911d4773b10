-- SIGINT and SIGTERM end a run (C9). Each script is a process of its own; real time passes.
--
-- The scripts ask for `signals = true` where that matters: a handler that the interpreter
-- has set for SIGINT is not the default disposition.

local support = require "spec.support"
local child = require "spec.support.child"

local it = support.it(it)

-- Runs `script`, which has to end by itself, and returns its output.
local function output(script, opts)
  local out, status = child.run(script, opts)
  assert.equal(0, status, out)
  return out
end

describe("a signal", function()
  it("SIG-07 SIGINT cancels the root, cleanup runs, run raises Interrupted", function()
    assert.equal("cleaned\nfalse\ttrue\tINT\n", output [[
      local ok, err = pcall(xio.run, { signals = true }, function()
        xio.group(function(g)
          g:spawn(xio.sleep_forever)
          g:spawn(function()
            local _d <close> = xio.defer(function()
              xio.sleep(0.03)
              print "cleaned"
            end)
            xio.sleep_forever()
          end)
          xio.checkpoint()
          kill "INT"
          xio.sleep(10)
        end)
      end)
      print(ok, xio.is_interrupted(err), err.signal)
    ]])
  end)

  it("SIG-08 SIGTERM does the same, without being asked for", function()
    assert.equal("cleaned\nfalse\ttrue\tTERM\n", output [[
      local ok, err = pcall(xio.run, function()
        local _d <close> = xio.defer(print, "cleaned")
        kill "TERM"
        xio.sleep(10)
      end)
      print(ok, xio.is_interrupted(err), err.signal)
    ]])
  end)

  it("SIG-07 wakes a run in which every task waits", function()
    assert.equal("false\ttrue\n", output [[
      local ok, err = pcall(xio.run, { signals = true }, function()
        xio.spawn(xio.sleep_forever)
        io.popen("sleep 0.05; kill -INT $PPID")
        xio.sleep(10)
      end)
      print(ok, xio.is_interrupted(err))
    ]])
  end)

  it("SIG-07 stops a task that is busy with checkpoints", function()
    assert.equal("false\ttrue\n", output [[
      local ok, err = pcall(xio.run, { signals = true }, function()
        kill "INT"
        while true do xio.checkpoint() end
      end)
      print(ok, xio.is_interrupted(err))
    ]])
  end)

  it("CAN-21 is a source of cancellation", function()
    assert.equal("signal\ttrue\n", output [[
      pcall(xio.run, { signals = true }, function()
        kill "INT"
        local _, err = pcall(xio.sleep, 10)
        print(err.source, tostring(err):find("INT", 1, true) ~= nil)
      end)
    ]])
  end)

  it("C9 the error tells the signal and is nothing else", function()
    assert.equal("true\tfalse\tfalse\tfalse\ttrue\n", output [[
      local _, err = pcall(xio.run, { signals = true }, function()
        kill "INT"
        xio.sleep(10)
      end)
      print(tostring(err):find("INT", 1, true) ~= nil, xio.is_cancelled(err),
        xio.is_timeout(err), xio.is_interrupted("INT"), xio.Interrupted ~= nil)
    ]])
  end)

  it("SIG-11 main may catch it, and run returns what it returns", function()
    assert.equal("true\t0\n", output [[
      print(pcall(xio.run, { signals = true }, function()
        kill "INT"
        pcall(xio.sleep, 10)
        return 0
      end))
    ]])
  end)

  it("C9 an error of main is raised as it is", function()
    assert.equal("false\tmine\n", output [[
      print(pcall(xio.run, { signals = true }, function()
        kill "INT"
        pcall(xio.sleep, 10)
        error("mine", 0)
      end))
    ]])
  end)

  it("ISO-02 is not turned into a result by xio.pcall, isolate or move_on_after", function()
    assert.equal("false\ttrue\n", output [[
      local ok, err = pcall(xio.run, { signals = true }, function()
        kill "INT"
        xio.pcall(xio.isolate, xio.sleep, 10)
        xio.move_on_after(20, xio.sleep, 10)
        print "not reached"
      end)
      print(ok, xio.is_interrupted(err))
    ]])
  end)

  it("SIG-10 before main's first checkpoint, it is raised there", function()
    assert.equal("before\nfalse\ttrue\n", output [[
      local ok, err = pcall(xio.run, { signals = true }, function()
        kill "INT"
        print "before"
        xio.sleep(10)
        print "not reached"
      end)
      print(ok, xio.is_interrupted(err))
    ]])
  end)

  it("SIG-10 after main has returned, it ends the tasks that run still waits for", function()
    assert.equal("cleaned\nended\n", output [[
      pcall(xio.run, { signals = true }, function()
        xio.spawn(function()
          local _d <close> = xio.defer(print, "cleaned")
          kill "INT"
          xio.sleep(10)
        end)
      end)
      print "ended"
    ]])
  end)

  it("C9 reaches a run on the virtual clock", function()
    assert.equal("false\ttrue\n", output [[
      local ok, err = pcall(xio.run, { signals = true, clock = "virtual" }, function()
        kill "INT"
        while true do xio.sleep(1) end
      end)
      print(ok, xio.is_interrupted(err))
    ]])
  end)
end)

describe("shields under a signal", function()
  it("SHD-12 hold: what is shielded completes, the next sleep is cancelled", function()
    assert.equal("completed\nfalse\ttrue\n", output [[
      local ok, err = pcall(xio.run, { signals = true }, function()
        xio.shield(function()
          kill "INT"
          xio.sleep(0.05)
          print "completed"
        end)
        xio.sleep(10)
        print "not reached"
      end)
      print(ok, xio.is_interrupted(err))
    ]])
  end)

  it("C9 hold for the grace of the run, counted from the signal", function()
    assert.equal("true\ttrue\ttrue\nfalse\ttrue\n", output [[
      local ok, err = pcall(xio.run, { signals = true, grace = 0.1 }, function()
        local began = xio.now()
        kill "INT"
        local slept, cancelled = pcall(xio.shield, xio.sleep, 5)
        local took = xio.now() - began
        print(not slept and xio.is_cancelled(cancelled), took >= 0.1, took < 3)
        error(cancelled, 0)
      end)
      print(ok, xio.is_interrupted(err))
    ]])
  end)

  it("C9 end with a second signal", function()
    assert.equal("held\nlifted\tfalse\ttrue\nfalse\ttrue\n", output [[
      local ok, err = pcall(xio.run, { signals = true }, function()
        xio.shield(function()
          kill "INT"
          xio.sleep(0.03)
          print "held"
          local began = xio.now()
          kill "INT"
          local slept, cancelled = pcall(xio.sleep, 5)
          print("lifted", slept, xio.now() - began < 3)
          error(cancelled, 0)
        end)
      end)
      print(ok, xio.is_interrupted(err))
    ]])
  end)

  it("C9 all of them end, also those of cleanup and of defer", function()
    assert.equal("false\ttrue\ttrue\n", output [[
      local began = os.time()
      local ok, err = pcall(xio.run, { signals = true }, function()
        local _d <close> = xio.defer(xio.sleep, 4)
        xio.spawn(function()
          local _e <close> = xio.defer(xio.sleep, 4)
          xio.sleep(10)
        end)
        xio.spawn(function()
          xio.shield(function()
            kill "INT"
            xio.sleep(0.03)
            kill "TERM"
            xio.sleep(10)
          end)
        end)
        xio.sleep(10)
      end)
      print(ok, xio.is_interrupted(err), os.time() - began < 3)
    ]])
  end)

  it("C9 a third signal ends the process", function()
    local out, status = child.run [[
      pcall(xio.run, { signals = true }, function()
        for i = 1, 3 do
          kill "TERM"
          for _ = 1, i < 3 and 20 or 1000000 do pcall(xio.shield, xio.sleep, 0.001) end
          print(i)
        end
      end)
      print "survived"
    ]]
    assert.equal("1\n2\n", out:sub(1, 4)) -- the shell may add that it was terminated
    assert.is_nil(out:find("survived", 1, true))
    assert.equal(128 + 15, status)
  end)
end)

describe("signal handlers", function()
  -- Linux tells in /proc which signals of a process have a handler.
  local status = io.open("/proc/self/status")
  local on_linux = status and it or pending
  if status then
    status:close()
  end

  on_linux("SIG-07 are there during the run and restored exactly after it", function()
    assert.equal("true\ttrue\n", output [[
      local before, during = caught(), nil
      xio.run({ signals = true }, function() during = caught() end)
      print(during == 0x4002, caught() == before)
    ]])
  end)

  on_linux("SIG-07 are restored after an interrupt and after an error, too", function()
    assert.equal("true\ttrue\n", output [[
      local before = caught()
      pcall(xio.run, { signals = true }, function()
        kill "INT"
        xio.sleep(10)
      end)
      local interrupted = caught()
      pcall(xio.run, { signals = true }, error, "text")
      print(interrupted == before, caught() == before)
    ]])
  end)

  on_linux("SIG-12 are not touched with signals = false", function()
    assert.equal("true\ttrue\n", output [[
      local before, during = caught(), nil
      xio.run({ signals = false }, function()
        xio.sleep(0)
        during = caught()
      end)
      print(during == before, caught() == before)
    ]])
  end)

  it("SIG-12 by default, a signal that is ignored stays ignored", function()
    assert.equal("slept\n", output([[
      xio.run(function()
        kill "TERM"
        xio.sleep(0.05)
        print "slept"
      end)
    ]], { ignore = "TERM" }))
  end)

  it("SIG-07 work again in the next run", function()
    assert.equal("false\ttrue\tINT\nfalse\ttrue\tTERM\ntrue\tquiet\n", output [[
      local function interrupted(name)
        local ok, err = pcall(xio.run, { signals = true }, function()
          kill(name)
          xio.sleep(10)
        end)
        print(ok, xio.is_interrupted(err), err.signal)
      end
      interrupted "INT"
      interrupted "TERM"
      print(pcall(xio.run, { signals = true }, function()
        xio.sleep(0.01)
        return "quiet"
      end))
    ]])
  end)

  it("C9 of nested runs the innermost answers, the outer goes on", function()
    assert.equal("inner\tfalse\ttrue\nouter goes on\n", output [[
      xio.run({ signals = true }, function()
        local ok, err = pcall(xio.run, function()
          kill "INT"
          xio.sleep(10)
        end)
        print("inner", ok, xio.is_interrupted(err))
        xio.sleep(0.02)
        print "outer goes on"
      end)
    ]])
  end)

  it("C9 after the inner run the outer answers again", function()
    assert.equal("false\ttrue\n", output [[
      local ok, err = pcall(xio.run, { signals = true }, function()
        xio.run(function() xio.sleep(0) end)
        kill "INT"
        xio.sleep(10)
      end)
      print(ok, xio.is_interrupted(err))
    ]])
  end)

  it("E5 the options are checked before anything starts", function()
    assert.equal("false\ttrue\nfalse\ttrue\n", output [[
      local function refused(name, opts)
        local ok, err = pcall(xio.run, opts, function() print "ran" end)
        print(ok, tostring(err):find(name, 1, true) ~= nil)
      end
      refused("signals", { signals = "INT" })
      refused("grace", { grace = 0 / 0 })
    ]])
  end)
end)
