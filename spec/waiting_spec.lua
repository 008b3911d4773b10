-- Where in a program waiting works (metamethods, iterators, close handlers, …), and that it
-- says so where Lua cannot yield (T10).

local xio = require "xio"
local support = require "spec.support"
local util = require "spec.support.util"

local it = support.it(it)
local run, closing, here = support.run, support.closing, support.here
local watch, contains = util.watch, util.contains

describe("waiting works", function()
  it("LUA-12 in metamethods", function()
    run(function()
      local elapsed = watch()
      local function wait(value)
        return function()
          xio.sleep(1)
          return value
        end
      end
      local written
      local mt = {
        __index = wait("index"),
        __newindex = function(_, k, v)
          xio.sleep(1)
          written = k .. v
        end,
        __call = function(_, a)
          xio.sleep(1)
          return "call" .. a
        end,
        __add = wait("add"),
        __concat = wait("concat"),
        __unm = wait("unm"),
        __len = wait(7),
        __eq = wait(true),
        __lt = wait(true),
        __le = wait(false),
      }
      local a, b = setmetatable({}, mt), setmetatable({}, mt)
      assert.equal("index", a.field)
      a.key = "value"
      assert.equal("keyvalue", written)
      assert.equal("callx", a("x"))
      assert.equal("add", a + b)
      assert.equal("concat", a .. b)
      assert.equal("unm", -a)
      assert.equal(7, #a)
      assert.is_true(a == b)
      assert.is_true(a < b)
      assert.is_false(a <= b)
      assert.equal(10, elapsed())
    end)
  end)

  it("LUA-12 in iterators and in __pairs", function()
    run(function()
      local elapsed = watch()
      local seen = {}
      local function step(_, i)
        xio.sleep(1)
        if i < 3 then
          return i + 1
        end
      end
      for i in step, nil, 0 do
        seen[#seen + 1] = i
      end
      local object = setmetatable({}, { __pairs = function()
        xio.sleep(1)
        return step, nil, 1
      end })
      for i in pairs(object) do
        seen[#seen + 1] = i
      end
      assert.same({ 1, 2, 3, 2, 3 }, seen)
      assert.equal(8, elapsed())
    end)
  end)

  it("T10 in loops over what C iterates", function()
    run(function()
      local elapsed = watch()
      local seen = {}
      for word in ("a b"):gmatch("%a") do
        xio.sleep(1)
        seen[#seen + 1] = word
      end
      for _, code in utf8.codes("c") do
        xio.sleep(1)
        seen[#seen + 1] = utf8.char(code)
      end
      for _, value in ipairs { "d" } do
        xio.sleep(1)
        seen[#seen + 1] = value
      end
      assert.equal("abcd", table.concat(seen))
      assert.equal(4, elapsed())
    end)
  end)

  it("T10 in close handlers, on every way out", function()
    run(function()
      local elapsed = watch()
      local function waiting() return closing(function() xio.sleep(1) end) end
      local function returns()
        local _c <close> = waiting()
        return 1, nil, 3
      end
      assert.same({ 1, nil, 3, n = 3 }, table.pack(returns()))
      for i = 1, 2 do
        local _c <close> = waiting()
        if i == 1 then
          break
        end
      end
      local ok, err = pcall(function()
        local _c <close> = waiting()
        error("text", 0)
      end)
      assert.same({ false, "text" }, { ok, err })
      for i in function(_, i) return i < 1 and i + 1 or nil end, nil, 0, waiting() do
        assert.equal(1, i)
      end
      assert.equal(4, elapsed())
    end)
  end)

  it("T10 in functions given to dofile and load", function()
    run(function()
      local elapsed = watch()
      local chunk = assert(load("local xio = ...; xio.sleep(1); return 'loaded'"))
      assert.equal("loaded", chunk(xio))
      assert.equal(1, elapsed())
    end)
  end)

  it("T10 in the middle of a tail call, a vararg and a deep recursion", function()
    run(function()
      local elapsed = watch()
      local function deep(n, ...)
        if n == 0 then
          xio.sleep(1)
          return ...
        end
        return (deep(n - 1, ...))
      end
      local function tail(n, ...)
        if n == 0 then
          return xio.sleep(1), ...
        end
        return tail(n - 1, ...)
      end
      assert.equal("x", deep(5000, "x"))
      assert.same({ nil, "y", n = 2 }, table.pack(tail(5000, "y")))
      assert.equal(2, elapsed())
    end)
  end)
end)

describe("where Lua cannot yield", function()
  -- Runs `f` in a virtual run. Either waiting worked there (the interpreter has versions of
  -- some functions that can wait), or it raised an error that names `name` and `place`.
  local function waits_or_tells(name, f)
    run(function()
      local elapsed = watch()
      local place = {}
      local ok, err = pcall(f, place)
      if ok then
        assert.is_true(elapsed() > 0)
      else
        assert.is_true(contains(err, name), tostring(err))
        assert.is_true(contains(err, place[1]), tostring(err))
        assert.equal(0, elapsed())
      end
      xio.sleep(1)
    end)
  end

  local function tells(name, f)
    run(function()
      local elapsed = watch()
      local place = {}
      local ok, err = pcall(f, place)
      assert.is_false(ok)
      assert.is_true(contains(err, name), tostring(err))
      assert.is_true(contains(err, place[1]), tostring(err))
      assert.equal(0, elapsed())
      xio.sleep(1)
      assert.equal(1, elapsed())
    end)
  end

  it("T10 table.sort sorts with waits, or says that it cannot", function()
    waits_or_tells("sort", function(place)
      local list = { 3, 1, 2 }
      place[1] = here(1)
      table.sort(list, function(a, b) xio.sleep(1) return a < b end)
      assert.same({ 1, 2, 3 }, list)
    end)
  end)

  it("T10 string.gsub replaces with waits, or says that it cannot", function()
    waits_or_tells("gsub", function(place)
      local text
      place[1] = here(1)
      text = ("a-b"):gsub("%a", function(c) xio.sleep(1) return c:upper() end)
      assert.equal("A-B", text)
    end)
  end)

  it("T10 tostring", function()
    tells("tostring", function(place)
      place[1] = here(1)
      tostring(setmetatable({}, { __tostring = function() xio.sleep(1) return "text" end }))
    end)
  end)

  it("T10 a reader of load", function()
    run(function()
      local place = here(1)
      local chunk, err = load(function() xio.sleep(1) end)
      assert.is_nil(chunk)
      assert.is_true(contains(err, "load"), tostring(err))
      assert.is_true(contains(err, place), tostring(err))
      xio.sleep(1)
    end)
  end)

  it("T10 table.concat over a metamethod", function()
    tells("concat", function(place)
      place[1] = here(1)
      table.concat(setmetatable({}, { __index = function() xio.sleep(1) end }), "", 1, 2)
    end)
  end)

  it("T10 a message handler", function()
    run(function()
      local elapsed = watch()
      local waited, told
      local ok = xpcall(error, function(e)
        waited, told = pcall(function() xio.sleep(1) end)
        return e
      end, "text")
      assert.is_false(ok)
      assert.is_false(waited)
      assert.is_true(contains(told, "waiting_spec.lua:"), tostring(told))
      assert.equal(0, elapsed())
      xio.sleep(1)
    end)
  end)

  it("T10 a finalizer", function()
    run(function()
      local waited, told
      local function make()
        setmetatable({}, { __gc = function()
          waited, told = pcall(function() xio.sleep(1) end)
        end })
      end
      make()
      collectgarbage()
      collectgarbage()
      assert.is_false(waited)
      assert.is_true(contains(told, "waiting_spec.lua:"), tostring(told))
      xio.sleep(1)
    end)
  end)

  it("T10 a close handler under coroutine.close", function()
    run(function()
      local elapsed = watch()
      local co = coroutine.create(function()
        local _c <close> = closing(function() xio.sleep(1) end)
        coroutine.yield()
      end)
      coroutine.resume(co)
      local ok, err = coroutine.close(co)
      assert.is_false(ok)
      assert.is_true(contains(err, "close"), tostring(err))
      assert.equal(0, elapsed())
      xio.sleep(1)
    end)
  end)

  it("T10 every function that waits says so, and nothing is begun", function()
    run(function()
      local ran = 0
      local function count() ran = ran + 1 end
      local done = xio.spawn(function() end)
      local waiting = {
        checkpoint = xio.checkpoint,
        sleep_forever = xio.sleep_forever,
        sleep_until = function() xio.sleep_until(xio.now() + 1) end,
        await = function() done:await() end,
        gather = function() xio.gather(count, count) end,
        group = function() xio.group(function(g) g:spawn(count) end) end,
      }
      for name, wait in pairs(waiting) do
        local object = setmetatable({}, { __tostring = function()
          wait()
          return "text"
        end })
        local ok, err = pcall(tostring, object)
        assert.is_false(ok, name)
        assert.is_true(contains(err, "tostring"), name .. ": " .. tostring(err))
      end
      xio.sleep(1)
      assert.equal(0, ran)
    end)
  end)
end)
