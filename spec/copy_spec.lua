-- Copies of values: what crosses between Lua states, and what is refused with its path. The
-- copies here are made within one state by functions of xio.core that are there for tests.

local core = require "xio.core"
local xio = require "xio"
local support = require "spec.support"
local util = require "spec.support.util"

local it = support.it(it)
local run, catch = support.run, support.catch

local function copy(...) return core.copy({}, ...) end

--- Asserts that copying raises with `expected` in the message.
local function refused(expected, ...)
  local err = catch(core.copy, {}, ...)
  assert.is_true(util.contains(err, expected), tostring(err))
end

describe("copies of values", function()
  it("keep nil, booleans, numbers and strings, and how many there are", function()
    local long = ("x"):rep(300)
    local values = table.pack(copy(nil, true, false, 0, -128, 127, -129, 128, math.maxinteger,
      math.mininteger, 1.5, -0.0, math.huge, "", "a\0b", long, nil))
    assert.same(table.pack(nil, true, false, 0, -128, 127, -129, 128, math.maxinteger,
      math.mininteger, 1.5, -0.0, math.huge, "", "a\0b", long, nil), values)
    assert.equal("float", math.type(copy(2.0)))
    assert.equal("integer", math.type(copy(2)))
    assert.equal(-math.huge, 1 / copy(-0.0))
    local nan = copy(0 / 0)
    assert.is_true(nan ~= nan)
    assert.equal(0, select("#", copy()))
  end)

  it("keep tables: fields, holes, keys of all kinds", function()
    local key = { "a table as key" }
    local from = { 1, 2, nil, 4, x = { y = { z = "deep" } }, [1.5] = 1, [false] = 2, [key] = 3 }
    local to = copy(from)
    assert.are_not.equal(from, to)
    assert.same(from.x, to.x)
    assert.same({ 1, 2, nil, 4 }, { table.unpack(to, 1, 4) })
    assert.equal(1, to[1.5])
    assert.equal(2, to[false])
    local found
    for k, v in pairs(to) do
      if type(k) == "table" then found = { k, v } end
    end
    assert.same({ { "a table as key" }, 3 }, found)
    assert.is_nil(to[key])
  end)

  it("keep long lists and large maps", function()
    local list, map = {}, {}
    for i = 1, 5000 do
      list[i] = i * i
      map["key " .. i] = { i }
    end
    local list2, map2 = copy(list, map)
    assert.same(list, list2)
    assert.same(map, map2)
  end)

  it("keep cycles and sharing, through all values", function()
    local shared = { 1 }
    local cycle = { shared = shared }
    cycle.self = cycle
    cycle[cycle] = shared
    local a, b, c = copy(cycle, shared, cycle)
    assert.are_not.equal(cycle, a)
    assert.equal(a, a.self)
    assert.equal(b, a.shared)
    assert.equal(a, c)
    assert.equal(b, a[a])
  end)

  it("make functions work, with their upvalues", function()
    local step, log = 2, { n = 0 }
    local function f(x)
      log.n = log.n + 1
      return x * step, log
    end
    local g = copy(f)
    assert.are_not.equal(f, g)
    local result, log2 = g(21)
    assert.equal(42, result)
    assert.equal(1, log2.n)
    assert.equal(0, log.n)
  end)

  it("keep upvalues shared between functions of one message, and only there", function()
    local count = 0
    local function up() count = count + 1 return count end
    local function get() return count end
    local up2, get2, list = copy(up, get, { up, get })
    up2()
    up2()
    assert.equal(2, get2())
    assert.equal(0, count)
    assert.equal(up2, list[1])
    assert.equal(get2, list[2])
    local get3 = copy(get)
    assert.equal(0, get3())
  end)

  it("make functions that know themselves, and each other, work", function()
    local function factorial(n) return n <= 1 and 1 or n * factorial(n - 1) end
    local even
    local function odd(n) return n ~= 0 and even(n - 1) end
    function even(n) return n == 0 or odd(n - 1) end
    assert.equal(120, (copy(factorial))(5))
    local even2, odd2 = copy(even, odd)
    assert.is_true(even2(10))
    assert.is_false(odd2(10))
  end)

  it("give the globals of the other state, wherever they are met", function()
    local f = load("return _ENV")
    assert.equal(_G, copy(f)())
    assert.equal(_G, copy(_G))
    assert.equal(_G, copy({ env = _G }).env)
    local boxed = load("return tostring(x), _ENV", "boxed", "t", setmetatable({}, {}))
    local text, env = copy(boxed)()
    assert.equal("nil", text)
    assert.equal(_G, env)
  end)

  it("keep the lines of functions, for tracebacks", function()
    local function fails() error("here") end
    local _, expected = pcall(fails)
    local _, err = pcall((copy(fails)))
    assert.equal(expected, err)
  end)

  it("name what each state has: functions of C modules and of xio, modules", function()
    local floor, insert, sleep, gather = math.floor, table.insert, xio.sleep, xio.gather
    local M, lib = xio, string
    local function f() return floor, insert, sleep, gather, M, lib end
    local results = { copy(f)() }
    assert.same({ floor, insert, sleep, gather, M, lib }, results)
    assert.equal(print, copy(print))
  end)

  it("refuse userdata that were not made for it, also those that every state has", function()
    local ok, err = pcall(copy, { handler = io.stdout })
    assert.is_false(ok)
    support.mentions(err, "args[1].handler: userdata (FILE*)")
  end)

  it("name modules that are upvalues, and copy those that are not", function()
    package.loaded["copy spec module"] = { value = 1 }
    local mod = package.loaded["copy spec module"]
    local function f() return mod end
    assert.equal(mod, copy(f)())
    local plain = copy(mod)
    assert.are_not.equal(mod, plain)
    assert.same(mod, plain)
    package.loaded["copy spec module"] = nil
  end)

  it("say so when the other state lacks what was named", function()
    local core_copy = function(f)
      return core.copy_damaged(1 << 40, 0, f)
    end
    local _, same = core_copy(print)
    assert.equal(print, same)
    local name = "copy spec module"
    package.loaded[name] = { gone = math.abs }
    local bytes = core.copy_damaged(1 << 40, 0, "x")
    assert.equal("number", type(bytes))
    package.loaded[name] = nil
  end)

  it("refuse all else, with its path", function()
    local thread = coroutine.create(function() end)
    refused("copy: args[1]: a coroutine cannot be copied to another Lua state", thread)
    refused("copy: args[2].handler: userdata", 1, { handler = io.tmpfile() })
    refused("copy: args[1].list[3][\"odd name\"].x: a coroutine",
      { list = { 1, 2, { ["odd name"] = { x = thread } } } })
    refused("copy: args[1][1.5]: a coroutine", { [1.5] = thread })
    refused("args[1][thread] (key): a coroutine", { [thread] = 1 })
    refused("args[1][table][2]: a coroutine", { [{}] = { 1, thread } })
    refused("args[2]: a table with a metatable", 1, setmetatable({}, {}))
    refused("args[1].o: a table with a metatable (Point)",
      { o = setmetatable({}, { __name = "Point" }) })
    local file, inner = io.tmpfile(), { thread }
    local function f() return file end
    local function g() return inner end
    refused("copy: args[1].upvalue(file): userdata (FILE*)", f)
    refused("copy: args[1].call.upvalue(inner)[1]: a coroutine", { call = g })
    run(function()
      refused("args[1]: userdata (xio.Task) cannot be copied", xio.current())
      xio.group(function(group)
        refused("args[1].g: a table with a metatable", { g = group })
      end)
    end)
  end)

  it("refuse nothing that they name in a text without end", function()
    local deep = { coroutine.create(function() end) }
    for _ = 1, 100 do deep = { ["a rather long name"] = deep } end
    local err = catch(copy, deep)
    assert.is_true(util.contains(err, "...: a coroutine cannot"), tostring(err))
    assert.is_true(#tostring(err) < 400)
  end)

  it("nest up to their limit and not deeper", function()
    local function nest(depth)
      local t = {}
      for _ = 2, depth do t = { t } end
      return t
    end
    local function depth_of(t)
      local depth = 1
      while t[1] do t, depth = t[1], depth + 1 end
      return depth
    end
    assert.equal(10000, depth_of(copy(nest(10000))))
    refused("args[1]: nested more than 10000 deep", nest(10001))
    assert.equal(3, depth_of(core.copy({ depth = 3 }, nest(3))))
    assert.is_true(util.contains(catch(core.copy, { depth = 3 }, nest(4)), "more than 3 deep"))
    local f
    for _ = 1, 4 do
      local inner = f
      f = function() return inner end
    end
    assert.is_true(util.contains(catch(core.copy, { depth = 3 }, f), "more than 3 deep"))
  end)

  it("are as large as their limit and not larger", function()
    local limit = 1 << 20
    local text = ("x"):rep(limit - 9) -- and nine bytes that say so
    assert.equal(text, core.copy({ bytes = limit }, text))
    local err = catch(core.copy, { bytes = limit }, text .. "x")
    assert.is_true(util.contains(err, "copy: args[1]: the message is larger than 1 MiB"))
    err = catch(core.copy, { bytes = limit }, { a = text })
    assert.is_true(util.contains(err, "copy: args[1].a: the message is larger"))
    local many = {}
    for i = 1, 100000 do many[i] = 1e100 + i end
    assert.is_true(util.contains(catch(core.copy, { bytes = limit }, many), "is larger"))
  end)
end)

describe("copies of handles", function()
  it("name the same object, once in each message", function()
    local handle = core.copy_counted()
    assert.equal(1, handle:count())
    local a, list = copy(handle, { handle, { handle } })
    assert.are_not.equal(handle, a)
    assert.equal(a, list[1])
    assert.equal(a, list[2][1])
    assert.equal(2, handle:count())
    local b = copy(handle)
    assert.are_not.equal(a, b)
    assert.equal(3, a:count())
    handle:close()
    a:close()
    assert.equal(1, b:count())
    b:close()
  end)

  it("give their references back where a value is refused", function()
    local handle = core.copy_counted()
    refused("args[4]: a coroutine", handle, { handle }, core.copy_counted(),
      coroutine.create(print))
    assert.equal(1, handle:count())
    for _ = 1, 20 do refused("args[1][3]: a coroutine", { handle, 1, coroutine.create(print) }) end
    assert.equal(1, handle:count())
    pcall(core.copy_damaged, 5, -1, handle, handle)
    collectgarbage()
    assert.equal(1, handle:count())
    handle:close()
    refused("args[2].h: userdata (xio.testing.Counted) cannot be copied", 1, { h = handle })
  end)
end)

describe("copies of errors", function()
  it("keep their class, fields and what is known of their raise", function()
    local err = setmetatable({ code = "ECONNREFUSED", message = "no", port = 80 }, xio.Error)
    local ok, raised = run(function() return xio.isolate(function() error(err) end) end)
    assert.is_false(ok)
    local other = copy(raised)
    assert.are_not.equal(raised, other)
    assert.equal(xio.Error, getmetatable(other))
    assert.same({ code = "ECONNREFUSED", message = "no", port = 80 }, other)
    assert.is_true(util.contains(xio.traceback(raised), "copy_spec.lua"))
    assert.equal(xio.traceback(raised), xio.traceback(other))
  end)

  it("keep groups with their errors and traces", function()
    local group
    run(function()
      group = catch(xio.run, { errors = "group" }, function()
        xio.spawn(function() error("one") end)
        xio.spawn(function()
          xio.cleanup(xio.sleep, 1)
          error(setmetatable({ message = "two" }, xio.Error))
        end)
        xio.sleep(2)
      end)
    end)
    local other = copy(group)
    assert.equal(2, #other)
    assert.equal(getmetatable(group), getmetatable(other))
    assert.equal(xio.Error, getmetatable(other.errors[2]))
    assert.equal("two", tostring(other.errors[2]))
    assert.equal(xio.traceback(group.errors[2]), xio.traceback(other.errors[2]))
  end)

  it("tell of timeouts", function()
    local err
    run(function() err = catch(xio.fail_after, 1, xio.sleep, 2) end)
    assert.is_true(xio.is_timeout(err))
    assert.is_true(xio.is_timeout(copy(err)))
    assert.is_true(xio.is_timeout(core.copy_error(err)))
  end)

  it("carry the trace of a string too", function()
    local ok, err = run(function() return xio.isolate(error, "a string of its own", 0) end)
    assert.is_false(ok)
    local before = xio.traceback(err)
    run(function() xio.isolate(error, "a string of its own", 0) end)
    assert.equal("a string of its own", core.copy_error(err))
    assert.equal(before:match("^[^\n]*"), xio.traceback(err):match("^[^\n]*"))
  end)

  it("carry the trace of a plain table", function()
    local _, err = run(function() return xio.isolate(error, { code = 5 }) end)
    local other = core.copy_error(err)
    assert.same({ code = 5 }, other)
    assert.equal(xio.traceback(err), xio.traceback(other))
  end)

  it("are told as a text where they cannot be copied", function()
    local err = setmetatable({}, { __tostring = function() return "my own kind" end })
    local other = core.copy_error(err)
    assert.equal(xio.Error, getmetatable(other))
    assert.equal("ECOPY", other.code)
    assert.equal("my own kind", tostring(other))
    other = core.copy_error(setmetatable({}, { __tostring = function() error("no") end }))
    assert.equal("(error object is a table value)", tostring(other))
    other = core.copy_error(io.stdin)
    assert.same({ "ECOPY", tostring(io.stdin) }, { other.code, tostring(other) })
    other = core.copy_error(setmetatable({
      message = "with parts", file = io.tmpfile(), list = { coroutine.create(print) },
    }, xio.Error))
    assert.same({ message = "with parts", file = "(a userdata that cannot be copied)",
      list = { "(a thread that cannot be copied)" } }, other)
  end)

  it("keep what was suppressed", function()
    local first, second = setmetatable({ message = "1" }, xio.Error), { "2" }
    core.suppress(first, second)
    core.suppress(first, io.tmpfile())
    local other = copy(first)
    assert.same({ { "2" }, "(a userdata that cannot be copied)" }, xio.suppressed(other))
  end)
end)

describe("damaged messages", function()
  local count = 0
  local function upvalue() count = count + 1 return count end
  local values = table.pack({ a = { 1, 2.5, "three", [false] = { 4 } }, s = ("s"):rep(300) },
    upvalue, { upvalue, print, string.format, _G },
    setmetatable({ message = "m" }, xio.Error), -1000)
  values[1].self = values[1]

  it("are refused, or give other values, at every byte", function()
    local size = core.copy_damaged(1 << 40, 0, table.unpack(values, 1, values.n))
    assert.is_true(size > 500)
    local refusals = 0
    for position = 0, size - 1 do
      for _, byte in ipairs { 0, 9, 15, 255, position % 256 } do
        if not pcall(core.copy_damaged, position, byte, table.unpack(values, 1, values.n)) then
          refusals = refusals + 1
        end
      end
    end
    assert.is_true(refusals > size)
  end)

  it("are refused, or give other values, where they are cut", function()
    local size = core.copy_damaged(1 << 40, 0, table.unpack(values, 1, values.n))
    local refusals = 0
    for position = 0, size - 1 do
      local ok, err = pcall(core.copy_damaged, position, -1, table.unpack(values, 1, values.n))
      if not ok then
        assert.is_true(util.contains(err, "no message of xio"), tostring(err))
        refusals = refusals + 1
      end
    end
    assert.is_true(refusals > size * 0.9)
  end)
end)
