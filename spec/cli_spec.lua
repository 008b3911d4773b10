-- The interpreter, from outside: its command line against that of lua5.4, and what it adds.

local lfs = require "lfs"
local support = require "spec.support"

local it = support.it(it)

local function absolute(path)
  return path:sub(1, 1) == "/" and path or lfs.currentdir() .. "/" .. path
end

local XIO = absolute((os.getenv("XIO_BUILD_DIR") or "build/dev") .. "/xio")
local LUA = "lua5.4"

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function write_file(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

local function read_file(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

-- The files that command lines below name.
local FILES = {
  ["args.lua"] = "print(...) print(#arg, arg[0], arg[1], arg[-1] ~= nil)",
  ["fails.lua"] = "#!/usr/bin/env xio\nlocal function f()\n  error('top')\nend\nf()",
  ["broken.lua"] = "x = = 1",
  ["init.lua"] = "print('from init')",
  ["mod.lua"] = "return { name = ... }",
  ["closes.lua"] = [[
    local _a <close> = setmetatable({}, { __close = function(_, e) print("closed", e) end })
    os.exit(tonumber(arg[1]) or arg[1] == "true", true)]],
}

-- Calls `body` in a folder of its own that has FILES; it gets the folder's path.
local function in_folder(body)
  local folder = os.tmpname()
  os.remove(folder)
  assert(lfs.mkdir(folder))
  local _clean <close> = support.closing(function()
    os.execute("rm -rf " .. quote(folder))
  end)
  for name, text in pairs(FILES) do write_file(folder .. "/" .. name, text) end
  return body(folder)
end

local BARE = "env -u LUA_INIT -u LUA_INIT_5_4 -u LUA_PATH -u LUA_PATH_5_4 -u LUA_CPATH"
  .. " -u LUA_CPATH_5_4 "

-- Runs `program` with the shell words `words` and the text `input`. Returns both outputs and
-- the status (128 + n after signal n). opts: `env` (shell words), `folder`.
local function execute(program, words, input, opts)
  opts = opts or {}
  local function go(folder)
    write_file(folder .. "/input", input or "")
    local command = ("exec %s %s <input >out 2>err"):format(quote(program), words)
    local pipe = assert(io.popen(
      -- the shell's own remarks ("Terminated") are not the program's output
      ("cd %s; exec 2>/dev/null; %s %s timeout 20 sh -c %s; echo $?"):format(
        quote(folder), BARE, opts.env or "", quote(command))))
    local status = tonumber(pipe:read("a"))
    pipe:close()
    return read_file(folder .. "/out"), read_file(folder .. "/err"), status
  end
  if opts.folder then return go(opts.folder) end
  return in_folder(go)
end

local function xio(...)
  return execute(XIO, ...)
end

-- What both interpreters must agree on: output, status, and the message without the trace,
-- with the program's name and addresses made equal.
local function summary(program, ...)
  local out, err, status = execute(program, ...)
  local name = program:gsub("%p", "%%%0")
  local function equalize(text)
    return (text:gsub(name, "PROGRAM"):gsub("0x%x+", "ADDRESS"))
  end
  err = err:gsub("\nstack traceback:\n.*$", "\n")
  err = err:gsub("\n  %-%-%w[^\n]*", "")
  return { out = equalize(out), err = equalize(err), status = status }
end

local function agree(words, input, env)
  local opts = { env = env }
  assert.same(summary(LUA, words, input, opts), summary(XIO, words, input, opts))
end

describe("the interpreter xio, as lua,", function()
  it("runs a script with its arguments", function()
    agree "args.lua"
    agree "args.lua 1 'two words' -x"
    agree "-- args.lua 1"
    agree "-e 'arg = { 5, 6 }' args.lua 1"
    agree "-e 'arg = nil' args.lua 1"
    agree "-e 'arg = {} for i = 1, 3000 do arg[i] = i end' args.lua"
    agree "missing.lua"
    agree "-- -missing.lua"
    agree "broken.lua"
    agree "fails.lua"
  end)

  it("executes -e and -l in their order", function()
    agree "-e 'print(1)' -e 'print(2)' args.lua 3"
    agree "-eprint\\(1\\)"
    agree "-e 'a = 1' -l mod -e 'print(mod.name, a)'"
    agree "-lmod -e 'print(mod.name)'"
    agree "-l g=mod -e 'print(g.name, mod)'"
    agree "-e 'print(#arg, arg[0] ~= nil, arg[1])'"
    agree "-e 'x ='"
    agree "-e 'print(1)' -e 'error(\"no\")' -e 'print(2)'"
  end)

  it("tells where it looked for a missing module", function()
    local _, err, status = xio "-l missing"
    assert.equal(1, status)
    support.mentions(err, "xio: module 'missing' not found:\n\tno field package.preload")
  end)

  it("reads a program from standard input", function()
    agree("", "print('stdin', ...)")
    agree("-", "print('stdin', ...)")
    agree("- a b", "print('stdin', ..., arg[0], arg[2])")
    agree("--", "print('stdin', ...)")
    agree("-l mod", "print(mod.name)")
    agree("-", "error('no')")
    agree("-e 'print(1)'", "print('not read')")
    agree("-- -", "print('not read')")
  end)

  it("warns with -W and @on", function()
    agree "-W -e 'warn(\"a\", \"b\")'"
    agree "-e 'warn(\"a\")'"
    agree "-e 'warn(\"@on\")' -e 'warn(\"a\")' -e 'warn(\"@off\") warn(\"b\")'"
  end)

  it("obeys LUA_INIT, and -E", function()
    agree("-e 'print(1)'", "", "LUA_INIT='print(0)'")
    agree("-e 'print(1)'", "", "LUA_INIT='print(0)' LUA_INIT_5_4='print(54)'")
    agree("-e 'print(1)'", "", "LUA_INIT=@init.lua")
    agree("-e 'print(1)'", "", "LUA_INIT=@missing.lua")
    agree("-e 'print(1)'", "", "LUA_INIT='x y'")
    agree("-e 'print(1)'", "", "LUA_INIT='error(\"q\")'")
    agree("-E -e 'print(1)'", "", "LUA_INIT='print(0)'")
  end)

  it("obeys LUA_PATH and LUA_CPATH", function()
    agree("-e 'print(package.path)'", "", "LUA_PATH=x")
    agree("-e 'print(package.path)'", "", "LUA_PATH=x LUA_PATH_5_4=y")
    agree("-e 'print(package.cpath)'", "", "LUA_CPATH=x")
    local out = xio("-e 'print(package.path)'", "", { env = "'LUA_PATH=x;;'" })
    assert.equal("x;", out:sub(1, 2))
    out = xio("-E -e 'print(package.path)'", "", { env = "LUA_PATH=only" })
    assert.is_nil(out:find("only", 1, true))
  end)

  it("refuses what is no option", function()
    for _, words in ipairs {
      "-h", "-e", "-l", "-e -x", "-l -x", "---", "--he", "-Ex", "-vv", "-iv", "-W1", "-e 1 -z",
    } do agree(words) end
  end)

  it("shows its version and goes on", function()
    local out = xio "-v -e 'print(1)'"
    assert.is_truthy(out:find("^xio %S+, libuv %S+, Lua 5%.4%S* .*PUC%-Rio\n1\n$"), out)
    out = xio("-v", "print('not read')")
    assert.is_truthy(out:find("^xio [^\n]+\n$"), out)
  end)

  it("ends with the code given to os.exit", function()
    agree "-e 'os.exit()'"
    agree "-e 'os.exit(false)'"
    agree "-e 'os.exit(5)'"
    agree "-e 'io.write(\"flushed\") os.exit(true)'"
    agree "-e 'os.exit(\"x\")'"
    agree "closes.lua 3"
    agree "closes.lua true"
    agree "closes.lua false"
    agree "-e 'local _x <close> = setmetatable({}, { __close = print }) os.exit(2)'"
    agree "-e 'coroutine.wrap(function() os.exit(7, true) end)()'"
    agree "-e 'setmetatable({}, { __gc = function() print(1) end }) os.exit(0, true)'"
  end)

  it("reports errors of any kind, and exits 1", function()
    agree "-e 'error(\"text\")'"
    agree "-e 'error(\"text\", 0)'"
    agree "-e 'error(42)'"
    agree "-e 'error({})'"
    agree "-e 'error(print)'"
    agree "-e 'local t = nil; t.x = 1'"
    local thrown = "setmetatable({}, { __tostring = function() return \"my error\" end })"
    local _, err, status = xio("-e 'error(" .. thrown .. ")'")
    assert.equal(1, status)
    support.mentions(err, XIO .. ": my error\n")
  end)

  it("shows a trace without frames of its own", function()
    local _, err = xio "fails.lua"
    assert.is_truthy(err:find("^[^\n]*: fails.lua:3: top\nstack traceback:\n"), err)
    support.mentions(err, "fails.lua:5: in main chunk")
    assert.is_nil(err:find("[xio]", 1, true), err)
  end)

  it("names functions in argument errors by their global names", function()
    agree "-e 'print(pcall(string.gsub, \"a\", {}, 5))'"
    agree "-e 'print(pcall(table.sort, 5))'"
    agree "-e 'print(pcall(require))'"
    agree "-e 'table.sort({ 1, 2, 3 }, table.sort)'"
    agree "-e 'string.gsub(\"s\", \"s\", setmetatable)'"
    agree "-e 'local x = (\"x\"):gsub(\"y\") print(x)'"
  end)
end)

describe("the interpreter xio", function()
  it("helps and tells its version", function()
    local out, err, status = xio "--help"
    assert.equal(0, status)
    assert.equal("", err)
    support.mentions(out, "usage: ", "-e stat", "-l g=mod", "--version")
    out, err, status = xio "-e 'print(1)' --version"
    assert.equal(0, status)
    assert.equal("", err)
    assert.is_truthy(out:find("^xio %S+, libuv %S+, Lua 5%.4%S* .*PUC%-Rio\n$"), out)
  end)

  it("has the same options in its help, manual page, completions and documentation", function()
    local function options_in(text, pattern)
      local found = {}
      for option in text:gmatch(pattern) do found[option] = true end
      local list = {}
      for option in pairs(found) do list[#list + 1] = option end
      table.sort(list)
      return table.concat(list, " ")
    end
    local help = options_in((xio "--help"), "\n  (%-%-?%a[%a%-]*)")
    assert.equal("--help --stock-io --trace --version --watchdog -E -W -e -i -l -v", help)
    local page = read_file("man/xio.1"):match("%.SH OPTIONS(.-)%.PP"):gsub("\\%-", "-")
    assert.equal(help, options_in(page, "\n%.BI? (%-%-?%a[%a%-]*)"))
    local bash = read_file("completions/xio.bash"):match("compgen %-W \"(.-)\"")
    assert.equal(help, options_in(" " .. bash, "%s(%-%-?%a[%a%-]*)"))
    local zsh = read_file("completions/_xio")
    assert.equal(help, options_in(zsh, "[ *)'](%-%-?%a[%a%-]*)=?%["))
    local documented = read_file("docs/interpreter.md"):match("\n## Options\n(.-)\n## ")
    assert.equal(help, options_in(documented, "`(%-%-?%a[%a%-]*)"))
  end)

  it("runs everything inside one main task, which may wait", function()
    local out, err, status = xio("-l xio -e 'task = xio.current() xio.sleep(0) print(1)' -", [[
      xio.spawn(function() xio.sleep(0.01) print(4) end)
      xio.checkpoint()
      print(2, task == xio.current())
      xio.sleep(0)
      print(3)]], { env = "LUA_INIT='require \"xio\".checkpoint() print(0)'" })
    assert.equal("", err)
    assert.equal(0, status)
    assert.equal("0\n1\n2\ttrue\n3\n4\n", out)
  end)

  it("waits in require, table.sort and string.gsub", function()
    local out, err = xio("-", [[
      local xio = require "xio"
      package.preload.slow = function() xio.sleep(0) return "slow" end
      local list = { 3, 1, 2 }
      table.sort(list, function(a, b) xio.sleep(0) return a < b end)
      print(table.concat(list), (("ab"):gsub(".", function(c)
        xio.sleep(0)
        return c:upper()
      end)), require "slow")]])
    assert.equal("", err)
    assert.equal("123\tAB\tslow\t:preload:\n", out)
  end)

  it("has its modules inside", function()
    local out, err = xio("-e 'print(require(\"xio\") == require(\"xio\"))'", "",
      { env = "LUA_PATH= LUA_CPATH=" })
    assert.equal("", err)
    assert.equal("true\n", out)
  end)

  it("looks for modules beside itself", function()
    in_folder(function(folder)
      local share = folder .. "/share/lua/5.4"
      os.execute(("mkdir -p %s %s && ln %s %s || cp %s %s"):format(
        quote(folder .. "/bin"), quote(share), quote(XIO), quote(folder .. "/bin/xio"),
        quote(XIO), quote(folder .. "/bin/xio")))
      write_file(share .. "/beside.lua", "return 'found'")
      local out, err = execute(folder .. "/bin/xio", "-e 'print((require \"beside\"))'", "",
        { folder = folder })
      assert.equal("", err)
      assert.equal("found\n", out)
      out = execute(folder .. "/bin/xio", "-e 'print(package.cpath)'", "", { folder = folder })
      support.mentions(out, folder .. "/lib/lua/5.4/?.so")
    end)
  end)

  it("E2 reports an error of a task with where it was spawned", function()
    local _, err, status = xio("-", [[
      local xio = require "xio"
      local function work() error("in the task") end
      xio.group(function(g) g:spawn(work) end)]])
    assert.equal(1, status)
    support.mentions(err, "xio: stdin:2: in the task\n", "stack traceback:\n",
      "spawned at stdin:3\n")
    assert.is_nil(err:find("[xio]", 1, true), err)
  end)

  it("E6 exits 13 after a deadlock", function()
    local _, err, status = xio "-l xio -e 'xio.sleep_forever()'"
    assert.equal(13, status)
    support.mentions(err, "xio: deadlock", "sleep_forever at (command line):1")
  end)

  it("C9 ends by the signal that interrupted it, after the cleanup", function()
    for name, status in pairs { INT = 130, TERM = 143 } do
      local out, err, got = xio(("- %s"):format(name), [[
        local xio = require "xio"
        local _cleanup <close> = setmetatable({}, {
          __close = function() xio.shield(xio.sleep, 0.01) print("clean") end,
        })
        xio.spawn(function() io.popen("kill -" .. arg[1] .. " $PPID"):close() end)
        xio.sleep(10)
        print("not reached")]], { env = "env --default-signal=INT,TERM" })
      assert.equal("clean\n", out)
      assert.equal("", err)
      assert.equal(status, got)
    end
  end)

  it("lets os.exit end the process from any task", function()
    local out, err, status = xio("-", [[
      local xio = require "xio"
      local _main <close> = setmetatable({}, { __close = function() print("main closed") end })
      xio.spawn(function()
        xio.sleep(0)
        io.write("bye\n")
        os.exit(9, true)
      end)
      xio.sleep(10)]])
    assert.equal("", err)
    assert.equal("bye\nmain closed\n", out)
    assert.equal(9, status)
    out, err, status = xio("-l xio -e 'xio.group(function(g) g:spawn(os.exit, 4) end)'")
    assert.equal("", out .. err)
    assert.equal(4, status)
  end)
end)

describe("the prompt of xio", function()
  -- What a session prints, without the line of the version.
  local function session(input, words)
    local out, err, status = xio("-i " .. (words or ""), input)
    return out:gsub("^xio [^\n]*\n", ""), err, status
  end

  it("prints the values of expressions, and runs statements", function()
    local out, err, status = session("1 + 1\nx = 5\n=x\nnil, nil\n'a' .. x\n\nlocal y = 1\ny\n")
    assert.equal("> 2\n> > 5\n> nil\tnil\n> a5\n> > > nil\n> \n", out)
    assert.equal("", err)
    assert.equal(0, status)
  end)

  it("reads on until the chunk is complete", function()
    local out = session("f = function()\nreturn [[a\nb]]\nend\nf()\nprint(1 +\n2)\n")
    assert.equal("> >> >> >> > a\nb\n> >> 3\n> \n", out)
  end)

  it("reports errors and goes on", function()
    local out, err, status = session("error('one')\n)(\nerror({})\nlocal t = nil; t()\n7\n")
    assert.equal(0, status)
    support.mentions(err, "stdin:1: one\nstack traceback:\n", "stdin:1: unexpected symbol near ')'",
      "(error object is a table value)", "attempt to call a nil value (local 't')")
    assert.is_nil(err:find("[xio]", 1, true), err)
    assert.equal("> > > > > 7\n> \n", out)
  end)

  it("reports an unfinished chunk at the end of the input", function()
    local out, err = session("x =")
    assert.equal("> >> > \n", out)
    support.mentions(err, "stdin:1: unexpected symbol near <eof>")
  end)

  it("uses _PROMPT and _PROMPT2, and print", function()
    local out = session("_PROMPT = 'a '\n_PROMPT2 = setmetatable({}, { __tostring = function() "
      .. "return 'b ' end })\nx =\n1\nprint = function(...) io.write('<', ..., '>\\n') end\nx\n")
    assert.equal("> a a b a a <1>\na \n", out)
    local _, err = session("print = nil\n1\n")
    support.mentions(err, "error calling 'print' (attempt to call a nil value")
  end)

  it("follows the script, and leaves chunks the rest of the input", function()
    local out = session("io.read()\nhello\nmod.name\n", "-l mod -e 'print(1)' args.lua x")
    assert.equal("1\nx\n1\targs.lua\tx\ttrue\n> hello\n> mod\n> \n", out)
  end)

  it("waits: background tasks run while it reads", function()
    in_folder(function(folder)
      write_file(folder .. "/input", "")
      local script = [[
        { echo 'xio = require "xio"'
          echo 'xio.spawn(function() for i = 1, 3 do xio.sleep(0.01) print("tick", i) end end)'
          sleep 0.3
          echo 'print("after")'
        } | ]] .. quote(XIO) .. " -i"
      local pipe = assert(io.popen("cd " .. quote(folder) .. "; " .. script))
      local out = pipe:read("a")
      pipe:close()
      local first, last = out:find("tick\t3", 1, true), out:find("after", 1, true)
      assert.is_truthy(first and last and first < last, out)
    end)
  end)

  it("survives the error of a task in the background, and a deadlock", function()
    local out, err, status = session([[
xio = require "xio"
kept = xio.spawn(function() error("behind") end)
xio.sleep(1)
kept:status()
xio.sleep_forever()
_PROMPT = ""
7
]])
    assert.equal(0, status)
    support.mentions(err, "stdin:1: behind\nstack traceback:\n", "deadlock")
    assert.is_nil(err:find("xio: ", 1, true), err)
    assert.equal("> > > > > failed\n> > 7\n\n", out)
  end)

  it("ends with an error of its own", function()
    local _, err, status = session("_PROMPT = setmetatable({}, { __tostring = "
      .. "function() error('no prompt', 0) end })\n")
    assert.equal(1, status)
    support.mentions(err, "xio: no prompt\n")
  end)

  it("ends, with the tasks that still run, at the end of the input", function()
    local out, err, status = session([[
xio = require "xio"
closing = setmetatable({}, { __close = function() print "over" end })
function linger() local _closing <close> = closing; xio.sleep(100) end
task = xio.spawn(linger)
xio.checkpoint()
]])
    assert.equal("", err)
    assert.equal(0, status)
    assert.equal("> > > > > > \nover\n", out)
  end)

  it("opens by itself on a terminal", function()
    in_folder(function(folder)
      local command = ("cd %s; { sleep 0.2; echo '40 + 2'; sleep 0.2; } | script -qec %s /dev/null")
        :format(quote(folder), quote(XIO))
      local pipe = assert(io.popen(command))
      local out = pipe:read("a")
      pipe:close()
      support.mentions(out, "xio ", "> ", "42")
    end)
  end)
end)
