-- Streams: what every kind of them does (xio.testing.check_stream), and what sockets, pipes
-- and their closing do besides.

local xio = require "xio"
local core = require "xio.core"
local support = require "spec.support"
local streams = require "spec.support.streams"
local checks = require "xio.check_stream"
local child = require "spec.support.child"

local it = support.it(it)
local run, misuse = support.run, support.misuse

--- Runs `f(a, b)` on a pair of a kind, closed at the end.
local function with_pair(kind, f, options)
  run(function()
    local left, right = streams[kind]()
    local _left <close> = left
    local _right <close> = right
    f(left, right)
  end, options)
end

describe("a stream", function()
  for _, kind in ipairs(streams.kinds) do
    for _, name in ipairs(checks.names) do
      it(("(%s): %s"):format(kind, name), function()
        run(function()
          assert.same({ name }, xio.testing.check_stream(streams[kind], name))
        end)
      end)
    end
  end

  it("check_stream tells which check fails", function()
    run(function()
      local function broken()
        local a, b = streams.memory()
        return a, setmetatable({}, { __index = function(_, key)
          if key == "recv" then return function() return "wrong" end end
          return function(_, ...) return b[key](b, ...) end
        end, __close = function() b:close() end })
      end
      local err = support.catch(xio.testing.check_stream, broken, "recv waits for bytes")
      support.mentions(err, "stream check 'recv waits for bytes'", "wrong")
      misuse(function() xio.testing.check_stream(streams.memory, "none") end, "none")
      misuse(function() xio.testing.check_stream(1) end, "function")
    end)
    if not support.in_task() then
      misuse(function() xio.testing.check_stream(streams.memory) end, "not inside xio.run")
    end
  end)
end)

describe("a socket stream", function()
  it("reads what a peer trickles", function()
    with_pair("tcp", function(a, b)
      xio.spawn(function()
        for byte in ("a line\n"):gmatch(".") do
          a:write(byte)
          xio.sleep(0.1)
        end
      end)
      assert.equal("a line", b:read("l"))
    end)
  end)

  it("tells of a peer that resets", function()
    with_pair("tcp", function(a, b)
      b:write("never read")
      xio.testing.settle()
      a:close() -- with bytes unread the kernel resets the connection
      xio.testing.settle()
      local value, err, code = b:recv()
      assert.same({ nil, "ECONNRESET" }, { value, code })
      support.mentions(tostring(err), "recv", "ECONNRESET")
      assert.equal("ECONNRESET", select(3, b:read("l")))
      assert.is_truthy(({ EPIPE = true, ECONNRESET = true })[select(3, b:write("x"))])
    end)
  end)

  it("keeps bytes before a reset readable as a part", function()
    with_pair("tcp", function(a, b)
      b:write("never read")
      a:write("half a li")
      assert.is_false((xio.move_on_after(1, b.read, b, "l")))
      a:close()
      local _, _, code, part = b:read("l")
      assert.same({ "ECONNRESET", 9 }, { code, part })
    end)
  end)

  it("STR-14 closing an old stream does not touch what has its number now", function()
    run(function()
      local a, b = core.pair()
      local number = a:fileno()
      a:close()
      local c, d = core.pair()
      assert.is_true(c:fileno() == number or d:fileno() == number)
      assert.is_false(a:close())
      c:write("alive")
      assert.equal("alive", d:recv())
      b:close()
      c:close()
      d:close()
    end)
  end)

  it("STR-15 closed between the wake-up and the call", function()
    with_pair("pair", function(a, b)
      local c, d = core.pair()
      local first, second
      xio.group(function(group)
        group:spawn(function()
          first = b:recv()
          d:close() -- its reader was woken by the same poll
        end)
        group:spawn(function() second = table.pack(d:recv()) end)
        xio.testing.settle()
        a:write("x")
        c:write("y")
      end)
      c:close()
      assert.equal("x", first)
      assert.same({ nil, "ECLOSED" }, { second[1], second[3] })
    end)
  end)

  it("STR-19 is closed with a warning when it is collected", function()
    local out = child.run([[
      local core = require "xio.core"
      warn("@on")
      xio.run(function()
        do local a, b = core.pair() b:close() end
        do local l = core.tcp_listen("127.0.0.1", 0) end
        collectgarbage() collectgarbage()
        print(core.census().streams, core.census().listeners)
      end)
      xio.run(function() core.pair() end) -- closed by the end of the run: no warning
    ]])
    support.mentions(out, "a stream was collected, but not closed",
      "a listener was collected, but not closed", "0\t0")
    assert.equal(2, select(2, out:gsub("collected", "")))
  end)

  it("is closed by the end of its run, and belongs to no other", function()
    local stream, listener
    run(function()
      stream = core.pair()
      listener = core.tcp_listen("127.0.0.1", 0)
      run(function()
        misuse(function() stream:recv() end, "stream:recv", "another run")
        misuse(function() stream:write("x") end, "stream:write", "another run")
        misuse(function() listener:accept() end, "listener:accept", "another run")
      end)
    end)
    run(function()
      assert.equal("ECLOSED", select(3, stream:recv()))
      assert.equal("ECLOSED", select(3, stream:write("x")))
      assert.equal("ECLOSED", select(3, listener:accept()))
      assert.equal("ECLOSED", select(3, stream:name()))
    end)
    assert.is_false(stream:close())
    assert.is_false(listener:close())
  end)

  it("names the function where it is misused", function()
    with_pair("pair", function(a)
      misuse(function() a.recv(1) end, "stream:recv")
      misuse(function() a.write({}) end, "stream:write")
      misuse(function() a:keepalive("x") end, "stream:keepalive")
      misuse(function() a:keepalive(0) end, "stream:keepalive")
      local text = setmetatable({}, { __tostring = function() return a:recv() end })
      misuse(function() tostring(text) end, "stream:recv", "tostring")
      misuse(function() xio.atomic(a.recv, a) end, "stream:recv", "atomic")
    end)
    local stream
    run(function() stream = core.pair() end)
    if not support.in_task() then
      misuse(function() stream:recv() end, "stream:recv", "not inside xio.run")
      misuse(function() core.pair() end, "not inside xio.run")
    end
  end)

  it("E5 tells which argument is wrong, and what it is", function()
    with_pair("tcp", function(a)
      misuse(function() a:write("x", {}) end, "#2 to 'stream:write'", "string expected, got table")
      misuse(function() a:write(nil) end, "#1 to 'stream:write'", "got nil")
      misuse(function() a:recv("x") end, "#1 to 'stream:recv'", "integer", "got string")
      misuse(function() a:read_exactly() end, "#1 to 'stream:read_exactly'", "got no value")
      misuse(function() a:read_until(5) end, "#1 to 'stream:read_until'", "got number")
      misuse(function() a:nodelay(1) end, "#1 to 'stream:nodelay'", "boolean expected, got number")
      misuse(function() a:keepalive() end, "#1 to 'stream:keepalive'", "got no value")
      misuse(function() a:keepalive(true) end, "#1 to 'stream:keepalive'", "got boolean")
    end)
  end)

  it("E7 all that is opened tells whether it was closed", function()
    run(function()
      local function open()
        local near, far = xio.net.pair()
        local one, other = xio.testing.pair()
        return {
          near, far, one, other,
          xio.stream.staple(xio.net.pair()),
          assert(xio.net.listen("127.0.0.1", 0)),
          assert(xio.net.udp()),
          assert(xio.fs.open "/dev/null"),
          assert(xio.fs.watch "/"),
          xio.signal.listen "USR2",
          xio.fd(near:fileno()),
          assert(xio.process.spawn { "true" }),
        }
      end
      local function check(handle, name)
        assert.is_true(handle.closed, name)
        assert.is_false(handle:close(), name)
        assert.is_true(handle.closed, name)
      end
      for _, handle in ipairs(open()) do
        local name = tostring(handle)
        assert.is_false(handle.closed, name)
        assert.is_true(handle:close(), name)
        check(handle, name)
      end
      for _, handle in ipairs(open()) do
        local name = tostring(handle)
        do
          local _handle <close> = handle
          assert.is_false(handle.closed, name)
        end
        check(handle, name)
      end
    end)
    collectgarbage() -- the finalizers of what is closed
  end)

  it("E7 its stats tell what is buffered, and who waits", function()
    with_pair("tcp", function(a, b)
      a:write("one\ntwo")
      assert.equal("one", b:read())
      assert.same({ read = 4, written = 0, buffered = 3, waiting = 0 }, b:stats())
      xio.group(function(group)
        group:spawn(function() b:read_exactly(10) end)
        group:spawn(function() b:write(("x"):rep(1 << 22)) end)
        xio.testing.settle()
        assert.equal(2, b:stats().waiting)
        assert.equal(0, a:stats().waiting)
        group:cancel()
      end)
      assert.equal(0, b:stats().waiting)
      b:close()
      assert.same({ 4, 0 }, { b:stats().read, b:stats().waiting })
    end)
  end)

  it("has options", function()
    with_pair("tcp", function(a)
      assert.equal(a, a:nodelay(false))
      assert.equal(a, a:nodelay())
      assert.equal(a, a:keepalive(30))
      assert.equal(a, a:keepalive(0.5))
      assert.equal(a, a:keepalive(false))
    end)
    with_pair("pair", function(a) assert.equal(a, a:nodelay():keepalive(10)) end)
  end)

  it("prints what it is", function()
    with_pair("pair", function(a)
      assert.equal(("stream (descriptor %d)"):format(a:fileno()), tostring(a))
      a:close()
      assert.equal("stream (closed)", tostring(a))
      assert.equal("ECLOSED", select(3, a:fileno()))
    end)
  end)

  it("its waits show in the tree of tasks", function()
    with_pair("pair", function(a)
      xio.group(function(group)
        group:spawn({ daemon = true }, function() a:recv() end)
        group:spawn({ daemon = true }, function() a:write(("x"):rep(1 << 22)) end)
        xio.testing.settle()
        support.mentions(tostring(xio.tree()), "read", "write")
      end)
    end)
  end)

  it("a nobody's reader does not hold up the others, and loses nothing", function()
    with_pair("tcp", function(a, b)
      local sum = 0
      xio.spawn(function()
        for _ = 1, 20 do
          a:write(("x"):rep(10000))
          xio.sleep(0.01)
        end
        a:shutdown()
      end)
      xio.sleep(1)
      while true do
        local bytes = b:recv()
        if not bytes then break end
        sum = sum + #bytes
      end
      assert.equal(200000, sum)
    end)
  end)

  it("reads in a generator, also in one that is closed meanwhile", function()
    with_pair("pair", function(a, b)
      local lines = coroutine.wrap(function()
        for line in b:lines() do coroutine.yield(line) end
      end)
      a:write("1\n2\n")
      assert.same({ "1", "2" }, { lines(), lines() })
    end)
    with_pair("pair", function(a, b)
      local waiting = coroutine.create(function() b:recv() end)
      xio.group(function(group)
        group:spawn(function() coroutine.resume(waiting) end)
        xio.testing.settle()
        coroutine.close(waiting)
        a:write("x")
        assert.equal("x", b:recv())
      end)
    end)
  end)
end)

describe("xio.read, xio.write and xio.writeall", function()
  it("take streams of every kind", function()
    for _, kind in ipairs(streams.kinds) do
      with_pair(kind, function(a, b)
        assert.equal(5, xio.write(a, "hello"))
        assert.equal(a, xio.writeall(a, " world"))
        assert.equal("hell", xio.read(b, 4))
        assert.equal("o world", b:read_exactly(7))
        a:close()
        assert.same({ n = 1 }, table.pack(xio.read(b)))
        assert.equal("ECLOSED", select(3, xio.write(a, "x")))
      end)
    end
  end)

  it("refuse tables that are no streams", function()
    run(function()
      misuse(function() xio.read({}) end, "xio.read", "stream")
      misuse(function() xio.write({}, "x") end, "xio.write", "stream")
    end)
  end)
end)

describe("a stapled stream", function()
  local staple = require("xio.stream").staple

  it("STR-18 closes both, and keeps both errors", function()
    local log, seen = support.recorder()
    local function failing(name)
      return { close = function()
        log(name)
        error(name, 0)
      end }
    end
    local err = support.catch(function() staple(failing "reader", failing "writer"):close() end)
    assert.equal("writer", err)
    assert.same({ "writer", "reader" }, seen)
    run(function()
      local ok, raised = pcall(function()
        local _both <close> = staple(failing "r", failing "w")
        error("first", 0)
      end)
      assert.same({ false, "first" }, { ok, raised })
    end)
    misuse(function() staple(1, 2) end, "xio.stream.staple", "#1")
  end)
end)

describe("a pipe stream", function()
  it("goes one way", function()
    run(function()
      local reader <close>, _ = core.pipe()
      local writer <close> = _
      assert.equal(writer, writer:write("bytes"))
      assert.equal("bytes", reader:recv())
      assert.equal("EBADF", select(3, reader:write("x")))
      assert.is_true(writer:shutdown())
      assert.is_nil((reader:recv()))
      assert.equal("ENOTSOCK", select(3, reader:name()))
      assert.is_true(writer:close())
    end)
  end)

  it("does not raise SIGPIPE", function()
    local out, status = child.run([[
      local core = require "xio.core"
      xio.run(function()
        local r, w = core.pipe()
        r:close()
        print((select(3, w:write("x"))))
        local a, b = core.pair()
        a:close()
        print((select(3, b:write("x"))))
      end)
    ]])
    assert.same({ "EPIPE\nEPIPE\n", 0 }, { out, status })
  end)
end)
