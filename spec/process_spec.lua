-- xio.process: spawn, and misuse; run is in process_run_spec. Processes live in real time, so it
-- passes here; each spec takes some milliseconds of it.

local support = require "spec.support"
local processes = require "spec.support.processes"
local child = require "spec.support.child"
local xio = require "xio"

local it = support.it(it)
local process = xio.process
local eventually, lives, children = processes.eventually, processes.lives, processes.children
local sh, captured, run = processes.sh, processes.captured, processes.run

describe("process.spawn", function()
  it("PRC-12 a dialogue, with a half-closed input at its end", function()
    run(function()
      local self <close> = process.spawn(sh("while read line; do echo \"<$line>\"; done; " ..
        "echo over >&2", { stdin = "pipe" }))
      for _, word in ipairs { "one", "two", "three" } do
        self.stdin:write(word, "\n")
        assert.equal("<" .. word .. ">", self.stdout:read("l"))
      end
      self.stdin:shutdown()
      assert.is_nil(self.stdout:read("l"))
      assert.equal("over", self.stderr:read("l"))
      assert.is_nil(self.stderr:read("l"))
      assert.same({ code = 0 }, self:wait())
    end)
  end)

  it("has streams only where there are pipes", function()
    run(function()
      local self <close> = process.spawn { "true", stdout = "null", stderr = "inherit" }
      assert.is_nil(self.stdin)
      assert.is_nil(self.stdout)
      assert.is_nil(self.stderr)
      assert.equal("number", type(self.pid))
      support.mentions(tostring(self), "process", tostring(self.pid))
    end)
  end)

  it("PRC-09 wait is for the exit, not for the end of its output", function()
    run(function()
      local self <close> = process.spawn(sh "sleep 100 & echo hi")
      local took = support.elapsed(function() assert.same({ code = 0 }, self:wait()) end)
      assert.is_true(took < 3)
      assert.equal("hi", self.stdout:read("l"))
    end)
  end)

  it("wait keeps the output that nobody reads", function()
    run(function()
      local self <close> = process.spawn(sh "head -c 300000 /dev/zero; echo end >&2")
      assert.same({ code = 0 }, self:wait())
      assert.equal(300000, #self.stdout:read("a"))
      assert.equal("end\n", self.stderr:read("a"))
    end)
  end)

  it("wait and a reader get along", function()
    run(function()
      local self <close> = process.spawn(sh "for i in 1 2 3 4 5; do echo $i; sleep 0.01; done")
      local lines = xio.spawn(function()
        local list = {}
        for line in self.stdout:lines() do list[#list + 1] = line end
        return table.concat(list)
      end)
      assert.same({ code = 0 }, self:wait())
      assert.equal("12345", lines:await())
    end)
  end)

  it("any number of tasks wait, again and again, with a timeout too", function()
    run(function()
      local self <close> = process.spawn { "sleep", "0.1", stdout = "null", stderr = "null" }
      local _, err, code = self:wait(0.01)
      assert.equal("ETIMEDOUT", code)
      assert.equal("ETIMEDOUT", err.code)
      local function wait() return self:wait() end
      assert.same({ { code = 0 }, { code = 0 } }, { xio.gather(wait, wait) })
      assert.same({ code = 0 }, self:wait())
    end)
  end)

  it("also where there is output that nobody reads", function()
    run(function()
      local self <close> = process.spawn(sh "sleep 0.05; head -c 300000 /dev/zero")
      local function wait() return self:wait() end
      local first = xio.spawn(function() return xio.move_on_after(0.02, wait) end)
      assert.same({ { code = 0 }, { code = 0 } }, { xio.gather(wait, wait) })
      assert.is_false(first:await())
      assert.equal(300000, #self.stdout:read("a"))
    end)
  end)

  it("a cancelled wait leaves the process alone", function()
    run(function()
      local self <close> = process.spawn { "sleep", "0.1" }
      assert.is_false(xio.move_on_after(0.01, self.wait, self))
      assert.is_true(lives(self.pid))
      assert.same({ code = 0 }, self:wait())
    end)
  end)

  it("kill reaches the process, and tells when that has exited", function()
    run(function()
      local self <close> = process.spawn(sh("sleep 50 & echo $!; wait", { stderr = "null" }))
      local grandchild = tonumber(self.stdout:read("l"))
      assert.is_true(self:kill())
      assert.same({ signal = "TERM" }, self:wait())
      assert.is_true(lives(grandchild))
      local sent, err, code = self:kill("KILL")
      assert.is_nil(sent)
      assert.equal("ESRCH", err.code)
      assert.equal("ESRCH", code)
      assert.is_true(self:close()) -- ends what is left of the group
      assert.is_false(lives(grandchild))
    end)
  end)

  it("is reaped also where nobody waits", function()
    run(function()
      local before = children()
      local self <close> = process.spawn { "true" }
      eventually(function() return children() == before end)
      assert.same({ code = 0 }, self:wait())
    end)
  end)

  it("PRC-07 leaving the block ends it, reaps it and closes its pipes", function()
    run(function()
      local before = children()
      local kept
      do
        local self <close> = process.spawn { "sleep", "100", stdin = "pipe" }
        kept = self
      end
      assert.is_false(lives(kept.pid))
      assert.equal(before, children())
      assert.is_false(kept:close())
      assert.same({ signal = "TERM" }, kept:wait())
      assert.equal("ECLOSED", select(3, kept.stdout:read("a")))
      assert.equal("ECLOSED", select(3, kept.stdin:write("x")))
      assert.equal("ESRCH", select(3, kept:kill()))
    end)
  end)

  it("PRC-07 so does cancelling the block", function()
    run(function()
      local kept
      local in_time = xio.move_on_after(0.05, function()
        local self <close> = process.spawn { "sleep", "100" }
        kept = self
        self.stdout:read("a")
      end)
      assert.is_false(in_time)
      assert.is_false(lives(kept.pid))
      assert.same({ signal = "TERM" }, kept:wait())
    end)
  end)

  it("PRC-10 leaving the block while it is blocked on a full pipe", function()
    run(function()
      local took = support.elapsed(function()
        local self <close> = process.spawn { "cat", "/dev/zero" }
        assert.equal(10, #self.stdout:read(10))
      end)
      assert.is_true(took < 3)
    end)
  end)

  it("close in one task wakes those who wait in others", function()
    run(function()
      local self = process.spawn { "sleep", "100" }
      local waiting = xio.spawn(function() return self:wait() end)
      local reading = xio.spawn(function() return select(3, self.stderr:read("a")) or "end" end)
      xio.sleep(0.02)
      self:close()
      assert.same({ signal = "TERM" }, waiting:await())
      assert.is_true(({ ECLOSED = true, ["end"] = true })[reading:await()])
    end)
  end)

  it("is ended with the run that it was left in", function()
    local left = run(function() return process.spawn { "sleep", "100" } end)
    assert.is_false(lives(left.pid))
    assert.is_true(left:close())
    assert.is_false(left:close())
  end)

  it("collected, it is killed with a warning", function()
    local out, status = child.run [[
      warn "@on"
      xio.run(function()
        local pid = xio.process.spawn({ "sleep", "100", stdout = "null", stderr = "null" }).pid
        xio.sleep(0)
        collectgarbage()
        collectgarbage()
        while io.open("/proc/" .. pid .. "/stat") do xio.sleep(0.01) end
        print "gone"
      end)
    ]]
    assert.equal(0, status, out)
    support.mentions(out, "warning", "process", "not been closed", "gone")
  end)

  it("C9 a second signal does not wait for the grace", function()
    local out, status = child.run [[
      local began = os.time()
      local ok, err = pcall(xio.run, { signals = true, grace = 60 }, function()
        local mute <close> = xio.process.spawn { "sh", "-c",
          "trap '' TERM; echo ready; while :; do sleep 0.01; done" }
        mute.stdout:read("l")
        xio.spawn(function()
          kill "INT"
          xio.shield(xio.sleep, 0.05)
          kill "INT"
        end)
        mute:wait()
      end)
      print(ok, xio.is_interrupted(err), os.time() - began < 10)
    ]]
    assert.equal(0, status, out)
    assert.equal("false\ttrue\ttrue\n", out)
  end)

  it("a thousand leave no zombie and no descriptor", function()
    run(function()
      captured "true"
      local before = support.census()
      local list = {}
      for i = 1, 1000 do list[i] = i end
      local codes = xio.map(list, function(i)
        return process.run({ "sh", "-c", "exit " .. i % 7, capture = i % 2 == 0 }).code
      end, { limit = 40 })
      for i = 1, 1000 do assert.equal(i % 7, codes[i]) end
      assert.equal(before.children, children())
      support.check_exit(before)
    end)
  end)

  it("does not keep a run from ending in a deadlock error", function()
    local err = support.catch(run, function()
      local self <close> = process.spawn { "sleep", "100" }
      assert(self.pid)
      xio.event():wait()
    end)
    assert.equal("EDEADLK", err.code)
  end)
end)

describe("misuse of xio.process", function()
  local function refused(opts, ...)
    local words = { ... }
    run(function()
      for _, name in ipairs { "run", "spawn" } do
        support.misuse(function() process[name](opts) end, "xio.process." .. name,
          table.unpack(words))
      end
    end)
  end

  it("E5 is told before anything starts", function()
    refused(nil, "#1", "table", "nil")
    refused({}, "program")
    refused({ "" }, "empty")
    refused({ "a", {} }, "argument 1", "string", "table")
    refused({ [2] = "a" }, "program", "nil")
    refused({ true }, "program", "boolean")
    refused({ "tr\0ue" }, "program", "NUL")
    refused({ "true", "a\0b" }, "argument 1", "NUL")
    refused({ "true", colour = "red" }, "unknown option", "colour")
  end)

  it("E5 names the option", function()
    refused({ "true", cwd = {} }, "cwd", "string", "table")
    refused({ "true", cwd = "a\0b" }, "cwd", "NUL")
    refused({ "true", env = "A=b" }, "env", "table", "string")
    refused({ "true", env = { ["A=b"] = "c" } }, "env")
    refused({ "true", env = { "A=b" } }, "env")
    refused({ "true", env = { A = "b\0" } }, "env.A", "NUL")
    refused({ "true", env = { A = true } }, "env.A", "string", "boolean")
    refused({ "true", grace = "long" }, "grace", "number")
    refused({ "true", grace = -1 }, "grace")
    refused({ "true", grace = 0 / 0 }, "grace")
    refused({ "true", group = 1 }, "group", "boolean")
    refused({ "true", on_cancel = 1 }, "on_cancel", "function")
    refused({ "true", stdin = true }, "stdin")
    refused({ "true", stdout = "nowhere" }, "stdout", "nowhere")
    refused({ "true", stdout = -1 }, "stdout")
    refused({ "true", stderr = {} }, "stderr")
    refused({ "true", fds = { [1] = 2 } }, "fds", "3")
    refused({ "true", fds = { [3] = "x" } }, "fds[3]")
    refused({ "true", fds = { [64] = 1 } }, "fds", "63")
    local closed = io.tmpfile()
    closed:close()
    refused({ "true", stdin = closed }, "stdin", "closed")
  end)

  it("PRC-15 two options that contradict each other are both named", function()
    run(function()
      local function both(opts, one, other)
        opts[1] = "true"
        support.misuse(function() process.run(opts) end, one, other)
      end
      both({ capture = true, stdout = "null" }, "capture", "stdout")
      both({ capture = true, stderr = "inherit" }, "capture", "stderr")
      both({ capture = "stderr", stderr = "stdout" }, "capture", "stderr")
      both({ input = "x", stdin = "inherit" }, "input", "stdin")
      both({ stdin = "pipe" }, "stdin", "spawn")
      both({ stdout = "pipe" }, "stdout", "capture")
      both({ capture = "both" }, "capture", "boolean")
      both({ timeout = "soon" }, "timeout", "number")
      both({ check = 1 }, "check", "boolean")
    end)
  end)

  it("E5 of its methods", function()
    run(function()
      local self <close> = process.spawn { "sleep", "100" }
      support.misuse(function() self:kill("SIGTERM") end, "process:kill", "SIGTERM")
      support.misuse(function() self:kill(15) end, "process:kill", "number")
      support.misuse(function() self.wait({}) end, "process:wait", "xio.Process")
      support.misuse(function() self:wait("long") end, "process:wait", "string")
    end)
  end)

  if not support.in_task() then
    it("E5 outside of a run", function()
      support.misuse(function() process.run "true" end, "xio.process.run", "not inside xio.run")
      support.misuse(function() process.spawn "true" end, "xio.process.spawn",
        "not inside xio.run")
    end)
  end

  it("E5 a process belongs to its run", function()
    run(function()
      local self <close> = process.spawn { "sleep", "100" }
      support.misuse(function() run(function() self:wait() end) end, "process:wait",
        "another run")
    end)
  end)
end)
