-- Wrong use (E5): each error names the place, the function and the argument, and nothing starts.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, misuse = support.run, support.catch, support.misuse

local nan = 0 / 0

--- What no usage error may ever call.
local called
local function never() called = true end

--- Inside a run: calls `checks()`, then sees that nothing was called nor spawned by it.
local function nothing_starts(checks)
  called = false
  run(function()
    xio.group(function(g)
      checks(g)
      assert.equal(0, #g)
      assert.is_false(g.scope.cancel_called)
      xio.sleep(1)
    end)
  end)
  assert.is_false(called)
end

--- How an argument error names argument n of a type.
local function argument(n, kind)
  return { "#" .. n, kind }
end

describe("outside a run", function()
  local calls = {
    sleep = function() xio.sleep(1) end,
    sleep_until = function() xio.sleep_until(1) end,
    sleep_forever = function() xio.sleep_forever() end,
    checkpoint = function() xio.checkpoint() end,
    now = function() assert(xio.now()) end,
    deadline = function() assert(xio.deadline()) end,
    current = function() assert(xio.current()) end,
    spawn = function() xio.spawn(never) end,
    group = function() xio.group(never) end,
    gather = function() xio.gather(never) end,
    isolate = function() xio.isolate(never) end,
    scope = function() xio.scope(never) end,
    shield = function() xio.shield(never) end,
    cleanup = function() xio.cleanup(never) end,
    move_on_after = function() xio.move_on_after(1, never) end,
    move_on_at = function() xio.move_on_at(1, never) end,
    fail_after = function() xio.fail_after(1, never) end,
    fail_at = function() xio.fail_at(1, never) end,
  }
  local names = {}
  for name in pairs(calls) do names[#names + 1] = name end
  table.sort(names)

  for _, name in ipairs(names) do
    it("RUN-07 " .. name .. " says so", function()
      if support.in_task() then return end
      called = false
      misuse(calls[name], name, "not inside xio.run")
      assert.is_false(called)
    end)
  end

  it("RUN-07 waiting on a task handle says so", function()
    if support.in_task() then return end
    local rt = xio.new { clock = "virtual", signals = false }
    local task = rt:spawn(xio.checkpoint)
    misuse(function() task:wait() end, "wait", "not inside xio.run")
    misuse(function() task:await() end, "await", "not inside xio.run")
    rt:close()
  end)

  it("RUN-03 a refused run leaves the next one alone", function()
    catch(xio.run, 5)
    assert.equal(5, run(function()
      xio.sleep(1)
      return 5
    end))
  end)
end)

describe("xio.run, xio.main and xio.new", function()
  it("RUN-03 refuse what is no function", function()
    called = false
    for _, wrong in ipairs { 42, "f", true } do
      misuse(function() xio.run(wrong) end, "run", argument(1, "function"))
      misuse(function() xio.main(wrong) end, "main", argument(1, "function"))
      misuse(function() xio.run({}, wrong) end, "run", argument(2, "function"))
    end
    misuse(function() xio.run(nil) end, "run", argument(1, "function"))
    misuse(function() xio.main(nil) end, "main", argument(1, "function"))
    misuse(function() xio.run({}) end, "run", argument(2, "function"))
  end)

  it("refuse wrong options and name them", function()
    called = false
    local wrong = {
      clock = { "sundial", 5 }, errors = { "some", true }, seed = { "x", {} },
      signals = { "yes", 1 }, grace = { "long", nan }, name = { 5, {} },
    }
    for option, values in pairs(wrong) do
      for _, value in ipairs(values) do
        local opts = { [option] = value }
        misuse(function() xio.run(opts, never) end, "run", option)
        misuse(function() xio.new(opts) end, "new", option)
      end
    end
    assert.is_false(called)
  end)

  it("new refuses options that are no table", function()
    misuse(function() xio.new(5) end, "new", argument(1, "table"))
  end)
end)

describe("spawn, start and group", function()
  it("refuse what is no function", function()
    nothing_starts(function(g)
      for _, wrong in ipairs { 42, "f", coroutine.create(never) } do
        misuse(function() xio.spawn(wrong) end, "spawn", argument(1, "function"))
        misuse(function() g:spawn(wrong) end, "spawn", argument(1, "function"))
        misuse(function() g:start(wrong) end, "start", argument(1, "function"))
        misuse(function() xio.group(wrong) end, "group", argument(1, "function"))
        misuse(function() xio.group({}, wrong) end, "group", argument(2, "function"))
        misuse(function() g:spawn({}, wrong) end, "spawn", argument(2, "function"))
        misuse(function() g:start({}, wrong) end, "start", argument(2, "function"))
      end
      misuse(function() xio.spawn() end, "spawn", argument(1, "function"))
      misuse(function() g:spawn() end, "spawn", argument(1, "function"))
      misuse(function() xio.group() end, "group", argument(1, "function"))
    end)
  end)

  it("refuse wrong options and name them", function()
    nothing_starts(function(g)
      misuse(function() xio.spawn({ name = 5 }, never) end, "spawn", "name")
      misuse(function() g:spawn({ daemon = "yes" }, never) end, "spawn", "daemon")
      misuse(function() g:start({ name = {} }, never) end, "start", "name")
      for _, limit in ipairs { -1, 1.5, "two", nan } do
        misuse(function() xio.group({ limit = limit }, never) end, "group", "limit")
      end
      misuse(function() xio.group({ errors = "some" }, never) end, "group", "errors")
      misuse(function() xio.group({ name = 5 }, never) end, "group", "name")
    end)
  end)

  it("refuse to be called on something else", function()
    nothing_starts(function(g)
      misuse(function() g.spawn(never) end, "spawn", { "group", "#1", "self" })
      misuse(function() g.start({}, never) end, "start", { "group", "#1", "self" })
      misuse(function() g.cancel(5) end, "cancel", { "group", "#1", "self" })
      misuse(function() g.tasks(nil) end, "tasks", { "group", "#1", "self" })
    end)
  end)

  it("T4 say that a group has ended", function()
    nothing_starts(function()
      local ended
      xio.group(function(g) ended = g end)
      misuse(function() ended:spawn(never) end, "spawn", { "closed", "ended" })
      misuse(function() ended:start(never) end, "start", { "closed", "ended" })
    end)
  end)
end)

describe("scopes and timeouts", function()
  it("refuse what is no function", function()
    nothing_starts(function()
      misuse(function() xio.scope(5) end, "scope", argument(1, "function"))
      misuse(function() xio.scope({}, 5) end, "scope", argument(2, "function"))
      misuse(function() xio.shield(5) end, "shield", argument(1, "function"))
      misuse(function() xio.cleanup(5) end, "cleanup", argument(1, "function"))
      misuse(function() xio.atomic(5) end, "atomic", argument(1, "function"))
      misuse(function() xio.move_on_after(1, 5) end, "move_on_after", argument(2, "function"))
      misuse(function() xio.move_on_at(1, 5) end, "move_on_at", argument(2, "function"))
      misuse(function() xio.fail_after(1, 5) end, "fail_after", argument(2, "function"))
      misuse(function() xio.fail_at(1, 5) end, "fail_at", argument(2, "function"))
      misuse(function() xio.new_scope():run(5) end, "run", argument(1, "function"))
    end)
  end)

  it("C6 refuse NaN and what is no number", function()
    nothing_starts(function()
      for _, wrong in ipairs { nan, "soon", true } do
        local first = argument(1, "number")
        misuse(function() xio.move_on_after(wrong, never) end, "move_on_after", first)
        misuse(function() xio.move_on_at(wrong, never) end, "move_on_at", first)
        misuse(function() xio.fail_after(wrong, never) end, "fail_after", first)
        misuse(function() xio.fail_at(wrong, never) end, "fail_at", first)
        misuse(function() xio.sleep(wrong) end, "sleep", first)
        misuse(function() xio.sleep_until(wrong) end, "sleep_until", first)
        for _, option in ipairs { "timeout", "deadline" } do
          local opts = { [option] = wrong }
          misuse(function() xio.scope(opts, never) end, "scope", option)
          misuse(function() xio.new_scope(opts) end, "new_scope", option)
        end
      end
    end)
  end)

  it("SHD-10 refuse a shield that is no boolean, and stay as they were", function()
    nothing_starts(function()
      misuse(function() xio.scope({ shield = "yes" }, never) end, "scope", "shield")
      local scope = xio.new_scope { shield = true }
      misuse(function() scope.shield = 1 end, "shield")
      assert.is_true(scope.shield)
      misuse(function() scope.deadline = nan end, "deadline")
      misuse(function() scope.deadline = "soon" end, "deadline")
      assert.is_true(scope.deadline == nil or scope.deadline == math.huge)
    end)
  end)

  it("CAN-10 refuse to be entered twice", function()
    nothing_starts(function()
      local scope = xio.new_scope()
      scope:run(function()
        misuse(function() scope:run(never) end, "run", { "entered", "once", "twice", "already" })
      end)
      misuse(function() scope:run(never) end, "run", { "entered", "once", "twice", "already" })
      assert.is_false(scope.cancel_called)
    end)
  end)
end)

describe("task handles", function()
  it("refuse to be called on something else", function()
    run(function()
      local task = xio.spawn(function() end)
      misuse(function() task.await(5) end, "await", { "task", "#1", "self" })
      misuse(function() task.wait({}) end, "wait", { "task", "#1", "self" })
      misuse(function() task.cancel(nil) end, "cancel", { "task", "#1", "self" })
      misuse(function() task.status("x") end, "status", { "task", "#1", "self" })
    end)
  end)

  it("of another run that is not over cannot be awaited from here", function()
    run(function()
      local outer = xio.spawn(xio.sleep, 1)
      local err = catch(run, function() outer:await() end)
      assert.is_not_nil(err)
      outer:wait()
    end)
  end)
end)

describe("a function that cannot wait", function()
  it("xio.atomic raises when its function tries to, and names it", function()
    run(function()
      assert.same({ n = 2, 1 }, table.pack(xio.atomic(function() return 1, nil end)))
      misuse(function() xio.atomic(function() xio.sleep(1) end) end, "atomic")
      misuse(function() xio.atomic(function() xio.checkpoint() end) end, "atomic")
      xio.sleep(1)
    end)
  end)

  it("a usage error leaves the task, its group and its run whole", function()
    local log, seen = support.recorder()
    run(function()
      xio.spawn(function()
        xio.sleep(2)
        log("sibling")
      end)
      catch(xio.sleep, "soon")
      catch(xio.group)
      catch(xio.spawn, 1)
      xio.sleep(3)
      log("main")
    end)
    assert.same({ "sibling", "main" }, seen)
  end)
end)
