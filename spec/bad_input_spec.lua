-- Bad input, one kind after the other: each meets a clear value or error; nothing is lost, and
-- nothing is left behind (the exit check of each `it`).

local xio = require "xio"
local folder = require "spec.support.folder"
local streams = require "spec.support.streams"
local support = require "spec.support"

local it = support.it(it)
local run, misuse = support.run, support.misuse
local fs, net = xio.fs, xio.net

-- Checks nil, an xio.Error and its code; returns the error and the fourth value.
local function refused(code, op, ...)
  local value, err, got, part = ...
  assert.is_nil(value)
  assert.equal(code, got)
  assert.same({ code, op }, { err.code, err.op })
  support.mentions(tostring(err), code)
  assert.is_nil(tostring(err):find "\n")
  return err, part
end

-- Runs f(near, far) in a task on the virtual clock, on a pair of streams of this kind.
local function with_pair(kind, f)
  run(function()
    local near, far = streams[kind]()
    local _near <close> = near
    local _far <close> = far
    f(near, far)
  end)
end

-- Lets what the kernel carries arrive: no time passes for it on the virtual clock.
local function settle() for _ = 1, 20 do xio.sleep(0.001) end end

local KINDS <const> = { "tcp", "unix", "pair", "pipes", "memory" }

for _, kind in ipairs(KINDS) do
  describe(("bad input, %s:"):format(kind), function()
    it("a line longer than the limit is refused, stays, and is read with a larger one", function()
      local line = ("0123456789abcdef"):rep(1 << 16) .. "!" -- 1 MiB and a byte
      with_pair(kind, function(near, far)
        xio.spawn(function() assert(near:write(line, "\nnext\n", line)) end)
        local _, part = refused("EMSGSIZE", "read", far:read())
        assert.is_true(part > 1 << 20)
        refused("EMSGSIZE", "read", far:read "L")
        refused("EMSGSIZE", "read_until", far:read_until("\n", 1 << 20))
        assert.equal("EMSGSIZE", support.catch(far:lines()).code)
        assert.is_true(far:read_until("\n", 1 << 21) == line)
        assert.equal("next", far:read())
        assert.is_true(far:read_exactly(#line) == line)
      end)
    end)

    it("a peer that trickles is waited for; a timeout in between loses nothing", function()
      with_pair(kind, function(near, far)
        local text = "one byte a second\n"
        local writer = xio.spawn(function()
          for byte in text:gmatch "." do
            assert(near:write(byte))
            xio.sleep(1)
          end
        end)
        assert.is_false(xio.move_on_after(3.5, far.read, far))
        assert.is_false(xio.move_on_after(3.5, far.read_exactly, far, 100))
        assert.equal(text, far:read "L")
        writer:await()
      end)
    end)

    it("a peer that never reads holds the writer up, and what went out is told", function()
      with_pair(kind, function(near, far)
        local much = ("x"):rep(1 << 20)
        assert.is_false(xio.move_on_after(1, function()
          while true do assert(near:write(much)) end
        end))
        local written = near:stats().written
        assert.is_true(written > 0 and written < 64 << 20)
        refused("ECANCELED", "write", near:write "more")
        assert(near:shutdown())
        assert.equal(written, #far:read "a")
      end)
    end)

    it("try_write to a peer that does not read tells EAGAIN, and has written nothing", function()
      with_pair(kind, function(near, far)
        local results
        local total = 0
        repeat
          results = table.pack(near:try_write(("x"):rep(10000)))
          total = total + (results[1] or 0)
        until not results[1]
        refused("EAGAIN", "try_write", table.unpack(results, 1, 3))
        assert.equal(total, near:stats().written)
        assert.equal(total, #far:read_exactly(total))
        assert.equal(1, near:try_write "y")
        assert.equal("y", far:recv())
      end)
    end)

    it("0-byte writes send nothing, and do not end the stream", function()
      with_pair(kind, function(near, far)
        assert.equal(near, near:write())
        assert.equal(near, near:write(""))
        assert.equal(near, near:write("", ""))
        assert.equal(0, near:try_write "")
        assert.equal(0, near:stats().written)
        assert.is_false(xio.move_on_after(1, far.recv, far))
        assert(near:write("", "x", ""))
        assert.equal("", far:read_exactly(0))
        assert.equal("x", far:recv())
        assert(near:shutdown())
        assert.is_nil(far:recv())
        refused("ECLOSED", "write", near:write "y")
      end)
    end)

    it("a closed stream answers ECLOSED to everything, and the other end sees the end", function()
      with_pair(kind, function(near, far)
        assert.is_true(near:close())
        assert.is_false(near:close())
        refused("ECLOSED", "recv", near:recv())
        refused("ECLOSED", "read", near:read "a")
        refused("ECLOSED", "write", near:write "x")
        refused("ECLOSED", "try_write", near:try_write "x")
        refused("ECLOSED", "shutdown", near:shutdown())
        refused("ECLOSED", "read_exactly", near:read_exactly(1))
        refused("ECLOSED", "read_until", near:read_until "\n")
        assert.equal("ECLOSED", support.catch(near:lines()).code)
        assert.is_nil(near.fileno and near:fileno()) -- staples have none
        assert.equal("number", type(near:stats().written))
        assert.is_nil(far:recv())
        settle()
        local _, _, code = far:write "x"
        if code == nil then _, _, code = far:write "x" end -- TCP may learn of it by the first
        assert.is_true(code == "EPIPE" or code == "ECONNRESET")
      end)
    end)

    it("misuse raises, and the stream goes on", function()
      with_pair(kind, function(near, far)
        misuse(function() near:write {} end, "write", "#1")
        misuse(function() near:recv(0) end, "recv", "#1")
        misuse(function() near:recv(1.5) end, "recv", "#1")
        misuse(function() near:read "x" end, "read", "#1")
        misuse(function() near:read_until "" end, "read_until", "#1")
        misuse(function() near:read_exactly(-1) end, "read_exactly", "#1")
        assert(far:write "well")
        assert.equal("well", near:recv())
      end)
    end)
  end)
end

describe("bad input: a peer that resets", function()
  -- The end of a stream that is closed with bytes unread is a reset.
  local function reset(far)
    settle()
    far:close()
  end

  for _, kind in ipairs { "tcp", "unix" } do
    it(kind .. ": what was got stays readable, then ECONNRESET", function()
      with_pair(kind, function(near, far)
        assert(near:write "never read")
        assert(far:write "four")
        local reader = xio.spawn(function() return table.pack(near:read_exactly(10)) end)
        settle()
        reset(far)
        local _, part = refused("ECONNRESET", "read_exactly", table.unpack(reader:await(), 1, 4))
        assert.equal(4, part)
        assert.equal("four", near:recv())
        assert.equal(4, near:stats().read)
        local _, _, code = near:recv()
        assert.is_true(code == nil or code == "ECONNRESET")
        refused("EPIPE", "write", near:write "x")
      end)
    end)

    it(kind .. ": a writer that waits is told, with how much went out", function()
      with_pair(kind, function(near, far)
        local size = 64 << 20
        local writer = xio.spawn(function() return table.pack(near:write(("x"):rep(size))) end)
        settle()
        reset(far)
        local results = writer:await()
        assert.is_true(results[3] == "EPIPE" or results[3] == "ECONNRESET")
        assert.is_true(results[4] > 0 and results[4] < size)
        assert.equal(results[4], near:stats().written)
      end)
    end)
  end

  it("a connection that broke off before it was accepted does no harm", function()
    run(function()
      local listener <close> = assert(net.listen("127.0.0.1", 0))
      local _, port = listener:name()
      assert(net.connect("127.0.0.1", port)):close()
      local near <close> = assert(net.connect("127.0.0.1", port))
      local broken <close> = assert(listener:accept())
      assert.is_nil((broken:recv()))
      local far <close> = assert(listener:accept())
      assert(near:write "well")
      assert.equal("well", far:recv())
    end)
  end)
end)

describe("bad input: addresses", function()
  it("a port that is taken, of each kind; who has it goes on", function()
    run(function()
      local listener <close> = assert(net.listen("127.0.0.1", 0))
      local _, port = listener:name()
      local err = refused("EADDRINUSE", "listen", net.listen("127.0.0.1", port))
      assert.same({ "127.0.0.1", port }, { err.host, err.port })
      local socket <close> = assert(net.udp("127.0.0.1", 0))
      local _, taken = socket:name()
      err = refused("EADDRINUSE", "bind", net.udp("127.0.0.1", taken))
      assert.same({ "127.0.0.1", taken }, { err.host, err.port })
      local path = streams.path()
      local names <close> = assert(net.listen_unix(path))
      assert.equal(path, refused("EADDRINUSE", "listen", net.listen_unix(path)).path)
      local near <close> = assert(net.connect("127.0.0.1", port))
      local far <close> = assert(listener:accept())
      local here <close> = assert(net.connect_unix(path))
      local there <close> = assert(names:accept())
      assert.same({ "127.0.0.1", port }, { near:peername() })
      assert.same({ "127.0.0.1", port }, { far:name() })
      assert.same({ path, path }, { here:peername(), there:name() })
    end)
  end)

  it("what is no host is EAI_NONAME, without any request to the network", function()
    run(function()
      for _, host in ipairs { "300.1.2.3", "::g", " 127.0.0.1", "127.0.0.1:80", "[::1]", "a..b",
        "127.0.0.1\0", ("x"):rep(300), "fe80::1%no-such-interface" } do
        local err = refused("EAI_NONAME", "connect", net.connect(host, 1))
        assert.same({ host, 1 }, { err.host, err.port })
        refused("EAI_NONAME", "resolve", net.resolve(host))
        refused("EAI_NONAME", "listen", net.listen(host, 0))
        refused("EAI_NONAME", "bind", net.udp(host, 0))
      end
      assert.equal("EINVAL", select(3, net.connect("", 1)))
      assert.equal("EADDRNOTAVAIL", select(3, net.listen("203.0.113.1", 0)))
      assert.is_nil((net.connect("127.0.0.1", 1, { family = "inet6" })))
      assert.is_nil((net.connect("127.0.0.1", "no-such-service")))
    end, { clock = "real" })
  end)

  it("what is no port raises", function()
    run(function()
      for _, port in ipairs { -1, 65536, 1.5, 0 / 0 } do
        misuse(function() net.connect("127.0.0.1", port) end, "xio.net.connect", "#2", "port")
        misuse(function() net.listen("127.0.0.1", port) end, "xio.net.listen", "#2", "port")
        misuse(function() net.udp("127.0.0.1", port) end, "xio.net.udp", "#2", "port")
      end
      misuse(function() net.connect(1, 1) end, "xio.net.connect", "#1")
      misuse(function() net.connect("127.0.0.1", 1, { tiemout = 1 }) end, "tiemout")
    end)
  end)

  it("unix paths that are none", function()
    run(function()
      for path, code in pairs { [""] = "EINVAL", ["a\0b"] = "EINVAL",
        [("x"):rep(200)] = "ENAMETOOLONG", ["/nonexistent/x"] = "ENOENT" } do
        assert.equal(path, refused(code, "connect", net.connect_unix(path)).path)
        assert.equal(path, refused(code, "listen", net.listen_unix(path)).path)
      end
      refused("ECONNREFUSED", "connect", net.connect_unix "/etc/passwd") -- no socket
    end)
  end)

  it("datagrams that are too large or go nowhere", function()
    run(function()
      local socket <close> = assert(net.udp("127.0.0.1", 0))
      local _, port = socket:name()
      refused("EMSGSIZE", "send", socket:send(("x"):rep(65536), "127.0.0.1", port))
      refused("EDESTADDRREQ", "send", socket:send "x")
      refused("ENODEV", "join", socket:join("239.1.2.3", "lo\0"))
      assert.equal(socket, socket:send("", "127.0.0.1", port))
      assert.same({ "", "127.0.0.1", port }, { socket:recv() })
    end)
  end)
end)

describe("bad input: files", function()
  it("a path with a NUL is EINVAL everywhere, and nothing is made of what stands before it",
    function()
      folder.with(function(dir)
        local path = dir .. "/file\0.txt"
        local calls = { readfile = "open", writefile = "open", open = "open", stat = "stat",
          lstat = "lstat", readdir = "readdir", mkdir = "mkdir", unlink = "unlink",
          rmtree = "rmtree", readlink = "readlink", realpath = "realpath" }
        for name, op in pairs(calls) do
          local err = refused("EINVAL", op, fs[name](path, name == "writefile" and "x" or nil))
          assert.equal(path, err.path)
        end
        assert.is_nil((fs.rename(path, dir .. "/other")))
        assert.is_nil((fs.copy(path, dir .. "/other")))
        assert.is_nil((fs.symlink("x", path)))
        assert.same({}, folder.names(dir))
        misuse(function() xio.process.run { "true", "a\0b" } end, "xio.process.run", "NUL")
      end)
    end)

  it("a line longer than the limit, empty writes, and a size of 0", function()
    folder.with(function(dir)
      local path, line = dir .. "/file", ("x"):rep((1 << 20) + 1)
      folder.write(path, line .. "\nnext\n")
      local file <close> = assert(fs.open(path, "r+"))
      refused("EMSGSIZE", "read", file:read())
      assert.equal("EMSGSIZE", support.catch(file:lines()).code)
      assert.is_true(file:read_until("\n", 1 << 21) == line)
      assert.equal("next", file:read())
      assert.equal(file, file:write())
      assert.equal(file, file:write("", ""))
      assert.equal(0, file:stats().written)
      assert.is_nil(file:recv())
      assert.is_true(fs.writefile(path, ""))
      assert.equal("", fs.readfile(path))
      assert.equal(0, fs.stat(path).size)
    end)
  end)

  it("a file that shrinks or grows while it is read whole is read to where it ends", function()
    folder.with(function(dir)
      local path = dir .. "/file"
      folder.write(path, ("a"):rep(300000))
      local file <close> = assert(fs.open(path))
      assert.equal(("a"):rep(10), file:read(10))
      folder.write(path, ("b"):rep(100000))
      assert.equal(100000, 10 + #file:read "a")
      folder.write(path, ("c"):rep(900000))
      assert.equal(800000, #file:read "a")
      assert.equal(5, #assert(fs.readfile "/proc/self/comm" .. "     "):sub(1, 5)) -- size 0
    end)
  end)

  it("a closed file, listener, socket or descriptor answers ECLOSED", function()
    folder.with(function(dir)
      local file = assert(fs.open(dir .. "/file", "w+"))
      local listener = assert(net.listen("127.0.0.1", 0))
      local socket = assert(net.udp("127.0.0.1", 0))
      local near, far = assert(net.pair())
      local fd = assert(xio.fd(near:fileno()))
      for _, handle in ipairs { file, listener, socket, fd, near, far } do
        assert.is_true(handle:close())
        assert.is_false(handle:close())
        refused("ECLOSED", "fileno", handle:fileno())
        support.mentions(tostring(handle), "closed")
      end
      for _, method in ipairs { "read", "recv", "write", "sync", "stat", "truncate", "seek" } do
        refused("ECLOSED", method, file[method](file))
      end
      refused("ECLOSED", "accept", listener:accept())
      for _ in listener do error "not reached" end
      refused("ECLOSED", "name", listener:name())
      refused("ECLOSED", "recv", socket:recv())
      refused("ECLOSED", "send", socket:send("x", "127.0.0.1", 1))
      refused("ECLOSED", "readable", fd:readable())
      refused("ECLOSED", "read", xio.read(fd))
      refused("ECLOSED", "recv", xio.read(near))
    end)
  end)
end)
