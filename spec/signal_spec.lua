-- xio.signal: tasks that listen for signals. Most scripts are processes of their own, whose
-- dispositions are theirs; real time passes. What a run does with SIGINT and SIGTERM by
-- itself: signal_run_spec.lua.

local lfs = require "lfs"
local support = require "spec.support"
local child = require "spec.support.child"
local xio = require "xio"

local it = support.it(it)

-- Runs `script`, which has to end by itself, and returns its output.
local function output(script, opts)
  local out, status = child.run(script, opts)
  assert.equal(0, status, out)
  return out
end

-- Sends a signal to this process; it has arrived when this returns.
local function kill(name)
  io.popen("kill -" .. name .. " $PPID"):close()
end

local function run(f)
  return xio.run({ signals = false }, f)
end

describe("xio.signal.listen", function()
  it("gives the names of signals as they come, until the loop is left", function()
    run(function()
      local seen = {}
      xio.spawn(function()
        for _, name in ipairs { "HUP", "USR1", "HUP" } do
          xio.sleep(0.01)
          kill(name)
        end
      end)
      for name in xio.signal.listen("HUP", "USR1") do
        seen[#seen + 1] = name
        if #seen == 3 then break end
      end
      assert.same({ "HUP", "USR1", "HUP" }, seen)
    end)
  end)

  it("SIG-02 what comes again before it was read is one with the first", function()
    run(function()
      local listener <close> = xio.signal.listen("USR1")
      for _ = 1, 3 do kill "USR1" end
      assert.equal("USR1", listener:wait())
      assert.equal("ETIMEDOUT", select(3, listener:wait(0.01)))
      kill "USR1"
      assert.equal("USR1", listener:wait())
    end)
  end)

  it("SIG-03 two that are always pending take turns", function()
    run(function()
      local listener <close> = xio.signal.listen("USR1", "USR2")
      local seen = {}
      for _ = 1, 6 do
        kill "USR1"
        kill "USR2"
        seen[#seen + 1] = listener:wait()
      end
      local text = table.concat(seen, " ")
      assert.is_true(text == "USR1 USR2 USR1 USR2 USR1 USR2" or
        text == "USR2 USR1 USR2 USR1 USR2 USR1", text)
      while listener:wait(0.01) do end
    end)
  end)

  it("keeps what came while nobody read", function()
    run(function()
      local listener <close> = xio.signal.listen("USR2", "USR1")
      kill "USR1"
      kill "USR2"
      xio.sleep(0.01)
      assert.equal(2, listener:stats().buffered)
      local both = { listener:wait(), listener:wait() }
      table.sort(both)
      assert.same({ "USR1", "USR2" }, both)
    end)
  end)

  it("each of several listeners is told", function()
    run(function()
      local one <close> = xio.signal.listen("USR1")
      local two <close> = xio.signal.listen("USR1", "HUP")
      kill "USR1"
      assert.equal("USR1", one:wait())
      assert.equal("USR1", two:wait())
    end)
  end)

  it("waiting for a signal is no deadlock", function()
    run(function()
      xio.process.spawn { "sh", "-c", "sleep 0.05; kill -USR1 $PPID" }
      assert.equal("USR1", xio.signal.wait("USR1"))
    end)
  end)

  it("reaches a run on the virtual clock", function()
    support.run(function()
      local listener <close> = xio.signal.listen("USR1")
      kill "USR1"
      assert.equal("USR1", listener:wait())
      assert.equal("ETIMEDOUT", select(3, listener:wait(3)))
      assert.equal(3, xio.now())
    end)
  end)

  it("a cancelled wait has taken nothing", function()
    run(function()
      local listener <close> = xio.signal.listen("USR1")
      assert.is_false(xio.move_on_after(0.01, listener.wait, listener))
      kill "USR1"
      assert.is_false(xio.move_on_after(0, listener.wait, listener))
      assert.equal("USR1", listener:wait())
    end)
  end)

  it("close wakes who waits, ends a loop, and is told once", function()
    run(function()
      local listener = xio.signal.listen("USR1")
      local waiting = xio.spawn(function() return listener:wait() end)
      xio.sleep(0)
      assert.is_true(listener:close())
      assert.is_false(listener:close())
      local name, err, code = waiting:await()
      assert.is_nil(name)
      assert.equal("ECLOSED", err.code)
      assert.equal("ECLOSED", code)
      assert.equal("ECLOSED", select(3, listener:wait()))
      for _ in listener do error("not reached") end
    end)
  end)

  it("closing in the turn in which a signal came loses nothing: who waited gets it", function()
    assert.equal("USR1\n", output [[
      xio.run(function()
        local listener = xio.signal.listen("USR1")
        local other <close> = xio.signal.listen("USR1")
        xio.spawn(function() listener:wait() end)
        kill "USR1"
        print(other:wait())
        listener:close()
      end)
    ]])
  end)

  it("is closed with its run", function()
    local kept
    run(function() kept = xio.signal.listen("USR1") end)
    assert.is_false(kept:close())
  end)

  it("belongs to its run", function()
    run(function()
      local listener <close> = xio.signal.listen("USR1")
      support.misuse(function() run(function() listener:wait() end) end, "listener:wait",
        "another run")
    end)
  end)
end)

describe("signals of the process", function()
  it("come to the thread that runs it, and not to those of the pool", function()
    run(function() assert(xio.fs.stat ".") end)
    local USR1 <const> = 10 -- on Linux
    local main = io.open("/proc/self/stat"):read "n"
    local others = 0
    for name in lfs.dir "/proc/self/task" do
      if name:match "^%d+$" and tonumber(name) ~= main then
        local file <close> = assert(io.open("/proc/self/task/" .. name .. "/status"))
        local blocked = tonumber(file:read("a"):match "SigBlk:%s*(%x+)", 16)
        assert.not_equal(0, blocked >> USR1 - 1 & 1)
        others = others + 1
      end
    end
    assert.is_true(others > 0)
  end)
end)

describe("xio.signal.wait", function()
  it("waits for one of its signals and tells which", function()
    run(function()
      xio.spawn(function()
        xio.sleep(0.01)
        kill "USR2"
      end)
      assert.equal("USR2", xio.signal.wait("USR1", "USR2"))
    end)
  end)

  it("is a checkpoint", function()
    run(function()
      assert.is_false(xio.move_on_after(0.01, xio.signal.wait, "USR1"))
    end)
  end)
end)

describe("misuse of xio.signal", function()
  it("SIG-05 is told before anything is taken", function()
    local function refused(...)
      local names = table.pack(...)
      return function(...)
        local words = { ... }
        for _, name in ipairs { "listen", "wait" } do
          support.misuse(function()
            xio.signal[name](table.unpack(names, 1, names.n))
          end, "xio.signal." .. name, table.unpack(words))
        end
      end
    end
    run(function()
      refused()("#1", "name of a signal expected")
      refused("NONSENSE")("unknown signal", "NONSENSE")
      refused("SIGHUP")("unknown signal", "SIGHUP", "HUP")
      refused("HUP", 15)("#2", "name of a signal", "number")
      refused("HUP", "HUP")("#2", "HUP", "twice")
      for _, name in ipairs { "KILL", "STOP", "SEGV" } do refused(name)(name, "listen") end
    end)
  end)

  it("SIG-05 a second task cannot read at the same time", function()
    run(function()
      local listener <close> = xio.signal.listen("USR1")
      local first = xio.spawn(function() return listener:wait() end)
      xio.sleep(0)
      support.misuse(function() listener:wait() end, "listener:wait", "another task")
      kill "USR1"
      assert.equal("USR1", first:await())
    end)
  end)

  if not support.in_task() then
    it("SIG-05 outside of a run", function()
      support.misuse(function() xio.signal.listen("HUP") end, "xio.signal.listen",
        "not inside xio.run")
      support.misuse(function() xio.signal.wait("HUP") end, "xio.signal.wait",
        "not inside xio.run")
    end)
  end
end)

describe("taking SIGINT and SIGTERM over", function()
  it("C9 a task that listens gets them, and the run goes on", function()
    assert.equal("INT\nINT\nINT\nINT\nTERM\nover\n", output [[
      xio.run({ signals = true }, function()
        local count = 0
        xio.spawn({ daemon = true }, function()
          for _, name in ipairs { "INT", "INT", "INT", "INT", "TERM" } do
            xio.sleep(0.01)
            kill(name)
          end
        end)
        for name in xio.signal.listen("INT", "TERM") do
          print(name)
          count = count + 1
          if count == 5 then break end
        end
        print "over"
      end)
    ]])
  end)

  it("C9 afterwards they end the run again", function()
    assert.equal("INT\nfalse\ttrue\tINT\n", output [[
      local ok, err = pcall(xio.run, { signals = true }, function()
        do
          local listener <close> = xio.signal.listen("INT")
          kill "INT"
          print(listener:wait())
        end
        kill "INT"
        xio.sleep(10)
      end)
      print(ok, xio.is_interrupted(err), err.signal)
    ]])
  end)

  it("C9 only those that are listened for", function()
    assert.equal("false\ttrue\tTERM\n", output [[
      local ok, err = pcall(xio.run, { signals = true }, function()
        local listener <close> = xio.signal.listen("INT")
        kill "TERM"
        xio.sleep(10)
      end)
      print(ok, xio.is_interrupted(err), err.signal)
    ]])
  end)

  it("SIG-04 one that was not read goes to the run when the listener closes", function()
    assert.equal("false\ttrue\tINT\n", output [[
      local ok, err = pcall(xio.run, { signals = true }, function()
        do
          local listener <close> = xio.signal.listen("INT")
          kill "INT"
        end
        xio.sleep(10)
      end)
      print(ok, xio.is_interrupted(err), err.signal)
    ]])
    assert.equal("1\nfalse\ttrue\tINT\n", output [[
      local ok, err = pcall(xio.run, { signals = true, grace = 30 }, function()
        do
          local listener <close> = xio.signal.listen("INT")
          kill "INT"
          xio.sleep(0.01)
          print(listener:stats().buffered)
        end
        xio.shield(xio.sleep, 0.01) -- it came once: shields hold
        xio.sleep(10)
      end)
      print(ok, xio.is_interrupted(err), err.signal)
    ]])
  end)

  it("C9 of nested runs the innermost that listens gets it", function()
    assert.equal("inner\tINT\nouter\tINT\n", output [[
      xio.run({ signals = true }, function()
        local listener <close> = xio.signal.listen("INT")
        xio.run(function()
          local inner <close> = xio.signal.listen("INT")
          kill "INT"
          print("inner", inner:wait())
        end)
        assert(not listener:wait(0.01))
        kill "INT"
        print("outer", listener:wait())
      end)
    ]])
  end)

  it("C9 an inner run that ends by it keeps it from an outer listener", function()
    assert.equal("false\ttrue\nnil\nINT\n", output [[
      xio.run({ signals = true }, function()
        local listener <close> = xio.signal.listen("INT")
        local ok, err = pcall(xio.run, function()
          kill "INT"
          xio.sleep(10)
        end)
        print(ok, xio.is_interrupted(err))
        print((listener:wait(0.01)))
        kill "INT"
        print(listener:wait())
      end)
    ]])
  end)

  it("C9 what an inner run does not want waits for the outer one", function()
    assert.equal("inner ends\nHUP\n", output [[
      xio.run(function()
        local listener <close> = xio.signal.listen("HUP")
        xio.run(function()
          kill "HUP"
          xio.sleep(0.01)
          print "inner ends"
        end)
        print(listener:wait())
      end)
    ]])
  end)

  it("SIG-12 listening works with signals = false", function()
    assert.equal("TERM\n", output [[
      xio.run({ signals = false }, function()
        xio.spawn(function() print(xio.signal.wait("TERM")) end)
        xio.sleep(0.01)
        kill "TERM"
      end)
    ]])
  end)
end)

describe("dispositions", function()
  local status = io.open("/proc/self/status")
  local on_linux = status and it or pending
  if status then status:close() end

  -- Of HUP (bit 1), INT and TERM: which are caught, which ignored.
  local MASKS = [[
    local function masks()
      local text = io.open("/proc/self/status"):read("a")
      local caught, ignored = text:match("SigCgt:%s*(%x+)"), text:match("SigIgn:%s*(%x+)")
      return ("%x %x"):format(tonumber(caught, 16) & 0x4003, tonumber(ignored, 16) & 0x4003)
    end
  ]]

  on_linux("SIG-05 are put back exactly, in whatever order things close", function()
    assert.equal("true\ntrue\ntrue\n", output(MASKS .. [[
      local before = masks()
      xio.run({ signals = true }, function()
        local one = xio.signal.listen("HUP", "INT")
        local two = xio.signal.listen("INT", "TERM")
        one:close()
        two:close()
      end)
      print(masks() == before)
      xio.run({ signals = false }, function()
        local listener = xio.signal.listen("HUP", "INT", "TERM")
        xio.run({ signals = true }, function()
          local inner <close> = xio.signal.listen("INT")
        end)
        listener:close()
        print(masks() == before)
        xio.signal.listen("HUP")
      end)
      print(masks() == before)
    ]]))
  end)

  on_linux("SIG-12 an ignored signal is ignored again afterwards", function()
    assert.equal("HUP\ntrue\n", output(MASKS .. [[
      local before = masks()
      xio.run(function()
        local listener <close> = xio.signal.listen("HUP")
        kill "HUP"
        print(listener:wait())
      end)
      kill "HUP"
      print(masks() == before)
    ]], { ignore = "HUP" }))
  end)

  it("SIG-04 a signal that nobody has read does what it did before", function()
    local out, code = child.run [[
      xio.run(function()
        do
          local listener <close> = xio.signal.listen("HUP")
          kill "HUP"
        end
        print "not reached"
      end)
    ]]
    assert.is_nil(out:find("reached", 1, true))
    assert.equal(128 + 1, code)
    out, code = child.run [[
      xio.run(function()
        xio.signal.listen("USR1")
        kill "USR1"
        xio.sleep(0.01)
        print "end of main"
      end)
      print "not reached"
    ]]
    assert.equal("end of main\n", out:sub(1, 12))
    assert.is_nil(out:find("reached", 1, true))
    assert.equal(128 + 10, code)
  end)

  it("C9 three signals do not end the process while a task listens", function()
    assert.equal("INT\ttrue\n", output [[
      xio.run({ signals = true }, function()
        local listener <close> = xio.signal.listen("INT")
        for _ = 1, 5 do kill "INT" end
        print(listener:wait(), listener:wait(0.01) == nil)
      end)
    ]])
  end)
end)
