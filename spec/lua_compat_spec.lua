-- The interpreter beside lua5.4: command lines, scripts, and programs that others wrote must give
-- the same output, messages and status.

-- luacheck: max line length 130
local interpreter = require "spec.support.interpreter"
local support = require "spec.support"

local it = support.it(it)

local FILES = {
  ["args.lua"] = "print(...) print(#arg, arg[0], arg[1], arg[-1] ~= nil)",
  ["fails.lua"] = "local function f() error('top') end\nf()",
  ["broken.lua"] = "x = = 1",
  ["shebang.lua"] = "#!/usr/bin/env lua\nprint('shebang', debug.getinfo(1, 'l').currentline)",
  ["empty.lua"] = "",
  ["mod.lua"] = "print('loading', ...) return { name = ... }",
  ["pkg/init.lua"] = nil,
  ["bad.lua"] = "error({ code = 2 })",
  ["init.lua"] = "print('init', arg and #arg)",
  ["returns.lua"] = "return 1, 2, 3",
}

-- What a shell line prints and how it ends, with both interpreters as $LUA; made equal.
local function run(folder, line, program)
  local out, err, status = interpreter.shell(folder, line, program)
  local function equalize(text)
    return (text:gsub((program:gsub("%p", "%%%0")), "PROGRAM"):gsub("0x%x+", "ADDRESS"))
  end
  err = err:gsub("\nstack traceback:\n[^\n]*%[C%]: in %?", "\n"):gsub("\n  %-%-%w[^\n]*", "")
  err = err:gsub("\nstack traceback:\n(\t[^\n]*\n)*", "\n"):gsub("\n\t[^\n]*: in [^\n]*", "")
  err = err:gsub("\nstack traceback:", ""):gsub("\nin task 'main'", "")
  local beside = interpreter.path:gsub("[^/]*/xio$", ""):gsub("%p", "%%%0")
  out = out:gsub("\n\tno file '" .. beside .. "[^\n]*", "")
  err = err:gsub("\n\tno file '" .. beside .. "[^\n]*", "")
  return { out = equalize(out), err = equalize(err), status = status }
end

local function agree(line)
  interpreter.in_folder(FILES, function(folder)
    assert.same(run(folder, line, "lua5.4"), run(folder, line, interpreter.path), line)
  end)
end

local function agree_on(lines)
  for line in lines:gmatch("[^\n]+") do
    if line:find("%S") then agree(line) end
  end
end

-- The same for scripts, given on standard input and as a file.
local function agree_on_scripts(scripts)
  for _, script in ipairs(scripts) do
    interpreter.in_folder({ ["script.lua"] = script }, function(folder)
      for _, line in ipairs { '"$LUA" script.lua one two', '"$LUA" - one <script.lua' } do
        assert.same(run(folder, line, "lua5.4"), run(folder, line, interpreter.path), script)
      end
    end)
  end
end

describe("xio, as lua5.4,", function()
  it("takes options in all their forms", function()
    agree_on [[
"$LUA" -e "print(1)"
"$LUA" -e"print(1)" -e 'print(2)'
"$LUA" -e 'print(...)'
"$LUA" -e 'print(arg[0] ~= nil, #arg)' -e 'x = 1'
"$LUA" -e '' args.lua a b
"$LUA" -e 'return 5'
"$LUA" -W -e 'warn("one")' -e 'warn("@off")' -e 'warn("two")'
"$LUA" -e 'warn("@on") warn("a", "b", "c")'
"$LUA" -e 'warn("@x") warn()'
"$LUA" -l mod
"$LUA" -lmod -e 'print(mod.name)'
"$LUA" -l m=mod -e 'print(m.name, mod)'
"$LUA" -lm=mod -e 'print(m.name)'
"$LUA" -l mod -l mod
"$LUA" -l broken
"$LUA" -l bad
"$LUA" -l mod= -e 'print(1)'
"$LUA" -E -e 'print(1)'
"$LUA" -EW -e 'print(1)'
"$LUA" -e
"$LUA" -l
"$LUA" -e -e
"$LUA" -x
"$LUA" -i5
"$LUA" -vx
"$LUA" --version2
"$LUA" -ex
"$LUA" args.lua
"$LUA" args.lua -e x -- -i
"$LUA" -- args.lua
"$LUA" -- args.lua --
"$LUA" - a b <args.lua
"$LUA" <args.lua
"$LUA" -- <args.lua
"$LUA" -- - <args.lua
"$LUA" empty.lua
"$LUA" returns.lua
"$LUA" shebang.lua
"$LUA" <shebang.lua
"$LUA" none.lua
"$LUA" ''
"$LUA" .
"$LUA" -e 'os.exit(3)' none.lua
"$LUA" -e 'arg = 1' args.lua
"$LUA" -i -e 'print(1)' </dev/null | tail -n +2
]]
  end)

  it("obeys the environment", function()
    agree_on [[
LUA_INIT='print("i")' "$LUA" -e 'print(1)'
LUA_INIT='print("i")' LUA_INIT_5_4='print("54")' "$LUA" -e 'print(1)'
LUA_INIT=@init.lua "$LUA" args.lua 1
LUA_INIT=@none.lua "$LUA" args.lua 1
LUA_INIT='=' "$LUA" args.lua
LUA_INIT='error("x", 0)' "$LUA" args.lua
LUA_INIT='error({})' "$LUA" args.lua
LUA_INIT='os.exit(4)' "$LUA" args.lua
LUA_INIT='print(...)' "$LUA" args.lua 1
LUA_INIT='print("i")' "$LUA" -E args.lua
LUA_PATH='./x/?.lua' "$LUA" -e 'print(package.path)'
LUA_PATH_5_4='./y/?.lua' LUA_PATH=z "$LUA" -e 'print(package.path)'
LUA_CPATH='c' "$LUA" -e 'print(package.cpath, package.config)'
LUA_PATH='./none/?.lua' "$LUA" -e 'print(pcall(require, "mod"))'
]]
  end)

  it("ends as it does", function()
    agree_on [[
"$LUA" -e 'os.exit()'
"$LUA" -e 'os.exit(true)'
"$LUA" -e 'os.exit(false)'
"$LUA" -e 'os.exit(255)'
"$LUA" -e 'os.exit(256)'
"$LUA" -e 'os.exit(-1)'
"$LUA" -e 'os.exit(2.0)'
"$LUA" -e 'os.exit(2.5)'
"$LUA" -e 'os.exit({})'
"$LUA" -e 'os.exit(1, true)'
"$LUA" -e 'io.write("no newline") os.exit(0)'
"$LUA" -e 'setmetatable({}, { __gc = function() print("gc") end })'
"$LUA" -e 'setmetatable({}, { __gc = function() print("gc") end }) error("x")'
"$LUA" -e 'setmetatable({}, { __gc = function() error("in gc") end })'
"$LUA" -W -e 'setmetatable({}, { __gc = function() error("in gc") end })'
"$LUA" -e 'coroutine.wrap(function() os.exit(3, true) end)()'
"$LUA" -e 'io.stdout:close() print(1)'
"$LUA" -e 'io.stderr:write("to stderr\n") io.stderr:close()'
"$LUA" -e 'print(1)' >/dev/full
]]
  end)

  it("reports errors", function()
    agree_on [[
"$LUA" fails.lua
"$LUA" broken.lua
"$LUA" bad.lua
"$LUA" -e 'error("text", 0)'
"$LUA" -e 'error("text", 2)'
"$LUA" -e 'error(5)'
"$LUA" -e 'error(5.5)'
"$LUA" -e 'error(true)'
"$LUA" -e 'error(setmetatable({}, { __tostring = function() return "mine" end }))'
"$LUA" -e 'error(setmetatable({}, { __name = "Named" }))'
"$LUA" -e 'error("multi\nline")'
"$LUA" -e 'error("a\0b")' | od -c
"$LUA" -e 'local a = {} a.b.c = 1'
"$LUA" -e 'print(nil .. "x")'
"$LUA" -e 'print(1 < "x")'
"$LUA" -e 'for i = 1, 10, 0 do end'
"$LUA" -e 'undefined()'
"$LUA" -e 'local t = setmetatable({}, { __index = function(t, k) error("no " .. k) end }) print(t.x)'
"$LUA" -e 'string.rep("x", -1, 5, {}) string.rep()'
"$LUA" -e '("x"):rep({})'
"$LUA" -e 'goto nowhere'
"$LUA" -e 'x ='
"$LUA" -e '"unfinished'
"$LUA" -e 'assert(false)'
"$LUA" -e 'assert(nil, "message")'
"$LUA" -e 'assert(false, { 1 })'
"$LUA" -e 'local function f() return f() + 1 end f()' 2>&1 | head -n 1
"$LUA" -e 'load("x =")()'
"$LUA" -e 'print(select("#", xpcall(error, function(m) return m, 1 end, "x")))'
"$LUA" -e 'dofile("none.lua")'
"$LUA" -e 'dofile("fails.lua")'
"$LUA" -e 'require("none")' 2>&1 | head -n 1
"$LUA" -e 'print(pcall(require, "bad"))'
]]
  end)

  it("runs scripts", function()
    agree_on_scripts {
      "print(...) for i = -1, #arg do print(i, i >= 0 and arg[i]) end",
      "print(select('#', ...), arg[0], #arg)",
      "local t = {} for i = 1, 10 do t[i] = (i * 7) % 10 end table.sort(t) print(table.concat(t, ' '))",
      "print(pcall(table.sort, { 3, 1, 2, 5, 4 }, function() return true end) ~= nil)",
      "print(('hello world'):gsub('o', { o = 0 }), ('abc'):gsub('%w', '%0%0'), ('x'):gsub('', '-'))",
      "print(pcall(string.gsub, 'x', '%'), pcall(string.gsub, 'x', '(', ''))",
      "print(('abc'):gsub('b', function(c) return nil end), ('abc'):gsub('.', string.upper, 2))",
      "local co = coroutine.create(function(a) local b = coroutine.yield(a + 1) error('e' .. b) end)"
        .. " print(coroutine.resume(co, 1)) print(coroutine.resume(co, 2)) print(coroutine.status(co))"
        .. " print(coroutine.resume(co)) print(coroutine.close(co))",
      "for v in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do print(v) end",
      "print(coroutine.isyieldable(coroutine.create(print)), select(2, coroutine.running()) ~= nil)",
      "local co = coroutine.wrap(function() local x <close> = setmetatable({}, { __close = function()"
        .. " print('closed') end }) coroutine.yield() end) co() print(pcall(co)) print(pcall(co))",
      "print(pcall(coroutine.resume, 5), pcall(coroutine.wrap, 5), pcall(coroutine.status))",
      "print(debug.traceback('m')) local n = 0 while debug.getinfo(n) do n = n + 1 end print(n)",
      "local ok, e = xpcall(function() local x = nil; x() end, function(m) return 'H:' .. m end) print(ok, e)",
      "print(math.type(1), math.type(1.0), 1 // 0.0, -1 // 0.0, 0/0 ~= 0/0, 7 // -2, 7 % -2, 2^53)",
      "print(string.format('%q', 1/3), string.format('%5.2f|%-5d|%05d|%x', 1.005, 3, 4, 255))",
      "print(#'\\u{7FFFFFFF}', utf8.char(228, 8364), utf8.len('äö'), utf8.codepoint('ä', 1))",
      "local t = setmetatable({}, { __gc = function() end, __mode = 'k' }) collectgarbage() print(#t)",
      "print(load('return ...', 'chunk', 't', {})(7), load(function() return nil end))",
      "goto done do print('skipped') end ::done:: print('done')",
      "local function f(n) if n == 0 then return 'tail' end return f(n - 1) end print(f(100000))",
      "local x <const> = 5 print(x) print(load('local x <const> = 1; x = 2'))",
      "print(os.time { year = 2020, month = 1, day = 1, hour = 12 }, os.date('!%Y', 0), os.getenv('NONE'))",
      "print(io.open('/none/such'), io.type(io.stdout), io.type(5))",
      "local f = assert(io.open('new.txt', 'w')) f:write('a', 1, '\\n', 2.5) f:close()"
        .. " for l in io.lines('new.txt') do print(l) end print(os.remove('new.txt'), os.remove('new.txt'))",
      "print(pcall(setmetatable, {}, 5), rawequal('a', 'a'), rawlen({ 1, 2 }), next({}))",
      "print(string.pack('<i4', 7):byte(1, -1)) print(string.unpack('z', 'abc\\0'))",
      "print(pcall(error)) print(pcall(error, nil)) print(select('#', pcall(error)))",
      "print(tostring(print):match('^builtin') or tostring(print):match('^function'))",
      "print(require == package.loaded._G.require, type(package.searchers), #package.searchers)",
      "package.preload.p = function(...) return { ... } end print(require('p')[1], select(2, require('p')))",
      "print(pcall(require, 'no.such.module') )",
      "print(debug.getinfo(1, 'S').source, debug.getinfo(1, 'l').currentline, debug.getinfo(print).what)",
      "local n = 0 debug.sethook(function() n = n + 1 end, 'l') local a = 1\nlocal b = 2\ndebug.sethook() print(n)",
      "print(string.rep('ab', 3, ','), ('x'):byte(10), ('abc'):sub(-2), ('%d'):format(3.0))",
      "print(pcall(string.format, '%d', 3.5), pcall(string.format, '%y', 1))",
      "print(table.unpack({ 1, 2, 3 }, 2), table.pack(1, nil).n, table.move({ 1, 2 }, 1, 2, 2)[3])",
      "print(pcall(table.concat, { 1, {}, 3 }), pcall(table.insert, { 1 }, 5, 2), pcall(ipairs))",
      "local t = setmetatable({}, { __call = function(_, ...) return ... end, __concat = function() return 'c' end,"
        .. " __len = function() return 9 end, __eq = function() return true end }) print(t(1, 2), t .. 1, #t, t == {})",
    }
  end)

  it("shows the version of Lua it has", function()
    local out = interpreter.in_folder({}, function(folder)
      return (interpreter.shell(folder, '"$XIO" -v -e "print(_VERSION)"; lua5.4 -v'))
    end)
    local ours, version, theirs = out:match("^xio [%d.]+, libuv [%d.]+, ([^\n]+)\n([^\n]+)\n([^\n]+)\n$")
    assert.equal(theirs, ours)
    assert.equal("Lua 5.4", version)
  end)
end)

describe("programs in pure Lua", function()
  -- Compares a program under both interpreters, where it is installed.
  local function program(name, lines)
    it(name .. " runs as under lua5.4", function()
      local path = "/usr/bin/" .. name
      if not interpreter.read_file(path) then return pending(name .. " is not installed") end
      interpreter.in_folder({
        ["good.lua"] = "--- Adds.\n-- @param a one\n-- @return the sum\nlocal function add(a)\n"
          .. "  return a + 1\nend\nreturn { add = add }\n",
        ["bad.lua"] = "local unused = 1\nundefined()\n",
        ["a_spec.lua"] = "describe('a', function() it('works', function() assert.equal(1, 1) end)"
          .. " it('fails', function() assert.equal(1, 2) end) it('errs', function() error('x') end) end)",
      }, function(folder)
        for _, line in ipairs(lines) do
          line = ('export LUA_PATH="/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua;;"; '
            .. '"$LUA" %s %s'):format(path, line)
          local function result(lua)
            local got = run(folder, line, lua)
            for key, text in pairs(got) do
              if type(text) == "string" then
                got[key] = text:gsub("%d+%.%d+ seconds", "SECONDS"):gsub("%d%d:%d%d:%d%d", "TIME")
              end
            end
            return got
          end
          assert.same(result("lua5.4"), result(interpreter.path), line)
        end
      end)
    end)
  end

  program("luacheck", { "good.lua bad.lua", "--version", "--no-color -q bad.lua", "--help", "--bad" })
  program("ldoc", { "good.lua -d doc && cat doc/index.html", "" })
  program("busted", { "-o TAP a_spec.lua", "--version", "-o plainTerminal a_spec.lua", "--list a_spec.lua",
    "--nothing" })
  program("luarocks", { "--version", "--help", "config lua_version", "list --tree=none 2>/dev/null", "show none 2>/dev/null",
    "bad-command" })
end)
