-- xio.thread.call: what a thread has done by the task that waits for it.

local xio = require "xio"
local core = require "xio.core"
local flag = require "spec.support.flag"
local support = require "spec.support"
local threads = require "spec.support.threads"
local util = require "spec.support.util"

local it = support.it(it)
local catch = support.catch
local contains = util.contains

-- The specs run on the real clock.
local function run(...) return xio.run(...) end

describe("xio.thread.call", function()
  it("runs a function in the task that waits", function()
    run(function()
      local log = {}
      local var = xio.var("none")
      var:set("of the task")
      package.loaded["thread spec log"] = { log = log, var = var, task = xio.current() }
      local result = xio.thread.run(function()
        return xio.thread.call(function(a, b)
          local here = package.loaded["thread spec log"]
          here.log[1] = here.var:get()
          here.log[2] = here.task == xio.current()
          xio.sleep(0.001)
          return a .. b
        end, "x", "y")
      end)
      package.loaded["thread spec log"] = nil
      assert.equal("xy", result)
      assert.same({ "of the task", true }, log)
    end)
  end)

  it("raises the error of the function, with its trace, in the thread", function()
    run(function()
      local caught, message, report = xio.thread.run(function()
        local ok, err = pcall(xio.thread.call, function()
          local function inside() error({ code = 12 }) end
          inside()
        end)
        return not ok, err.code, xio.traceback(err)
      end)
      assert.is_true(caught)
      assert.equal(12, message)
      assert.is_true(contains(report, "inside"), report)
      local err = catch(xio.thread.run, function()
        xio.thread.call(function() error("through", 0) end)
      end)
      assert.equal("through", err)
    end)
  end)

  it("says what cannot be copied, either way", function()
    run(function()
      local a, b = xio.thread.run(function()
        local _, err1 = pcall(xio.thread.call, print, coroutine.create(print))
        local _, err2 = pcall(xio.thread.call, function() return io.tmpfile() end)
        return err1, err2
      end)
      assert.is_true(contains(a, "xio.thread.call: args[1]: a coroutine cannot be copied"), a)
      assert.is_true(contains(b, "xio.thread.call: results[1]: userdata (FILE*) cannot"), b)
    end)
  end)

  it("THR-16 recurs to any depth: thread, loop, thread, loop", function()
    run(function()
      local function down(n)
        if n == 0 then return "bottom" end
        return n .. " " .. xio.thread.run(function(f, m)
          return xio.thread.call(f, m)
        end, down, n - 1)
      end
      assert.equal("3 2 1 bottom", down(3))
      assert.equal(core.thread_count(), 3)
      down(20)
    end)
  end)

  it("takes no room in a pool while it waits", function()
    run(function()
      package.loaded["thread spec pool"] = { pool = xio.thread.pool(1) }
      local function down(n)
        local pool = package.loaded["thread spec pool"].pool
        if n == 0 then return 0 end
        return 1 + pool:run(function(f, m) return xio.thread.call(f, m) end, down, n - 1)
      end
      assert.equal(5, down(5))
      package.loaded["thread spec pool"] = nil
    end)
  end)

  it("runs many calls from many tasks of many threads", function()
    run(function()
      local sums = xio.map({ 1, 2, 3, 4 }, function(k)
        return xio.thread.run(function(base)
          local sum = 0
          xio.group(function(g)
            for i = 1, 20 do
              g:spawn(function()
                local value = xio.thread.call(function(x)
                  if x % 3 == 0 then xio.checkpoint() end
                  return x
                end, base * i)
                sum = sum + value
              end)
            end
          end)
          return sum
        end, k)
      end)
      assert.same({ 210, 420, 630, 840, n = 4 }, sums)
    end)
  end)

  it("THR-11 cancels a call that waits; one that does not returns; so does the thread", function()
    run(function()
      local path, wait_for = flag()
      local ok = xio.move_on_after(0.01, xio.thread.run, function(name)
        local a, err = pcall(xio.thread.call, xio.sleep, 100)
        local b, value = pcall(xio.shield, xio.thread.call, function() return 7 end)
        local file = io.open(name, "w")
        file:write(tostring(a), tostring(xio.is_cancelled(err)), tostring(b), tostring(value))
        file:close()
        xio.checkpoint()
      end, path)
      assert.is_false(ok)
      local file = io.open(path)
      assert.equal("falsetruetrue7", file:read("a"))
      file:close()
      wait_for()
    end)
  end)

  it("is cancelled in an awaited thread with its task", function()
    run(function()
      local completed, a, b = xio.move_on_after(0.005, xio.thread.run, { on_cancel = "wait" },
        function()
          local ok, err = pcall(xio.thread.call, xio.sleep, 100)
          return ok, xio.is_cancelled(err)
        end)
      assert.is_true(completed)
      assert.is_false(a)
      assert.is_true(b)
    end)
  end)

  it("is not begun where its caller was cancelled before", function()
    run(function()
      local log = {}
      local path, wait_for = flag()
      package.loaded["thread spec log"] = { log = log, wait_for = wait_for }
      xio.thread.run(function(name)
        xio.group(function(g)
          local scope = xio.new_scope()
          g:spawn(xio.thread.call, function() package.loaded["thread spec log"].wait_for() end)
          xio.checkpoint()
          g:spawn(scope.run, scope, xio.thread.call, function()
            package.loaded["thread spec log"].log[1] = "begun"
          end)
          xio.checkpoint()
          scope:cancel() -- the task outside still runs the first call
          io.open(name, "w"):close()
        end)
      end, path)
      package.loaded["thread spec log"] = nil
      assert.same({}, log)
    end)
  end)

  it("is refused where nobody waits any more", function()
    local before = threads.count()
    run(function()
      local go, made = flag(), flag()
      local ok = xio.move_on_after(0.005, xio.thread.run, { on_cancel = "abandon" },
        function(wait_for, result)
          local _, err = pcall(xio.shield, function()
            while not io.open(wait_for) do xio.sleep(0.001) end
            xio.thread.call(print, "never")
          end)
          local file = io.open(result .. ".part", "w")
          file:write(tostring(err), " ", tostring(err.code))
          file:close()
          os.rename(result .. ".part", result)
        end, go, made)
      assert.is_false(ok)
      io.open(go, "w"):close()
      local file
      repeat
        xio.sleep(0.001)
        file = io.open(made)
      until file
      local text = file:read("a")
      file:close()
      os.remove(go)
      os.remove(made)
      assert.is_true(contains(text, "is gone ECLOSED"), text)
    end)
    threads.wait(before)
  end)
end)
