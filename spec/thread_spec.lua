-- xio.thread: functions in threads, their limits, calls back, and interrupting them. Time here
-- is real, since other threads have no other; so waits are short, and nothing asserts how long
-- a thing took, but that it ended.

local xio = require "xio"
local core = require "xio.core"
local spin = require "spec.support.spin"
local support = require "spec.support"
local child = require "spec.support.child"
local flag = require "spec.support.flag"
local threads = require "spec.support.threads"
local util = require "spec.support.util"

local it = support.it(it)
local catch = support.catch
local contains = util.contains

-- The specs run on the real clock.
local function run(...) return xio.run(...) end

describe("xio.thread.run", function()
  it("THR-01 gives the results of the function, holes and count kept", function()
    run(function()
      local results = table.pack(xio.thread.run(function(a, b, ...)
        return nil, a + b, select("#", ...), nil
      end, 1, 2, nil, nil))
      assert.same({ n = 4, nil, 3, 2, nil }, results)
      assert.equal(0, select("#", xio.thread.run(function() end)))
    end)
  end)

  it("runs it in another thread, with other globals", function()
    run(function()
      _G.thread_spec_mark = "here"
      local mark, main = xio.thread.run(function()
        return thread_spec_mark, select(2, coroutine.running()) -- luacheck: ignore
      end)
      _G.thread_spec_mark = nil
      assert.is_nil(mark)
      assert.is_false(main)
      local mine = core.current_thread and core.current_thread()
      assert.is_nil(mine)
    end)
  end)

  it("runs it in a task of a loop there, which may wait and have children", function()
    run(function()
      assert.same({ 1, 2, n = 2 }, xio.thread.run(function()
        return xio.gather {
          function() xio.sleep(0.002) return 1 end,
          function() xio.checkpoint() return 2 end,
        }
      end))
      assert.equal("spawned", xio.thread.run(function()
        local result
        xio.spawn(function()
          xio.sleep(0.001)
          result = "spawned"
        end)
        local task = xio.spawn(function()
          xio.sleep(0.003)
          return result
        end)
        return task:await()
      end))
    end)
  end)

  it("lets the other tasks of the run go on meanwhile", function()
    run(function()
      local turns = 0
      local done = false
      xio.spawn(function()
        while not done do
          turns = turns + 1
          xio.checkpoint()
        end
      end)
      xio.thread.run(function()
        local till = os.clock() + 0.01
        while os.clock() < till do end
      end)
      done = true
      assert.is_true(turns > 10)
    end)
  end)

  it("keeps a virtual clock from jumping, and a run from seeing a deadlock", function()
    xio.run({ clock = "virtual" }, function()
      local before = xio.now()
      local result, after
      xio.gather(function()
        result = xio.thread.run(function() xio.sleep(0.005) return "real" end)
        after = xio.now()
      end, function() xio.sleep(1000) end)
      assert.equal("real", result)
      assert.equal(before, after)
    end)
  end)

  it("THR-01 raises the function's error, with the thread's traceback and where from", function()
    run(function()
      local function fails(x)
        local function inner() error("failed with " .. x, 0) end
        inner()
        return nil
      end
      local err
      xio.isolate({ name = "waiter" }, function()
        err = catch(function() xio.thread.run(fails, 5) end)
      end)
      assert.equal("failed with 5", err)
      local report = xio.traceback(err)
      assert.is_true(contains(report, "in local 'inner'"), report)
      assert.is_true(contains(report, "run in a thread at spec/thread_spec.lua:"), report)
      assert.is_true(contains(report, "of task 'spec/thread_spec.lua:"), report)
      assert.is_nil(report:find("[xio]", 1, true), report)
    end)
  end)

  it("raises errors of every kind as copies", function()
    run(function()
      assert.same({ code = 7 }, catch(xio.thread.run, error, { code = 7 }))
      assert.is_false(catch(xio.thread.run, error, false))
      assert.equal("ENIL", catch(xio.thread.run, error, nil).code)
      local err = catch(xio.thread.run, function() xio.fail_after(0.001, xio.sleep, 1) end)
      assert.is_true(xio.is_timeout(err))
      err = catch(xio.thread.run, function()
        xio.spawn(error, "first", 0)
        xio.spawn(error, "second", 0)
        xio.sleep(1)
      end)
      assert.equal(xio.ErrorGroup.type, getmetatable(err))
      assert.same({ "first", "second" }, err:leaves())
      err = catch(xio.thread.run, function()
        error(setmetatable({}, { __tostring = function() return "of my own class" end }))
      end)
      assert.equal("ECOPY", err.code)
      assert.equal("of my own class", tostring(err))
      err = catch(xio.thread.run, function() return assert(io.open("/none/such")) end)
      assert.is_true(contains(err, "/none/such"))
    end)
  end)

  it("raises a failure to make the group of errors where it is waited for", function()
    local err = catch(xio.run, function()
      xio.spawn(xio.thread.run, error, "one", 0)
      xio.sleep_forever()
    end)
    assert.equal("one", err)
    assert.is_true(contains(xio.traceback(err), "run in a thread"))
  end)

  it("THR-02 never starts the function where the scope is cancelled already", function()
    run(function()
      local path = os.tmpname()
      os.remove(path)
      local ok, cancelled = xio.move_on_after(0, xio.thread.run, function(name)
        io.open(name, "w"):close()
      end, path)
      assert.is_false(ok)
      assert.equal("deadline", cancelled.source)
      xio.thread.run(function() end)
      assert.is_nil(io.open(path))
    end)
  end)

  it("names misuse before anything has started", function()
    run(function()
      local function misuse(expected, ...)
        local args = table.pack(...)
        local err = catch(function() xio.thread.run(table.unpack(args, 1, args.n)) end)
        assert.is_true(contains(err, expected), tostring(err))
        assert.is_true(contains(err, "thread_spec.lua"), tostring(err))
      end
      misuse("bad argument #1 to 'xio.thread.run' (function expected, got nil)", nil)
      misuse("bad argument #2 to 'xio.thread.run' (function expected, got number)", {}, 5)
      misuse("unknown option 'oncancel'", { oncancel = "wait" }, print)
      misuse("\"interrupt\", \"wait\" or \"abandon\" expected, got \"kill\"",
        { on_cancel = "kill" }, print)
      misuse("xio.thread.run: args[2].handler: userdata (FILE*) cannot be copied",
        print, 1, { handler = io.tmpfile() })
      local co = coroutine.create(print)
      misuse("xio.thread.run: f.upvalue(co): a coroutine cannot be copied",
        function() return co end)
      local err = catch(xio.thread.run, function() return { x = coroutine.create(print) } end)
      assert.is_true(contains(err, "xio.thread.run: results[1].x: a coroutine cannot be copied"))
    end)
    assert.is_true(contains(catch(xio.run, function()
      return xio.atomic(xio.thread.run, print)
    end), "cannot wait inside xio.atomic"))
  end)

  it("names what it is used outside of", function()
    local output = child.run([[
      io.write("", "") -- under the interpreter everything is inside a run
      print(pcall(xio.thread.call, print))
    ]])
    assert.is_true(contains(output, "xio.thread.call: not inside a thread of xio.thread"), output)
  end)

  it("THR-18 uses one thread for calls one after the other, and leaves none", function()
    local before = threads.count()
    run(function()
      for i = 1, 20 do
        assert.equal(i, xio.thread.run(function(x)
          count = (count or 0) + 1 -- luacheck: ignore
          assert(count == x, "another thread") -- luacheck: ignore
          return count -- luacheck: ignore
        end, i))
      end
      assert.equal(1, core.thread_count())
    end)
    assert.equal(before, threads.count())
  end)

  it("THR-07 runs at most 32 at once; more wait in order and can be cancelled", function()
    run(function()
      local path, wait_for = flag()
      local order = {}
      xio.group(function(g)
        for i = 1, 32 do
          g:spawn(function()
            xio.thread.run(function(name)
              while not io.open(name) do xio.sleep(0.005) end
            end, path)
            order[#order + 1] = i
          end)
        end
        xio.checkpoint()
        local late = {}
        for i = 33, 36 do
          late[i] = g:spawn(function()
            xio.thread.run(function() end)
            order[#order + 1] = i
          end)
        end
        xio.sleep(0.01)
        assert.equal(32, core.thread_count())
        late[34]:cancel()
        late[34]:wait()
        assert.equal("cancelled", late[34]:status())
        assert.equal(0, #order)
        io.open(path, "w"):close()
      end)
      wait_for()
      assert.equal(35, #order)
      for _, i in ipairs(order) do assert.are_not.equal(34, i) end
      assert.equal(32, core.thread_count())
    end)
  end)

  it("has the paths for modules that the program has when a thread starts", function()
    run(function()
      local path = package.path
      package.path = "/a/path/of/its/own/?.lua;" .. path
      local theirs = xio.thread.run(function() return package.path end)
      assert.equal(package.path, theirs)
      package.path = path
    end)
    run(function()
      assert.is_false(contains(xio.thread.run(function() return package.path end), "/of/its/own"))
    end)
  end)

  it("names the module that a thread lacks", function()
    run(function()
      package.loaded["thread spec module"] = { x = 1 }
      local mod = package.loaded["thread spec module"]
      local err = catch(xio.thread.run, function() return mod end)
      package.loaded["thread spec module"] = nil
      assert.is_true(contains(err, "module 'thread spec module' not found"), tostring(err))
    end)
  end)

  it("nests: a thread has threads of its own", function()
    run(function()
      assert.equal("inner 3", xio.thread.run(function(x)
        return "inner " .. xio.thread.run(function(y) return y + 1 end, x + 1)
      end, 1))
    end)
  end)

  it("raises when no thread can be started, and works on with those that are there", function()
    local limits = { memory = 400000 }
    if not contains(child.run("print('ok')", limits), "ok") then
      return -- a sanitizer needs more addresses than that
    end
    local output, how = child.run([[
      local first
      xio.run(function()
        assert(xio.thread.run(function() return true end))
        local failed, ran = 0, 0
        xio.group(function(g)
          for i = 1, 200 do
            g:spawn(function()
              local ok, err = pcall(function()
                local pool = xio.thread.pool(1)
                return pool:run(function() xio.sleep(0.05) return true end)
              end)
              if ok then ran = ran + 1 else
                failed = failed + 1
                first = first or err
              end
            end)
          end
        end)
        local core = require "xio.core"
        print("failed", failed > 0, "ran", ran > 0, ran + failed)
        print(first.code or first, tostring(first))
        print(xio.thread.run(function() return "still works" end))
      end)
    ]], limits)
    assert.is_true(contains(output, "failed\ttrue\tran\ttrue\t200"), output .. tostring(how))
    assert.is_true(contains(output, "EAGAIN") or contains(output, "ENOMEM")
      or contains(output, "not enough memory"), output)
    assert.is_true(contains(output, "still works"), output)
  end)
end)

-- Runs `f(begun, ...)` in a thread, and cancels that once it has sent to `begun`. Gives what the
-- scope does.
local function cancelled_once_begun(on_cancel, f, ...)
  local begun, has_begun = xio.thread.channel(1)
  local scope = xio.new_scope()
  xio.spawn(function()
    has_begun:recv()
    scope:cancel()
  end)
  return scope:run(xio.thread.run, { on_cancel = on_cancel }, f, begun, ...)
end

describe("cancelling xio.thread.run", function()
  it("LUA-14 THR-03 interrupts a pure Lua loop; its cleanup runs", function()
    run(function()
      local path, wait_for = flag()
      local ok, cancelled = xio.move_on_after(0.01, xio.thread.run, function(name)
        local _guard <close> = setmetatable({}, { __close = function(_, err)
          local file = io.open(name, "w")
          file:write(tostring(xio.is_cancelled(err)), " ", tostring(err))
          file:close()
        end })
        spin()
      end, path)
      assert.is_false(ok)
      assert.equal("deadline", cancelled.source)
      local file = io.open(path)
      assert.equal("true cancelled (deadline)", file:read("a"))
      file:close()
      wait_for()
    end)
  end)

  it("interrupts what waits in the thread, and every task there", function()
    run(function()
      local ok, n = xio.move_on_after(0.01, function()
        xio.thread.run(function()
          xio.group(function(g)
            g:spawn(xio.sleep_forever)
            g:spawn(function() xio.channel(1) xio.sleep(100) end)
            xio.sleep_forever()
          end)
        end)
      end)
      assert.is_false(ok)
      assert.equal("deadline", n.source)
    end)
  end)

  it("interrupts generators, nested runs and sort functions", function()
    run(function()
      local bodies = {
        function() for _ in coroutine.wrap(function() spin() end) do end end,
        function()
          coroutine.wrap(function() while true do coroutine.yield(1) end end)()
          spin()
        end,
        function() xio.run(function() spin() end) xio.checkpoint() end,
        function() xio.run(xio.sleep, 100) xio.checkpoint() end,
        function() xio.run(xio.sleep_forever) xio.checkpoint() end,
        xio.sleep_forever,
        function() table.sort({ 3, 2, 1, 5 }, function() spin() end) end,
        function() pcall(function() spin() end) xio.sleep(100) end,
        function()
          local function again() local _ = {} return again() end
          again()
        end,
        function() setmetatable({}, { __index = function() spin() end }).x = nil
          return setmetatable({}, { __index = function() spin() end }).x end,
        function()
          xio.group(function(g)
            g:spawn(function() spin() end)
            xio.sleep(9)
          end)
        end,
        function() while true do xio.checkpoint() end end,
      }
      for i, body in ipairs(bodies) do
        local ok = xio.move_on_after(0.005, xio.thread.run, body)
        assert.is_false(ok, "body " .. i)
      end
    end)
  end)

  it("does not interrupt cleanup that was told of it", function()
    run(function()
      local ok, result = cancelled_once_begun("interrupt", function(begun)
        local ok, err = pcall(function()
          begun:send(true)
          xio.sleep(100)
        end)
        local n = 0
        for _ = 1, 5000000 do n = n + 1 end -- many times as long as it takes to interrupt
        return ok, xio.is_cancelled(err), n
      end)
      assert.is_true(ok)
      assert.is_false(result)
    end)
  end)

  it("respects shields in the thread", function()
    run(function()
      local completed, a = cancelled_once_begun("interrupt", function(begun)
        local n = 0
        xio.shield(function()
          begun:send(true)
          local till = os.clock() + 0.03
          while os.clock() < till do n = n + 1 end
        end)
        return n
      end)
      assert.is_true(completed)
      assert.is_true(a > 0)
      completed = cancelled_once_begun("interrupt", function(begun)
        xio.shield(function()
          begun:send(true)
          local till = os.clock() + 0.03
          while os.clock() < till do end
        end)
        spin()
      end)
      assert.is_false(completed)
    end)
  end)

  it("THR-04 raises an error that the function makes of it", function()
    run(function()
      local err = catch(cancelled_once_begun, "interrupt", function(begun)
        local ok = pcall(function()
          begun:send(true)
          spin()
        end)
        error("made of it: " .. tostring(ok), 0)
      end)
      assert.equal("made of it: false", err)
    end)
  end)

  it("C3 gives the results of a function that returned all the same", function()
    run(function()
      local scope = xio.new_scope()
      local begun, has_begun = xio.thread.channel(1)
      local completed, value, at_next = scope:run(function()
        xio.spawn(function()
          has_begun:recv()
          scope:cancel()
        end)
        local value = xio.thread.run(function(tx)
          pcall(function()
            tx:send(true)
            xio.sleep(100)
          end)
          return "returned"
        end, begun)
        return value, pcall(xio.checkpoint)
      end)
      assert.is_true(completed)
      assert.equal("returned", value)
      assert.is_false(at_next)
    end)
  end)

  it("THR-05 waits where it shall, runs other tasks, and gives the result", function()
    run(function()
      local path, wait_for = flag()
      local turns = 0
      local scope = xio.new_scope()
      local begun, has_begun = xio.thread.channel(1)
      local completed, value, next_ok = scope:run(function()
        xio.spawn(function()
          has_begun:recv()
          scope:cancel()
        end)
        local value = xio.thread.run({ on_cancel = "wait" }, function(tx, name)
          tx:send(true)
          local till = os.clock() + 0.03
          while os.clock() < till do end
          io.open(name, "w"):close()
          return "all of it"
        end, begun, path)
        return value, pcall(xio.checkpoint)
      end)
      wait_for()
      assert.is_true(completed)
      assert.equal("all of it", value)
      assert.is_false(next_ok)
      xio.spawn(function() turns = turns + 1 end)
      xio.checkpoint()
      assert.equal(1, turns)
    end)
  end)

  it("xio.thread.check raises where the function is awaited", function()
    run(function()
      local ok, cancelled = xio.move_on_after(0.005, xio.thread.run, { on_cancel = "wait" },
        function() while true do xio.thread.check() end end)
      assert.is_false(ok)
      assert.equal("deadline", cancelled.source)
      xio.thread.check() -- here it does what xio.check does
      assert.is_false((xio.move_on_after(0, xio.thread.check)))
    end)
  end)

  it("abandons where it shall, and the run does not wait", function()
    local before = threads.count()
    local started, wait_for_start = flag()
    local path, wait_for = flag()
    run(function()
      local scope = xio.new_scope()
      xio.spawn(function()
        wait_for_start()
        scope:cancel("enough")
      end)
      local ok, cancelled = scope:run(xio.thread.run, { on_cancel = "abandon" },
        function(start, name)
          local _guard <close> = setmetatable({}, { __close = function()
            io.open(name, "w"):close()
          end })
          io.open(start, "w"):close()
          os.execute("sleep 0.5") -- C code
          spin()
        end, started, path)
      assert.is_false(ok)
      assert.equal("enough", cancelled.reason)
      assert.is_nil(io.open(path))
    end)
    assert.is_nil(io.open(path))
    run(wait_for)
    threads.wait(before)
  end)

  it("THR-07 has the room of an abandoned function back when that ends", function()
    run(function()
      local pool = xio.thread.pool(1)
      local ok = xio.move_on_after(0.005, function()
        pool:run({ on_cancel = "abandon" }, os.execute, "sleep 0.5")
      end)
      assert.is_false(ok)
      assert.equal(1, core.thread_count())
      assert.equal(5, pool:run(function() return 5 end)) -- when the other has ended
      assert.equal(1, core.thread_count())
    end)
  end)

  it("says of a function that was cancelled by itself", function()
    run(function()
      local err = catch(xio.thread.run, function()
        xio.current():cancel()
        xio.checkpoint()
      end)
      assert.equal("ECANCELED", err.code)
      assert.is_true(contains(err, "the function in the thread was cancelled"))
    end)
  end)

  it("THR-17 cancels all others when one fails, and loses no error", function()
    run(function()
      local err = catch(xio.group, function(g)
        for i = 1, 10 do
          g:spawn(xio.thread.run, function(n)
            if n == 5 then error("the fifth", 0) end
            spin()
          end, i)
        end
      end)
      assert.equal("the fifth", err)
      err = catch(xio.group, { errors = "group" }, function(g)
        for i = 1, 10 do
          g:spawn(xio.thread.run, function(n)
            pcall(xio.sleep, n == 1 and 0.01 or 100)
            error(n, 0)
          end, i)
        end
      end)
      assert.equal(10, #err)
    end)
  end)

  it("ends with the run where a task of the run fails", function()
    local before = threads.count()
    local err = catch(xio.run, function()
      xio.spawn(function()
        xio.sleep(0.005)
        error("elsewhere", 0)
      end)
      xio.thread.run(function() spin() end)
    end)
    assert.equal("elsewhere", err)
    assert.equal(before, threads.count())
  end)
end)

describe("xio.thread.pool", function()
  it("runs at most so many at once and uses threads again", function()
    run(function()
      local pool = xio.thread.pool(2)
      assert.equal("thread pool (2 at once)", tostring(pool))
      local results = pool:map({ 1, 2, 3, 4, 5, 6, 7, 8 }, function(x)
        xio.sleep(0.001)
        return x * x
      end)
      assert.same({ 1, 4, 9, 16, 25, 36, 49, 64, n = 8 }, results)
      assert.equal(2, core.thread_count())
      assert.equal(9, pool:run(math.max, 1, 9))
      assert.equal(xio.thread.cpus(), xio.thread.pool().size)
    end)
  end)

  it("lets functions wait in order", function()
    run(function()
      local pool, order = xio.thread.pool(1), {}
      xio.group(function(g)
        for i = 1, 10 do
          local task = g:spawn(function()
            local value = pool:run(function(x) return x end, i)
            order[#order + 1] = value
          end)
          if i == 4 then
            xio.checkpoint()
            task:cancel() -- it waits
          end
        end
      end)
      assert.same({ 1, 2, 3, 5, 6, 7, 8, 9, 10 }, order)
    end)
  end)

  it("raises the first error of a map, when the others have ended", function()
    run(function()
      local pool = xio.thread.pool(3)
      local err = catch(pool.map, pool, { 1, 2, 3, 4, 5 }, function(x)
        if x == 2 then error("two", 0) end
        spin()
      end)
      assert.equal("two", err)
    end)
  end)

  it("can be let go of while its functions run", function()
    run(function()
      local task = xio.spawn(function()
        return xio.thread.pool(1):run(function() xio.sleep(0.01) return "done" end)
      end)
      xio.sleep(0.002)
      collectgarbage()
      collectgarbage()
      assert.equal("done", task:await())
    end)
  end)

  it("names misuse", function()
    local pool
    run(function()
      pool = xio.thread.pool(1)
      for _, bad in ipairs { 0, -1, 1.5, "x", {}, 10001 } do
        local err = catch(xio.thread.pool, bad)
        assert.is_true(contains(err, "bad argument #1 to 'xio.thread.pool' (integer from 1"), err)
      end
      assert.is_true(contains(catch(pool.map, pool, 5, print), "to 'pool:map' (list expected"))
      assert.is_true(contains(catch(pool.map, pool, {}, 5), "to 'pool:map' (function expected"))
      assert.is_true(contains(catch(pool.run, {}, print), "'pool:run' (pool expected"))
    end)
    run(function()
      assert.is_true(contains(catch(pool.run, pool, print), "the pool belongs to another run"))
    end)
  end)
end)

describe("threads", function()
  it("THR-23 end where the Lua state is closed in the midst", function()
    local output, how = child.run([[
      local xio = require "xio"
      xio.run(function()
        xio.spawn(xio.thread.run, function() while true do end end)
        xio.spawn(xio.thread.run, { on_cancel = "wait" }, function() xio.sleep(100) end)
        xio.spawn(xio.thread.run, function() xio.thread.call(xio.sleep, 100) end)
        xio.sleep(0.03)
        print("closing")
        os.exit(0, true)
      end)
    ]])
    assert.is_true(contains(output, "closing"), output .. tostring(how))
  end)

  it("leave the handler of SIGURG, and signals of the program, as they were", function()
    run(function()
      local seen
      xio.gather(function()
        xio.thread.run(function()
          local till = os.clock() + 0.02
          while os.clock() < till do end
        end)
      end, function()
        seen = xio.signal.wait("USR2")
      end, function()
        xio.sleep(0.005)
        os.execute("kill -USR2 " .. io.open("/proc/self/stat"):read("n"))
      end)
      assert.equal("USR2", seen)
    end)
  end)

  it("are interrupted at random with nothing lost", function()
    local seeds = tonumber(os.getenv("XIO_THREAD_SEEDS")) or 60
    run(function()
      local pool = xio.thread.pool(3)
      for seed = 1, seeds do
        local rng = seed * 7919 % 1009
        local delay = (rng % 13) * 0.0002
        local kind = rng % 6
        local ok, value = xio.move_on_after(delay, function()
          return pool:run(function(what)
            if what == 0 then spin() end
            if what == 1 then xio.sleep(100) end
            if what == 2 then
              return xio.thread.call(function()
                xio.sleep(0.0005)
                return "called"
              end)
            end
            if what == 3 then return "at once" end
            if what == 4 then
              return xio.gather(xio.sleep_forever, function()
                while true do xio.checkpoint() end
              end)
            end
            for _ = 1, 30 do xio.thread.call(function() end) end
            return "thirty"
          end, kind)
        end)
        if ok then
          assert.is_true(value == "called" or value == "at once" or value == "thirty",
            tostring(value))
        else
          assert.equal("deadline", value.source)
        end
      end
      assert.is_true(core.thread_count() <= 3)
    end)
  end)
end)
