-- The prompt of the interpreter in a terminal: editing, history, completion, Ctrl-C, tasks in
-- the background. Sessions on a pipe are in cli_spec.lua.

local interpreter = require "spec.support.interpreter"
local support = require "spec.support"

local it = support.it(it)

-- Types a session as csrc/test/terminal/pty.c says. opts: `env` (shell words), `options`, `files`,
-- `home` (a folder; else a new one), `after` (gets the folder). Returns what was written.
local function session(script, opts)
  opts = opts or {}
  local files = { session = script, ["run.lua"] = opts.script }
  for name, text in pairs(opts.files or {}) do files[name] = text end
  return interpreter.in_folder(files, function(folder)
    local out, err, status = interpreter.shell(folder, ([[
      HOME=${HOME_OF_SESSION:-$PWD}; export HOME; unset XDG_STATE_HOME XIO_HISTORY
      TERM=vt100 %s "${XIO%%/*}/test/pty" "$XIO" %s <session]]):format(opts.env or "",
      opts.options or ""))
    if status ~= 0 then error(err .. out, 0) end
    if opts.after then opts.after(folder) end
    return out
  end)
end

-- The prompt is there again; the end of the input.
local END = "s return 'e' .. 'nd'\\n\nw \\nend\\r\\n> \ns \\x04\ne 0\n"

describe("the prompt in a terminal", function()
  it("evaluates, and shows results with what is in them", function()
    session([[
w Lua 5.4
w >\x20
s 1 + 1\n
w \n2\r\n>\x20
s "text", nil, 2.5\n
w text	nil	2.5\r\n
s { 1, { "a\\nb", k = true }, x = { y = {} }, [2.5] = print == nil }\n
w { 1, { "a\\nb", k = true }, [2.5] = false, x = { y = {} } }\r\n
s t = {} t.t = t return t\n
w { t = <table: 0x
w , as above> }\r\n
s setmetatable({}, { __tostring = function() return "shown" end })\n
w \nshown\r\n
s setmetatable({ v = 1 }, { __index = error, __len = error, __pairs = error })\n
w { v = 1 }\r\n
s local list = {} for i = 1, 100 do list[i] = i end return list\n
w 60, ... (40 more)\r\n
s old = print print = function(v) io.write("<", v, ">\\n") end\n
s 7\n
w <7>\r\n
s print = old\n
]] .. END)
  end)

  it("waits at the prompt while background tasks run", function()
    session([[
w >\x20
s xio = require "xio"\n
w >\x20
s ticks = 0 task = xio.spawn(function() while true do xio.sleep(0.01) ticks = ticks + 1 end end)\n
w >\x20
s before = ticks xio.sleep(0.2) return ticks > before + 2\n
w \ntrue\r\n>\x20
s xio.spawn(function() xio.sleep(0.05) print("from " .. "behind") end) return nil\n
w >\x20
w from behind\r\n
s task:cancel() task:wait() return task:status()\n
w \ncancelled\r\n
]] .. END)
  end)

  it("keeps the session after errors, also of tasks in the background", function()
    session([[
w >\x20
s x = 5 error("top")\n
w stdin:1: top\r\nstack traceback:
w >\x20
s ) (\n
w unexpected symbol near
w >\x20
s require "xio".spawn(function() error("behind", 0) end)\n
w behind\r\n
w >\x20
s x\n
w \n5\r\n>\x20
]] .. END)
  end)

  it("reads on until a chunk is complete", function()
    session([==[
w >\x20
s function f(n)\n
w >>\x20
s return n * 2\n
w >>\x20
s end\n
w >\x20
s = f(21)\n
w \n42\r\n>\x20
s return [[a\n
w >>\x20
s b]] .. 'c'\n
w a\r\nbc\r\n
]==] .. END)
  end)

  it("cancels what waits at Ctrl-C, and keeps prompt, values and background", function()
    session([[
w >\x20
s xio = require "xio" v = 0 xio.spawn(function() while true do xio.sleep(0.01) v = v + 1 end end)\n
w >\x20
s xio.cleanup(function() print "started" end) xio.sleep(100) print "never"\n
w started\r\n
s \x03
w interrupted\r\n>\x20
n never
s local _ <close> = xio.defer(print, "cleaned") print "again" io.read() print "never"\n
w again\r\n
s \x03
w cleaned\r\n
w interrupted\r\n>\x20
s local old = v xio.sleep(0.1) return v > old\n
w \ntrue\r\n
]] .. END)
  end)

  it("stops a loop that does not wait at Ctrl-C", function()
    session([[
w >\x20
s print "spinning" while true do end\n
w spinning\r\n
s \x03
w interrupted\r\n>\x20
s print(pcall(function() print "more" while true do end end)) require "xio".checkpoint()\n
w more\r\n
s \x03
w false	cancelled (cancel): interrupted, by task 'main'\r\ninterrupted\r\n>\x20
s coroutine.wrap(function() print "inner" while true do end end)()\n
w inner\r\n
s \x03
w interrupted\r\n>\x20
s 40 + 2\n
w \n42\r\n
]] .. END)
  end)

  -- The listener is told of the first when the second has stopped code, too.
  it("lets two Ctrl-C that stopped code be over", function()
    for _, edit in ipairs { "0", "1" } do
      local out = session([[
w >\x20
s k = function() io.popen("kill -INT $PPID") while true do end end\n
w >\x20
s k()\nk()\n
w interrupted\r\n
w interrupted\r\n>\x20
s 40 + 2\n
w \n42\r\n>\x20
]] .. END, { env = "XIO_EDIT=" .. edit })
      assert.is_nil(out:find(">%s+>"), out)
    end
  end)

  it("stops a task in the background that does not wait at the second Ctrl-C", function()
    session([[
w >\x20
s require "xio".spawn(function() print "in a loop" while true do end end) return nil\n
w in a loop\r\n
s \x03
p 100
s \x03
w interrupted!
w >\x20
]] .. END)
  end)

  it("drops the lines of an unfinished chunk at Ctrl-C", function()
    session([[
w >\x20
s for i = 1, 3 do\n
w >>\x20
s print(i)
w print(i)
s \x03
w \n>\x20
s 1 + 1\n
w \n2\r\n>\x20
s print("half
w half
s \x03
w \n>\x20
s 2 + 2\n
w \n4\r\n
]] .. END)
  end)

  it("edits the line", function()
    session([[
w >\x20
s 12\e[D\e[D3\x05 + 1\x01\x0b200 + 2\n
w \n202\r\n
]] .. END)
  end)

  it("has a history, which is kept between sessions", function()
    local kept
    session([[
w >\x20
s first = 11\n
w >\x20
s first + 1\n
w \n12\r\n>\x20
s \x10\x10 + 8 return first\n
w \n19\r\n
s    \n
]] .. END, { after = function(folder)
      kept = interpreter.read_file(folder .. "/.local/state/xio/history")
      local pipe = io.popen("stat -c %a " .. folder .. "/.local/state/xio/history")
      assert.equal("600\n", pipe:read("a"))
      pipe:close()
    end })
    support.mentions(kept, "first")
    session([[
w >\x20
s \x10\x10\x10\n
w attempt to perform arithmetic on a nil value
]] .. END, { files = { history = kept }, env = "XIO_HISTORY=history" })
  end)

  it("keeps no history where that is turned off", function()
    session("w > \ns first = 11\\n\nw > \n" .. END, { env = "XIO_HISTORY=", after = function(folder)
      assert.is_nil(interpreter.read_file(folder .. "/.local/state/xio/history"))
    end })
    session("w > \ns first = 11\\n\nw > \n" .. END, { env = "XDG_STATE_HOME=$PWD/state",
      after = function(folder)
        support.mentions(interpreter.read_file(folder .. "/state/xio/history"), "first")
      end })
  end)

  it("completes names and fields, and runs nothing of the program for it", function()
    session([[
w >\x20
s stri\t
w ng
s .form\t("%03d", 5)\n
w \n005\r\n>\x20
s called = 0 function call() called = called + 1 end\n
w >\x20
s t = setmetatable({ alpha = {}, alphabet = 1 }, { __index = call })\n
w >\x20
s t.al\t
w pha
s \t
w alpha     alphabet
w t.alpha
s \x15
s t.missing.x\t\x15
s io.stdout:wr\t
w ite
s ("via method\\n")\n
w via method\r\n
s called\n
w \n0\r\n>\x20
s xio = require "xio"\n
w >\x20
s xio.sleep_f\t
w orever
s \x15
s xio.proc\t
w ess
s \x15
s xio.net == nil\n
w false\r\n>\x20
s zzz\t\x15
s ("x"):re\t\x15
s retu\t
w rn
s  8\n
w \n8\r\n
]] .. END)
  end)

  it("gives the terminal to chunks that read, and back", function()
    session([[
w >\x20
s print "type" return io.read("n", "l")\n
w type\r\n
s 12 apples\n
w \n12	 apples\r\n
s print "type" for line in io.lines() do print("<" .. line .. ">") break end\n
w type\r\n
s one\n
w <one>\r\n
s os.execute("echo type; read x; echo got $x")\n
w type\r\n
s it\n
w got it\r\ntrue	exit	0\r\n
s 5\n
w \n5\r\n
]] .. END)
  end)

  it("follows a script, and ends by os.exit, a signal, or the end of the terminal", function()
    session("w from script\\r\\n> \ns x\\n\nw \\n3\\r\\n\ns os.exit(4)\\n\ne 4\n",
      { options = "-i run.lua", script = "x = 3 print('from script')" })
    session("w > \ns io.popen('kill -TERM $PPID'):close() require 'xio'.sleep(5)\\n\ne 143\n")
  end)

  it("answers SIGQUIT, at the prompt and in a chunk", function()
    session([[
w >\x20
p 100
s \x1c
w SIGQUIT: main:\x20
w main\x1b[0m (
s 1 + 1\n
w \n2\r\n
]] .. END)
  end)

  it("reads plain lines where it cannot edit", function()
    session([[
w >\x20
s 1 + 1\n
w \n2\r\n>\x20
s print "waiting" require "xio".sleep(9)\n
w waiting\r\n
s \x03
w interrupted\r\n>\x20
s x =\n
w >>\x20
s \x03
w \n>\x20
s 2 + 2\n
w \n4\r\n>\x20
]] .. END, { env = "XIO_EDIT=0" })
  end)
end)

describe("completion at the prompt", function()
  local complete = dofile "lua/xio/complete.lua"

  it("goes on with names and fields", function()
    assert.same({ "ring", { "string" } }, { complete "x = st" })
    assert.same({ "erse", { "reverse" } }, { complete "string.rev" })
  end)

  it("leaves numbers alone", function()
    for _, line in ipairs { "1n", "x = 0xf", "1e", "0x1p", "3.e" } do
      assert.same({ "", {} }, { complete(line) }, line)
    end
  end)
end)
