-- Generators: coroutines of the program inside tasks that wait (T10).

local xio = require "xio"
local support = require "spec.support"
local child = require "spec.support.child"
local util = require "spec.support.util"

local it = support.it(it)
local run, closing = support.run, support.closing
local watch, contains = util.watch, util.contains

describe("a generator that waits", function()
  it("LUA-09 gives its consumer what it yields, and nothing odd", function()
    run(function()
      local elapsed = watch()
      local gen = coroutine.wrap(function()
        for i = 1, 3 do
          xio.sleep(1)
          coroutine.yield(i)
        end
      end)
      local seen = {}
      for i in gen do
        seen[#seen + 1] = i
        seen[#seen + 1] = elapsed()
      end
      assert.same({ 1, 1, 2, 2, 3, 3 }, seen)
    end)
  end)

  it("LUA-09 passes values both ways through create and resume", function()
    run(function()
      local co = coroutine.create(function(...)
        xio.sleep(1)
        local got = table.pack(coroutine.yield(...))
        xio.sleep(1)
        return got.n, table.unpack(got, 1, got.n)
      end)
      local first = table.pack(coroutine.resume(co, 1, nil, 3))
      assert.same({ true, 1, nil, 3, n = 4 }, first)
      assert.equal("suspended", coroutine.status(co))
      local second = table.pack(coroutine.resume(co, nil, nil))
      assert.same({ true, 2, nil, nil, n = 4 }, second)
      assert.equal("dead", coroutine.status(co))
    end)
  end)

  it("LUA-09 the whole task waits; other tasks go on", function()
    run(function()
      local log = {}
      xio.group(function(g)
        for _, name in ipairs { "a", "b" } do
          g:spawn(function()
            local gen = coroutine.wrap(function()
              for i = 1, 3 do
                xio.sleep(1)
                coroutine.yield(name .. i)
              end
            end)
            for value in gen do
              log[#log + 1] = value
            end
          end)
        end
      end)
      assert.same({ "a1", "b1", "a2", "b2", "a3", "b3" }, log)
    end)
  end)

  it("T10 at any depth", function()
    run(function()
      local elapsed = watch()
      local function nest(depth)
        return coroutine.wrap(function()
          if depth == 0 then
            for i = 1, 3 do
              xio.sleep(1)
              coroutine.yield(i)
            end
          else
            for i in nest(depth - 1) do
              xio.checkpoint()
              coroutine.yield(i * 2)
            end
          end
        end)
      end
      local seen = {}
      for i in nest(20) do
        seen[#seen + 1] = i
      end
      local top = 1 << 20
      assert.same({ top, 2 * top, 3 * top }, seen)
      assert.equal(3, elapsed())
    end)
  end)

  it("T10 through pcall, in it and around it", function()
    run(function()
      local gen = coroutine.wrap(function()
        local ok, err = pcall(function()
          xio.sleep(1)
          coroutine.yield("inside")
          xio.sleep(1)
          error("caught", 0)
        end)
        coroutine.yield(ok)
        xio.sleep(1)
        error(err .. " and raised", 0)
      end)
      assert.equal("inside", gen())
      assert.is_false(gen())
      local ok, err = pcall(gen)
      assert.same({ false, "caught and raised" }, { ok, err })
    end)
  end)

  it("T10 runs tasks, groups and scopes of its own between its yields", function()
    run(function()
      local elapsed = watch()
      local gen = coroutine.wrap(function()
        for i = 1, 2 do
          local a, b = xio.gather(
            function() xio.sleep(1) return i end,
            function() xio.sleep(1) return 10 * i end
          )
          local moved = xio.move_on_after(1, xio.sleep, 10)
          coroutine.yield(a + b, moved)
        end
      end)
      assert.same({ 11, false }, { gen() })
      assert.same({ 22, false }, { gen() })
      assert.equal(4, elapsed())
    end)
  end)

  it("T10 is cancelled where it waits, and its consumer's scope catches", function()
    run(function()
      local elapsed = watch()
      local last, closed
      local ok, err = xio.scope({ timeout = 2.5 }, function()
        local gen = coroutine.wrap(function()
          pcall(function()
            local _c <close> = closing(function(e) closed = xio.is_cancelled(e) end)
            for i = 1, 5 do
              xio.sleep(1)
              coroutine.yield(i)
            end
          end)
          xio.checkpoint()
        end)
        for i in gen do
          last = i
        end
      end)
      assert.is_false(ok)
      assert.equal("deadline", err.source)
      assert.equal(2, last)
      assert.is_true(closed)
      assert.equal(2.5, elapsed())
    end)
  end)

  it("T10 a resume that meets the cancellation gives false, and it comes again", function()
    run(function()
      local seen = {}
      local ok = xio.scope(function(s)
        s:cancel()
        local co = coroutine.create(function() xio.sleep(1) end)
        local resumed, err = coroutine.resume(co)
        seen = { resumed, xio.is_cancelled(err), coroutine.status(co) }
        xio.checkpoint()
        error("not reached")
      end)
      assert.same({ false, true, "dead" }, seen)
      assert.is_false(ok)
    end)
  end)

  it("T10 a generator that swallows a Cancelled yields on", function()
    run(function()
      local values = {}
      local ok = xio.scope(function(s)
        s:cancel()
        local gen = coroutine.wrap(function()
          for i = 1, 3 do
            pcall(xio.sleep, 1)
            coroutine.yield(i)
          end
        end)
        for i in gen do
          values[#values + 1] = i
        end
      end)
      assert.is_true(ok)
      assert.same({ 1, 2, 3 }, values)
    end)
  end)

  it("T10 its error after a wait reaches the consumer as it is", function()
    run(function()
      local v = {}
      local gen = coroutine.wrap(function()
        xio.sleep(1)
        error(v)
      end)
      local ok, err = pcall(gen)
      assert.is_false(ok)
      assert.equal(v, err)
      assert.same({ false, "text" }, { coroutine.resume(coroutine.create(function()
        xio.sleep(1)
        error("text", 0)
      end)) })
    end)
  end)

  it("T10 many values survive a wait", function()
    run(function()
      local many = {}
      for i = 1, 200 do
        many[i] = i
      end
      local co = coroutine.wrap(function(...)
        xio.sleep(1)
        local again = { coroutine.yield(...) }
        xio.sleep(1)
        return table.unpack(again)
      end)
      assert.same(many, { co(table.unpack(many)) })
      assert.same(many, { co(table.unpack(many)) })
    end)
  end)

  it("T10 may go on in another task, and in another run", function()
    local gen = coroutine.wrap(function()
      for i = 1, 4 do
        xio.sleep(1)
        coroutine.yield(i)
      end
    end)
    run(function()
      local elapsed = watch()
      assert.equal(1, gen())
      xio.group(function(g)
        assert.equal(2, g:spawn(gen):await())
      end)
      assert.equal(2, elapsed())
    end)
    run(function()
      assert.equal(3, gen())
      assert.equal(4, xio.spawn(gen):await())
    end)
  end)

  it("T10 while it waits in one task, another cannot resume it", function()
    run(function()
      xio.group(function(g)
        local co = coroutine.create(function()
          xio.sleep(2)
          return "result"
        end)
        local owner = g:spawn(function() return coroutine.resume(co) end)
        xio.sleep(1)
        local ok, err = coroutine.resume(co)
        assert.is_false(ok)
        assert.equal("string", type(err))
        assert.same({ true, "result" }, { owner:await() })
      end)
    end)
  end)

  it("T10 closed from another task while it waits, it is withdrawn from its wait", function()
    run(function()
      local elapsed = watch()
      xio.group(function(g)
        local closed = false
        local co = coroutine.create(function()
          local _c <close> = closing(function() closed = true end)
          xio.sleep(10)
        end)
        local owner = g:spawn(function() return coroutine.resume(co) end)
        xio.sleep(1)
        assert.is_true(coroutine.close(co))
        assert.is_true(closed)
        assert.equal("dead", coroutine.status(co))
        local ok, err = owner:await()
        assert.is_false(ok)
        assert.equal("string", type(err))
      end)
      assert.equal(1, elapsed())
    end)
  end)

  it("T10 closed when it was just handed a permit or a lock, hands that on", function()
    run(function()
      for _, make in ipairs { function() return xio.semaphore(1) end, xio.lock,
        function() return xio.limiter(1) end } do
        local object = make()
        xio.group(function(g)
          object:acquire()
          local co = coroutine.create(function() object:acquire() end)
          local owner = g:spawn(coroutine.resume, co)
          local later = g:spawn(function() object:with(function() return true end) end)
          xio.checkpoint()
          object:release()
          assert.equal("ready", owner:status())
          assert.is_true(coroutine.close(co))
          later:await()
        end)
        assert.equal(0, object:stats().waiting)
        object:acquire()
        object:release()
      end
    end)
  end)

  it("T10 cannot be closed when it was just handed an item, which would be lost", function()
    run(function()
      for _, receive in ipairs { function(rx) return rx:recv() end,
        function(rx) return select(2, xio.select(xio.event(), rx)) end } do
        local tx, rx = xio.channel()
        xio.group(function(g)
          local co = coroutine.create(receive)
          local owner = g:spawn(function() return select(2, coroutine.resume(co, rx)) end)
          xio.checkpoint()
          tx:send("item")
          support.misuse(function() coroutine.close(co) end, "coroutine.close", "item")
          assert.equal("item", owner:await())
        end)
        assert.equal(0, tx:stats().waiting)
      end
    end)
  end)

  it("T10 closed while it sends, or just after, loses nothing", function()
    run(function()
      local tx, rx = xio.channel()
      xio.group(function(g)
        local co = coroutine.create(function() tx:send("taken") end)
        g:spawn(coroutine.resume, co)
        xio.checkpoint()
        assert.equal("taken", rx:recv())
        assert.is_true(coroutine.close(co))
        co = coroutine.create(function() xio.select(rx, { tx, "taken too" }) end)
        g:spawn(coroutine.resume, co)
        xio.checkpoint()
        assert.equal("taken too", rx:recv())
        assert.is_true(coroutine.close(co))
        co = coroutine.create(function() xio.select(xio.event(), { tx, "ghost" }) end)
        g:spawn(coroutine.resume, co)
        xio.checkpoint()
        assert.is_true(coroutine.close(co))
        assert.same({ nil, "empty" }, { rx:try_recv() })
      end)
    end)
  end)

  it("T10 one that was left half way is collected", function()
    run(function()
      local alive = setmetatable({}, { __mode = "k" })
      for _ = 1, 10 do
        local held = {}
        alive[held] = true
        local gen = coroutine.wrap(function()
          xio.sleep(1)
          coroutine.yield(held)
        end)
        gen()
      end
      collectgarbage()
      collectgarbage()
      assert.is_nil(next(alive))
    end)
  end)

  it("T10 a thousand of them wait in as many tasks", function()
    run(function()
      local elapsed = watch()
      local sum = 0
      xio.group(function(g)
        for i = 1, 1000 do
          g:spawn(function()
            local gen = coroutine.wrap(function()
              xio.sleep(i % 7)
              coroutine.yield(i)
            end)
            local got = gen()
            sum = sum + got
          end)
        end
      end)
      assert.equal(500500, sum)
      assert.equal(6, elapsed())
    end)
  end)

  it("T10 stock functions kept from before get a clear error, no private value", function()
    local out, status = child.run([[
      local wrap, create, resume = coroutine.wrap, coroutine.create, coroutine.resume
      local xio = require "xio"
      xio.run({ clock = "virtual" }, function()
        local function check(ok, ...)
          -- Where the functions were already those of xio, the wait just works.
          local clear = ok and select("#", ...) == 0 or type((...)) == "string"
          print(clear and "clear" or "odd", ok, ...)
        end
        check(pcall(wrap(function() xio.sleep(1) end)))
        check(resume(create(function() xio.sleep(1) end)))
        xio.sleep(1)
        print "goes on"
      end)
    ]], { bare = true })
    assert.equal(0, status, out)
    assert.is_true(contains(out, "goes on"), out)
    assert.is_false(contains(out, "odd"), out)
  end)
end)
