-- xio --watchdog MS: tells of tasks that hold the loop. Real time is the subject.

local interpreter = require "spec.support.interpreter"
local support = require "spec.support"

local it = support.it(it)
local run = interpreter.run

-- In scripts, on their first line: `spin(s)` runs for so many seconds and does not wait.
local SPIN = "local xio = require 'xio' local function spin(s) "
  .. "local t = xio.now() while xio.now() - t < s do end end\n"

local function count(text, part)
  return select(2, text:gsub(part:gsub("%p", "%%%0"), ""))
end

describe("--watchdog", function()
  it("names the task, the line and the stack, once per stall, and tells how long it was", function()
    local out, err, status = run(SPIN .. [[
      local function crunch() spin(1) end
      xio.spawn({ name = "cruncher" }, function()
        xio.sleep(0.01)
        crunch()
        xio.sleep(0.01)
      end)
      xio.sleep(0.02)
      print("over")]], { options = "--watchdog 100" })
    assert.equal("over\n", out)
    assert.equal(0, status)
    assert.equal(1, count(err, "task 'cruncher' has held the loop for "), err)
    support.mentions(err, "watchdog: task 'cruncher' has held the loop for ",
      " s at script.lua:1\n",
      "\tscript.lua:1: in upvalue 'spin'\n\tscript.lua:2: in upvalue 'crunch'\n")
    local seconds = err:match("task 'cruncher' has let go of the loop after ([%d.]+) s\n")
    -- it is counted from the first time that the task is seen
    assert.is_true(tonumber(seconds) > 0.1, err)
  end)

  it("tells of each stall anew", function()
    local _, err = run(SPIN .. [[
      for i = 1, 2 do
        spin(0.8)
        xio.sleep(0.05)
      end]], { options = "--watchdog=60" })
    assert.equal(2, count(err, "task 'main' has held"), err)
    assert.equal(2, count(err, "task 'main' has let go"), err)
  end)

  it("tells of one that lasts until the end of the program", function()
    local _, err, status = run(SPIN .. "spin(0.6) error('no', 0)", { options = "--watchdog 50" })
    assert.equal(1, status)
    support.mentions(err, "task 'main' has held", "task 'main' has let go", "xio: no\n")
  end)

  it("tells of a C function as soon as that returns", function()
    local _, err = run("os.execute('sleep 0.6')\nlocal x = 1",
      { options = "--stock-io --watchdog 50" })
    support.mentions(err, "task 'main' has held the loop for ", " at script.lua:1\n")
  end)

  it("knows the generator that runs", function()
    local _, err = run(SPIN .. [[
      coroutine.wrap(function() spin(0.6) end)()]], { options = "--watchdog 50" })
    support.mentions(err, "task 'main' has held", "script.lua:1: in upvalue 'spin'\n",
      "in function <script.lua:2>\n", "script.lua:2: in main chunk\n")
  end)

  it("is silent about tasks that wait, and about many short ones", function()
    local out, err = run(SPIN .. [[
      xio.sleep(0.5)
      xio.map({ 1, 2, 3 }, function() for i = 1, 1e4 do xio.checkpoint() end end)
      xio.map({ 1, 2, 3 }, function() for i = 1, 20 do spin(0.001) xio.sleep(0) end end)
      print("over")]], { options = "--watchdog 8000" })
    assert.equal("over\n", out)
    assert.equal("", err)
  end)

  it("leaves a hook of the program as it was", function()
    local out, err = run(SPIN .. [[
      local lines = 0
      local function hook() lines = lines + 1 end
      debug.sethook(hook, "l")
      spin(0.6)
      print(debug.gethook() == hook, select(2, debug.gethook()), lines > 0)]],
      { options = "--watchdog 50" })
    assert.equal("true\tl\ttrue\n", out)
    support.mentions(err, "task 'main' has held")
  end)

  it("does not hinder the ways to end", function()
    local options = { options = "--watchdog 20" }
    assert.equal(7, (select(3, run("os.exit(7)", options))))
    assert.equal(7, (select(3, run("os.exit(7, true)", options))))
    assert.equal(7, (select(3, run(SPIN .. "spin(0.1) os.exit(7, true)", options))))
    assert.equal(1, (select(3, run("error()", options))))
    local _, _, status = run("io.popen('kill -TERM $PPID'):close() require 'xio'.sleep(9)", options)
    assert.equal(143, status)
  end)

  it("wants a number of milliseconds", function()
    for _, words in ipairs { "--watchdog", "--watchdog 0", "--watchdog x", "--watchdog=-1",
      "--watchdog=", "--watchdog 10x", "--watchdogs 5" } do
      local _, err, status = run("print(1)", { options = words })
      assert.equal(1, status, words)
      support.mentions(err, words == "--watchdogs 5" and "unrecognized option '--watchdogs'"
        or words == "--watchdog=" and "unrecognized" or "needs a number of milliseconds")
    end
  end)
end)
