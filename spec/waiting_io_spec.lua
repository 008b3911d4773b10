-- io.read, io.lines, io.popen and os.execute in the interpreter: they wait as tasks, and give
-- exactly what the stock functions give.

local interpreter = require "spec.support.interpreter"
local support = require "spec.support"

local it = support.it(it)
local quote = interpreter.quote

-- The outputs and the status of `script` under lua5.4, xio and xio --stock-io, which must be
-- the same; `stdin` is a shell command whose output is the standard input.
local function agree(script, stdin, folder_files)
  local results = {}
  for i, command in ipairs { '"$LUA"', '"$XIO"', '"$XIO" --stock-io' } do
    interpreter.in_folder(folder_files or {}, function(folder)
      local text = ("cat >script.lua <<'END_OF_SCRIPT'\n%s\nEND_OF_SCRIPT\n%s %s script.lua")
        :format(script, stdin and "{ " .. stdin .. "; } |" or "", command)
      local out, err, status = interpreter.shell(folder, text)
      err = err:gsub("^[^\n:]*: ", "PROGRAM: "):gsub("\nstack traceback:.*", "\n")
      out = out:gsub("0x%x+", "ADDRESS")
      results[i] = { out = out, err = err, status = status }
    end)
  end
  assert.same(results[1], results[2])
  assert.same(results[1], results[3])
  return results[1].out
end

-- Prints what a call gives, bytes made visible.
local SHOW = [[
local function show(...)
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = string.format(
    type((select(i, ...))) == "string" and "%q" or "%s", (select(i, ...))) end
  print(#parts, (table.concat(parts, " "):gsub("\\\n", "\\n")))
end
]]

describe("reading in the interpreter", function()
  it("gives what lua5.4 gives, for all formats, however the bytes come", function()
    agree(SHOW .. [[
      show(io.read())
      show(io.read("l", "L", "n", "n"))
      show(io.read("*l", "*L", 3, 0))
      show(io.stdin:read("n"))
      show(io.stdin:read("l"))
      show(io.stdin:read(0, 1, 5, "a", "a", 0, "l"))
      show(io.read("a"))
      show(io.read("l"))
      show(io.read("n"))
      show(io.read(0))
      show(io.read(1))]],
      "printf one; sleep 0.05; printf 'tw'; sleep 0.03; printf 'o\\nthree\\nfour\\n 0x1';"
        .. " sleep 0.03; printf '1 -2.5e1x\\n\\nL\\nabcdef 12'; sleep 0.03;"
        .. " printf '3junk\\nrest\\nof it'")
  end)

  it("reads numerals as lua5.4 does", function()
    local numerals = { "0", "12", "+3", "-4", "0x", "0xg", "0x1p4", "0x.8", ".5", "5.", ".", "1e",
      "1e+", "1e5x", "-", "+-1", "nan", "inf", "1_000", "00012", "0b1", "1e5.5",
      "9223372036854775808",
      ("1"):rep(199), ("1"):rep(200), ("1"):rep(201), ("0"):rep(199) .. ".5", "\\0", "1\\0002" }
    agree(SHOW .. ("for i = 1, %d do show(io.read('n')) show(io.read('l')) end")
      :format(#numerals), "printf '%b\\n' '" .. table.concat(numerals, "' '") .. "'")
  end)

  it("reads as lua5.4 does where single bytes come", function()
    agree(SHOW .. [[
      io.stdin:setvbuf("no")
      show(io.read("n", "l", 2, "L", "a"))]],
      "for c in ' ' 4 2 . 5 e 1 x y '\\n' a b c '\\n' d e; do printf \"$c\"; sleep 0.002; done")
  end)

  it("reads random formats from random bytes as lua5.4 does", function()
    math.randomseed(4711)
    local pick = math.random
    local pieces = { "a", "\\n", " ", "1", "0x", ".", "-", "e", "longer words", "\\000", "9",
      "\\n\\n" }
    for _ = 1, 6 do
      local stdin, script = {}, { SHOW }
      for i = 1, 60 do
        stdin[i] = "printf '" .. pieces[pick(#pieces)] .. "'"
          .. (pick(12) == 1 and "; sleep 0.002" or "")
      end
      local formats = { '"l"', '"L"', '"n"', "0", "1", "3", '"*n"',
        '"l", "n"', '"n", "L"', "2, 0, 1" }
      for i = 2, 40 do script[i] = ("show(io.read(%s))"):format(formats[pick(#formats)]) end
      script[#script + 1] = 'show(io.read("a"))'
      agree(table.concat(script, "\n"), table.concat(stdin, "; "))
    end
  end)

  it("iterates over lines as lua5.4 does", function()
    agree(SHOW .. [[
      for line in io.lines() do show(line) if line == "3" then break end end
      for a, b in io.stdin:lines("n", "L") do show(a, b) end
      show(io.read("a"))
      for line in io.lines() do show("none", line) end
      print(pcall(io.stdin:lines("x")))
      print(pcall(io.lines, nil, "y"))
      for chunk in io.popen("printf abcdefg"):lines(3) do show(chunk) end
      local file = io.popen("echo 1; echo 2")
      local iterator = file:lines()
      show(iterator())
      file:close()
      print(pcall(iterator))
      for line in io.lines("/dev/stdin") do show(line) end
      print(select("#", io.lines("/dev/null")), select("#", file.lines(io.stdin)))]],
      "for i in 1 2 3; do echo $i; sleep 0.01; done; echo 4 x; echo 5 y; sleep 0.01; echo z")
  end)

  it("raises the errors of lua5.4", function()
    agree [[
      local function try(...) print(pcall(...)) end
      try(io.read, "x")
      try(io.read, {})
      try(io.read, "l", true)
      try(io.stdin.read, 1)
      try(io.stdin.read)
      try(function() io.stdin:read("q") end)
      try(function() io.stdin:read(1, "") end)
      try(function() io.read(1.5) end)
      try(io.stdin.lines, "x")
      try(io.lines, "/none/such")
      try(io.lines, {})
      try(io.close, 5)
      local file = io.popen("true")
      print(file:close())
      try(file.read, file)
      try(file.close, file)
      try(file.lines, file)
      print(io.type(file), tostring(file))
      print(io.popen("true", "w"):read())
      try(io.popen)
      try(io.popen, "true", "rw")
      try(io.popen, "true", "x")
      try(os.execute, {})
      io.input(io.popen("echo hello"))
      print(io.read("L", "L"))
      print(io.close(io.input()))
      try(io.read)
      local directory = io.open("/")
      print(directory:read(1))]]
  end)

  it("names itself in errors as lua5.4 does", function()
    agree("io.read('x')", "echo y")
    agree("io.stdin:read('x')", "echo y")
    agree("local f = io.popen('echo x') f:read('l', 'z')")
    agree("io.popen('x', 'y')")
    agree("for l in io.stdin:lines('x') do end", "echo y")
  end)

  it("takes no more from the input than lua5.4", function()
    agree([[io.stdin:setvbuf("no") print(io.read()) os.execute("cat")]],
      "printf 'one\\ntwo\\nthree'")
    agree([[print(io.read(1)) print(io.read("a"))]], "printf 'one\\ntwo\\nthree'")
  end)

  it("shows a prompt without end of line on a terminal before it waits", function()
    local out = interpreter.in_folder({ ["script.lua"] = "io.write('name? ') print(io.read())" },
      function(folder)
        return (interpreter.shell(folder,
          [[{ sleep 0.3; cat seen >between; echo me; sleep 0.2; } |
            script -qefc "$XIO script.lua" seen >/dev/null; cat between]]))
      end)
    support.mentions(out, "name? ")
  end)

  it("waits: other tasks run meanwhile", function()
    local script = [[
      local xio = require "xio"
      local ticks = 0
      xio.spawn({ daemon = true }, function()
        while true do xio.sleep(0.005) ticks = ticks + 1 end
      end)
      local function ticked(what)
        print(what, ticks >= 1)
        ticks = 0
      end
      print(io.read())
      ticked "line"
      print(io.read("n"))
      ticked "number"
      for line in io.lines() do print(line) end
      ticked "lines"
      local file = io.popen("sleep 0.1; echo out; sleep 0.1; exit 2")
      print(file:read("a"))
      ticked "popen"
      print(file:close())
      print(os.execute("sleep 0.1; exit 3"))
      ticked "execute"
      local file = io.popen("sleep 0.1; exit 4")
      print(file:close())
      ticked "close"
      do local _file <close> = io.popen("sleep 0.1") end
      ticked "<close>"]]
    local stdin = "sleep 0.6; echo one; sleep 0.1; echo 2; sleep 0.1; echo three"
    local out, err, status = interpreter.run(script, { stdin = stdin })
    assert.equal("", err)
    assert.equal(0, status)
    assert.equal(("one\nline\ttrue\n2\nnumber\ttrue\n\nthree\nlines\ttrue\nout\n\npopen\ttrue\n"
      .. "nil\texit\t2\nnil\texit\t3\nexecute\ttrue\nnil\texit\t4\nclose\ttrue\n"
      .. "<close>\ttrue\n"), out)
    out = interpreter.run(script, { stdin = stdin, options = "--stock-io" })
    support.mentions(out, "line\tfalse\n", "lines\tfalse\n", "popen\tfalse\n", "execute\tfalse\n",
      "<close>\tfalse\n")
  end)

  it("reads on without waiting where it cannot wait", function()
    local out, err = interpreter.run([[
      local xio = require "xio"
      print(xio.atomic(io.read))
      print(setmetatable({}, { __tostring = function() return io.read() end }))
      print(xio.atomic(os.execute, "exit 5"))
      print(xio.atomic(function() return io.popen("echo x; exit 6"):read("l") end))]],
      { stdin = "sleep 0.05; echo one; sleep 0.05; echo two" })
    assert.equal("", err)
    assert.equal("one\ntwo\nnil\texit\t5\nx\n", out)
  end)
end)

describe("reading that is cancelled", function()
  it("loses nothing", function()
    local out, err = interpreter.run([[
      local xio = require "xio"
      for _, format in ipairs { "l", "a", "L", 50 } do
        print(xio.move_on_after(0.03, function() return io.read("L", format) end))
      end
      print(io.read("a"))]],
      { stdin = "printf 'first\\nsec'; sleep 0.02; printf ond; sleep 1.5; echo ' end'" })
    assert.equal("", err)
    local line = "false\tcancelled (deadline)\n"
    assert.equal(line:rep(4) .. "first\nsecond end\n\n", out)
  end)

  it("is woken where the file is closed meanwhile", function()
    local out, err = interpreter.run [[
      local xio = require "xio"
      local file = io.popen("sleep 0.2")
      local task = xio.spawn(function() return file:read() end)
      xio.sleep(0.02)
      file:close()
      print(task:await())]]
    assert.equal("", err)
    assert.equal("nil\tBad file descriptor\t9\n", out)
  end)

  it("refuses a second reader", function()
    local _, err, status = interpreter.run([[
      local xio = require "xio"
      xio.spawn(io.read)
      xio.checkpoint()
      xio.sleep(0.01)
      io.read()]], { stdin = "sleep 0.3" })
    assert.equal(1, status)
    support.mentions(err, "script.lua:5: read: another task is waiting to read from this file")
  end)

  it("ends a command by SIGTERM, and tells of it", function()
    local out, err = interpreter.run [[
      local xio = require "xio"
      local began = xio.now()
      print(xio.move_on_after(0.03, function()
        print(os.execute("sleep 9"))
        xio.checkpoint()
      end))
      local file = io.popen("sleep 9", "w")
      print(xio.move_on_after(0.03, function()
        print(file:close())
        xio.checkpoint()
      end))
      print(xio.now() - began < 4)]]
    assert.equal("", err)
    local line = "nil\tsignal\t15\nfalse\tcancelled (deadline)\n"
    assert.equal(line .. line .. "true\n", out)
  end)

  it("ends one that ignores that by SIGKILL after the grace", function()
    local out, err = interpreter.run [[
      local xio = require "xio"
      print(xio.run({ grace = 0.05, signals = false }, function()
        xio.move_on_after(0.6, function()
          print(os.execute("trap '' TERM; while :; do sleep 0.05; done"))
        end)
        return "over"
      end))]]
    assert.equal("", err)
    assert.equal("nil\tsignal\t9\nover\n", out)
  end)
end)

describe("commands in the interpreter", function()
  it("give what they give under lua5.4", function()
    agree [[
      print(os.execute())
      print(os.execute("exit 0"))
      print(os.execute("exit 7"))
      print(os.execute("kill -KILL $$"))
      print(os.execute("echo to stdout; echo to stderr >&2"))
      print(os.execute("no_such_command_here 2>/dev/null"))
      print(os.execute(12))
      print(io.popen("exit 3"):close())
      print(io.popen("kill -TERM $$"):close())
      io.write("before ")
      local file = io.popen("cat", "w")
      file:write("through cat\n")
      print(file:close())
      print(io.popen("printf 'a\\nb'"):read("a"))
      io.popen("sleep 0.05; echo collected"):read()
]]
  end)

  it("have what io.open has opened", function()
    local out = interpreter.run [[
      local function count() return io.popen("ls /proc/self/fd | wc -l"):read("n") end
      local before = count()
      local kept = io.open("script.lua")
      print(count() - before, io.type(kept))]]
    assert.equal("1\tfile\n", out)
  end)

  it("that are still running at the end are waited for, as under lua5.4", function()
    agree([[local file = io.popen("cat; sleep 0.1; echo over", "w") file:write("last words\n")]])
    agree([[io.popen("sleep 0.1; echo over >&2", "w")]])
  end)

  it("end with the state in the middle of waiting", function()
    for _, call in ipairs { "os.execute('sleep 9')", "io.popen('sleep 9'):close()", "io.read()",
      "io.popen('sleep 0.2'):read()" } do
      local _, err, status = interpreter.run(
        "local xio = require 'xio' xio.spawn(function() " .. call .. " end)"
          .. " xio.sleep(0.03) os.exit(5, true)", { stdin = "sleep 0.3" })
      assert.equal("", err)
      assert.equal(5, status, quote(call))
    end
  end)
end)
