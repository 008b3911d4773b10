-- Tests of the service: queue and protocol on a virtual clock and streams in memory, the whole on
-- a real socket. Run: cd examples/service && busted, under xio or a plain Lua.
package.path = "?.lua;" .. package.path
local xio = require "xio"
local Jobs = require "jobs"
local server = require "server"

local function run(f) return xio.run({ clock = "virtual", signals = false }, f) end

describe("the queue", function()
  it("works on several at once", function()
    run(function()
      local jobs = Jobs.new(function() xio.sleep(10) end, { workers = 2 })
      for i = 1, 4 do assert.is_true(jobs:add(i)) end
      jobs:close()
      local began = xio.now()
      jobs:run()
      assert.equal(20, xio.now() - began)
      assert.equal(4, jobs.done)
    end)
  end)

  it("tries again, and gives up", function()
    run(function()
      local tried = {}
      local jobs = Jobs.new(function(job)
        tried[job] = (tried[job] or 0) + 1
        if job == "bad" or tried[job] == 1 then error("not yet") end
      end, { workers = 1, tries = 3, delay = 5 })
      jobs:add("good")
      jobs:add("bad")
      jobs:close()
      jobs:run()
      assert.same({ good = 2, bad = 3 }, tried)
      assert.same({ 1, 1 }, { jobs.done, jobs.failed })
      assert.equal(15, xio.now())
    end)
  end)

  it("refuses what it has no room for", function()
    run(function()
      local jobs = Jobs.new(print, { capacity = 1 })
      assert.is_true(jobs:add("first"))
      assert.is_false(jobs:add("second"))
    end)
  end)
end)

describe("the protocol", function()
  it("answers each line, and ends at quit", function()
    run(function()
      local client, stream = xio.testing.pair()
      local jobs = Jobs.new(print, { capacity = 1 })
      local task = xio.spawn(server.talk, stream, jobs, 30)
      client:write("add a\nadd b\nnonsense\nstats\nquit\n")
      assert.same({ "queued", "busy", "what?", "done 0, failed 0, running 0, waiting 1" },
        { client:read("l", "l", "l", "l") })
      task:wait()
    end)
  end)

  it("ends a connection that is idle", function()
    run(function()
      local client, stream = xio.testing.pair()
      local task = xio.spawn(server.talk, stream, Jobs.new(print, {}), 30)
      assert.equal("idle for too long", client:read())
      assert.equal(30, xio.now())
      task:wait()
    end)
  end)
end)

describe("the service", function()
  it("stops in good order: what was queued is done", function()
    xio.run({ signals = false }, function()
      local stop, done, lines = xio.event(), {}, {}
      local function work(job) xio.sleep(0.02); done[#done + 1] = job end
      local function client(host, port)
        local stream <close> = assert(xio.net.connect(host, port))
        stream:write("add 1\nadd 2\nadd 3\n")
        for _ = 1, 3 do assert(stream:read("l") == "queued") end
        stop:set()
      end
      server.run({ work = work, workers = 1, log = function(line) lines[#lines + 1] = line end,
        started = function(...) xio.spawn(client, ...) end }, stop)
      assert.same({ "1", "2", "3" }, done)
      assert.equal("stopped: done 3, failed 0, running 0, waiting 0", lines[#lines])
    end)
  end)
end)
