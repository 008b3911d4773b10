-- xio.each: a function on each step of an iterator, bounded.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, closing, recorder = support.run, support.catch, support.closing, support.recorder

--- An iterator over 1 … n that counts how many it gave.
local function counting(n)
  local given = { count = 0 }
  return function()
    if given.count >= n then return nil end
    given.count = given.count + 1
    return given.count
  end, given
end

describe("xio.each", function()
  it("runs the function once for each step, and waits for all", function()
    run(function()
      local log, seen = recorder()
      local next_item = counting(5)
      local took = support.elapsed(function()
        assert.equal(0, select("#", xio.each(next_item, function(i)
          xio.sleep(i)
          log(i)
        end)))
      end)
      assert.same({ 1, 2, 3, 4, 5 }, seen)
      assert.near(5, took, 1e-9)
    end)
  end)

  it("gives the function all values of a step", function()
    run(function()
      local done = false
      local seen
      xio.each(function()
        if done then return nil end
        done = true
        return 1, nil, 3, nil
      end, function(...) seen = table.pack(...) end)
      assert.same({ n = 4, 1, nil, 3, nil }, seen)
    end)
  end)

  it("takes a packed iteration, whose closing value is closed at the end", function()
    run(function()
      local log, seen = recorder()
      xio.each(table.pack(ipairs { "a", "b" }), function(i, v) log(i .. v) end)
      local closer = closing(function(err) log(err or "closed") end)
      local iteration = { function(_, i) return i < 2 and i + 1 or nil end, nil, 0, closer }
      xio.each(iteration, log)
      catch(xio.each, iteration, function(i) error("bad " .. i, 0) end, { limit = 1 })
      assert.same({ "1a", "2b", 1, 2, "closed", "bad 1" }, seen)
    end)
  end)

  it("never has more than limit at once, nor pulls before there is room", function()
    run(function()
      for _, limit in ipairs { 1, 2, 3, 7 } do
        local next_item, given = counting(20)
        local running, ended, most = 0, 0, 0
        xio.each(next_item, function(i)
          running = running + 1
          most = math.max(most, running)
          assert.is_true(given.count <= ended + limit)
          xio.sleep(i % 4)
          running = running - 1
          ended = ended + 1
        end, { limit = limit })
        assert.equal(limit, most)
        assert.equal(20, ended)
      end
    end)
  end)

  it("calls the iterator in the calling task, where it may wait", function()
    run(function()
      local main = xio.current()
      local n = 0
      local log, seen = recorder()
      xio.each(function()
        assert.equal(main, xio.current())
        xio.sleep(1)
        n = n + 1
        return n <= 3 and n or nil
      end, function(i)
        xio.sleep(0.25)
        log(i .. " " .. xio.now() // 0.25 * 0.25)
      end, { limit = 2 })
      assert.equal(3, #seen)
    end)
  end)

  it("takes a channel's receiver", function()
    run(function()
      local tx, rx = xio.channel(1)
      local sum = 0
      xio.spawn(function()
        for i = 1, 10 do tx:send(i) end
        tx:close()
      end)
      xio.each(rx, function(i)
        xio.sleep(1)
        sum = sum + i
      end, { limit = 3 })
      assert.equal(55, sum)
    end)
  end)

  it("an error of the function ends it all, also of an endless iterator", function()
    run(function()
      local value, ended = {}, 0
      for _, limit in ipairs { 1, 3, math.huge } do
        local next_item = counting(math.huge)
        local err = catch(xio.each, next_item, function(i)
          local _count <close> = closing(function() ended = ended + 1 end)
          xio.sleep(0)
          if i == 5 then error(value) end
        end, { limit = limit })
        assert.equal(value, err)
        assert.equal(1, #xio.tree())
      end
    end)
  end)

  it("an error of the iterator cancels what runs", function()
    run(function()
      local why
      local n = 0
      local err = catch(xio.each, function()
        n = n + 1
        if n == 3 then
          xio.sleep(1)
          error("no more", 0)
        end
        return n
      end, function()
        local _cleanup <close> = closing(function(e) why = e.source end)
        xio.sleep_forever()
      end)
      assert.equal("no more", err)
      assert.equal("failure", why)
    end)
  end)

  it("cancelled, it takes no further item", function()
    run(function()
      local next_item, given = counting(math.huge)
      local completed = xio.move_on_after(2.5, xio.each, next_item,
        function() xio.sleep(1) end, { limit = 2 })
      assert.is_false(completed)
      assert.equal(6, given.count)
    end)
  end)

  it("T9 without a limit and without a wait, it does not hold the loop", function()
    run(function()
      local next_item = counting(math.huge)
      local steps = 0
      local err = catch(xio.gather, function()
        xio.each(next_item, function() xio.sleep(1) end)
      end, function()
        while steps < 10 do
          xio.checkpoint()
          steps = steps + 1
        end
        error("enough", 0)
      end)
      assert.equal("enough", err)
    end)
  end)

  it("E5 refuses wrong arguments", function()
    run(function()
      support.misuse(function() xio.each({ 1, 2 }, print) end, "each", "#1", "iterator")
      support.misuse(function() xio.each(nil, print) end, "each", "#1", "iterator")
      support.misuse(function() xio.each(print) end, "each", "#2", "function")
      support.misuse(function() xio.each(print, print, { limit = 0 }) end, "each", "limit")
    end)
    if not support.in_task() then
      support.misuse(function() xio.each(print, print) end, "each", "xio.run")
    end
  end)
end)
