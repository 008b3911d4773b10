-- xio.net.serve: a task for each connection. Listeners that fail as systems do are made here.

local xio = require "xio"
local support = require "spec.support"
local child = require "spec.support.child"

local it = support.it(it)
local misuse, catch = support.misuse, support.catch
local net = xio.net

-- A spec that waits for what never comes fails: time jumps when nothing else happens.
local function run(body)
  return support.run(xio.fail_after, nil, 1000, body)
end

-- A connection that notes when it is closed.
local function connection(name)
  return setmetatable({ name = name, closed_at = false }, {
    __index = { close = function(self) self.closed_at = self.closed_at or xio.now() end },
    __close = function(self) self:close() end,
  })
end

-- A listener that gives what is put in: a connection, or a code. Closed, it gives ECLOSED.
local function fake_listener()
  local tx, rx = xio.channel(math.huge)
  local listener = { accepts = {} }
  function listener.put(item) assert(tx:send(item)) end
  function listener.fileno() return not listener.closed and 1 or nil end
  function listener.accept()
    local item = rx:recv()
    listener.accepts[#listener.accepts + 1] = xio.now()
    if item == nil then return nil, "closed", "ECLOSED" end
    if type(item) == "string" then return nil, "error " .. item, item end
    return item
  end
  function listener.shut()
    listener.closed = true
    tx:close()
  end
  return listener
end

describe("xio.net.serve", function()
  it("runs a task for each connection until the listener is closed", function()
    run(function()
      local listener = assert(net.listen("127.0.0.1", 0))
      local _, port = listener:name()
      xio.group(function(group)
        local server = group:spawn(net.serve, listener, function(stream)
          stream:write(stream:read("l"):upper(), "\n")
        end)
        local answers = xio.map({ "one", "two", "three" }, function(word)
          local stream <close> = assert(net.connect("127.0.0.1", port))
          stream:write(word, "\n")
          local answer = stream:read("l")
          assert.is_nil(stream:recv()) -- closed at the handler's end
          return answer
        end)
        assert.same({ "ONE", "TWO", "THREE" }, { answers[1], answers[2], answers[3] })
        listener:close()
        assert.is_true((server:await()))
      end)
    end)
  end)

  it("NET-04 closes the connection at the handler's end, however that comes", function()
    run(function()
      local listener = fake_listener()
      local good, bad, errors = connection "good", connection "bad", {}
      listener.put(good)
      listener.put(bad)
      xio.group(function(group)
        group:spawn(net.serve, listener, function(conn)
          xio.sleep(1)
          if conn == bad then error("broken", 0) end
        end, { on_error = function(err, conn)
          assert.is_false(conn.closed_at) -- still open
          errors[#errors + 1] = err
        end })
        xio.sleep(2)
        assert.same({ 1, 1 }, { good.closed_at, bad.closed_at })
        assert.same({ "broken" }, errors)
        listener.shut()
      end)
    end)
  end)

  it("NET-04 raises a handler's error where nobody is told of it", function()
    run(function()
      local listener = fake_listener()
      local first, second = connection "first", connection "second"
      listener.put(first)
      listener.put(second)
      local err = catch(net.serve, listener, function(conn)
        xio.sleep(conn == first and 10 or 1)
        error("broken", 0)
      end)
      assert.equal("broken", err)
      assert.equal(1, xio.now())
      assert.same({ 1, 1 }, { first.closed_at, second.closed_at })
    end)
  end)

  it("NET-04 runs handlers in another group", function()
    run(function()
      local listener, conn = fake_listener(), connection "one"
      listener.put(conn)
      local ended_at
      xio.group(function(handlers)
        xio.group(function(group)
          group:spawn(net.serve, listener, function() xio.sleep(5) end, { group = handlers })
          xio.sleep(1)
          assert.equal(1, #handlers)
          listener.shut()
        end)
        ended_at = xio.now() -- serving is over, the handler is not
      end)
      assert.same({ 1, 5 }, { ended_at, conn.closed_at })
    end)
  end)

  it("NET-03 tries again each 0.1 s where descriptors are used up", function()
    run(function()
      local listener, served = fake_listener(), 0
      for _, item in ipairs { "EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", connection "late" } do
        listener.put(item)
      end
      listener.shut()
      assert.is_true(net.serve(listener, function() served = served + 1 end))
      assert.equal(1, served)
      for i, at in ipairs { 0, 0.1, 0.2, 0.3, 0.4, 0.4 } do
        assert.is_true(math.abs(at - listener.accepts[i]) < 1e-9)
      end
    end)
  end)

  it("NET-03 survives that the process has no descriptors left", function()
    local out, status = child.run([[
      warn("@on")
      local net = xio.net
      xio.run(function()
        local listener = assert(net.listen("127.0.0.1", 0, {}))
        local _, port = listener:name()
        local client = assert(net.connect("127.0.0.1", port)) -- waits in the backlog
        local hoard = {}
        repeat
          hoard[#hoard + 1] = io.open("/dev/null")
        until #hoard > 0 and not io.open("/dev/null")
        local server = xio.spawn(net.serve, listener, function(stream) stream:write("served") end)
        xio.sleep(0.25)
        for _, file in ipairs(hoard) do file:close() end
        print(client:recv(), server:status())
        client:close()
        listener:close()
      end)]], { descriptors = 64 })
    assert.equal(0, status)
    assert.equal(1, select(2, out:gsub("EMFILE", ""))) -- it says so once
    support.mentions(out, "served")
  end)

  it("NET-02 passes over connections that were gone, and returns other errors", function()
    run(function()
      local listener, conn = fake_listener(), connection "good"
      for _, item in ipairs { "ECONNABORTED", "EPROTO", conn, "EFAULT" } do listener.put(item) end
      assert.same({ n = 3, nil, "error EFAULT", "EFAULT" },
        table.pack(net.serve(listener, function() xio.sleep(1) end)))
      assert.equal(1, conn.closed_at) -- what runs is waited for
    end)
  end)

  it("raises what a handler raised, and nothing else, whenever more connections come", function()
    for turns = 0, 10 do
      run(function()
        local listener, bad, late = fake_listener(), connection "bad", connection "late"
        listener.put(bad)
        local ok, err = pcall(xio.group, function(group)
          group:spawn(net.serve, listener, function(conn)
            if conn == bad then error("the handler failed", 0) end
          end)
          for _ = 1, turns do xio.pcall(xio.checkpoint) end
          listener.put(late)
          xio.sleep(1)
        end)
        assert.same({ turns, false, "the handler failed" }, { turns, ok, err })
      end)
    end
  end)

  it("accepts no more than its limit at once", function()
    run(function()
      local listener, active, most = fake_listener(), 0, 0
      for i = 1, 7 do listener.put(connection(tostring(i))) end
      listener.shut()
      net.serve(listener, function()
        active = active + 1
        most = math.max(most, active)
        xio.sleep(1)
        active = active - 1
      end, { limit = 3 })
      assert.equal(3, most)
    end)
  end)

  it("sees that the listener is closed while its limit is reached", function()
    run(function()
      local listener, conn = fake_listener(), connection "stuck"
      listener.put(conn)
      xio.group(function(group)
        local server = group:spawn(net.serve, listener, function() xio.sleep(100) end,
          { limit = 1, grace = 2 })
        xio.sleep(1)
        listener.shut()
        assert.is_true((server:await()))
        assert.is_true(conn.closed_at > 2.9 and conn.closed_at < 3.2)
      end)
    end)
  end)

  it("waits for the handlers when the listener is closed", function()
    run(function()
      local listener, conn = fake_listener(), connection "slow"
      listener.put(conn)
      listener.shut()
      assert.is_true(net.serve(listener, function() xio.sleep(50) end))
      assert.equal(50, conn.closed_at)
    end)
  end)

  it("cancels handlers at the end of their grace", function()
    run(function()
      local listener, quick, slow = fake_listener(), connection "quick", connection "slow"
      listener.put(quick)
      listener.put(slow)
      listener.shut()
      assert.is_true(net.serve(listener, function(conn)
        xio.sleep(conn == quick and 1 or 50)
      end, { grace = 3 }))
      assert.same({ 1, 3 }, { quick.closed_at, slow.closed_at })
    end)
  end)

  it("gives handlers their grace when it is cancelled", function()
    run(function()
      local listener, quick, slow = fake_listener(), connection "quick", connection "slow"
      listener.put(quick)
      listener.put(slow)
      local done = xio.move_on_after(1, net.serve, listener, function(conn)
        xio.sleep(conn == quick and 2 or 50)
      end, { grace = 3 })
      assert.is_false(done)
      assert.same({ 2, 4 }, { quick.closed_at, slow.closed_at })
      assert.equal(4, xio.now())
    end)
  end)

  it("cancels handlers at once where there is no grace", function()
    run(function()
      local listener, conn = fake_listener(), connection "slow"
      listener.put(conn)
      assert.is_false(xio.move_on_after(1, net.serve, listener, xio.sleep_forever))
      assert.equal(1, conn.closed_at)
    end)
  end)

  it("C1 ends where it is called under a cancellation, grace or not", function()
    run(function()
      for _, grace in ipairs { false, 3 } do
        local listener, conn = fake_listener(), connection "late"
        listener.put(conn)
        local done = xio.move_on_after(0, net.serve, listener, xio.sleep_forever,
          { grace = grace or nil })
        assert.is_false(done)
        assert.equal(0, xio.now())
      end
    end)
  end)

  it("E5 refuses wrong arguments", function()
    run(function()
      local listener <close> = assert(net.listen("127.0.0.1", 0))
      misuse(function() net.serve() end, "xio.net.serve", "listener")
      misuse(function() net.serve({}, print) end, "xio.net.serve", "listener")
      misuse(function() net.serve(listener) end, "xio.net.serve", "function")
      misuse(function() net.serve(listener, print, { limit = 0 }) end, "limit")
      misuse(function() net.serve(listener, print, { limit = 1.5 }) end, "limit")
      misuse(function() net.serve(listener, print, { grace = "5" }) end, "grace")
      misuse(function() net.serve(listener, print, { on_error = 5 }) end, "on_error")
      misuse(function() net.serve(listener, print, { nonsense = 5 }) end, "nonsense")
    end)
    if not support.in_task() then
      misuse(function() net.serve({ accept = print }, print) end, "xio.net.serve", "xio.run")
    end
  end)
end)
