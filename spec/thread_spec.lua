-- xio.thread: functions in threads, their limits, and calls back; cancelling is in
-- thread_cancel_spec. Time here is real, since other threads have no other; so waits are short,
-- and nothing asserts how long a thing took, but that it ended.

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
