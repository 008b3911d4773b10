-- xio.registry: pending requests by key.

local xio = require "xio"
local support = require "spec.support"
local schedules = require "spec.support.schedules"

local it = support.it(it)
local run, catch, misuse = support.run, support.catch, support.misuse

describe("xio.registry", function()
  it("gives a reply for a key, which resolving the key settles", function()
    run(function()
      local registry, item = xio.registry(), {}
      local reply = registry:register("a")
      assert.is_false(reply.done)
      assert.equal(1, registry.pending)
      assert.is_true(registry:resolve("a", item, nil, 3))
      assert.is_true(reply.done)
      assert.equal(0, registry.pending)
      assert.is_false(registry:resolve("a", 2))
      for _ = 1, 2 do
        local got = table.pack(reply:await())
        assert.equal(3, got.n)
        assert.equal(item, got[1])
        assert.equal(3, got[3])
      end
    end)
  end)

  it("wakes who awaits the reply", function()
    run(function()
      local registry = xio.registry()
      xio.group(function(group)
        local reply = registry:register(7)
        group:spawn(function()
          xio.sleep(2)
          registry:resolve(7, "value")
        end)
        assert.equal("value", reply:await())
        assert.equal(2, xio.now() - (xio.now() - 2))
      end)
    end)
  end)

  it("failing a key raises the very error, every time", function()
    run(function()
      local registry, err = xio.registry(), {}
      local reply = registry:register("a")
      assert.is_true(registry:fail("a", err))
      assert.is_false(registry:fail("a", err))
      for _ = 1, 2 do assert.equal(err, catch(reply.await, reply)) end
    end)
  end)

  it("tells keys apart as a table does", function()
    run(function()
      local registry = xio.registry()
      local keys = { 1, "1", 1.5, true, false, "", "a\0b", "a", math.mininteger, math.huge }
      local replies = {}
      for i, key in ipairs(keys) do replies[i] = registry:register(key) end
      assert.equal(#keys, registry.pending)
      assert.is_true(registry:resolve(1.0, "one"))
      assert.equal("one", replies[1]:await())
      for i = 2, #keys do registry:resolve(keys[i], i) end
      for i = 2, #keys do assert.equal(i, replies[i]:await()) end
    end)
  end)

  it("a key may be used again once it is answered", function()
    run(function()
      local registry = xio.registry()
      registry:register("a")
      misuse(function() registry:register("a") end, "registry:register", "#1", "a")
      misuse(function() registry:request("a", print) end, "registry:request", "#1", "a")
      registry:resolve("a")
      local reply = registry:register("a")
      registry:resolve("a", 2)
      assert.equal(2, reply:await())
    end)
  end)

  it("request sends and waits for the answer", function()
    run(function()
      local registry, sent = xio.registry(), {}
      xio.group(function(group)
        local function send(key)
          sent[#sent + 1] = key
          group:spawn(function()
            xio.sleep(1)
            registry:resolve(key, "answer to " .. key, 2)
          end)
        end
        assert.same({ "answer to a", 2 }, { registry:request("a", send) })
        assert.same({ "a" }, sent)
        assert.equal(0, registry.pending)
      end)
    end)
  end)

  it("a request whose answer comes before send returns gets it", function()
    run(function()
      local registry = xio.registry()
      assert.equal("quick", registry:request(1, function(key)
        registry:resolve(key, "quick")
        xio.sleep(1)
      end))
    end)
  end)

  it("a request that cannot be sent raises that, and its key is free", function()
    run(function()
      local registry, err = xio.registry(), {}
      assert.equal(err, catch(registry.request, registry, "a", function() error(err) end))
      assert.equal(0, registry.pending)
      assert.is_false(registry:resolve("a"))
    end)
  end)

  it("a timeout ends the request, and its key is free", function()
    run(function()
      local registry = xio.registry()
      local got
      local took = support.elapsed(function()
        got = table.pack(registry:request("a", function() end, 3))
      end)
      assert.same({ 3, nil, "ETIMEDOUT" }, { took, got[1], got[3] })
      assert.equal("ETIMEDOUT", got[2].code)
      assert.equal(0, registry.pending)
      assert.is_false(registry:resolve("a"))
      local reply = registry:register("b")
      assert.equal("ETIMEDOUT", select(3, reply:await(1)))
      assert.equal(0, registry.pending)
      assert.is_true(reply.done)
      assert.equal("ETIMEDOUT", select(3, reply:await())) -- it does not hang
    end)
  end)

  it("the timeout counts while the request is being sent", function()
    run(function()
      local registry = xio.registry()
      local began = xio.now()
      local result = table.pack(registry:request("a", function() xio.sleep(10) end, 3))
      assert.equal("ETIMEDOUT", result[3])
      assert.equal(3, xio.now() - began)
      assert.equal(0, registry.pending)
    end)
  end)

  it("a request that is cancelled is not pending any more", function()
    run(function()
      local registry = xio.registry()
      assert.is_false((xio.move_on_after(1, registry.request, registry, "a", function() end)))
      assert.equal(0, registry.pending)
      local reply = registry:register("b")
      assert.is_false((xio.move_on_after(1, reply.await, reply)))
      assert.equal(1, registry.pending) -- somebody may await it again
      assert.is_true(reply:cancel())
      assert.equal(0, registry.pending)
    end)
  end)

  it("an answer that has come is not lost where the request is cancelled", function()
    run(function()
      local registry, got = xio.registry(), nil
      local scope = xio.new_scope()
      xio.group(function(group)
        group:spawn(function()
          scope:run(function() got = registry:request("a", function() end) end)
        end)
        xio.sleep(1)
        registry:resolve("a", "answer")
        scope:cancel()
      end)
      assert.equal("answer", got)
    end)
  end)

  it("fail_all fails what is pending, and stays open", function()
    run(function()
      local registry, err, failed = xio.registry(), {}, {}
      xio.group(function(group)
        for i = 1, 3 do
          group:spawn(function()
            local e = catch(registry.request, registry, i, function() end)
            assert.equal(err, e)
            failed[#failed + 1] = i
          end)
        end
        xio.sleep(1)
        assert.equal(3, registry:fail_all(err))
        assert.equal(0, registry:fail_all(err))
      end)
      assert.same({ 1, 2, 3 }, failed)
      local reply = registry:register(1)
      registry:resolve(1, "again")
      assert.equal("again", reply:await())
    end)
  end)

  it("closed with an error, answers with that at once, for ever", function()
    run(function()
      local registry, err = xio.registry(), {}
      local before = registry:register("a")
      assert.is_false(registry.closed)
      assert.is_true(registry:close(err))
      assert.is_false(registry:close("again"))
      assert.is_true(registry.closed)
      assert.equal(err, catch(before.await, before))
      local sent = false
      local function send() sent = true end
      for i = 1, 2 do
        assert.equal(err, catch(registry.request, registry, i, send))
        local reply = registry:register("b")
        assert.equal(err, catch(reply.await, reply))
        assert.equal(0, registry.pending)
      end
      assert.is_false(sent)
      assert.is_false(registry:resolve("b", 1))
    end)
  end)

  it("closed without an error, answers nil and why", function()
    run(function()
      local registry = xio.registry()
      xio.group(function(group)
        local got
        group:spawn(function() got = table.pack(registry:request("a", function() end)) end)
        xio.sleep(1)
        registry:close()
        xio.sleep(1)
        assert.same({ nil, "ECLOSED" }, { got[1], got[3] })
        assert.equal("ECLOSED", got[2].code)
      end)
      assert.same({ nil, "ECLOSED" }, { (function(a, _, c) return a, c end)(
        registry:request("b", error)) })
      assert.equal("ECLOSED", select(3, registry:register("c"):await()))
    end)
  end)

  it("collected, leaves nobody waiting", function()
    run(function()
      local reply = xio.registry():register("a")
      collectgarbage()
      collectgarbage()
      assert.is_true(reply.done)
      assert.equal("ECLOSED", select(3, reply:await()))
    end)
  end)

  it("closes by <close>", function()
    run(function()
      local reply
      do
        local registry <close> = xio.registry()
        reply = registry:register(1)
      end
      assert.equal("ECLOSED", select(3, reply:await()))
    end)
  end)

  it("may be made and used outside of a run, but not awaited", function()
    local registry = xio.registry()
    local reply = registry:register("a")
    registry:resolve("a", 1)
    run(function() assert.equal(1, reply:await()) end)
  end)

  it("says what is wrong", function()
    run(function()
      local registry = xio.registry()
      misuse(function() registry:register(nil) end, "registry:register", "#1", "nil")
      misuse(function() registry:register({}) end, "registry:register", "#1", "table")
      misuse(function() registry:register(0 / 0) end, "registry:register", "#1", "NaN")
      misuse(function() registry:resolve() end, "registry:resolve", "#1")
      misuse(function() registry:fail({}) end, "registry:fail", "#1")
      misuse(function() registry:request(1) end, "registry:request", "#2", "function")
      misuse(function() registry:request(1, print, "x") end, "registry:request", "#3")
      misuse(function() registry.request({}, 1, print) end, "registry:request", "xio.Registry")
      misuse(function() registry.pending = 1 end, "pending", "set")
      assert.equal("registry (0 pending)", tostring(registry))
      registry:close()
      assert.equal("registry (closed)", tostring(registry))
    end)
  end)

  it("waiting for an answer that nobody can give is a deadlock", function()
    local err = catch(run, function() xio.registry():register("a"):await() end)
    assert(tostring(err):find "deadlock" or xio.is_cancelled(err) == false)
  end)

  it("answers every request once, under 1,000 schedules with cancellation at random", function()
    schedules.each(1000, function(random)
      local registry, answered, asked = xio.registry(), {}, {}
      local function answer(key)
        if random(5) == 1 then return registry:fail(key, "failed " .. key) end
        return registry:resolve(key, "answer " .. key)
      end
      xio.group(function(group)
        schedules.crowd(random, 3, 2, function(i)
          for n = 1, random(4) do
            local key = i * 10 + n
            asked[#asked + 1] = key
            local timeout = random(3) == 1 and random(2) or nil
            local ok, value, _, code = xio.pcall(registry.request, registry, key, function()
              group:spawn(function()
                schedules.dawdle(random)
                if answer(key) then answered[key] = true end
              end)
            end, timeout)
            if not ok then
              assert.equal("failed " .. key, value)
            elseif value then
              assert.equal("answer " .. key, value)
            else
              assert(code == "ETIMEDOUT" and timeout)
              assert(not answered[key])
            end
          end
        end)
      end)
      assert.equal(0, registry.pending)
      for _, key in ipairs(asked) do assert.is_false(registry:resolve(key)) end
    end)
  end)
end)

-- Real threads, so real time; limits are only against hanging.
describe("xio.registry, from other threads", function()
  local function run_threads(f)
    return xio.run({ signals = false }, xio.fail_after, 30, f)
  end

  it("is resolved and failed there, with copies", function()
    run_threads(function()
      local registry = xio.registry()
      xio.group(function(group)
        local good, bad = registry:register("good"), registry:register("bad")
        group:spawn(function()
          assert.same({ true, false, true }, { xio.thread.run(function(r)
            local first = r:resolve("good", { 1, 2 }, nil, 3)
            local again = r:resolve("good", 4)
            local _, err = xio.isolate(function() error({ text = "bad" }) end)
            return first, again, r:fail("bad", err)
          end, registry) })
        end)
        assert.same({ { 1, 2 }, nil, 3, n = 4 }, (function(...)
          local got = table.pack(...)
          got.n = got.n + 1
          return got
        end)(good:await()))
        local err = catch(bad.await, bad)
        assert.equal("bad", err.text)
        support.mentions(xio.traceback(err), "registry_spec.lua")
      end)
    end)
  end)

  it("requests of several threads are answered here, each once", function()
    run_threads(function()
      local registry, outbox = xio.registry(), xio.mailbox()
      xio.group(function(group)
        for thread = 1, 4 do
          group:spawn(function()
            local sum = xio.thread.run(function(r, out, number)
              local total = 0
              for n = 1, 200 do
                local key = number * 1000 + n
                total = total + r:request(key, function() out:submit(key) end)
              end
              return total
            end, registry, outbox, thread)
            assert.equal(200 * 1000 * thread + 20100, sum)
          end)
        end
        for _ = 1, 800 do
          local key = outbox:recv()
          assert.is_true(registry:resolve(key, key))
        end
      end)
      assert.equal(0, registry.pending)
    end)
  end)

  it("closing it wakes waiters in all threads, also those that come later", function()
    run_threads(function()
      local registry, ready = xio.registry(), xio.mailbox()
      xio.group(function(group)
        for i = 1, 3 do
          group:spawn(function()
            local first, later = xio.thread.run(function(r, out, key)
              local _, one = pcall(r.request, r, key, function() out:submit(key) end)
              local _, two = pcall(r.request, r, key, error)
              return one, two
            end, registry, ready, i)
            assert.same({ "over", "over" }, { first.text, later.text })
          end)
        end
        for _ = 1, 3 do ready:recv() end
        registry:close { text = "over" }
      end)
    end)
  end)

  it("what cannot be copied is refused, and the request stays pending", function()
    run_threads(function()
      local registry = xio.registry()
      local reply = registry:register("a")
      require "xio.core".copy({}, reply) -- another thread may know it from now on
      support.mentions(tostring(catch(registry.resolve, registry, "a", coroutine.create(print))),
        "registry:resolve", "results[1]")
      assert.equal(1, registry.pending)
      assert.is_true(registry:resolve("a", 1))
      assert.equal(1, reply:await())
    end)
  end)

  it("a timeout in another thread ends the request for all", function()
    run_threads(function()
      local registry = xio.registry()
      local reply = registry:register("a")
      assert.equal("ETIMEDOUT", xio.thread.run(function(other)
        return select(3, other:await(0.01))
      end, reply))
      assert.equal(0, registry.pending)
      assert.equal("ETIMEDOUT", select(3, reply:await()))
    end)
  end)

  it("closes with its last handle, in whatever thread that is", function()
    run_threads(function()
      local reply = xio.thread.run(function()
        local registry = xio.registry()
        return (registry:register("a"))
      end)
      xio.thread.run(function()
        collectgarbage()
        collectgarbage()
      end)
      assert.equal("ECLOSED", select(3, reply:await(10)))
    end)
  end)
end)
