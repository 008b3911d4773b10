-- xio.process: run and spawn. Processes live in real time, so it passes here; each spec
-- takes some milliseconds of it.

local lfs = require "lfs"
local support = require "spec.support"
local child = require "spec.support.child"
local xio = require "xio"

local it = support.it(it)
local process = xio.process

-- Runs `f` on the real clock.
local function run(f, ...)
  return xio.run({ signals = false }, f, ...)
end

-- Waits until `f()` is true, for three seconds at the most.
local function eventually(f)
  for _ = 1, 300 do
    local value = f()
    if value then return value end
    xio.sleep(0.01)
  end
  error("it did not happen in three seconds", 2)
end

-- Whether a process of that number lives; a zombie does not.
local function lives(pid)
  local file = io.open(("/proc/%d/stat"):format(pid))
  local stat = file and file:read("a")
  if file then file:close() end
  return stat ~= nil and not stat:match("^.*%) [ZX]")
end

local function children()
  local file = assert(io.open("/proc/thread-self/children"))
  local text = file:read("a")
  file:close()
  return select(2, text:gsub("%d+", ""))
end

local function sh(script, options)
  local all = { "sh", "-c", script }
  for key, value in pairs(options or {}) do all[key] = value end
  return all
end

local function captured(script, options)
  local all = sh(script, options)
  all.capture = true
  return assert(process.run(all))
end

describe("process.run", function()
  it("PRC-01 gives the exit code and what was written", function()
    run(function()
      local result
      local took = support.elapsed(function() result = captured "sleep 0.1 && echo Hi" end)
      assert.same({ code = 0, stdout = "Hi\n", stderr = "" }, result)
      assert.is_true(took >= 0.1)
    end)
  end)

  it("takes a program alone as a string, and leaves its output alone", function()
    run(function()
      assert.same({ code = 0 }, process.run "true")
      assert.same({ code = 1 }, process.run { "false" })
    end)
  end)

  it("passes arguments as they are", function()
    run(function()
      local result = process.run { "printf", "%s|", "a b", "", "$HOME", "'\"", 7, capture = true }
      assert.equal("a b||$HOME|'\"|7|", result.stdout)
    end)
  end)

  it("PRC-03 a bad exit is a result, or an error with the result where it is checked", function()
    run(function()
      local script = "echo out; echo why >&2; exit 3"
      assert.same({ code = 3, stdout = "out\n", stderr = "why\n" }, captured(script))
      local result, err, code = process.run(sh(script, { capture = true, check = true }))
      assert.is_nil(result)
      assert.equal("EXIT", code)
      assert.equal("EXIT", err.code)
      assert.same({ code = 3, stdout = "out\n", stderr = "why\n" }, err.result)
      assert.equal("run sh: exit code 3: why", tostring(err))
      assert.same({ code = 0 }, process.run { "true", check = true })
    end)
  end)

  it("PRC-04 tells the signal that ended it by its name, and no code then", function()
    run(function()
      assert.same({ signal = "KILL" }, process.run(sh "kill -9 $$"))
      assert.same({ signal = "USR1" }, process.run(sh "kill -USR1 $$"))
      local result, err, code = process.run(sh("kill -TERM $$", { check = true }))
      assert.is_nil(result)
      assert.equal("SIGNAL", code)
      assert.same({ signal = "TERM" }, err.result)
    end)
  end)

  it("captures one of the outputs, or both in one", function()
    run(function()
      local script = "echo out; echo err >&2"
      local result = process.run(sh(script, { capture = "stdout", stderr = "null" }))
      assert.same({ code = 0, stdout = "out\n" }, result)
      result = process.run(sh(script, { capture = "stderr", stdout = "null" }))
      assert.same({ code = 0, stderr = "err\n" }, result)
      result = process.run(sh(script, { capture = true, stderr = "stdout" }))
      assert.same({ code = 0, stdout = "out\nerr\n" }, result)
    end)
  end)

  it("drains both outputs, however much it is", function()
    run(function()
      local result = captured "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero; echo end"
      assert.equal(300000, #result.stderr)
      assert.equal(300004, #result.stdout)
    end)
  end)

  it("writes what it is given while it reads", function()
    run(function()
      local text = ("0123456789abcdef"):rep(20000)
      assert.equal(text, process.run({ "cat", stdin = text, capture = true }).stdout)
      assert.equal("null", process.run({ "cat", input = "null", capture = true }).stdout)
      assert.equal("", process.run({ "cat", capture = true }).stdout)
    end)
  end)

  it("does not mind a program that does not read", function()
    run(function()
      local text = ("x"):rep(1000000)
      assert.same({ code = 0 }, process.run { "true", stdin = text })
      assert.same({ code = 0, stdout = "x", stderr = "" },
        process.run { "head", "-c", "1", stdin = text, capture = true })
    end)
  end)

  it("reads from a stream that has no descriptor", function()
    run(function()
      local a, b = xio.testing.pair()
      xio.spawn(function()
        a:write("from afar")
        a:close()
      end)
      assert.equal("from afar", process.run({ "cat", stdin = b, capture = true }).stdout)
      b:close()
    end)
  end)

  it("reads from and writes to files of io and numbers", function()
    run(function()
      local path = os.tmpname()
      local file = assert(io.open(path, "w+"))
      file:write("before\n")
      assert(process.run { "echo", "inside", stdout = file })
      file:seek("set")
      assert.equal("before\ninside\n", process.run({ "cat", stdin = file, capture = true }).stdout)
      file:close()
      os.remove(path)
      assert.same({ code = 0, stdout = "x\n" },
        process.run(sh("exec 3>&1 >&2; sh -c 'echo x >&3'; echo y", { capture = "stdout",
          stderr = "null" })))
    end)
  end)

  it("PRC-14 honours env, cwd and further descriptors", function()
    run(function()
      local path = os.tmpname()
      local file = assert(io.open(path, "w"))
      local script = "echo $XIO_A $XIO_B ${HOME-none}; pwd; echo three >&3"
      local result = captured(script, { cwd = "/usr", fds = { [3] = file },
        env = { XIO_A = "a b", XIO_B = 2, HOME = false } })
      file:close()
      assert.equal("a b 2 none\n/usr\n", result.stdout)
      assert.equal("three\n", assert(io.open(path)):read("a"))
      collectgarbage()
      os.remove(path)
      assert.equal(os.getenv "HOME" or "", captured("printf %s \"$HOME\"").stdout)
    end)
  end)

  it("finds the program in the PATH that it is given", function()
    run(function()
      local _, err = process.run { "ls", env = { PATH = "/nowhere" } }
      assert.equal("ENOENT", err.code)
      assert.same({ code = 0 }, process.run { "true", env = { PATH = "/nowhere:/bin:/usr/bin" } })
      assert.same({ code = 0 }, process.run { "./true", cwd = "/usr/bin" })
    end)
  end)

  it("PRC-14 begins with no descriptor of ours, in a session of its own", function()
    run(function()
      local leaky = assert(io.open("/dev/null")) -- io opens without O_CLOEXEC
      local names = captured("ls /proc/self/fd").stdout
      leaky:close()
      assert.equal("0\n1\n2\n3\n", names) -- 3 is the directory that ls reads
      local own = captured("echo $$ $(ps -o sid= -o pgid= -p $$)").stdout
      local pid, sid, pgid = own:match("^(%d+) +(%d+) +(%d+)")
      assert.equal(pid, sid)
      assert.equal(pid, pgid)
      local shared = captured("echo $$ $(ps -o pgid= -p $$)", { group = false }).stdout
      pid, pgid = shared:match("^(%d+) +(%d+)")
      assert.not_equal(pid, pgid)
    end)
  end)

  it("PRC-13 a program that cannot be started is an error value, and leaves nothing", function()
    run(function()
      captured "true" -- what the run makes for its first process stays
      local before = support.census()
      local function refused(path, opts)
        local result, err, code = process.run(opts)
        assert.is_nil(result)
        assert.equal(path, err.path)
        assert.equal(code, err.code)
        support.mentions(tostring(err), path, code)
        return code
      end
      for _ = 1, 20 do
        assert.equal("ENOENT", refused("no-such-program", { "no-such-program", capture = true }))
        assert.equal("ENOENT", refused("/no/such", { "/no/such", stdin = "text" }))
        assert.equal("EACCES", refused("/etc/passwd", { "/etc/passwd", capture = true }))
        assert.equal("EACCES", refused("/etc", { "/etc" }))
        assert.equal("ENOENT", refused("/no/where", { "true", cwd = "/no/where" }))
        assert.equal("ENOTDIR", refused("/etc/passwd", { "true", cwd = "/etc/passwd" }))
      end
      support.check_exit(before)
      assert.equal(before.children, children())
    end)
  end)

  it("a timeout ends the group and tells what there was", function()
    run(function()
      local result, err, code
      local took = support.elapsed(function()
        result, err, code = process.run(sh("echo part; sleep 100 & wait",
          { capture = true, timeout = 0.1 }))
      end)
      assert.is_nil(result)
      assert.equal("ETIMEDOUT", code)
      assert.is_true(xio.is_timeout(err))
      assert.same({ signal = "TERM", stdout = "part\n", stderr = "" }, err.result)
      assert.is_true(took >= 0.1 and took < 3)
    end)
  end)

  it("KILL comes after the grace to one that does not obey", function()
    run(function()
      local script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
      local _, err
      local took = support.elapsed(function()
        _, err = process.run(sh(script, { capture = true, timeout = 0.2, grace = 0.1 }))
      end)
      assert.equal("KILL", err.result.signal)
      assert.is_true(took >= 0.3 and took < 3)
    end)
  end)

  it("what it leaves in the background lives on after a normal end", function()
    run(function()
      local pid = tonumber(captured("sleep 50 >/dev/null 2>&1 & echo $!").stdout)
      assert.is_true(lives(pid))
      assert(process.run { "kill", pid })
      eventually(function() return not lives(pid) end)
    end)
  end)

  it("waits for captured output that somebody in the background still writes", function()
    run(function()
      assert.equal("now\nlater\n", captured("(sleep 0.1; echo later) & echo now").stdout)
    end)
  end)

  it("time stands still on a virtual clock meanwhile", function()
    support.run(function()
      assert.equal(0, support.elapsed(process.run, { "sleep", "0.05", timeout = 0.001 }))
      assert.equal("done\n", captured("sleep 0.05; echo done").stdout)
    end)
  end)
end)

describe("cancelling process.run", function()
  -- Starts `script` in a task, cancels it once `ready` lines were written, and gives the
  -- numbers on those lines.
  local function cancelled(script, ready, options)
    local path = os.tmpname()
    local scope = xio.new_scope()
    local task = xio.spawn(function()
      return scope:run(process.run, sh("exec 2>/dev/null >" .. path .. "; " .. script, options))
    end)
    local numbers = eventually(function()
      local list = {}
      for line in io.lines(path) do list[#list + 1] = tonumber(line) end
      return #list >= ready and list
    end)
    local took = support.elapsed(function()
      scope:cancel("enough")
      assert.is_false(task:await())
    end)
    os.remove(path)
    return numbers, took
  end

  it("PRC-16 ends the whole group", function()
    run(function()
      local pids, took = cancelled("sleep 100 & echo $!; echo $$; wait", 2)
      assert.is_true(took < 3)
      assert.is_false(lives(pids[1]))
      assert.is_false(lives(pids[2]))
    end)
  end)

  it("PRC-16 ends also those who do not obey, after the grace", function()
    run(function()
      local stubborn = "sh -c \"trap '' TERM; echo \\$\\$; sleep 100; sleep 100\""
      local script = stubborn .. " & echo $$; wait"
      local pids, took = cancelled(script, 2, { grace = 0.1 })
      assert.is_true(took >= 0.1 and took < 3)
      assert.is_false(lives(pids[1]))
      assert.is_false(lives(pids[2]))
    end)
  end)

  it("PRC-16 gives those time who need it to obey", function()
    run(function()
      local path = os.tmpname()
      local tidy = "sh -c \"trap 'sleep 0.1; echo tidy >" .. path .. "; exit' TERM; " ..
        "echo \\$\\$; while :; do sleep 0.01; done\""
      local script = tidy .. " & echo $$; wait"
      cancelled(script, 2)
      local file = assert(io.open(path))
      assert.equal("tidy\n", file:read("a"))
      file:close()
      os.remove(path)
    end)
  end)

  it("a stopped process is ended, too", function()
    run(function()
      local pids, took = cancelled("echo $$; kill -STOP $$", 1)
      assert.is_true(took < 3)
      assert.is_false(lives(pids[1]))
    end)
  end)

  it("with group = false it ends the process alone", function()
    run(function()
      local script = "sleep 50 & echo $!; echo $$; wait"
      local pids = cancelled(script, 2, { group = false })
      assert.is_false(lives(pids[2]))
      assert.is_true(lives(pids[1]))
      assert(process.run { "kill", pids[1] })
      eventually(function() return not lives(pids[1]) end)
    end)
  end)

  it("in a cancelled task nothing is started", function()
    run(function()
      local path = os.tmpname()
      os.remove(path)
      local scope = xio.new_scope()
      scope:cancel()
      assert.is_false(scope:run(process.run, { "touch", path }))
      assert.is_nil(lfs.attributes(path))
    end)
  end)

  it("PRC-06 on_cancel is called in its place; then the exit is waited for", function()
    run(function()
      local log, seen = support.recorder()
      local _, err = process.run(sh("trap 'exit 7' INT; while :; do sleep 0.01; done",
        { timeout = 0.1, on_cancel = function(self)
          log(self.pid ~= nil)
          xio.sleep(0.01)
          log(self:kill "INT")
        end }))
      assert.same({ true, true }, seen)
      assert.same({ code = 7 }, err.result)
    end)
  end)

  it("PRC-06 an error of on_cancel is raised, and the process is ended", function()
    run(function()
      local pid
      local err = support.catch(process.run, sh("sleep 100",
        { timeout = 0.05, on_cancel = function(self)
          pid = self.pid
          error("no way", 0)
        end }))
      assert.equal("no way", err)
      assert.is_false(lives(pid))
    end)
  end)

  it("output that somebody outside of the group holds does not keep it", function()
    run(function()
      local took = support.elapsed(function()
        local _, err = process.run(sh("setsid sleep 3 & echo $!; sleep 100",
          { capture = true, timeout = 0.1 }))
        assert(process.run { "kill", (err.result.stdout:gsub("%s", "")), stderr = "null" })
      end)
      assert.is_true(took < 2.5)
    end)
  end)
end)

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
