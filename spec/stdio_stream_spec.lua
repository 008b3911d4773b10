-- xio.stdin, xio.stdout, xio.stderr, whatever they are: pipe, socket, file, null, terminal,
-- closed. Each script runs in a process of its own; real time passes here.

local support = require "spec.support"
local child = require "spec.support.child"
local pipe = require "spec.support.pipe"

local it = support.it(it)

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- Runs `script` in a task of a child whose command line is `how` with "%s" for the child.
-- Returns what the whole command wrote, and its status.
local function shell(how, script)
  local path = pipe.path()
  local file = assert(io.open(path, "w"))
  file:write("local xio = require 'xio'; xio.main(function() ", script, "\nend)")
  file:close()
  local command = "timeout --foreground 20 " .. quote(child.interpreter()) .. " " .. quote(path)
  local run = assert(io.popen("exec 2>/dev/null; "
    .. how:gsub("%%s", function() return command end) .. "; echo status $?"))
  local text = run:read("a")
  run:close()
  os.remove(path)
  local out, status = text:match("^(.*)status (%d+)\n$")
  return out, tonumber(status)
end

local function has(program)
  return (os.execute("command -v " .. program .. " >/dev/null 2>&1"))
end

local COPY = [[
  for bytes in function() return xio.stdin:recv(1000) end do assert(xio.stdout:write(bytes)) end
]]

local LINES = [[
  for line in xio.stdin:lines() do xio.stdout:write("<", line, ">") end
]]

describe("the standard streams", function()
  it("are pipes", function()
    assert.same({ "<1><2><3>", 0 }, { shell("seq 3 | %s", LINES) })
    local sum = shell("seq 100000 | cksum; true", "")
    assert.same({ sum, 0 }, { shell("seq 100000 | %s | cksum", COPY) })
  end)

  it("are files", function()
    local from, to = pipe.path(), pipe.path()
    shell("seq 20000 > " .. from .. "; true", "")
    assert.same({ "0\n", 0 }, { shell("%s < " .. from .. " > " .. to
      .. "; echo $?; cmp " .. from .. " " .. to, COPY) })
    assert.same({ "<1>", 0 }, { shell("%s < " .. from, [[
      xio.stdout:write("<", xio.stdin:read("l"), ">")
    ]]) })
    os.remove(from)
    os.remove(to)
  end)

  it("are /dev/null", function()
    assert.same({ "", 0 }, { shell("%s < /dev/null > /dev/null", [[
      assert(xio.stdin:recv() == nil and xio.stdin:read("a") == "")
      assert(xio.stdout:write(("x"):rep(1000000)) == xio.stdout)
    ]]) })
  end)

  it("are closed", function()
    assert.same({ "nil\n", 0 }, { shell("%s <&-", "print((xio.stdin:recv()))") })
    assert.same({ "", 0 }, { shell("%s >&-", "assert(xio.stdout:write('x') == xio.stdout)") })
    assert.same({ "", 0 }, { shell("%s <&- >&- 2>&-", "xio.sleep(0.001)") })
  end)

  it("are sockets", function()
    if not has "socat" then return pending("no socat") end
    assert.same({ "<a>", 0 }, { shell("echo a | socat - SYSTEM:\"" .. "%s" .. "\"", LINES) })
  end)

  it("write behind what the C library has buffered, completely, also at os.exit", function()
    local out, status = shell("%s | cat", [[
      io.write("1 ")
      xio.stdout:write("2 ")
      io.write("3 ")
      xio.stdout:write("4 ", ("x"):rep(300000))
      os.exit(3, true)
    ]])
    assert.equal("1 2 3 4 " .. ("x"):rep(300000), out)
    assert.equal(0, status) -- that of cat
  end)

  it("do not hold up other tasks, and can be given up", function()
    assert.same({ "timed out, then: late\n", 0 }, { shell("(sleep 0.2; echo late) | %s", [[
      assert(xio.move_on_after(0.02, xio.stdin.recv, xio.stdin) == false)
      io.write("timed out, then: ")
      print(xio.stdin:read("l"))
    ]]) })
    assert.same({ "full\n", 0 }, { shell("%s | (sleep 0.3; head -c 5)", [[
      xio.stderr:write("")
      io.stdout:setvbuf("no")
      io.write("full\n")
      assert(xio.move_on_after(0.05, xio.stdout.write, xio.stdout, ("x"):rep(1000000)) == false)
      assert(select(3, xio.stdout:write("more")) == "ECANCELED")
    ]]) })
  end)

  it("leave the flags of what they share alone", function()
    local flags = [[
      local function flags(number)
        local info = io.open("/proc/self/fdinfo/" .. number):read("a")
        return tonumber(info:match("flags:%s*(%d+)"), 8)
      end
      assert(flags(0) & 2048 == 0)
      assert(flags(1) & 2048 == 0)
    ]]
    assert.same({ "x", 0 }, { shell("echo x | %s | cat", [[
      xio.stdout:write(xio.stdin:read("l"))
    ]] .. flags) })
  end)

  it("serve several runs, one after the other and nested", function()
    assert.same({ "1 2 3 ", 0 }, { shell("printf '1\\n2\\n3\\n' | %s", [[
      local function step() xio.stdout:write(xio.stdin:read("l"), " ") end
      xio.run(step)
      xio.run(function() xio.run(step) step() end)
    ]]) })
  end)

  it("closing standard output shows at the other end", function()
    assert.same({ "2\n", 0 }, { shell("%s | (wc -c; true)", [[
      xio.stdout:write("x\n")
      assert(xio.stdout:close() and not xio.stdout:close())
      assert(select(3, xio.stdout:write("y")) == "ECLOSED")
      xio.sleep(0.01)
    ]]) })
  end)

  it("are terminals, which are left as they were found", function()
    if not has "script" then return pending("no script(1)") end
    local out = shell("script -qec \"stty -g; %s; stty -g\" /dev/null < /dev/null", [[
      xio.stdout:write("to the terminal\n")
      assert(xio.move_on_after(0.01, xio.stdin.recv, xio.stdin) ~= nil)
      error("left by an error")
    ]])
    local lines = {}
    for line in out:gmatch("[^\r\n]+") do lines[#lines + 1] = line end
    assert.is_truthy(out:find("to the terminal", 1, true))
    assert.is_truthy(lines[1]:find(":", 1, true))
    assert.equal(lines[1], lines[#lines])
  end)
end)
