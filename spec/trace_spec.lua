-- xio --trace FILE: a timeline in the Trace Event Format.

local interpreter = require "spec.support.interpreter"
local json = require "spec.support.json"
local support = require "spec.support"

local it = support.it(it)

local PHASES = { M = true, B = true, E = true, s = true, f = true, i = true }

-- What every trace must be: on each track slices that nest, in the order of time, with marks and
-- arrows at slices, and no arrow that ends without having begun.
local function check(events)
  local open, last, arrows = {}, {}, {}
  for _, event in ipairs(events) do
    assert.is_true(PHASES[event.ph], event.ph)
    assert.equal("integer", math.type(event.pid))
    assert.equal("integer", math.type(event.tid))
    local track = event.pid .. "/" .. event.tid
    assert.is_true(event.ts >= (last[track] or 0))
    last[track] = event.ts
    local depth = open[track] or 0
    local arrow = event.ph == "s" or event.ph == "f"
    local key = arrow and event.cat .. event.name .. event.id
    if event.ph == "B" then
      assert.equal("string", type(event.name))
      open[track] = depth + 1
    elseif event.ph == "E" then
      open[track] = depth - 1
    elseif event.ph == "i" then
      assert.is_true(event.s == "t" or event.s == "p")
    end
    assert.is_true((open[track] or 0) >= 0 and (open[track] or 0) <= 1)
    if arrow then assert.equal(1, open[track]) end
    if event.ph == "s" then
      assert.is_nil(arrows[key])
      arrows[key] = true
    elseif event.ph == "f" then
      assert.is_true(arrows[key])
      arrows[key] = nil
    end
  end
  return open, arrows
end

-- Runs `script` and reads the trace; returns it, and what interpreter.run gives.
local function trace(script, opts)
  opts = opts or {}
  local text
  local out, err, status = interpreter.run(script, {
    options = (opts.options or "") .. " --trace trace.json", arguments = opts.arguments,
    after = function(folder) text = interpreter.read_file(folder .. "/trace.json") end })
  local events = json.parse(assert(text, err))
  local open, arrows = check(events)
  return { events = events, open = open, arrows = arrows }, out, err, status
end

-- The events that have all `fields`.
local function select_events(events, fields)
  local found = {}
  for _, event in ipairs(events) do
    local fits = true
    for name, value in pairs(fields) do
      local has = event[name]
      if has == nil and event.args then has = event.args[name] end
      fits = fits and has == value
    end
    if fits then found[#found + 1] = event end
  end
  return found
end

-- The names of the slices on the track of the task with that name.
local function slices(events, task)
  local tid
  for _, event in ipairs(events) do
    if event.name == "thread_name" and event.args.name == task then tid = event.tid end
  end
  local names = {}
  for _, event in ipairs(events) do
    if event.ph == "B" and event.tid == tid then names[#names + 1] = event.name end
  end
  return table.concat(names, " ")
end

describe("--trace", function()
  it("has a track for each task, with a slice for each run and each wait", function()
    local result, out, err, status = trace [[
      local xio = require "xio"
      local tx, rx = xio.channel()
      xio.group(function(g)
        g:spawn({ name = "from \"one\"\\\n" }, function() tx:send(1) tx:send(2) tx:close() end)
        g:spawn({ name = "zu größe" }, function() for _ in rx do xio.sleep(0.001) end end)
      end)
      print("over")]]
    assert.equal("over\n", out)
    assert.equal("", err)
    assert.equal(0, status)
    local events = result.events
    assert.equal("run group run", slices(events, "main"))
    assert.equal("run send run send run", slices(events, 'from "one"\\\n'))
    assert.equal("run sleep run sleep run", slices(events, "zu größe"))
    assert.equal(1, #select_events(events, { name = "process_name", pid = 1 }))
    assert.equal("main", select_events(events, { name = "process_name", pid = 1 })[1].args.name)
    assert.equal(2, #select_events(events, { name = "sleep", cat = "wait", at = "script.lua:5" }))
    assert.equal(1, #select_events(events, { name = "run", spawned = "script.lua:4" }))
    assert.equal(3, #select_events(events, { ph = "E", outcome = "done" }))
    for track, depth in pairs(result.open) do assert.equal(0, depth, track) end
  end)

  it("draws arrows from who spawned or woke a task", function()
    local result = trace [[
      local xio = require "xio"
      local event = xio.event()
      local task = xio.spawn({ name = "waiter" }, function() event:wait() end)
      xio.sleep(0)
      event:set()
      task:await()]]
    local spawned = select_events(result.events, { ph = "s", name = "spawn" })
    assert.equal(1, #spawned)
    assert.equal(1, spawned[1].tid)
    local ended = select_events(result.events, { ph = "f", name = "spawn", id = spawned[1].id })
    assert.equal(1, #ended)
    assert.equal("e", ended[1].bp)
    assert.equal(2, ended[1].tid)
    assert.equal(2, #select_events(result.events, { ph = "s", name = "wake" }))
    assert.equal(1, #select_events(result.events, { ph = "f", name = "wake", tid = 2 }))
    assert.is_nil(next(result.arrows))
  end)

  it("marks cancellations, at who asked for them and where they act", function()
    local result = trace [[
      local xio = require "xio"
      local task = xio.spawn(xio.sleep_forever)
      xio.move_on_after(0.001, xio.sleep, 5)
      task:cancel()
      pcall(xio.group, function(g)
        g:spawn(function() error("no") end)
        xio.sleep(5)
      end)]]
    local function marks(fields) return #select_events(result.events, fields) end
    assert.equal(1, marks { ph = "i", name = "cancel", source = "deadline", of = "scope", tid = 0 })
    assert.equal(1, marks { ph = "i", name = "cancelled", source = "deadline", tid = 1 })
    assert.equal(1, marks { ph = "i", name = "cancel", source = "cancel", of = "task", tid = 1 })
    assert.equal(1, marks { ph = "i", name = "cancelled", source = "cancel", tid = 2 })
    assert.equal(1, marks { ph = "i", name = "cancel", source = "failure", of = "group", tid = 3 })
    assert.equal(1, marks { ph = "E", outcome = "failed", tid = 3 })
    assert.equal(1, marks { ph = "E", outcome = "cancelled", tid = 2 })
    assert.equal(3, marks { ph = "E", status = "ECANCELED" })
  end)

  it("marks errors, at the end of the task that failed", function()
    local events = trace([[
      local xio = require "xio"
      pcall(xio.group, function(g)
        g:spawn({ name = "fails" }, function() xio.sleep(0.001); error("broken") end)
        g:spawn({ name = "goes on" }, xio.sleep_forever)
      end)]]).events
    local marks = select_events(events, { ph = "i", cat = "error" })
    assert.equal(1, #marks)
    assert.equal("error", marks[1].name)
    assert.equal("script.lua:3: broken", marks[1].args.message)
    local ends = select_events(events, { ph = "E", tid = marks[1].tid, ts = marks[1].ts })
    assert.equal("failed", ends[#ends].args.outcome)
  end)

  it("tells the first line of an error, and what an object is", function()
    local events = trace([[
      local xio = require "xio"
      local long = ("ö"):rep(150)
      for _, value in ipairs {
        "one\ntwo", 'a "quoted" \\ word', "bad \xff byte", long, 42, false, {},
        setmetatable({}, { __name = "Mine", __tostring = error }),
        (select(2, xio.fs.readfile("/none/such"))),
        xio.ErrorGroup { "first", "second" },
      } do
        xio.isolate(function() error(value, 0) end)
        xio.isolate(function(g) xio.group(function(h) h:spawn(error, value, 0) end) end)
      end]]).events
    local messages = {}
    for _, mark in ipairs(select_events(events, { ph = "i", cat = "error" })) do
      messages[#messages + 1] = mark.args.message
    end
    assert.same({ "one", 'a "quoted" \\ word', "bad \u{fffd} byte", ("ö"):rep(98) .. "...", "42",
      "boolean", "table", "Mine", "open /none/such: no such file or directory (ENOENT)",
      "2 errors:" }, messages)
  end)

  it("tells the reason of a cancellation", function()
    local events = trace([[
      local xio = require "xio"
      xio.scope(function(scope) scope:cancel("enough") xio.checkpoint() end)
      local task = xio.spawn(xio.sleep_forever)
      xio.sleep(0)
      task:cancel({})
      xio.group(function(g) g:cancel() end)]]).events
    local function marks(fields)
      fields.ph, fields.cat = "i", "cancel"
      return select_events(events, fields)
    end
    assert.equal(1, #marks { name = "cancel", of = "scope", reason = "enough" })
    assert.equal(1, #marks { name = "cancel", of = "task", reason = "table" })
    assert.equal(1, #marks { name = "cancelled", of = "task", reason = "table", tid = 2 })
    assert.is_nil(marks({ name = "cancel", of = "group" })[1].args.reason)
  end)

  it("tells waits for the outside from others", function()
    local result, _, err = trace [[
      local xio = require "xio"
      local a, b = xio.net.pair()
      xio.spawn(function() a:write("x") end)
      b:recv()
      xio.fs.stat(".")
      xio.process.run { "true" }]]
    assert.equal("", err)
    assert.equal(1, #select_events(result.events, { ph = "B", name = "recv", cat = "io" })
      + #select_events(result.events, { ph = "B", name = "read", cat = "io" }))
    assert.is_true(#select_events(result.events, { ph = "B", cat = "io" }) >= 2)
  end)

  it("numbers the loops of nested runs", function()
    local result = trace [[
      local xio = require "xio"
      for i = 1, 2 do
        xio.run({ name = "inner " .. i }, function() xio.sleep(0) end)
      end]]
    local names = {}
    for _, event in ipairs(select_events(result.events, { name = "process_name" })) do
      names[event.pid] = event.args.name
    end
    assert.equal("main, inner 1, inner 2", table.concat(names, ", "))
  end)

  it("is whole after every way to end", function()
    local function ends(script, status)
      local result, _, _, got = trace("local xio = require 'xio' " .. script)
      assert.equal(status, got)
      assert.is_true(#result.events > 3)
      return result
    end
    ends("error('no')", 1)
    ends("os.exit(3)", 3)
    ends("os.exit(3, true)", 3)
    ends("xio.spawn(function() xio.sleep(0.001) os.exit(4) end) xio.sleep(9)", 4)
    ends("xio.sleep_forever()", 13)
    local result = ends("io.popen('kill -INT $PPID'):close() xio.sleep(9)", 130)
    assert.equal(1,
      #select_events(result.events, { name = "cancel", source = "signal", of = "run" }))
    ends("io.popen('kill -TERM $PPID'):close() xio.sleep(9)", 143)
  end)

  it("says where it cannot write", function()
    local out, err, status = interpreter.run("print(1)", { options = "--trace none/trace.json" })
    assert.equal("", out)
    assert.equal(1, status)
    support.mentions(err, "xio: cannot open none/trace.json: no such file or directory\n")
    out, err, status = interpreter.run("print(1)", { options = "--trace /dev/full" })
    assert.equal("1\n", out)
    assert.equal(0, status)
    support.mentions(err, "xio: cannot write /dev/full: no space left on device\n")
    out, err, status = interpreter.run("print(1)", { options = "--trace --stock-io" })
    assert.equal("", out)
    assert.equal(1, status)
    support.mentions(err, "xio: '--trace' needs argument\n")
  end)

  it("leaves order and results as they are", function()
    local script = [[
      local xio = require "xio"
      local order = {}
      xio.run({ clock = "virtual", seed = 7 }, function()
        for i = 1, 20 do
          xio.spawn(function()
            for j = 1, 3 do xio.sleep(i % 3) order[#order + 1] = i xio.checkpoint() end
          end)
        end
      end)
      print(table.concat(order, " "))]]
    local _, out = trace(script)
    assert.equal(interpreter.run(script), out)
  end)
end)
