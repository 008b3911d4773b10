-- xio.actor: a daemon that handles what is submitted to it.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, catch, misuse = support.run, support.catch, support.misuse

-- A handler that notes when it begins and ends with an item, and waits for as many seconds.
local function noting(log, seconds)
  return function(item, release)
    log[#log + 1] = "begin " .. tostring(item)
    if release then release() end
    xio.sleep(seconds or 1)
    log[#log + 1] = "end " .. tostring(item)
  end
end

describe("xio.actor", function()
  it("handles one item at a time, in order", function()
    run(function()
      local log = {}
      local actor = xio.actor(noting(log))
      for i = 1, 3 do assert.is_true(actor:submit(i)) end
      assert.same({}, log) -- nothing runs at once
      actor:close()
      actor:wait()
      assert.same({ "begin 1", "end 1", "begin 2", "end 2", "begin 3", "end 3" }, log)
      assert.equal("done", actor.task:status())
    end)
  end)

  it("concurrent, goes on with the next one when the handler calls release", function()
    run(function()
      local log = {}
      local actor = xio.actor(noting(log), { concurrent = true })
      for i = 1, 3 do actor:submit(i) end
      actor:close()
      local took = support.elapsed(actor.wait, actor)
      assert.same({ "begin 1", "begin 2", "begin 3", "end 1", "end 2", "end 3" }, log)
      assert.equal(1, took)
    end)
  end)

  it("concurrent, goes on at the end of a handler that does not release", function()
    run(function()
      local log = {}
      local actor = xio.actor(function(item, release)
        log[#log + 1] = "begin " .. item
        xio.sleep(item)
        if item == 2 then log[#log + 1] = tostring(release()) .. " " .. tostring(release()) end
        xio.sleep(1)
        log[#log + 1] = "end " .. item
      end, { concurrent = true })
      for i = 1, 3 do actor:submit(i) end
      actor:close()
      actor:wait()
      -- 1: 0 to 2; 2: 2 to 5, released at 4; 3: 4 to 8
      assert.same({ "begin 1", "end 1", "begin 2", "true false", "begin 3", "end 2", "end 3" },
        log)
    end)
  end)

  it("is a daemon of the innermost group: that does not wait for it", function()
    run(function()
      local log, handled = {}, {}
      local actor
      xio.group(function()
        actor = xio.actor(function(item)
          local _ended <close> = support.closing(function(err)
            log[#log + 1] = xio.is_cancelled(err) and err.source
          end)
          handled[#handled + 1] = item
          xio.sleep_forever()
        end)
        actor:submit(1)
        actor:submit(2)
        xio.sleep(1)
      end)
      assert.same({ { "shutdown" }, { 1 } }, { log, handled })
      assert.equal("cancelled", actor.task:status())
      assert.is_true(actor.closed)
      assert.same({ nil, "closed" }, { actor:submit(3) })
    end)
  end)

  it("what it has got before its group ends is handled if it was closed and waited for", function()
    run(function()
      local log = {}
      xio.group(function()
        local actor = xio.actor(noting(log))
        actor:submit(1)
        actor:close()
        actor:wait()
      end)
      assert.same({ "begin 1", "end 1" }, log)
    end)
  end)

  it("an error of the handler fails the group", function()
    run(function()
      for _, concurrent in ipairs { false, true } do
        local failed, actor, cut = {}, nil, false
        local err = catch(xio.group, function()
          actor = xio.actor(function(item)
            if item == 2 then error(failed) end
          end, { concurrent = concurrent })
          for i = 1, 3 do actor:submit(i) end
          local _cut <close> = support.closing(function(e) cut = xio.is_cancelled(e) end)
          xio.sleep(10)
        end)
        assert.equal(failed, err)
        assert.is_true(cut)
        assert.equal("failed", actor.task:status())
        assert.same({ nil, "closed" }, { actor:submit(4) })
      end
    end)
  end)

  it("concurrent, several errors make a group of errors", function()
    run(function()
      local err = catch(xio.group, function()
        local actor = xio.actor(function(item, release)
          release()
          local _error <close> = support.closing(function() error("failed " .. item, 0) end)
          xio.sleep(item)
        end, { concurrent = true })
        actor:submit(1)
        actor:submit(2)
        xio.sleep(10)
      end)
      assert.same({ "failed 1", "failed 2" }, support.leaves(err))
    end)
  end)

  it("failed, handles what was submitted, and then fails the group", function()
    run(function()
      local log = {}
      local err = catch(xio.group, function()
        local actor = xio.actor(noting(log))
        actor:submit(1)
        actor:submit(2)
        assert.is_true(actor:fail("enough"))
        assert.is_false(actor:fail("again"))
        assert.is_false(actor:close())
        assert.same({ nil, "closed" }, { actor:submit(3) })
        xio.sleep_forever()
      end)
      assert.equal("enough", err)
      assert.same({ "begin 1", "end 1", "begin 2", "end 2" }, log)
    end)
  end)

  it("takes the options of a mailbox", function()
    run(function()
      local log = {}
      local actor = xio.actor(function(item) log[#log + 1] = item end, {
        key = function(item) return item end, floor = 2,
        gate = function(item) return item ~= 9 end,
      })
      for _, item in ipairs { 3, 1, 9, 5, 4, 2 } do actor:submit(item) end
      xio.sleep(1)
      assert.same({ 5, 4, 3 }, log)
      assert.equal(2, actor:stats().held)
      actor.floor = 0
      assert.equal(0, actor.floor)
      xio.sleep(1)
      assert.same({ 5, 4, 3, 2, 1 }, log)
    end)
  end)

  it("an error of key or gate fails the group as well", function()
    run(function()
      local err = catch(xio.group, function()
        xio.actor(print, { gate = function() error("gate", 0) end }):submit(1)
        xio.sleep(1)
      end)
      assert.equal("gate", err)
    end)
  end)

  it("cancelled by its task, ends, and nothing can be submitted", function()
    run(function()
      local actor = xio.actor(xio.sleep)
      actor:submit(10)
      xio.sleep(1)
      actor.task:cancel()
      actor:wait()
      assert.same({ nil, "closed" }, { actor:submit(1) })
    end)
  end)

  it("submits to itself and to others", function()
    run(function()
      local log, second = {}, nil
      local first
      first = xio.actor(function(item)
        if item > 0 then
          first:submit(item - 1)
          second:submit(item)
        else
          first:close()
          second:close()
        end
      end)
      second = xio.actor(function(item) log[#log + 1] = item end)
      first:submit(3)
      first:wait()
      second:wait()
      assert.same({ 3, 2, 1 }, log)
    end)
  end)

  it("is named after its handler, or as it is told", function()
    run(function()
      assert.equal("clerk", xio.actor(print, { name = "clerk" }).task.name)
      assert.equal("print", xio.actor(print).task.name)
    end)
  end)

  it("says what is wrong", function()
    run(function()
      local actor = xio.actor(print)
      misuse(function() xio.actor() end, "xio.actor", "#1", "function")
      misuse(function() xio.actor(print, { size = 1 }) end, "xio.actor", "#2", "size")
      misuse(function() xio.actor(print, { name = 1 }) end, "xio.actor", "name", "string")
      misuse(function() xio.actor(print, { floor = 1 }) end, "xio.actor", "#2", "floor", "key")
      misuse(function() actor:submit(nil) end, "actor:submit", "#1", "nil")
      misuse(function() actor.close({}) end, "actor:close", "xio.Actor")
      misuse(function() actor.closed = 1 end, "closed", "set")
      assert.equal("actor (ready)", tostring(actor))
    end)
    if not support.in_task() then
      misuse(function() xio.actor(print) end, "xio.actor", "xio.run")
    end
  end)
end)
