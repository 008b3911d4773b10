-- The thread-safe reply: settled once, awaited by any number of tasks, cancelled.

local xio = require "xio"
local core = require "xio.core"
local support = require "spec.support"

local it = support.it(it)
local run, catch, misuse = support.run, support.catch, support.misuse

local function pack(f, ...) return table.pack(f(...)) end

describe("a reply", function()
  it("gives its values to all who await it, then and later", function()
    run(function()
      local reply = core.reply()
      assert.is_false(reply.done)
      local tasks = {}
      for i = 1, 3 do tasks[i] = xio.spawn(function() return reply:await() end) end
      xio.sleep(1)
      assert.equal(3, reply:stats().waiting)
      assert.is_true(reply:set(1, nil, { "x" }))
      assert.is_false(reply:set(2))
      assert.is_false(reply:fail("too late"))
      assert.is_false(reply:cancel())
      for i = 1, 3 do assert.same({ n = 3, 1, nil, { "x" } }, pack(tasks[i].await, tasks[i])) end
      assert.same({ n = 3, 1, nil, { "x" } }, pack(reply.await, reply))
      assert.is_true(reply.done)
      assert.equal("reply (done)", tostring(reply))
    end)
  end)

  it("in the state that settled it gives the very same values", function()
    run(function()
      local value, err = { coroutine.create(print) }, { print }
      local reply = core.reply()
      reply:set(value)
      for _ = 1, 2 do assert.equal(value, reply:await()) end
      reply = core.reply()
      reply:fail(err)
      for _ = 1, 2 do assert.equal(err, catch(reply.await, reply)) end
    end)
  end)

  it("raises its error, with its trace", function()
    run(function()
      local reply = core.reply()
      local err = catch(error, { code = 3 })
      assert.is_true(reply:fail(err))
      assert.same({ code = 3 }, catch(reply.await, reply))
      assert.equal("reply (failed)", tostring(reply))
      reply = core.reply()
      reply:fail(nil)
      assert.equal("ENIL", catch(reply.await, reply).code)
    end)
  end)

  it("gives up in time, and goes on", function()
    run(function()
      local reply = core.reply()
      for _, seconds in ipairs { 0, 1 } do
        local got = pack(reply.await, reply, seconds)
        assert.equal("ETIMEDOUT", got[3])
      end
      assert.equal(1, xio.now())
      assert.is_false((xio.move_on_after(1, reply.await, reply)))
      reply:set("still")
      assert.equal("still", reply:await(0))
    end)
  end)

  it("is cancelled where nobody works at it", function()
    run(function()
      local reply = core.reply()
      local task = xio.spawn(function() return catch(reply.await, reply) end)
      xio.checkpoint()
      assert.is_true(reply:cancel("why"))
      assert.is_false(reply:cancel())
      assert.equal("ECANCELED", task:await().code)
      assert.equal("reply (cancelled)", tostring(reply))
    end)
  end)

  it("is a case of select", function()
    run(function()
      local reply, other = core.reply(), core.reply()
      assert.same({ n = 1, 3 }, pack(xio.select, reply, other, xio.after(1)))
      xio.spawn(function()
        xio.sleep(1)
        other:set("a", "b")
      end)
      assert.same({ n = 3, 2, "a", "b" }, pack(xio.select, reply, other))
      assert.same({ n = 3, 2, "a", "b" }, pack(xio.select, reply, other))
      reply:fail("bad")
      assert.equal("bad", catch(xio.select, reply))
    end)
  end)

  it("crosses as itself, and shows a deadlock while nobody else knows it", function()
    run(function()
      local tx, rx = xio.thread.channel(1)
      local reply = core.reply()
      tx:send(reply)
      assert.equal(reply, rx:recv())
    end)
    assert.matches("deadlock", tostring(catch(run, function() core.reply():await() end)))
  end)

  it("E5 refuses wrong use", function()
    local reply = core.reply()
    misuse(function() reply:fail() end, "reply:fail", "#1")
    misuse(function() reply:await("x") end, "reply:await", "#1")
    misuse(function() reply.await({}) end, "reply:await", "bad self")
    core.copy({}, reply) -- from now on another thread may know it
    assert.matches("results%[1%]", tostring(catch(reply.set, reply, coroutine.create(print))))
    assert.is_false(reply.done)
    if not support.in_task() then
      misuse(function() core.reply():await() end, "reply:await", "xio.run")
    end
  end)
end)
