-- xio.fs.watch: what changes in a folder or of a file.

local lfs = require "lfs"
local xio = require "xio"
local folder = require "spec.support.folder"
local support = require "spec.support"

local it = support.it(it)
local misuse = support.misuse
local fs = xio.fs
local with, refused, write = folder.with, folder.refused, folder.write

--- The events that are there now, as "kind name".
local function drain(watch)
  local seen = {}
  while xio.move_on_after(0.05, function()
    local event = assert(watch:recv())
    seen[#seen + 1] = event.kind .. " " .. tostring(event.name)
  end) do end
  return seen
end

describe("xio.fs.watch", function()
  it("tells what comes, changes and goes in a folder, from the call on", function()
    with(function(dir)
      local watch <close> = assert(fs.watch(dir))
      write(dir .. "/file", "x")
      assert.same({ "rename file", "change file" }, drain(watch))
      os.rename(dir .. "/file", dir .. "/other")
      assert.same({ "rename file", "rename other" }, drain(watch))
      os.remove(dir .. "/other")
      lfs.mkdir(dir .. "/folder")
      assert.same({ "rename other", "rename folder" }, drain(watch))
      write(dir .. "/folder/below", "x")
      local below = drain(watch)
      for _, event in ipairs(below) do assert.is_nil(event:find "below") end
    end, { clock = "real" })
  end)

  it("tells what happens to a file", function()
    with(function(dir)
      write(dir .. "/file", "x")
      local watch <close> = assert(fs.watch(dir .. "/file"))
      write(dir .. "/file", "y")
      assert.same({ "change file" }, drain(watch))
    end, { clock = "real" })
  end)

  it("iterates, and leaving the loop closes it", function()
    with(function(dir)
      local watch, none, control, closing = fs.watch(dir)
      assert.same({ nil, nil, watch }, { none, control, closing })
      local count = 0
      xio.group(function(group)
        group:spawn(function()
          xio.sleep(0.01)
          write(dir .. "/file", "x")
        end)
        for event in watch, none, control, closing do
          count = count + 1
          assert.equal("file", event.name)
          if count == 2 then break end
        end
      end)
      assert.equal(2, count)
      assert.is_false(watch:close())
      refused("ECLOSED", "watch", dir, watch:recv())
      for _ in watch do error "closed" end
    end, { clock = "real" })
  end)

  it("STR-08 closing ends who waits: a loop ends, recv is refused", function()
    with(function(dir)
      for _, loop in ipairs { true, false } do
        local watch = assert(fs.watch(dir))
        local task = xio.spawn(function()
          if loop then
            for _ in watch do error "an event" end
            return "over"
          end
          return watch:recv()
        end)
        xio.checkpoint()
        assert.equal(1, watch:stats().waiting)
        assert.is_true(watch:close())
        assert.is_false(watch:close())
        if loop then
          assert.equal("over", task:await())
        else
          refused("ECLOSED", "watch", dir, task:await())
        end
      end
    end)
  end)

  it("C3 a cancelled wait loses no event", function()
    with(function(dir)
      local watch <close> = assert(fs.watch(dir))
      assert.is_false((xio.move_on_after(0.01, watch.recv, watch)))
      write(dir .. "/file", "x")
      folder.cancelled(watch.recv, watch)
      assert.same({ "rename file", "change file" }, drain(watch))
    end, { clock = "real" })
  end)

  it("keeps so many events, and says that some are lost", function()
    with(function(dir)
      local watch <close> = assert(fs.watch(dir))
      for i = 1, 5000 do write(("%s/%d"):format(dir, i), "") end
      local count, lost = 0, false
      for event in watch do
        count = count + 1
        if event.kind == "lost" then
          lost = true
          break
        end
        assert.is_string(event.name)
      end
      assert.is_true(lost)
      assert.is_true(count > 4000)
    end, { clock = "real" })
  end)

  it("E5 lets one task wait, and only in its run", function()
    with(function(dir)
      local watch <close> = assert(fs.watch(dir))
      xio.group(function(group)
        group:spawn({ daemon = true }, watch.recv, watch)
        xio.checkpoint()
        misuse(function() watch:recv() end, "watch:recv", "another task")
      end)
      support.run(function()
        misuse(function() watch:recv() end, "watch:recv", "another run")
      end)
      misuse(function() watch.recv(1) end, "watch:recv", "bad self", "xio.Watch")
    end)
  end)

  it("keeps no run from ending, and a deadlock is told", function()
    with(function(dir)
      local watch <close> = assert(fs.watch(dir))
      local err = support.catch(xio.run, { signals = false }, function()
        local _inner <close> = assert(fs.watch(dir))
        xio.sleep_forever()
      end)
      assert.equal("EDEADLK", err.code)
      assert.equal("watch of " .. dir, tostring(watch))
    end)
  end)

  it("STR-19 is closed by the collector, with a warning", function()
    local child = require "spec.support.child"
    local out = child.run [[
      warn "@on"
      xio.run(function()
        assert(xio.fs.watch("/tmp"))
        collectgarbage()
        collectgarbage()
      end)]]
    support.mentions(out, "not been closed", "/tmp")
  end)
end)
