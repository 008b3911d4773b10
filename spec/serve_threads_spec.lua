-- xio.net.serve with several threads: one handler in several loops, and how they end together.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, misuse, catch = support.run, support.misuse, support.catch
local net, thread = xio.net, xio.thread

local THREADS <const>, CLIENTS <const> = 3, 60

local function listen()
  local listener = assert(net.listen("127.0.0.1", 0, { reuseport = true }))
  return listener, select(2, listener:name())
end

local function ask(port, text)
  local stream <close> = assert(net.connect("127.0.0.1", port))
  stream:write(text, "\n")
  return stream:read()
end

-- Asks until every thread has answered.
local function ask_all(port)
  local answers, count = {}, 0
  for _ = 1, 1000 do
    local answer = ask(port, "who")
    if not answers[answer] then
      answers[answer] = true
      count = count + 1
    end
    if count == THREADS then return end
  end
  error(("only %d of %d threads have answered"):format(count, THREADS))
end

-- The name of the thread's own Lua state.
local function tell_who(connection)
  connection:read()
  connection:write(tostring(_G), "\n")
end

describe("xio.net.serve with several threads", function()
  it("shares connections out, and ends when the listener is closed", function()
    run(function()
      local listener, port = listen()
      local server = xio.spawn(net.serve, listener, tell_who, { threads = THREADS })
      ask_all(port)
      listener:close()
      assert.is_true(server:await())
      local _, _, code = net.connect("127.0.0.1", port)
      assert.equal("ECONNREFUSED", code)
    end)
  end)

  it("lets running handlers of all threads finish", function()
    run(function()
      local listener, port = listen()
      local begun, has_begun = thread.channel(CLIENTS)
      local server = xio.spawn(net.serve, listener, function(connection)
        begun:send(true)
        connection:write(connection:read(), " to the end\n")
      end, { threads = THREADS })
      local streams = {}
      for i = 1, CLIENTS do
        streams[i] = assert(net.connect("127.0.0.1", port))
        has_begun:recv()
      end
      listener:close()
      for i = 1, CLIENTS do
        streams[i]:write(tostring(i), "\n")
        assert.equal(i .. " to the end", streams[i]:read())
        streams[i]:close()
      end
      assert.is_true(server:await())
    end)
  end)

  it("gives handlers of all threads their grace, then cancels them", function()
    run(function()
      local listener, port = listen()
      local begun, has_begun = thread.channel(CLIENTS)
      local done, is_done = thread.channel(CLIENTS)
      local server = xio.spawn(net.serve, listener, function()
        local xio = require "xio" -- luacheck: ignore
        local _told <close> = xio.defer(function() done:send(true) end)
        begun:send(true)
        xio.sleep_forever()
      end, { threads = THREADS, grace = 0.01 })
      local streams = {}
      for i = 1, CLIENTS do
        streams[i] = assert(net.connect("127.0.0.1", port))
        has_begun:recv()
      end
      server:cancel()
      server:wait()
      assert.equal("cancelled", server:status())
      for i = 1, CLIENTS do
        assert.is_true(is_done:recv())
        streams[i]:close()
      end
    end)
  end)

  it("raises what a handler of any thread has raised, and stops all", function()
    run(function()
      local listener <close>, port = listen()
      local err = catch(xio.group, function(group)
        group:spawn(net.serve, listener, function(connection)
          connection:write(tostring(_G), "\n")
          if connection:read() == tostring(_G) then error("not here", 0) end
        end, { threads = THREADS })
        local here = tostring(_G)
        while true do -- until another thread has it
          local stream <close> = assert(net.connect("127.0.0.1", port))
          local there = stream:read()
          if there ~= here then
            stream:write(there, "\n")
            xio.sleep_forever()
          end
        end
      end)
      assert.equal("not here", err)
    end)
  end)

  it("tells errors to on_error in the thread, and goes on", function()
    run(function()
      local listener, port = listen()
      local told, heard = thread.channel(CLIENTS)
      local server = xio.spawn(net.serve, listener, function(connection)
        error(connection:read(), 0)
      end, { threads = THREADS, on_error = function(err) told:send(err) end })
      for i = 1, CLIENTS do
        assert.is_nil(ask(port, tostring(i)))
        assert.equal(tostring(i), heard:recv())
      end
      listener:close()
      assert.is_true(server:await())
    end)
  end)

  it("raises where another thread cannot listen, and nothing is left", function()
    run(function()
      local listener, port = listen()
      local copy = table.pack(listener:name())
      listener:close() -- then somebody who does not share the port takes it
      local _other <close> = assert(net.listen(copy[1], copy[2]))
      local err = catch(net.serve, listener, print, { threads = 2 })
      assert.equal("EADDRINUSE", err.code)
      assert.equal(port, err.port)
    end)
  end)

  it("stops handlers that compute, where it is cancelled", function()
    run(function()
      local listener <close>, port = listen()
      local begun, has_begun = thread.channel(CLIENTS)
      local server = xio.spawn(net.serve, listener, function(connection, ...)
        local here = connection:read()
        local is_here = tostring(_G) == here -- in this thread nobody could cancel
        begun:send(not is_here)
        while not is_here do local _ = ... end
      end, { threads = THREADS })
      repeat
        local stream <close> = assert(net.connect("127.0.0.1", port))
        stream:write(tostring(_G), "\n")
      until has_begun:recv()
      server:cancel()
      server:wait()
      assert.equal("cancelled", server:status())
    end)
  end)

  it("E5 refuses what cannot be shared", function()
    run(function()
      local listener <close> = assert(net.listen("127.0.0.1", 0))
      misuse(function() net.serve(listener, print, { threads = 0 }) end, "threads")
      misuse(function() net.serve(listener, print, { threads = "2" }) end, "threads")
      misuse(function() net.serve(listener, print, { threads = 2 }) end, "threads", "reuseport")
      local sharing <close> = listen()
      xio.group(function(group)
        misuse(function() net.serve(sharing, print, { threads = 2, group = group }) end,
          "threads", "group")
      end)
      local file <close> = assert(io.tmpfile())
      local err = catch(net.serve, sharing, function() file:read() end, { threads = 2 })
      support.mentions(tostring(err), "file")
    end)
  end)
end)
