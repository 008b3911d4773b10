-- xio.map: a function on many items at once, results in order.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, closing = support.run, support.catch, support.closing

local function sleep_twice(seconds)
  xio.sleep(seconds)
  return 2 * seconds, "dropped"
end

--- Runs `map` with a function that counts how many run at once; gives the most there were.
local function most_at_once(count, options)
  local running, most, list = 0, 0, {}
  for i = 1, count do list[i] = i % 3 + 1 end
  xio.map(list, function(seconds)
    running = running + 1
    most = math.max(most, running)
    xio.sleep(seconds)
    running = running - 1
  end, options)
  return most
end

describe("xio.map", function()
  it("HND-10 gives the first results, in the order of the items", function()
    run(function()
      local took = support.elapsed(function()
        assert.same({ n = 3, 6, 2, 4 }, xio.map({ 3, 1, 2 }, sleep_twice))
      end)
      assert.near(3, took, 1e-9)
    end)
  end)

  it("HND-10 of an empty list gives an empty one, and lets others run", function()
    local ran = false
    run(function()
      xio.spawn(function() ran = true end)
      assert.same({ n = 0 }, xio.map({}, print))
      assert.is_true(ran)
    end)
  end)

  it("keeps holes, in results and, with n, in items", function()
    run(function()
      local got = xio.map({ n = 3, "a", nil, "c" }, function(item) return item end)
      assert.same({ n = 3, "a", nil, "c" }, got)
      assert.same({ n = 2, false, nil }, xio.map({ 1, 2 }, function(i) return i == 2 and nil end))
      assert.same({ n = 3, "a", nil, "c" }, xio.map(got, function(item) return item end))
    end)
  end)

  it("gives the function the item and nothing else", function()
    run(function()
      assert.same({ n = 2, 8, 16 }, xio.map({ "8", "16" }, tonumber))
      xio.map({ 1 }, function(...) assert.equal(1, select("#", ...)) end, { limit = 1 })
    end)
  end)

  it("HND-10 runs at most limit at once", function()
    run(function()
      for _, limit in ipairs { 1, 2, 3, 9, 10 } do
        assert.equal(limit, most_at_once(10, { limit = limit }))
      end
      assert.equal(10, most_at_once(10, { limit = 11 }))
      assert.equal(10, most_at_once(10, { limit = math.huge }))
      assert.equal(10, most_at_once(10))
    end)
  end)

  it("with limit 1 is a loop: in order, and over at the first error", function()
    run(function()
      local seen = {}
      local err = catch(xio.map, { 1, 2, 3, 4 }, function(i)
        seen[#seen + 1] = i
        xio.sleep(1)
        if i == 2 then error("two", 0) end
      end, { limit = 1 })
      assert.equal("two", err)
      assert.same({ 1, 2 }, seen)
    end)
  end)

  it("HND-10 raises the first error when all have ended", function()
    run(function()
      local ended, value = 0, {}
      local took = support.elapsed(function()
        local err = catch(xio.map, { 5, 1, 7 }, function(seconds)
          local _count <close> = closing(function() ended = ended + 1 end)
          xio.sleep(seconds)
          error(value)
        end)
        assert.equal(value, err)
      end)
      assert.near(1, took, 1e-9)
      assert.equal(3, ended)
    end)
  end)

  it("raises several errors as a group", function()
    run(function()
      local err = catch(xio.map, { 1, 1, 2 }, function(seconds)
        xio.sleep(seconds)
        error(tostring(seconds), 0)
      end)
      assert.same({ "1", "1" }, support.leaves(err))
    end)
  end)

  it("passes an outer cancellation on and begins no further item", function()
    run(function()
      local begun = 0
      local completed = xio.move_on_after(2.5, xio.map, { 1, 1, 1, 1, 1 }, function(seconds)
        begun = begun + 1
        xio.sleep(seconds)
      end, { limit = 1 })
      assert.is_false(completed)
      assert.equal(3, begun)
    end)
  end)

  it("in a cancelled scope still runs what meets no checkpoint, limited or not", function()
    run(function()
      for _, limit in ipairs { 1, 2, 5 } do
        local completed, got = xio.scope(function(scope)
          scope:cancel()
          return xio.map({ 1, 2, 3 }, function(i) return -i end, { limit = limit })
        end)
        assert.is_true(completed)
        assert.same({ n = 3, -1, -2, -3 }, got)
      end
    end)
  end)

  it("gives each item a task of its own, named by the function", function()
    run(function()
      local var, names, tasks = xio.var(0), {}, {}
      local at = support.here(1)
      xio.map({ 1, 2, 3 }, function()
        assert.equal(0, var:get())
        var:set(1)
        names[xio.current().name:match("[^/]*$")] = true
        tasks[xio.current()] = true
      end, { limit = 1 })
      assert.same({ [at] = true }, names)
      local count = 0
      for _ in pairs(tasks) do count = count + 1 end
      assert.equal(3, count)
    end)
  end)

  it("E5 refuses wrong arguments", function()
    run(function()
      support.misuse(function() xio.map(nil, print) end, "map", "#1", "list")
      support.misuse(function() xio.map({}, 1) end, "map", "#2", "function")
      support.misuse(function() xio.map({}, print, 3) end, "map", "#3", "table")
      support.misuse(function() xio.map({}, print, { limt = 3 }) end, "map", "limt")
      for _, limit in ipairs { 0, -1, 1.5, "x", 0 / 0 } do
        support.misuse(function() xio.map({ 1 }, print, { limit = limit }) end, "map", "limit")
      end
    end)
    if not support.in_task() then
      support.misuse(function() xio.map({ 1 }, print) end, "map", "xio.run")
    end
  end)
end)
