-- xio.process.run: to the end of a program, its output, its time, and cancelling it. Processes
-- live in real time; each spec takes some milliseconds of it.

local lfs = require "lfs"
local support = require "spec.support"
local processes = require "spec.support.processes"
local xio = require "xio"

local it = support.it(it)
local process = xio.process
local eventually, lives, children = processes.eventually, processes.lives, processes.children
local sh, captured, run = processes.sh, processes.captured, processes.run

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
