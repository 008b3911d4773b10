-- SIGQUIT at the interpreter: the tree of tasks with their stacks, and the program goes on.

local interpreter = require "spec.support.interpreter"
local support = require "spec.support"

local it = support.it(it)
local run = interpreter.run

-- In scripts: `quit()` returns when the signal has come. (system() would ignore it meanwhile.)
-- `later()` sends it after a moment, and `spin()` runs until well after that.
local KILL = "local function quit() io.popen('kill -QUIT $PPID'):close() end "
  .. "local function later() os.execute('(sleep 0.1; kill -QUIT $PPID) &') end "
  .. "local function spin() local t = os.clock() while os.clock() - t < 0.3 do end end "

describe("SIGQUIT", function()
  it("prints each task, what it waits for, where, and its stack, and goes on", function()
    local out, err, status = run(KILL .. [[
      local xio = require "xio"
      local function inner() xio.sleep(60) end
      local function work() inner() end
      xio.spawn({ name = "sleeper" }, work)
      xio.group(function(g)
        g:spawn({ name = "listener" }, function() xio.event():wait(60) end)
        xio.spawn({ name = "killer" }, function()
          quit()
          xio.sleep(0)
          print("over")
          os.exit(0)
        end)
      end)]])
    assert.equal("over\n", out)
    assert.equal(0, status)
    support.mentions(err, "xio: SIGQUIT: main: 4 tasks\n├─ main (waiting): group at script.lua:5\n",
      "└─ listener (waiting): event ", "at script.lua:6\n",
      "├─ sleeper (waiting): sleep ", " at script.lua:2\n",
      "│     script.lua:2: in upvalue 'inner'\n│     script.lua:3: in function <script.lua:3>\n",
      "└─ killer (")
    assert.is_nil(err:find("[xio]", 1, true), err)
  end)

  it("is answered from the middle of a loop that does not wait", function()
    local out, err, status = run(KILL .. [[
      later()
      spin()
      print("over")]])
    assert.equal("over\n", out)
    assert.equal(0, status)
    support.mentions(err, "main (running) at script.lua:1\n", "script.lua:1: in local 'spin'\n")
  end)

  it("shows the stack of the generator that runs, above its task's", function()
    local _, err = run(KILL .. [[
      local function generate()
        later()
        spin()
      end
      coroutine.wrap(generate)()]])
    assert.is_truthy(err:find("in function <script.lua:1>.*script.lua:5: in main chunk"), err)
  end)

  it("leaves a hook of the program as it was", function()
    local out, err = run(KILL .. [[
      local count = 0
      local function hook() count = count + 1 end
      debug.sethook(hook, "", 1000)
      later()
      spin()
      print(debug.gethook() == hook, select(3, debug.gethook()), count > 10)]])
    assert.equal("true\t1000\ttrue\n", out)
    support.mentions(err, "SIGQUIT")
  end)

  it("is answered as often as it comes, also in a nested run", function()
    local out, err, status = run(KILL .. [[
      local xio = require "xio"
      quit()
      xio.sleep(0.01)
      xio.run({ name = "inner" }, function()
        quit()
        xio.sleep(0.01)
      end)
      print("over")]])
    assert.equal("over\n", out)
    assert.equal(0, status)
    support.mentions(err, "SIGQUIT: main: 1 task\n", "SIGQUIT: inner: 1 task\n")
  end)

  it("goes to a task that listens for it", function()
    local out, err, status = run(KILL .. [[
      local xio = require "xio"
      xio.spawn(quit)
      print(xio.signal.wait("QUIT"))
      quit()
      xio.sleep(0)
      print("over")]])
    assert.equal("QUIT\nover\n", out)
    assert.equal(0, status)
    support.mentions(err, "SIGQUIT: main: ")
  end)

  it("that comes while the program ends does no harm", function()
    local out, _, status = run(KILL .. [[
      setmetatable({}, { __gc = function() quit() print("collected") end })]])
    assert.equal("collected\n", out)
    assert.equal(0, status)
  end)
end)
