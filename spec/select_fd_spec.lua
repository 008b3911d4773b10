-- xio.select with descriptors: {fd, "readable"}, {fd, "writable"}, and fd alone.

local xio = require "xio"
local support = require "spec.support"
local pipe = require "spec.support.pipe"
local schedules = require "spec.support.schedules"

local it = support.it(it)
local run, misuse = support.run, support.misuse
local with_pipe, fill, refused = pipe.with, pipe.fill, pipe.refused

-- Runs `f(fd, reader, writer)` with a registered reader.
local function with_reader(f)
  with_pipe(function(reader, writer)
    local fd <close> = xio.fd(reader)
    return f(fd, reader, writer)
  end)
end

-- Nobody waits for the descriptor any more.
local function assert_free(fd)
  refused("ETIMEDOUT", "readable", fd:readable(0))
end

describe("xio.select with descriptors", function()
  it("takes one that is ready already", function()
    with_reader(function(fd, reader, writer)
      local _, rx = xio.channel()
      local out <close> = xio.fd(writer)
      assert.same({ 2, true }, { xio.select(rx, { out, "writable" }) })
      writer:write("x")
      assert.same({ 1, true }, { xio.select(fd, rx) })
      assert.same({ 1, true }, { xio.select({ fd, "readable" }, rx) })
      assert.equal("x", xio.read(reader))
    end)
  end)

  it("waits for the first of several", function()
    with_reader(function(fd, reader, writer)
      local event = xio.event()
      xio.group(function(group)
        local task = group:spawn(xio.select, event, fd)
        xio.checkpoint()
        assert.equal("waiting", task:status())
        writer:write("x")
        assert.same({ 2, true }, { task:await() })
      end)
      assert.equal("x", xio.read(reader))
      assert.equal(0, event:stats().waiting)
    end)
  end)

  it("waits for room", function()
    with_pipe(function(reader, writer)
      local fd <close> = xio.fd(writer)
      fill(writer)
      xio.group(function(group)
        local task = group:spawn(xio.select, { fd, "writable" }, xio.after(10))
        xio.checkpoint()
        assert.equal("waiting", task:status())
        xio.read(reader)
        assert.same({ 1, true }, { task:await() })
      end)
      assert.equal(0, xio.now())
    end)
  end)

  it("leaves no trace where another case takes effect", function()
    with_reader(function(fd, reader, writer)
      local tx, rx = xio.channel()
      xio.group(function(group)
        local task = group:spawn(xio.select, fd, rx)
        xio.checkpoint()
        tx:send("item")
        assert.same({ 2, "item" }, { task:await() })
      end)
      assert_free(fd)
      assert.equal(2, (xio.select(fd, xio.after(3))))
      assert.equal(3, xio.now())
      assert_free(fd)
      writer:write("x")
      assert.equal("x", xio.read(reader)) -- whose byte nobody took
    end)
  end)

  it("leaves no trace where it is cancelled, by a deadline too", function()
    with_reader(function(fd)
      local _, rx = xio.channel()
      assert.is_false((xio.move_on_after(1, xio.select, fd, rx)))
      assert_free(fd)
      assert.equal(0, rx:stats().waiting)
      xio.scope(function(scope)
        scope:cancel()
        xio.select(fd, rx)
        error("not cancelled")
      end)
      assert_free(fd)
    end)
  end)

  it("tells that a descriptor is closed, before and while it waits", function()
    with_pipe(function(reader)
      local fd = xio.fd(reader)
      local _, rx = xio.channel()
      xio.group(function(group)
        local task = group:spawn(xio.select, { fd, "writable" }, rx, fd)
        xio.checkpoint()
        fd:close()
        local case, value, err, code = task:await()
        assert.is_true(case == 1 or case == 3)
        refused("ECLOSED", case == 1 and "writable" or "readable", value, err, code)
      end)
      local case, value, err, code = xio.select(rx, { fd, "writable" })
      assert.equal(2, case)
      refused("ECLOSED", "writable", value, err, code)
      assert.equal(0, rx:stats().waiting)
    end)
  end)

  it("tells the side that was waited for", function()
    with_pipe(function(_, writer)
      local fd = xio.fd(writer)
      fill(writer)
      xio.group(function(group)
        local task = group:spawn(xio.select, xio.event(), { fd, "writable" })
        xio.checkpoint()
        fd:close()
        refused("ECLOSED", "writable", select(2, task:await()))
      end)
    end)
  end)

  it("tells that the number is another file by now", function()
    run(function()
      local reader, writer = pipe.open()
      local fd <close> = xio.fd(reader)
      local _, rx = xio.channel()
      reader:close()
      local case, value, err, code = xio.select(rx, fd)
      assert.equal(2, case)
      refused("EBADF", "readable", value, err, code)
      writer:close()
    end)
  end)

  it("is ready at once for a regular file", function()
    run(function()
      local file <close> = pipe.file("content")
      local fd <close> = xio.fd(file)
      local _, rx = xio.channel()
      assert.same({ 2, true }, { xio.select(rx, fd) })
      assert.same({ 2, true }, { xio.select(rx, { fd, "writable" }) })
    end)
  end)

  it("takes the same side twice: the first case stands for both", function()
    with_reader(function(fd, _, writer)
      xio.group(function(group)
        local task = group:spawn(xio.select, fd, { fd, "readable" })
        xio.checkpoint()
        writer:write("x")
        assert.same({ 1, true }, { task:await() })
      end)
      assert.same({ 1, true }, { xio.select(fd, fd) })
    end)
  end)

  it("lets one task read and another write the same number", function()
    with_pipe(function(_, writer)
      local one <close>, other = xio.fd(writer), xio.fd(writer)
      fill(writer)
      xio.group(function(group)
        local reads = group:spawn(xio.select, one, xio.after(1))
        local writes = group:spawn(xio.select, { other, "writable" }, xio.after(2))
        assert.same({ 2 }, { reads:await() })
        assert.same({ 2 }, { writes:await() })
      end)
      other:close()
    end)
  end)

  it("E5 refuses a side that another task waits for", function()
    with_reader(function(fd, reader)
      local _, rx = xio.channel()
      xio.group(function(group)
        group:spawn(xio.move_on_after, 1, fd.readable, fd)
        xio.checkpoint()
        misuse(function() xio.select(rx, fd) end, "xio.select", "read", "already")
        assert.equal(0, rx:stats().waiting)
      end)
      xio.group(function(group)
        group:spawn(xio.select, fd, xio.after(1))
        xio.checkpoint()
        misuse(function() fd.readable(fd) end, "fd:readable", "already")
        misuse(function() xio.read(reader) end, "xio.read", "already")
      end)
    end)
  end)

  it("E5 refuses other pairs, and descriptors of another run", function()
    with_reader(function(fd)
      local words = { "#1", "xio.select", "readable", "writable" }
      misuse(function() xio.select({ fd }) end, table.unpack(words))
      misuse(function() xio.select({ fd, "reading" }) end, table.unpack(words))
      misuse(function() xio.select({ fd, 1 }) end, table.unpack(words))
      misuse(function() xio.select(fd, { {}, "readable" }) end, "#2", "xio.select", "receiver")
      xio.run(function()
        misuse(function() xio.select(fd) end, "xio.select", "another run")
      end)
      assert_free(fd)
    end)
  end)

  it("does not wait twice: fd:readable() waits by itself", function()
    with_reader(function(fd, _, writer)
      writer:write("x")
      misuse(function() xio.select(fd:readable()) end, "#1", "xio.select", "boolean")
    end)
  end)

  it("counts as a checkpoint, and reschedules when the budget is spent", function()
    with_reader(function(fd, _, writer)
      writer:write("x")
      xio.group(function(group)
        local others = 0
        group:spawn(function()
          for _ = 1, 10 do
            others = others + 1
            xio.checkpoint()
          end
        end)
        for _ = 1, 400 do assert.equal(1, (xio.select(fd))) end
        assert.is_true(others > 1)
      end)
    end)
  end)

  it("waits in a generator", function()
    with_reader(function(fd, _, writer)
      local cases = coroutine.wrap(function()
        while true do coroutine.yield((xio.select(fd, xio.after(1)))) end
      end)
      assert.equal(2, cases())
      writer:write("x")
      assert.equal(1, cases())
    end)
  end)

  it("lets exactly one case take effect under many schedules", function()
    local reader, writer = pipe.open()
    schedules.each(1000, function(random)
      local fd <close> = xio.fd(reader)
      local tx, rx = xio.channel(random(2) - 1)
      local sent, received, bytes, taken = 0, 0, 0, 0
      schedules.crowd(random, 3, 4, function(i)
        if i == 1 then
          for _ = 1, 3 do
            local case, item = xio.select(fd, rx, xio.after(2))
            if case == 1 then
              assert.is_true(item)
              taken = taken + #assert(xio.read(reader, 1))
            elseif case == 2 then
              received = received + (item and 1 or 0)
            end
          end
        elseif i == 2 then
          for _ = 1, 2 do
            schedules.dawdle(random)
            if xio.select({ tx, i }, xio.after(3)) == 1 then sent = sent + 1 end
          end
        else
          for _ = 1, 2 do
            schedules.dawdle(random)
            writer:write("x")
            bytes = bytes + 1
          end
        end
      end)
      assert.equal(sent, received + tx:stats().buffered)
      assert.equal(0, tx:stats().waiting)
      while fd:readable(0) do taken = taken + #xio.read(reader) end
      assert.equal(bytes, taken)
    end)
    reader:close()
    writer:close()
  end)
end)
