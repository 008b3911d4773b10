-- xio.portal: functions for a run from anywhere: replies, failures, cancelling, the run's end.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, misuse = support.run, support.catch, support.misuse

local function pack(f, ...) return table.pack(f(...)) end

describe("a portal, used at home", function()
  it("spawns a copy of the function in the run, and gives a reply", function()
    run(function()
      local portal = xio.portal()
      local reply = portal:spawn(function(a, b)
        require "xio".sleep(1)
        return a + b, nil, { a }
      end, 1, 2)
      assert.is_false(reply.done)
      assert.same({ n = 3, 3, nil, { 1 } }, pack(reply.await, reply))
      assert.equal(1, xio.now())
      assert.same({ n = 0 }, pack(portal:spawn(function() end).await, portal:spawn(function() end)))
    end)
  end)

  it("gives errors of spawned functions to the reply, with their trace", function()
    run(function()
      local portal = xio.portal()
      local reply = portal:spawn(function() error({ code = 5 }) end)
      local err = catch(reply.await, reply)
      assert.same({ code = 5 }, err)
      assert.matches("portal_spec", xio.traceback(err))
      reply = portal:spawn(function() return coroutine.create(print) end)
      assert.matches("results%[1%]", tostring(catch(reply.await, reply)))
    end)
  end)

  it("cancels the task of a reply, which then ends it", function()
    run(function()
      local portal = xio.portal()
      local event = xio.event()
      local reply = portal:spawn(function()
        local xio = require "xio" -- luacheck: ignore
        local ok, err = pcall(xio.sleep_forever)
        assert(not ok and xio.is_cancelled(err))
        assert(err.reason == "why")
        xio.shield(xio.sleep, 1)
        error(err)
      end)
      xio.sleep(1)
      assert.is_true(reply:cancel("why"))
      assert.is_false(reply:cancel())
      assert.is_false(reply.done)
      assert.equal("ECANCELED", catch(reply.await, reply).code)
      assert.equal(2, xio.now())
      -- before it has run: up to its first checkpoint
      reply = portal:spawn(function()
        local xio = require "xio" -- luacheck: ignore
        xio.checkpoint()
      end)
      reply:cancel()
      assert.equal("ECANCELED", catch(reply.await, reply).code)
      reply = portal:spawn(function() return "ran" end)
      reply:cancel()
      assert.equal("ran", reply:await())
      event:set()
    end)
  end)

  it("posts run in order, and their failures end the run", function()
    rawset(_G, "xio_spec_posted", {})
    run(function()
      local portal = xio.portal()
      for i = 1, 3 do
        assert.is_true(portal:post(function()
          local list = rawget(_G, "xio_spec_posted")
          list[#list + 1] = i
        end))
      end
      xio.sleep(1)
    end)
    assert.same({ 1, 2, 3 }, rawget(_G, "xio_spec_posted"))
    rawset(_G, "xio_spec_posted", nil)
    local err = catch(run, function()
      local portal = xio.portal()
      for i = 1, 2 do portal:post(function() error({ i }) end) end
      xio.sleep_forever()
    end)
    assert.equal(2, #err.errors)
    assert.same({ 1 }, err.errors[1])
  end)

  it("THR-12 raises at once after the end of the run, and refuses to wait for itself", function()
    local portal, reply
    run(function()
      portal = xio.portal()
      assert.equal("portal (open)", tostring(portal))
      misuse(function() portal:call(print) end, "portal:call", "itself")
      reply = portal:spawn(function() require "xio".sleep_forever() end)
      reply:cancel()
    end)
    assert.equal("portal (closed)", tostring(portal))
    for _, name in ipairs { "call", "spawn", "post" } do
      local err = catch(portal[name], portal, print)
      assert.equal("ECLOSED", err.code)
      assert.matches("portal:" .. name, tostring(err))
    end
    assert.is_true(reply.done)
  end)

  it("breaks the replies of what the end of the run has cut off", function()
    local replies = {}
    do
      local rt = xio.new()
      rt:spawn(function()
        local portal = xio.portal()
        replies[1] = portal:spawn(function() require "xio".sleep(1e6) end)
        xio.sleep(0)
        replies[2] = portal:spawn(os.time)
        xio.sleep_forever()
      end)
      for _ = 1, 4 do rt:step() end
      replies[3] = replies[2]
    end
    collectgarbage()
    collectgarbage()
    run(function()
      local err = catch(replies[1].await, replies[1])
      assert.equal("ECLOSED", err.code)
      assert.is_true(replies[2].done)
    end)
  end)

  it("does not keep a run alive, and shows a deadlock while nobody outside knows it", function()
    run(function() xio.portal() end)
    assert.matches("deadlock", tostring(catch(run, function()
      local portal = xio.portal() -- luacheck: ignore
      xio.event():wait()
    end)))
    run(function() -- on its way in a channel it might be known
      local tx, rx = xio.thread.channel(1)
      local portal = xio.portal()
      tx:send(portal)
      assert.equal(portal, rx:recv())
    end)
  end)

  it("E5 refuses wrong use", function()
    if not support.in_task() then
      misuse(function() xio.portal() end, "xio.portal", "xio.run")
    end
    run(function()
      local portal = xio.portal()
      misuse(function() portal:post() end, "portal:post", "#1")
      misuse(function() portal:spawn({}) end, "portal:spawn", "#1")
      misuse(function() portal.call({}, print) end, "portal:call", "bad self")
      misuse(function() portal.post("x", print) end, "portal:post", "bad self")
      local held = coroutine.create(print)
      local err = catch(portal.post, portal, function() return held end)
      assert.matches("held", tostring(err))
    end)
  end)
end)

describe("a portal, from other threads", function()
  local thread = xio.thread

  it("calls functions in the run, and gives results and errors", function()
    xio.run(function()
      local portal = xio.portal()
      assert.equal(42, thread.run(function()
        return portal:call(function(n)
          require "xio".sleep(0.001)
          return n * 2
        end, 21)
      end))
      local err = catch(thread.run, function()
        portal:call(function() error({ code = 9 }) end)
      end)
      assert.same({ code = 9 }, err)
      assert.equal("x", thread.run(function()
        return portal:spawn(function() return "x" end):await()
      end))
    end)
  end)

  it("THR-16 does not deadlock through four levels, and under four threads", function()
    xio.run(function()
      local portal = xio.portal()
      local function down(level)
        if level == 0 then return "bottom" end
        return thread.run(function()
          return portal:call(down, level - 1)
        end)
      end
      assert.equal("bottom", down(3))
      local sum = 0
      rawset(_G, "xio_spec_add", function(n) sum = sum + n end)
      xio.group(function(g)
        for _ = 1, 4 do
          g:spawn(thread.run, function()
            for _ = 1, 50 do
              portal:call(function()
                require "xio".checkpoint()
                rawget(_G, "xio_spec_add")(1)
              end)
            end
          end)
        end
      end)
      rawset(_G, "xio_spec_add", nil)
      assert.equal(200, sum)
    end)
  end)

  it("THR-17 gathers the failures of posts of all threads", function()
    local err = catch(xio.run, function()
      local portal = xio.portal()
      xio.group(function(g)
        for i = 1, 10 do
          g:spawn(thread.run, function() portal:post(function() error({ i }, 0) end) end)
        end
      end)
      xio.sleep(0.05)
    end)
    local seen = {}
    for one in xio.each_error(err) do seen[one[1]] = true end
    assert.is_true(next(seen) ~= nil)
  end)

  it("THR-11 runs what is called in a cancelled run up to its first checkpoint", function()
    local tx, rx = xio.thread.channel(math.huge)
    local err = catch(xio.run, function()
      local portal, go = xio.portal(), xio.close_scope()
      xio.spawn(thread.run, { on_cancel = "wait" }, function()
        tx:send("up")
        go:wait()
        tx:send({ pcall(portal.call, portal, function() return "sync" end) })
        tx:send({ pcall(portal.call, portal, function() require "xio".sleep(60) end) })
      end)
      xio.spawn(function()
        local _go <close> = support.closing(function() go:close() end)
        xio.sleep_forever()
      end)
      assert.equal("up", rx:recv())
      error("the run fails", 0)
    end)
    assert.equal("the run fails", err)
    assert.same({ true, "sync" }, rx:try_recv())
    local got = rx:try_recv()
    assert.is_false(got[1])
    assert.equal("ECANCELED", got[2].code)
  end)

  it("cancels the function when the caller is cancelled, and awaits its end", function()
    xio.run(function()
      local portal = xio.portal()
      local begun = xio.event()
      local seen = { begun = function() begun:set() end }
      rawset(_G, "xio_spec_seen", seen)
      local completed = xio.scope(function(scope)
        xio.group(function(g)
          g:spawn(thread.run, function()
            portal:call(function()
              local xio = require "xio" -- luacheck: ignore
              local list = rawget(_G, "xio_spec_seen")
              list.begun()
              local ok, err = pcall(xio.sleep_forever)
              list[#list + 1] = ok
              error(err)
            end)
          end)
          begun:wait()
          scope:cancel()
        end)
      end)
      rawset(_G, "xio_spec_seen", nil)
      seen.begun = nil
      assert.is_false(completed)
      assert.same({ false }, seen)
    end)
  end)

  it("keeps a run from a false deadlock while a thread knows it", function()
    xio.run(function()
      local portal = xio.portal()
      local event = xio.event()
      rawset(_G, "xio_spec_event", event)
      local reply = thread.run(function()
        return portal:spawn(function() rawget(_G, "xio_spec_event"):set() end)
      end)
      event:wait()
      reply:await()
      rawset(_G, "xio_spec_event", nil)
    end)
  end)
end)
