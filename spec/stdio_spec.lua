-- Standard input and output of a process, whatever they are: pipe, file, null, terminal. Each
-- script runs in a process of its own, under the interpreter that runs the specs; real time
-- passes here.

local support = require "spec.support"
local child = require "spec.support.child"
local pipe = require "spec.support.pipe"

local it = support.it(it)

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- Runs `script` in a task of a child whose command line is `how` with "%s" for the child:
-- redirections, pipes. Returns what the whole command wrote, and its status.
local function shell(how, script)
  local path = pipe.path()
  local file = assert(io.open(path, "w"))
  file:write("local xio = require 'xio'; xio.main(function() ", script, "\nend)")
  file:close()
  local command = quote(child.interpreter()) .. " " .. quote(path)
  -- a pipe for the standard error of the shell, and its own remarks, are not wanted
  local run = assert(io.popen(
    "exec 2>/dev/null; " .. how:gsub("%%s", function() return "timeout 20 " .. command end)
      .. "; echo status $?"))
  local text = run:read("a")
  run:close()
  os.remove(path)
  local out, status = text:match("^(.*)status (%d+)\n$")
  return out, tonumber(status)
end

local COPY = [[
  for bytes in function() return xio.read(io.stdin, 1000) end do
    assert(xio.writeall(io.stdout, bytes))
  end
]]

describe("standard input and output", function()
  it("are pipes", function()
    local out, status = shell("seq 20000 | %s | cksum", COPY)
    assert.same({ (shell("seq 20000 | cksum; true", "")), 0 }, { out, status })
  end)

  it("are files", function()
    local from, to = pipe.path(), pipe.path()
    shell("seq 20000 > " .. from .. "; true", "")
    local out, status = shell("%s < " .. from .. " > " .. to
      .. "; echo $?; cmp " .. from .. " " .. to, COPY)
    assert.same({ "0\n", 0 }, { out, status })
    os.remove(from)
    os.remove(to)
  end)

  it("are /dev/null", function()
    local out, status = shell("%s < /dev/null", [[
      assert(xio.read(io.stdin) == nil)
      local null = assert(io.open("/dev/null", "w"))
      assert(xio.writeall(null, ("x"):rep(1000000)) == null)
      assert(xio.writeall(io.stdout, "well\n"))
    ]])
    assert.same({ "well\n", 0 }, { out, status })
  end)

  it("are read while other tasks run", function()
    local out, status = shell("(echo one; sleep 0.1; echo two) | %s", [[
      local ticks = 0
      xio.group(function(g)
        g:spawn({ daemon = true }, function()
          while true do
            xio.sleep(0.005)
            ticks = ticks + 1
          end
        end)
        for bytes in function() return xio.read(io.stdin) end do
          assert(xio.writeall(io.stdout, bytes))
        end
      end)
      assert(ticks >= 5, ticks)
    ]])
    assert.same({ "one\ntwo\n", 0 }, { out, status })
  end)

  it("keep the order of print, io.write and xio.writeall", function()
    local out = shell("%s | cat", [[
      print("1")
      xio.writeall(io.stdout, "2\n")
      io.write("3\n")
      xio.write(io.stdout, "4\n")
      print("5")
    ]])
    assert.equal("1\n2\n3\n4\n5\n", out)
  end)

  it("tell of a reader that is gone, and no SIGPIPE ends the process", function()
    local path = pipe.path()
    local out = shell("%s | true; cat " .. path, ([[
      local total, value, err, code, done = 0
      repeat
        value, err, code, done = xio.writeall(io.stdout, ("x"):rep(100000))
      until value == nil
      io.open(%q, "w"):write(code, " ", err.op, " ", math.type(done), "\n"):close()
    ]]):format(path))
    assert.equal("EPIPE write integer\n", out)
    os.remove(path)
  end)

  it("leave SIGPIPE to other writes as it was", function()
    local _, status = shell("(%s; echo $? >&3) 3>&1 | true", [[
      xio.sleep(0.05)
      xio.writeall(io.stdout, "x")
      io.popen("kill -PIPE $PPID"):close()
      xio.sleep(5)
    ]])
    assert.equal(0, status)
    local out = shell("(%s; echo $? >&3) 3>&1 >&- | cat", [[
      io.popen("kill -PIPE $PPID"):close()
      xio.sleep(5)
    ]])
    assert.equal("141\n", out)
  end)

  it("are shared with other processes, whose writes still wait", function()
    -- head would fail with EAGAIN where O_NONBLOCK had been left on the pipe
    local out, status = shell(
      "{ %s; head -c 200000 /dev/zero; } | { sleep 0.1; wc -c; }",
      [[ xio.writeall(io.stdout, ("x"):rep(70000)) ]])
    assert.same({ "270000\n", 0 }, { (out:gsub(" ", "")), status })
  end)
end)

describe("a terminal", function()
  local has_script = os.execute("script --version >/dev/null 2>&1")
  local test = has_script and it or pending

  --- Runs `script` with a terminal as its three standard files; `keys` is a shell command
  -- whose output is typed.
  local function terminal(keys, script)
    local path = pipe.path()
    local file = assert(io.open(path, "w"))
    file:write("local xio = require 'xio'; xio.main(function() ", script, "\nend)")
    file:close()
    local command = quote(child.interpreter()) .. " " .. quote(path)
    local all = "( %s ) | timeout 20 script -qec %s /dev/null 2>&1; echo status $?"
    local run = assert(io.popen(all:format(keys, quote(command))))
    local text = run:read("a"):gsub("\r", "")
    run:close()
    os.remove(path)
    local out, status = text:match("^(.*)status (%d+)\n$")
    return out, tonumber(status)
  end

  test("is read by lines while other tasks run, and ends with Ctrl-D", function()
    local out, status = terminal("sleep 0.1; echo Ada; sleep 0.1; printf '\\004'; sleep 0.2", [[
      local ticks = 0
      xio.group(function(g)
        g:spawn({ daemon = true }, function()
          while true do
            xio.sleep(0.005)
            ticks = ticks + 1
          end
        end)
        xio.writeall(io.stdout, "name? ")
        local name = xio.read(io.stdin)
        xio.writeall(io.stdout, "hello " .. name)
        assert(xio.read(io.stdin) == nil)
      end)
      assert(ticks >= 5, ticks)
      print("end")
    ]])
    assert.equal(0, status, out)
    support.mentions(out, "name? ", "hello Ada\n", "end\n")
  end)

  test("takes long texts in order, and its flags stay as they were", function()
    local out, status = terminal("sleep 1", [[
      local text = {}
      for i = 1, 5000 do text[i] = ("%05d"):format(i) end
      text = table.concat(text, " ")
      assert(xio.writeall(io.stdout, text .. "\n") == io.stdout)
      local info = assert(io.open("/proc/self/fdinfo/1")):read("a")
      print("nonblocking", tonumber(info:match("flags:%s*(%d+)"), 8) & 2048)
    ]])
    assert.equal(0, status)
    local n, from = 0, out:find("00001", 1, true)
    for word in out:sub(from):gmatch("%f[%d]%d%d%d%d%d%f[%D]") do
      n = n + 1
      assert.equal(n, tonumber(word))
    end
    assert.equal(5000, n)
    support.mentions(out, "nonblocking\t0\n")
  end)
end)
