-- Coroutines of the program inside tasks: bare yields (T11), and that coroutine.* is otherwise as
-- Lua has it. Generators that wait: generator_spec; where else waiting works: waiting_spec.

local xio = require "xio"
local support = require "spec.support"
local util = require "spec.support.util"

local it = support.it(it)
local run, closing, here = support.run, support.closing, support.here
local watch, contains = util.watch, util.contains

describe("a yield of the program", function()
  it("T11 without values reschedules the task", function()
    run(function()
      local log = {}
      xio.group(function(g)
        for _, name in ipairs { "a", "b" } do
          g:spawn(function()
            for i = 1, 2 do
              log[#log + 1] = name .. i
              assert.equal(0, select("#", coroutine.yield()))
            end
          end)
        end
      end)
      assert.same({ "a1", "b1", "a2", "b2" }, log)
    end)
  end)

  it("T11 also in the main task, also in pcall", function()
    run(function()
      local ran = 0
      xio.spawn(function() ran = ran + 1 end)
      coroutine.yield()
      assert.equal(1, ran)
      xio.spawn(function() ran = ran + 1 end)
      assert.same({ true, n = 1 }, table.pack(pcall(coroutine.yield)))
      assert.equal(2, ran)
    end)
  end)

  it("T11 LUA-10 with values raises in the task, which goes on", function()
    run(function()
      local elapsed = watch()
      for _, values in ipairs { { "x" }, { 1, 2 }, { false }, { n = 1 } } do
        local ok, err = pcall(function()
          coroutine.yield(table.unpack(values, 1, values.n or #values))
        end)
        assert.is_false(ok)
        assert.is_true(contains(err, "yield"), tostring(err))
      end
      xio.sleep(1)
      assert.equal(1, elapsed())
    end)
  end)

  it("T11 with values uncaught it fails the task and no other", function()
    run(function()
      local ok, err = pcall(xio.group, function(g)
        g:spawn(function() coroutine.yield("x") end)
      end)
      assert.is_false(ok)
      assert.is_true(contains(err, "yield"), tostring(err))
      assert.is_true(contains(err, "coroutine_spec.lua:"), tostring(err))
    end)
  end)

  it("T11 inside a generator goes to its consumer, with or without values", function()
    run(function()
      local ran = false
      local gen = coroutine.wrap(function()
        coroutine.yield()
        coroutine.yield("x")
      end)
      xio.group(function(g)
        g:spawn(function() ran = true end)
        assert.equal(0, select("#", gen()))
        assert.equal("x", gen())
        assert.is_false(ran)
      end)
    end)
  end)

  it("LUA-10 a foreign resume of a task gives an error; the task is unharmed", function()
    run(function()
      xio.group(function(g)
        local thread
        local task = g:spawn(function()
          thread = coroutine.running()
          xio.sleep(2)
          return "result"
        end)
        xio.sleep(1)
        local ok, err = coroutine.resume(thread, "intruder")
        assert.is_false(ok)
        assert.equal("string", type(err))
        assert.equal("result", task:await())
      end)
    end)
  end)

  it("LUA-10 a foreign close of a task is refused; the task is unharmed", function()
    run(function()
      xio.group(function(g)
        local thread
        local closed = false
        local task = g:spawn(function()
          thread = coroutine.running()
          local _c <close> = closing(function() closed = true end)
          xio.sleep(2)
          return "result"
        end)
        xio.sleep(1)
        local called, ok = pcall(coroutine.close, thread)
        assert.is_false(called and ok)
        assert.is_false(closed)
        assert.equal("result", task:await())
      end)
    end)
  end)

  it("LUA-10 a task cannot resume itself", function()
    run(function()
      local ok, err = coroutine.resume((coroutine.running()))
      assert.is_false(ok)
      assert.equal("string", type(err))
      xio.checkpoint()
    end)
  end)

  it("LUA-11 with a scope open in the generator raises at the yield", function()
    run(function()
      local openers = {
        scope = xio.scope,
        shield = xio.shield,
        cleanup = xio.cleanup,
        group = xio.group,
        move_on_after = function(f) xio.move_on_after(5, f) end,
        fail_after = function(f) xio.fail_after(5, f) end,
        new_scope = function(f) xio.new_scope():run(f) end,
      }
      for name, open in pairs(openers) do
        local co = coroutine.create(function()
          open(function() coroutine.yield("value") end)
        end)
        local ok, err = coroutine.resume(co)
        assert.is_false(ok, name)
        assert.is_true(
          contains(err, "scope") or name == "group" and contains(err, "group"),
          name .. ": " .. tostring(err)
        )
        xio.checkpoint()
        assert.is_true((xio.scope(xio.checkpoint)))
      end
    end)
  end)

  it("C8 the error names the place of the yield and of the scope", function()
    run(function()
      local opened, yielded
      local co = coroutine.create(function()
        opened = here(1)
        xio.scope(function()
          yielded = here(1)
          coroutine.yield("value")
          xio.checkpoint()
        end)
        xio.checkpoint()
      end)
      local ok, err = coroutine.resume(co)
      assert.is_false(ok)
      assert.is_true(contains(err, yielded), tostring(err))
      assert.is_true(contains(err, opened), tostring(err))
    end)
  end)

  it("LUA-11 caught inside, the scope and the generator go on in order", function()
    run(function()
      local elapsed = watch()
      local gen = coroutine.wrap(function()
        local ok = xio.move_on_after(1, function()
          assert.is_false((pcall(coroutine.yield, "value")))
          xio.sleep(10)
        end)
        coroutine.yield(ok)
        coroutine.yield("outside")
      end)
      assert.is_false(gen())
      assert.equal("outside", gen())
      assert.equal(1, elapsed())
    end)
  end)

  it("LUA-11 scopes of the consumer do not matter", function()
    run(function()
      local gen = coroutine.wrap(function()
        for i = 1, 4 do
          xio.scope(function() xio.sleep(1) end)
          coroutine.yield(i)
        end
      end)
      local ok, first = xio.scope(function() return gen() end)
      assert.same({ true, 1 }, { ok, first })
      assert.equal(2, gen())
      assert.equal(3, xio.shield(gen))
      assert.is_false((xio.move_on_after(0.5, gen)))
    end)
  end)
end)

describe("coroutine.* in a task", function()
  it("status tells the life of a coroutine", function()
    run(function()
      local outer, inner
      local seen = {}
      outer = coroutine.create(function()
        seen[#seen + 1] = coroutine.status(outer)
        inner = coroutine.create(function()
          seen[#seen + 1] = coroutine.status(outer)
          xio.sleep(1)
          seen[#seen + 1] = coroutine.status(outer)
          seen[#seen + 1] = coroutine.status(inner)
        end)
        coroutine.resume(inner)
        coroutine.yield()
        seen[#seen + 1] = coroutine.status(inner)
      end)
      assert.equal("suspended", coroutine.status(outer))
      coroutine.resume(outer)
      assert.equal("suspended", coroutine.status(outer))
      coroutine.resume(outer)
      assert.equal("dead", coroutine.status(outer))
      assert.same({ "running", "normal", "normal", "running", "dead" }, seen)
    end)
  end)

  it("running and isyieldable tell where they are", function()
    run(function()
      local thread, main = coroutine.running()
      assert.equal("thread", type(thread))
      assert.is_false(main)
      assert.is_true(coroutine.isyieldable())
      xio.sleep(1)
      assert.equal(thread, (coroutine.running()))
      assert.equal("running", coroutine.status(thread))
      local co
      co = coroutine.create(function()
        assert.equal(co, (coroutine.running()))
        xio.sleep(1)
        assert.equal(co, (coroutine.running()))
        assert.is_true(coroutine.isyieldable())
        assert.equal("normal", coroutine.status(thread))
      end)
      assert.is_true(assert(coroutine.resume(co)))
      assert.is_true(coroutine.isyieldable(coroutine.create(print)))
    end)
  end)

  it("resume of a dead, running or normal coroutine says so", function()
    run(function()
      local dead = coroutine.create(function() end)
      coroutine.resume(dead)
      assert.same(
        { false, "cannot resume dead coroutine" },
        { coroutine.resume(dead) }
      )
      local co
      co = coroutine.create(function() return coroutine.resume(co) end)
      assert.same(
        { true, false, "cannot resume non-suspended coroutine" },
        { coroutine.resume(co) }
      )
      co = coroutine.create(function()
        return coroutine.wrap(function() return coroutine.resume(co) end)()
      end)
      assert.same(
        { true, false, "cannot resume non-suspended coroutine" },
        { coroutine.resume(co) }
      )
    end)
  end)

  it("wrap raises what its function raises, a text with the place of the call", function()
    run(function()
      local v = {}
      local ok, err = pcall(coroutine.wrap(function() error(v) end))
      assert.is_false(ok)
      assert.equal(v, err)
      ok, err = pcall(function()
        local failing = coroutine.wrap(function() error("text", 0) end)
        failing()
      end)
      assert.is_false(ok)
      assert.is_true(err:find("coroutine_spec%.lua:%d+: text$") ~= nil, err)
      local gen = coroutine.wrap(function() end)
      gen()
      ok, err = pcall(gen)
      assert.is_false(ok)
      assert.is_true(contains(err, "cannot resume dead coroutine"), err)
    end)
  end)

  it("wrap closes what a failed function held; resume leaves that to close", function()
    run(function()
      local closed = 0
      local v = {}
      local function holder()
        local _c <close> = closing(function() closed = closed + 1 end)
        error(v)
      end
      pcall(coroutine.wrap(holder))
      assert.equal(1, closed)
      local co = coroutine.create(holder)
      assert.same({ false, v }, { coroutine.resume(co) })
      local ok, err = coroutine.close(co)
      assert.is_false(ok)
      assert.equal(v, err)
      assert.equal(2, closed)
    end)
  end)

  it("close closes what a suspended coroutine holds", function()
    run(function()
      local log = {}
      local v = {}
      local function holder(fail)
        local _b <close> = closing(function() log[#log + 1] = "b" end)
        local _a <close> = closing(function()
          log[#log + 1] = "a"
          if fail then
            error(v)
          end
        end)
        xio.sleep(1)
        coroutine.yield()
      end
      local co = coroutine.create(holder)
      coroutine.resume(co)
      assert.same({ true, n = 1 }, table.pack(coroutine.close(co)))
      assert.equal("dead", coroutine.status(co))
      co = coroutine.create(holder)
      coroutine.resume(co, true)
      local ok, err = coroutine.close(co)
      assert.is_false(ok)
      assert.equal(v, err)
      assert.same({ "a", "b", "a", "b" }, log)
      assert.is_true(coroutine.close(coroutine.create(print)))
      assert.is_true(coroutine.close(co))
    end)
  end)

  it("close of what runs is refused", function()
    run(function()
      local ok, err = pcall(coroutine.close, (coroutine.running()))
      assert.is_false(ok)
      assert.is_true(contains(err, "close"), tostring(err))
      local co
      co = coroutine.create(function()
        coroutine.wrap(function() ok, err = pcall(coroutine.close, co) end)()
      end)
      coroutine.resume(co)
      assert.is_false(ok)
      assert.is_true(contains(err, "normal"), tostring(err))
    end)
  end)

  it("wrong arguments are refused as Lua refuses them", function()
    run(function()
      for _, name in ipairs { "create", "wrap", "resume", "status", "close" } do
        for _, value in ipairs { 5, "text", {} } do
          local ok, err = pcall(coroutine[name], value)
          assert.is_false(ok, name)
          assert.is_true(contains(err, "#1"), tostring(err))
        end
      end
    end)
  end)

  it("generators that never wait are what they were", function()
    run(function()
      local function permutations(list, n)
        n = n or #list
        if n <= 1 then
          coroutine.yield(table.concat(list))
        else
          for i = 1, n do
            list[n], list[i] = list[i], list[n]
            permutations(list, n - 1)
            list[n], list[i] = list[i], list[n]
          end
        end
      end
      local seen = {}
      for p in coroutine.wrap(function() permutations { "a", "b", "c" } end) do
        seen[#seen + 1] = p
      end
      assert.same({ "bca", "cba", "cab", "acb", "bac", "abc" }, seen)
    end)
  end)

  it("debug.traceback shows where a generator stands", function()
    run(function()
      local co = coroutine.create(function()
        xio.sleep(1)
        coroutine.yield()
      end)
      coroutine.resume(co)
      assert.is_true(contains(debug.traceback(co), "coroutine_spec.lua:"))
    end)
  end)
end)
