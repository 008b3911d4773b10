-- Listeners and connecting: one attempt at an address in digits. Names, several addresses
-- and serving are the business of xio.net.

local xio = require "xio"
local core = require "xio.core"
local support = require "spec.support"
local streams = require "spec.support.streams"
local child = require "spec.support.child"
local lfs = require "lfs"

local it = support.it(it)
local run, misuse = support.run, support.misuse

local function with_listener(f, options)
  run(function()
    local listener <close> = assert(core.tcp_listen("127.0.0.1", 0, options))
    f(listener, select(2, listener:name()))
  end)
end

describe("a listener", function()
  it("accepts connections", function()
    with_listener(function(listener, port)
      local near, far
      xio.group(function(group)
        group:spawn(function() far = assert(listener:accept()) end)
        near = assert(core.tcp_connect("127.0.0.1", port))
      end)
      local host, from = near:name()
      assert.equal("127.0.0.1", host)
      assert.same({ host, from }, { far:peername() })
      assert.same({ "127.0.0.1", port }, { near:peername() })
      near:write("hello")
      assert.equal("hello", far:recv())
      near:close()
      far:close()
    end)
  end)

  it("is iterated over, and leaving the loop keeps it open", function()
    with_listener(function(listener, port)
      local clients = {}
      for i = 1, 3 do clients[i] = assert(core.tcp_connect("127.0.0.1", port)) end
      local count = 0
      for conn in listener do
        conn:close()
        count = count + 1
        if count == 2 then break end
      end
      assert(listener:accept()):close()
      xio.group(function(group)
        group:spawn(function()
          for _ in listener do count = count + 1 end
          count = count + 10
        end)
        xio.testing.settle()
        listener:close()
      end)
      assert.equal(12, count)
      for _, client in ipairs(clients) do client:close() end
    end)
  end)

  it("NET-01 closed while a task accepts, and after", function()
    with_listener(function(listener)
      local results
      xio.group(function(group)
        group:spawn(function() results = table.pack(listener:accept()) end)
        xio.testing.settle()
        assert.is_true(listener:close())
      end)
      assert.equal("ECLOSED", results[3])
      assert.equal("ECLOSED", select(3, listener:accept()))
      assert.equal("ECLOSED", select(3, listener:name()))
      assert.is_false(listener:close())
      assert.equal("listener (closed)", tostring(listener))
    end)
  end)

  it("a cancelled accept loses no connection", function()
    with_listener(function(listener, port)
      assert.is_false((xio.move_on_after(1, listener.accept, listener)))
      local client <close> = assert(core.tcp_connect("127.0.0.1", port))
      local scope = xio.new_scope()
      scope:cancel()
      assert.is_false((scope:run(listener.accept, listener)))
      assert(client:write("x"))
      local conn <close> = assert(listener:accept())
      assert.equal("x", conn:recv())
    end)
  end)

  it("lets one task accept at a time", function()
    with_listener(function(listener)
      xio.group(function(group)
        group:spawn({ daemon = true }, function() listener:accept() end)
        xio.testing.settle()
        misuse(function() listener:accept() end, "listener:accept", "accepting already")
      end)
    end)
  end)

  it("NET-02 tells when there are no descriptors left, and the connection waits", function()
    local out = child.run([[
      local core = require "xio.core"
      xio.run(function()
        local listener <close> = core.tcp_listen("127.0.0.1", 0)
        local _, port = listener:name()
        local client <close> = core.tcp_connect("127.0.0.1", port)
        local files = {}
        for i = 1, 2000 do
          files[i] = io.open("/dev/null")
          if not files[i] then break end
        end
        local value, err, code = listener:accept()
        print(value, code, err.op)
        local ok, raised = pcall(function() for _ in listener do break end end)
        print(ok, raised.code)
        files[1]:close()
        files[2]:close()
        local conn <close> = listener:accept()
        client:write("still there")
        print(conn:recv())
        for _, file in ipairs(files) do pcall(file.close, file) end
      end)
    ]], { descriptors = 200 })
    assert.equal("nil\tEMFILE\taccept\nfalse\tEMFILE\nstill there\n", out)
  end)

  it("NET-02 passes over connections that broke off", function()
    with_listener(function(listener, port)
      for _ = 1, 3 do
        local client = assert(core.tcp_connect("127.0.0.1", port))
        client:close()
      end
      local last <close> = assert(core.tcp_connect("127.0.0.1", port))
      last:write("x")
      for i = 1, 4 do
        local conn <close> = assert(listener:accept())
        if i == 4 then assert.equal("x", conn:recv()) end
      end
    end)
  end)

  it("refuses an address that is taken", function()
    with_listener(function(_, port)
      local value, err, code = core.tcp_listen("127.0.0.1", port)
      assert.same({ nil, "EADDRINUSE" }, { value, code })
      assert.same({ "listen", "127.0.0.1", port }, { err.op, err.host, err.port })
      support.mentions(tostring(err), "listen", "127.0.0.1:" .. port, "EADDRINUSE")
    end)
    with_listener(function(_, port)
      local other <close> = assert(core.tcp_listen("127.0.0.1", port, { reuseport = true }))
      assert.equal(port, select(2, other:name()))
    end, { reuseport = true })
  end)

  it("reuseaddr takes a port over from connections that are ending, unless told not to", function()
    run(function()
      local listener = assert(xio.net.listen("127.0.0.1", 0))
      local _, port = listener:name()
      local conn = assert(xio.net.connect("127.0.0.1", port))
      local accepted = assert(listener:accept())
      listener:close()
      accepted:close() -- the side that closes first keeps the connection in TIME_WAIT
      assert.is_nil(conn:recv())
      conn:close()
      local _, _, code = xio.net.listen("127.0.0.1", port, { reuseaddr = false })
      assert.equal("EADDRINUSE", code)
      local again <close> = assert(xio.net.listen("127.0.0.1", port))
      assert.equal(port, select(2, again:name()))
    end)
  end)

  it("listens on IPv6, for IPv4 as well unless told otherwise", function()
    run(function()
      local listener = core.tcp_listen("::", 0)
      if not listener then return end -- a system without IPv6
      local _, port = listener:name()
      local a <close> = assert(core.tcp_connect("127.0.0.1", port))
      local b <close> = assert(core.tcp_connect("::1", port))
      assert.equal("::1", (b:name()))
      assert.equal("127.0.0.1", (a:name()))
      listener:close()
      listener = assert(core.tcp_listen("::", 0, { v6only = true }))
      _, port = listener:name()
      assert.equal("ECONNREFUSED", select(3, core.tcp_connect("127.0.0.1", port)))
      listener:close()
    end)
  end)
end)

describe("connecting", function()
  it("tells who refused", function()
    run(function()
      local listener = assert(core.tcp_listen("127.0.0.1", 0))
      local _, port = listener:name()
      listener:close()
      local value, err, code = core.tcp_connect("127.0.0.1", port)
      assert.same({ nil, "ECONNREFUSED" }, { value, code })
      assert.same({ "connect", "127.0.0.1", port }, { err.op, err.host, err.port })
      assert.equal(xio.Error, getmetatable(err))
      assert.equal("EINVAL", select(3, core.tcp_connect("no address", 1)))
      assert.equal("EINVAL", select(3, core.tcp_connect("1.2.3", 1)))
      assert.equal("EINVAL", select(3, core.tcp_listen("a\0b", 1)))
    end)
  end)

  it("can be cancelled, and leaves nothing behind", function()
    run(function()
      -- a listener whose queue is full lets connections wait
      local listener <close> = assert(core.tcp_listen("127.0.0.1", 0, { backlog = 1 }))
      local _, port = listener:name()
      local clients, cut = {}, 0
      for i = 1, 5 do
        local completed, client = xio.move_on_after(0.02, core.tcp_connect, "127.0.0.1", port)
        if completed then clients[i] = client else cut = cut + 1 end
      end
      assert.is_true(cut >= 1)
      for _, client in pairs(clients) do client:close() end
    end, { clock = "real" })
    run(function()
      local scope = xio.new_scope()
      scope:cancel()
      assert.is_false((scope:run(core.tcp_connect, "127.0.0.1", 1)))
      assert.is_false((scope.run(xio.new_scope({ deadline = 0 }), core.unix_connect, "@x")))
    end)
  end)

  it("binds to an address of this side", function()
    with_listener(function(listener, port)
      local near <close> = assert(core.tcp_connect("127.0.0.1", port,
        { local_host = "127.0.0.2", nodelay = false, keepalive = 10 }))
      local far <close> = assert(listener:accept())
      assert.equal("127.0.0.2", (far:peername()))
      assert.equal("127.0.0.2", (near:name()))
    end)
  end)

  it("names what it is given wrongly", function()
    run(function()
      misuse(function() core.tcp_connect(1, 2) end, "xio.net.connect", "#1")
      misuse(function() core.tcp_connect("127.0.0.1", 65536) end, "#2", "port")
      misuse(function() core.tcp_connect("127.0.0.1", 1.5) end, "#2", "port")
      misuse(function() core.tcp_connect("127.0.0.1", 1, { nagle = 1 }) end, "nagle")
      misuse(function() core.tcp_connect("127.0.0.1", 1, 5) end, "#3", "table")
      misuse(function() core.tcp_listen("127.0.0.1", 0, { backlog = 0 }) end, "backlog")
      misuse(function() core.unix_listen({}) end, "xio.net.listen_unix", "#1")
      misuse(function() core.unix_connect() end, "xio.net.connect_unix", "#1")
    end)
  end)
end)

describe("a unix socket", function()
  it("has a path, which goes with its listener", function()
    run(function()
      local path = streams.path()
      local listener = assert(core.unix_listen(path, { mode = 384 }))
      assert.equal(path, (listener:name()))
      assert.equal("rw-------", lfs.attributes(path).permissions)
      assert.equal("EADDRINUSE", select(3, core.unix_listen(path)))
      local near <close> = assert(core.unix_connect(path))
      local far <close> = assert(listener:accept())
      assert.equal(path, (near:peername()))
      assert.equal("", (far:peername()))
      listener:close()
      assert.is_nil(lfs.attributes(path))
      local _, err, code = core.unix_connect(path)
      assert.same({ "ENOENT", path, "connect" }, { code, err.path, err.op })
    end)
  end)

  it("may be abstract", function()
    run(function()
      local near <close>, _ = streams.abstract()
      local far <close> = _
      assert.equal("@", near:peername():sub(1, 1))
      assert.equal(near:peername(), (far:name()))
    end)
  end)

  it("refuses paths that are none", function()
    run(function()
      assert.equal("EINVAL", select(3, core.unix_listen("")))
      assert.equal("EINVAL", select(3, core.unix_connect("a\0b")))
      assert.equal("ENAMETOOLONG", select(3, core.unix_listen(("x"):rep(200))))
      assert.equal("ENOENT", select(3, core.unix_listen("/nowhere/at/all")))
    end)
  end)

  it("goes with its run", function()
    local path = streams.path()
    run(function() core.unix_listen(path) end)
    collectgarbage()
    collectgarbage()
    assert.is_nil(lfs.attributes(path))
  end)
end)
