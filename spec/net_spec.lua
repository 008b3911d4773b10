-- xio.net: connecting and listening. Streams are in stream_spec.lua, the order of attempts in
-- eyeballs_spec.lua, serving in serve_spec.lua.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local misuse = support.misuse
local net = xio.net

-- A spec that waits for what never comes fails: time jumps when nothing else happens.
local function run(body)
  return support.run(xio.fail_after, nil, 1000, body)
end

local function refused(code, op, ...)
  local result, err, got = ...
  assert.is_nil(result)
  assert.equal(code, got)
  assert.equal(code, err.code)
  assert.equal(op, err.op)
  support.mentions(tostring(err), op, code)
  return err
end

-- A port of this machine on which nobody listens.
local function dead_port()
  local listener <close> = assert(net.listen("127.0.0.1", 0))
  local _, port = listener:name()
  return port
end

local function temporary_path()
  local path = os.tmpname()
  os.remove(path)
  return path
end

-- Two streams, and a value that closes both.
local function both(a, b)
  return a, b, support.closing(function()
    a:close()
    b:close()
  end)
end

-- Both ends of a connection through `listener`, and a value that closes them.
local function connect_through(listener, connect, ...)
  local arguments = table.pack(...)
  return both(xio.gather(function()
    return (assert(connect(table.unpack(arguments, 1, arguments.n))))
  end, function() return (assert(listener:accept())) end))
end

local function connected(listener, ...)
  return connect_through(listener, net.connect, ...)
end

local has_inet6 = xio.run(function()
  local listener = net.listen("::1", 0)
  return listener ~= nil and listener:close()
end)

describe("xio.net.connect", function()
  it("connects to numbers and names", function()
    run(function()
      local listener <close> = assert(net.listen("127.0.0.1", 0))
      local host, port = listener:name()
      assert.equal("127.0.0.1", host)
      for _, to in ipairs { "127.0.0.1", "localhost" } do
        for _, given in ipairs { port, tostring(port) } do
          local client, server, _both <close> = connected(listener, to, given)
          assert.same({ "127.0.0.1", port }, { client:peername() })
          assert.same({ client:name() }, { server:peername() })
          client:write("hello")
          client:shutdown()
          assert.equal("hello", server:read("a"))
        end
      end
    end)
  end)

  it("connects by IPv6", function()
    if not has_inet6 then return end
    run(function()
      local listener <close> = assert(net.listen("::1", 0))
      local _, port = listener:name()
      local client, server, _both <close> = connected(listener, "::1", port)
      assert.same({ "::1", port }, { client:peername() })
      server:write("six")
      assert.equal("six", client:recv())
    end)
  end)

  it("E4 gives an error with code, op, host, port and the attempts", function()
    run(function()
      local port = dead_port()
      local err = refused("ECONNREFUSED", "connect", net.connect("127.0.0.1", port))
      assert.same({ "127.0.0.1", port }, { err.host, err.port })
      assert.equal(1, #err.attempts)
      assert.equal("ECONNREFUSED", err.attempts[1].code)
      assert.equal("connect 127.0.0.1:" .. port .. ": connection refused (ECONNREFUSED)",
        tostring(err))
      err = refused("ECONNREFUSED", "connect", net.connect("localhost", port))
      assert.same({ "localhost", port }, { err.host, err.port })
      assert.is_true(#err.attempts >= 1)
      for _, attempt in ipairs(err.attempts) do
        assert.equal(port, attempt.port)
        assert.is_true(attempt.host == "127.0.0.1" or attempt.host == "::1")
        support.mentions(tostring(err), attempt.host)
      end
    end)
  end)

  it("E4 tells of a name that does not exist, and an interface", function()
    run(function()
      local result, err, code = net.connect("no-such-host.invalid", 80)
      assert.is_nil(result)
      assert.is_true(code == "EAI_NONAME" or code == "EAI_AGAIN")
      assert.same({ "connect", "no-such-host.invalid", 80 }, { err.op, err.host, err.port })
      assert.same({}, err.attempts)
      support.mentions(tostring(err), "connect", "no-such-host.invalid", code)
      result, err = net.connect("fe80::1%no-such-interface", 80)
      assert.is_nil(result)
      assert.equal("connect", err.op)
    end)
  end)

  it("gives ETIMEDOUT with what was attempted", function()
    run(function()
      local listener <close> = assert(net.listen("127.0.0.1", 0))
      local _, port = listener:name()
      local err = refused("ETIMEDOUT", "connect", net.connect("127.0.0.1", port, { timeout = 0 }))
      assert.same({ "127.0.0.1", port }, { err.host, err.port })
      assert.is_true(xio.is_timeout(err))
      assert.is_true(#err.attempts <= 1)
    end)
  end)

  it("C3 leaves no connection where it is cancelled", function()
    run(function()
      local listener <close> = assert(net.listen("127.0.0.1", 0))
      local _, port = listener:name()
      for turns = 0, 3 do
        xio.group(function(group)
          local task = group:spawn(net.connect, "127.0.0.1", port)
          for _ = 1, turns do xio.checkpoint() end
          group:cancel()
          task:wait()
          local ok, stream = task:result()
          if ok and stream then stream:close() end
        end)
      end
    end)
  end)

  it("E5 refuses wrong arguments", function()
    run(function()
      misuse(function() net.connect() end, "xio.net.connect", "string")
      misuse(function() net.connect(1, 2) end, "xio.net.connect", "string")
      misuse(function() net.connect("127.0.0.1") end, "xio.net.connect", "port")
      misuse(function() net.connect("127.0.0.1", 65536) end, "port")
      misuse(function() net.connect("127.0.0.1", 1.5) end, "port")
      misuse(function() net.connect("127.0.0.1", 1, { nonsense = 1 }) end, "nonsense")
      misuse(function() net.connect("127.0.0.1", 1, { timeout = "1" }) end, "timeout")
      misuse(function() net.connect("127.0.0.1", 1, { delay = 0 / 0 }) end, "delay")
      misuse(function() net.connect("127.0.0.1", 1, { family = 4 }) end, "family")
      misuse(function() net.connect("127.0.0.1", 1, 5) end, "table")
      -- also before a name is looked up
      local options = { nodelay = 1, keepalive = "x", local_host = 5, local_port = "80" }
      for option, value in pairs(options) do
        misuse(function() net.connect("nosuch.invalid", 1, { [option] = value }) end,
          "xio.net.connect", "#3", "'" .. option .. "'")
      end
    end)
    if not support.in_task() then
      misuse(function() net.connect("127.0.0.1", 1) end, "xio.net.connect", "xio.run")
    end
  end)
end)

describe("xio.net.listen", function()
  it("listens for both families where no host is given", function()
    run(function()
      for _, any in ipairs { false, "*", "" } do
        local listener <close> = assert(net.listen(any or nil, 0))
        local _, port = listener:name()
        local a, b, _both <close> = connected(listener, "127.0.0.1", port)
        assert.is_true(a ~= nil and b ~= nil)
        if has_inet6 then
          local c, d, _both6 <close> = connected(listener, "::1", port)
          assert.is_true(c ~= nil and d ~= nil)
        end
      end
    end)
  end)

  it("listens for one family where that is asked for", function()
    run(function()
      local listener <close> = assert(net.listen("*", 0, { family = "inet" }))
      local host, port = listener:name()
      assert.equal("0.0.0.0", host)
      if has_inet6 then
        refused("ECONNREFUSED", "connect", net.connect("::1", port))
        local only <close> = assert(net.listen("::", 0, { v6only = true }))
        refused("ECONNREFUSED", "connect", net.connect("127.0.0.1", select(2, only:name())))
      end
    end)
  end)

  it("listens on a name, IPv4 first, and on a service", function()
    run(function()
      local listener <close> = assert(net.listen("localhost", 0))
      assert.equal("127.0.0.1", (listener:name()))
      local result, err, code = net.listen("127.0.0.1", "no such service")
      assert.is_nil(result)
      assert.equal(code, err.code)
      assert.equal("listen", err.op)
    end)
  end)

  it("E4 refuses a port that is taken", function()
    run(function()
      local listener <close> = assert(net.listen("127.0.0.1", 0))
      local _, port = listener:name()
      local err = refused("EADDRINUSE", "listen", net.listen("127.0.0.1", port))
      assert.same({ "127.0.0.1", port }, { err.host, err.port })
      assert.equal(1, #err.attempts)
      err = refused("EADDRINUSE", "listen", net.listen("*", port))
      assert.equal("*", err.host)
      refused("EADDRNOTAVAIL", "listen", net.listen("203.0.113.1", 0))
      local result, why = net.listen("no-such-host.invalid", 0)
      assert.is_nil(result)
      assert.same({ "listen", "no-such-host.invalid" }, { why.op, why.host })
    end)
  end)

  it("shares a port where all say so", function()
    run(function()
      local first <close> = assert(net.listen("127.0.0.1", 0, { reuseport = true }))
      local _, port = first:name()
      local second <close> = assert(net.listen("127.0.0.1", port, { reuseport = true }))
      assert.same({ first:name() }, { second:name() })
      refused("EADDRINUSE", "listen", net.listen("127.0.0.1", port))
    end)
  end)

  it("NET-01 gives ECLOSED to who accepts, when it is closed and after", function()
    run(function()
      local listener = assert(net.listen("127.0.0.1", 0))
      xio.group(function(group)
        local task = group:spawn(function() return table.pack(listener:accept()) end)
        xio.checkpoint()
        assert.is_true(listener:close())
        refused("ECLOSED", "accept", table.unpack(task:await(), 1, 3))
      end)
      refused("ECLOSED", "accept", listener:accept())
      assert.is_false(listener:close())
    end)
  end)

  it("E5 refuses wrong arguments", function()
    run(function()
      misuse(function() net.listen(1, 2) end, "xio.net.listen", "string")
      misuse(function() net.listen("127.0.0.1") end, "xio.net.listen", "port")
      misuse(function() net.listen("127.0.0.1", -1) end, "port")
      misuse(function() net.listen("127.0.0.1", 0, { nonsense = 1 }) end, "nonsense")
      misuse(function() net.listen("127.0.0.1", 0, { family = "x" }) end, "family")
      -- also before a name is looked up
      local options = {
        backlog = "x", reuseaddr = 1, reuseport = "yes", v6only = 0, nodelay = {}, keepalive = true,
      }
      for option, value in pairs(options) do
        misuse(function() net.listen("nosuch.invalid", 0, { [option] = value }) end,
          "xio.net.listen", "#3", "'" .. option .. "'")
      end
      misuse(function() net.listen("127.0.0.1", 0, { backlog = 0 }) end, "backlog", "at least 1")
      misuse(function() net.listen_unix("/x", { mode = "x" }) end, "xio.net.listen_unix", "mode")
    end)
  end)

  it("E7 tells how many were accepted, and who waits", function()
    run(function()
      local listener <close> = assert(net.listen("127.0.0.1", 0))
      local _, port = listener:name()
      assert.same({ accepted = 0, waiting = 0 }, listener:stats())
      xio.group(function(group)
        group:spawn(function() assert(listener:accept()):close() end)
        xio.checkpoint()
        assert.same({ accepted = 0, waiting = 1 }, listener:stats())
        assert(net.connect("127.0.0.1", port)):close()
      end)
      listener:close()
      assert.same({ accepted = 1, waiting = 0 }, listener:stats())
    end)
  end)
end)

describe("unix sockets", function()
  it("connect by path, which is removed at the end", function()
    run(function()
      local path = temporary_path()
      local listener = assert(net.listen_unix(path))
      assert.equal(path, listener:name())
      local client, server, _both <close> = connect_through(listener, net.connect_unix,
        path, { timeout = 5 })
      client:write("by path")
      assert.equal("by path", server:recv())
      assert.equal(path, client:peername())
      local err = refused("EADDRINUSE", "listen", net.listen_unix(path))
      assert.equal(path, err.path)
      listener:close()
      err = refused("ENOENT", "connect", net.connect_unix(path))
      assert.equal(path, err.path)
    end)
  end)

  it("connect by abstract names", function()
    run(function()
      local name = "@xio-spec-" .. tostring(net):match("0x(%x+)")
      local listener <close> = assert(net.listen_unix(name))
      assert.equal(name, listener:name())
      local client, server, _both <close> = connect_through(listener, net.connect_unix,
        "\0" .. name:sub(2))
      assert.equal(name, client:peername())
      server:write("abstract")
      assert.equal("abstract", client:recv())
      refused("ECONNREFUSED", "connect", net.connect_unix("@xio-nobody-is-here"))
    end)
  end)

  it("E4 refuse paths that cannot be", function()
    run(function()
      for _, path in ipairs { "", "a\0b", ("x"):rep(200), "/no/such/directory/socket" } do
        local result, err, code = net.listen_unix(path)
        assert.is_nil(result)
        assert.equal(code, err.code)
        result, err, code = net.connect_unix(path)
        assert.is_nil(result)
        assert.equal(code, err.code)
      end
      refused("ENAMETOOLONG", "listen", net.listen_unix(("x"):rep(200)))
    end)
  end)

  it("E5 refuse wrong arguments", function()
    run(function()
      misuse(function() net.connect_unix() end, "xio.net.connect_unix", "string")
      misuse(function() net.connect_unix("x", { nonsense = 1 }) end, "nonsense")
      misuse(function() net.connect_unix("x", { timeout = "x" }) end, "timeout")
      misuse(function() net.listen_unix(5) end, "xio.net.listen_unix", "string")
      misuse(function() net.listen_unix("x", { nonsense = 1 }) end, "nonsense")
    end)
  end)

  it("come in pairs", function()
    run(function()
      local a, b, _both <close> = both(assert(net.pair()))
      a:write("there")
      assert.equal("there", b:recv())
      b:write("back")
      b:close()
      assert.equal("back", a:read("a"))
    end)
  end)
end)
