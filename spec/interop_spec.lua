-- What others wrote sees correct behaviour: nc, socat, curl and ss on the other end of
-- connections, luv and cqueues in the same process. Real programs, so real time; each is ended
-- after ten seconds. Those that are not installed are pending.

local xio = require "xio"
local child = require "spec.support.child"
local streams = require "spec.support.streams"
local support = require "spec.support"

local pending, net, process = pending, xio.net, xio.process -- luacheck: read globals pending
local ROOT = debug.getinfo(1, "S").source:match "^@(.*)spec/[^/]*$" or "./"
local SERVER = ROOT .. "examples/file_server.lua"
local SECONDS = 10

local checked = support.it(it)

local function answers(command) return (os.execute(command .. " >/dev/null 2>&1")) == true end

-- An `it` that is pending where `command`, the shell's, fails.
local function it_with(package, command)
  local there = answers(command)
  return function(title, body)
    if not there then return pending(("%s (needs %s)"):format(title, package)) end
    return checked(title, body)
  end
end

local function run(f)
  return support.run(function() xio.fail_after(2 * SECONDS, f) end, { clock = "real" })
end

-- Runs a program on `input`, and gives the result: stdout, stderr, code.
local function call(input, ...)
  local result = assert(process.run { stdin = input, capture = true, "timeout", "-k", "1", SECONDS,
    ... })
  assert.not_equal(124, result.code, "timed out: " .. table.concat({ ... }, " "))
  return result
end

-- The same in a task of its own.
local function start(input, ...)
  local arguments = table.pack(input, ...)
  return xio.spawn(function() return call(table.unpack(arguments, 1, arguments.n)) end)
end

local function listen()
  local listener = assert(net.listen("127.0.0.1", 0))
  return listener, select(2, listener:name())
end

-- A port that nobody listens at.
local function free_port()
  local listener, port = listen()
  listener:close()
  return port
end

-- Connects to a program that is about to listen.
local function connect(port)
  for _ = 1, SECONDS * 100 do
    local conn, _, code = net.connect("127.0.0.1", port)
    if conn then return conn end
    assert.equal("ECONNREFUSED", code)
    xio.sleep(0.01)
  end
  error "nobody listens"
end

local NUMBERS = {}
for i = 1, 40000 do NUMBERS[i] = i end
local MUCH <const> = table.concat(NUMBERS, "\n") -- some 230 KB

describe("nc", function()
  local nc = answers "nc.openbsd -h" and "nc.openbsd" or "nc"
  local it = it_with("netcat-openbsd", nc .. " -h 2>&1 | grep -- '-N'")

  it("STR-21 half-closes: its end of input is the end of the stream, and the answer still comes",
    function()
      run(function()
        local listener <close>, port = listen()
        local client = start(MUCH, nc, "-N", "127.0.0.1", port)
        local conn <close> = assert(listener:accept())
        assert.is_true(conn:read "a" == MUCH)
        assert(conn:write(MUCH:reverse()))
        assert(conn:shutdown())
        local result = client:await()
        assert.is_true(result.stdout == MUCH:reverse())
        assert.equal(0, result.code)
      end)
    end)

  it("STR-21 as a server sees the half-close of a client, and answers", function()
    run(function()
      local port = free_port()
      local server = start("the answer", nc, "-l", "-N", "127.0.0.1", port)
      local conn <close> = connect(port)
      assert(conn:write(MUCH))
      assert(conn:shutdown())
      assert.equal("the answer", conn:read "a")
      assert.is_true(server:await().stdout == MUCH)
    end)
  end)

  it("talks over a unix socket, both ways round", function()
    run(function()
      local path = streams.path()
      local listener = assert(net.listen_unix(path))
      local client = start("question", nc, "-N", "-U", path)
      local conn = assert(listener:accept())
      assert.equal("question", conn:read "a")
      assert(conn:write "answer")
      conn:close()
      listener:close()
      assert.equal("answer", client:await().stdout)
      assert.equal(1, call("", nc, "-N", "-U", path).code) -- the name went with the listener
      local server = start("answer", nc, "-l", "-N", "-U", path)
      local there
      repeat
        there = net.connect_unix(path)
        xio.sleep(0.01)
      until there
      assert(there:write "question")
      assert(there:shutdown())
      assert.equal("answer", there:read "a")
      there:close()
      assert.equal("question", server:await().stdout)
      os.remove(path)
    end)
  end)

  it("UDP-01 exchanges datagrams", function()
    run(function()
      local socket <close> = assert(net.udp("127.0.0.1", 0))
      local _, port = socket:name()
      local client <close> = assert(process.spawn { nc, "-u", "127.0.0.1", port, stdin = "pipe" })
      assert(client.stdin:write "ping")
      local data, host, from = socket:recv()
      assert.same({ "ping", "127.0.0.1" }, { data, host })
      assert(socket:send("pong", host, from))
      assert.equal("pong", client.stdout:read_exactly(4))
    end)
  end)
end)

describe("socat", function()
  local it = it_with("socat", "socat -V")

  it("STR-04 resets: ECONNRESET to who waits, then EPIPE to who writes", function()
    run(function()
      local listener <close>, port = listen()
      local client <close> = assert(process.spawn { stdin = "pipe", stdout = "null",
        "socat", "-u", "STDIN", ("TCP:127.0.0.1:%d,linger=0"):format(port) })
      local conn <close> = assert(listener:accept())
      assert(client.stdin:write "last words")
      assert.equal("last words", conn:read_exactly(10))
      local reader = xio.spawn(function() return table.pack(conn:recv()) end)
      xio.sleep(0)
      assert(client:kill "KILL")
      local nothing, err, code = table.unpack(reader:await(), 1, 3)
      assert.is_nil(nothing)
      assert.same({ "ECONNRESET", "ECONNRESET", "recv" }, { code, err.code, err.op })
      nothing, err, code = conn:write "anybody?"
      assert.is_nil(nothing)
      assert.same({ "EPIPE", "EPIPE" }, { code, err.code })
    end)
  end)

  it("sees the reset of a stream that is closed with bytes unread", function()
    run(function()
      local listener <close>, port = listen()
      -- more than the buffers of the system hold: socat is told only where it writes
      local client = start(MUCH:rep(100), "socat", "-", ("TCP:127.0.0.1:%d"):format(port))
      local conn = assert(listener:accept())
      assert.equal("1\n2\n", conn:recv(4))
      conn:close()
      local result = client:await()
      assert.not_equal(0, result.code)
      support.mentions(result.stderr, { "Connection reset by peer", "Broken pipe" })
    end)
  end)

  it("STR-21 filters through a server of its own that half-closes", function()
    run(function()
      local port = free_port()
      local server = start("", "socat", ("TCP-LISTEN:%d,bind=127.0.0.1,reuseaddr"):format(port),
        "EXEC:tr 0-9 a-j")
      local conn <close> = connect(port)
      local writer = xio.spawn(function()
        assert(conn:write(MUCH))
        assert(conn:shutdown())
      end)
      local expected = MUCH:gsub("%d", function(digit) return string.char(97 + digit) end)
      assert.is_true(conn:read "a" == expected)
      writer:await()
      server:await()
    end)
  end)

  it("connects to names in the file system and in the abstract space", function()
    run(function()
      local path = streams.path()
      local name = "xio-interop-" .. path:match "[^/]*$"
      for address, there in pairs { [path] = "UNIX-CONNECT:" .. path,
        ["@" .. name] = "ABSTRACT-CONNECT:" .. name } do
        local listener <close> = assert(net.listen_unix(address))
        local client = start("question", "socat", "-", there)
        local conn <close> = assert(listener:accept())
        assert.equal("question", conn:read "a")
        assert(conn:write "answer")
        assert(conn:shutdown())
        assert.equal("answer", client:await().stdout)
      end
    end)
  end)

  it("gives a terminal: a stream on it is read line by line", function()
    run(function()
      local result = call("", "socat", "-t2", "EXEC:'" .. child.interpreter()
        .. [[ -e "local xio = require [[xio]].."]]"..[[ xio.main(function()]]
        .. [[ xio.stdout:write(tostring(xio.stdout), 10) end)"',pty,stderr]], "STDOUT")
      support.mentions(result.stdout, "stream", "10")
    end)
  end)
end)

describe("ss", function()
  local it = it_with("iproute2", "ss -V")

  -- The states of the sockets of the loopback that `filter` selects, sorted.
  local function states(...)
    local list = {}
    for line in call("", "ss", "-Htan", ...).stdout:gmatch "[^\n]+" do
      list[#list + 1] = line:match "^%S+"
    end
    table.sort(list)
    return list
  end

  it("NET-01 sees a listener, its backlog and its end", function()
    run(function()
      local listener = assert(net.listen("127.0.0.1", 0, { backlog = 7 }))
      local _, port = listener:name()
      local line = call("", "ss", "-Htln", "sport", "= :" .. port).stdout
      assert.same({ "LISTEN", "0", "7", "127.0.0.1:" .. port },
        { line:match "(%S+)%s+(%S+)%s+(%S+)%s+(%S+)" })
      listener:close()
      assert.same({}, states("sport", "= :" .. port))
    end)
  end)

  it("STR-21 sees both halves of a half-closed connection, and nothing after the close", function()
    run(function()
      local listener, port = listen()
      local near = assert(net.connect("127.0.0.1", port))
      local far = assert(listener:accept())
      listener:close()
      local both = ("( sport = :%d or dport = :%d )"):format(port, port)
      assert.same({ "ESTAB", "ESTAB" }, states(both))
      assert(near:shutdown())
      assert.is_nil(far:recv())
      local halves = states(both)
      assert.equal("CLOSE-WAIT", halves[1])
      support.mentions(halves[2], "FIN-WAIT-") -- 1 until the end was acknowledged
      far:close()
      assert.is_nil(near:recv())
      near:close()
      local left = states(both)
      assert.is_true(#left == 0 or #left == 1 and left[1] == "TIME-WAIT")
    end)
  end)

  it("NET-04 sees keepalive", function()
    run(function()
      local listener <close>, port = listen()
      local near <close> = assert(net.connect("127.0.0.1", port, { keepalive = 30 }))
      local far <close> = assert(listener:accept())
      support.mentions(call("", "ss", "-Htno", "dport", "= :" .. port).stdout, "keepalive")
      assert.is_nil(call("", "ss", "-Htno", "sport", "= :" .. port).stdout:find "keepalive")
      assert(near:name() and far:name())
    end)
  end)

  it("sees a unix listener", function()
    run(function()
      local path = streams.path()
      local listener = assert(net.listen_unix(path))
      support.mentions(call("", "ss", "-Hxl", "src", path).stdout, "LISTEN", path)
      listener:close()
      assert.equal("", call("", "ss", "-Hxl", "src", path).stdout)
    end)
  end)
end)

describe("curl and the file server of the examples", function()
  local it = it_with("curl", "curl --version")
  local QUIET <const> = { "curl", "-sS", "--max-time", tostring(SECONDS), "--path-as-is" }

  -- f(get, folder), where get(path, options...) runs curl: its result.
  local function with_server(f)
    run(function()
      local folder = assert(xio.fs.mkdtemp("/tmp/xio-interop-"))
      local code = ("io.stdout:setvbuf 'no' arg = { [0] = 'file_server', %q, '0' } "
        .. "require 'xio'.main(dofile, %q)"):format(folder, SERVER)
      local server <close> = assert(process.spawn { child.interpreter(), "-e", code,
        stderr = "null" })
      local url = assert(server.stdout:read()):match "http://%S+"
      f(function(path, ...)
        local command = table.move(QUIET, 1, #QUIET, 1, {})
        for _, option in ipairs { ... } do command[#command + 1] = option end
        command[#command + 1] = url .. path
        return call("", table.unpack(command))
      end, folder, url)
      assert(server:kill "TERM")
      local ended = assert(server:wait(SECONDS))
      assert.is_true(ended.signal == "TERM" or ended.code == 1) -- by lua5.4, of the error
      assert(xio.fs.rmtree(folder))
    end)
  end

  it("gives files whole, heads without bodies, and 404", function()
    with_server(function(get, folder)
      assert(xio.fs.writefile(folder .. "/much.txt", MUCH))
      assert(xio.fs.writefile(folder .. "/none.html", ""))
      assert.is_true(get("/much.txt").stdout == MUCH)
      assert.equal("200 0 text/html; charset=utf-8",
        get("/none.html", "-w", "%{http_code} %{size_download} %{content_type}").stdout)
      local head = get("/much.txt", "-I").stdout
      support.mentions(head, "200 OK", "Content-Length: " .. #MUCH)
      assert.equal("404", get("/nothing", "-o", "/dev/null", "-w", "%{http_code}").stdout)
      assert.equal("405",
        get("/much.txt", "-d", "x", "-o", "/dev/null", "-w", "%{http_code}").stdout)
    end)
  end)

  it("does not leave its directory", function()
    with_server(function(get)
      for _, path in ipairs { "/../etc/passwd", "/%2e%2e/etc/passwd", "/x%00y" } do
        assert.equal("403", get(path, "-o", "/dev/null", "-w", "%{http_code}").stdout)
      end
    end)
  end)

  it("keeps one connection for several requests, and serves many at once", function()
    with_server(function(get, folder, url)
      assert(xio.fs.writefile(folder .. "/much.txt", MUCH))
      local twice = get("/much.txt", "-o", "/dev/null", "-o", "/dev/null", "-w", "%{num_connects} ",
        url .. "/much.txt")
      assert.equal("1 0 ", twice.stdout)
      local gets = {}
      for i = 1, 20 do gets[i] = function() return get("/much.txt").stdout == MUCH end end
      for _, equal in ipairs(xio.gather(gets)) do assert.is_true(equal) end
    end)
  end)

  it("sends to a client that reads slowly", function()
    with_server(function(get, folder)
      assert(xio.fs.writefile(folder .. "/much.txt", MUCH))
      assert.is_true(get("/much.txt", "--limit-rate", "400k").stdout == MUCH)
    end)
  end)
end)

-- Their loops are driven by a task of xio, which waits for the descriptor of each.
local LUV <const> = [[
local uv = require "luv"
-- Turns luv's loop until it has nothing to do.
local function drive()
  local fd <close> = xio.fd(uv.backend_fd())
  while uv.loop_alive() do
    local timeout = uv.backend_timeout()
    if timeout ~= 0 then fd:readable(timeout > 0 and timeout / 1000 or nil) end
    uv.run "nowait"
  end
end
]]

describe("luv in the same process", function()
  local it = it_with("lua-luv", "lua5.4 -e 'require [[luv]]'")

  it("has its own loop, with timers and connections, next to that of a run", function()
    local out, status = child.run(LUV .. [[
      xio.run(function()
        local server = uv.new_tcp()
        assert(server:bind("127.0.0.1", 0))
        server:listen(8, function()
          local client = uv.new_tcp()
          server:accept(client)
          client:read_start(function(_, data)
            if data then client:write(data:upper()) else client:close() server:close() end
          end)
        end)
        local timer, ticks = uv.new_timer(), 0
        timer:start(1, 1, function()
          ticks = ticks + 1
          if ticks == 5 then timer:close() end
        end)
        xio.group(function(group)
          group:spawn(drive)
          local conn <close> = assert(xio.net.connect("127.0.0.1", server:getsockname().port))
          for i = 1, 20 do
            assert(conn:write("round ", i, "\n"))
            assert(conn:read() == "ROUND " .. i)
          end
        end)
        print(ticks, uv.loop_alive())
      end)
      print(xio.run(function() xio.sleep(0.001) return "well" end))
    ]])
    assert.same({ "5\tfalse\nwell\n", 0 }, { out, status })
  end)

  it("PRC-20 each reaps its own children", function()
    local out, status = child.run(LUV .. [[
      xio.run(function()
        local codes = {}
        for i = 1, 5 do
          uv.spawn("sh", { args = { "-c", "exit " .. i } }, function(code)
            codes[#codes + 1] = code
          end)
        end
        xio.group(function(group)
          group:spawn(drive)
          for i = 11, 15 do
            group:spawn(function()
              local result = xio.process.run { "sh", "-c", "exit " .. i }
              codes[#codes + 1] = result.code
            end)
          end
        end)
        table.sort(codes)
        print(table.concat(codes, " "))
      end)
      print(#io.open "/proc/thread-self/children":read "a")
    ]])
    assert.same({ "1 2 3 4 5 11 12 13 14 15\n0\n", 0 }, { out, status })
  end)

  it("runs its loop to the end inside of a task, and before and after a run", function()
    local out, status = child.run(LUV .. [[
      local function once(name)
        local timer = uv.new_timer()
        timer:start(2, 0, function() print(name) timer:close() end)
        uv.run()
      end
      once "before"
      xio.run(function()
        once "inside"
        xio.sleep(0.001)
      end)
      once "after"
    ]])
    assert.same({ "before\ninside\nafter\n", 0 }, { out, status })
  end)
end)

describe("cqueues in the same process", function()
  local it = it_with("lua-cqueues", "lua5.4 -e 'require [[cqueues]]'")

  it("a controller is driven by a task, and talks to a server of xio", function()
    local out, status = child.run [[
      local cqueues, socket = require "cqueues", require "cqueues.socket"
      xio.run(function()
        local listener <close> = assert(xio.net.listen("127.0.0.1", 0))
        local _, port = listener:name()
        local said, slept = {}, 0
        local controller = cqueues.new()
        controller:wrap(function()
          local conn = socket.connect("127.0.0.1", port)
          for i = 1, 20 do
            conn:write("round " .. i .. "\n")
            conn:flush()
            said[i] = conn:read "*l"
          end
          conn:close()
        end)
        controller:wrap(function()
          for _ = 1, 5 do cqueues.sleep(0.001) slept = slept + 1 end
        end)
        xio.group(function(group)
          group:spawn({ daemon = true }, xio.net.serve, listener, function(conn)
            for line in conn:lines() do conn:write(line:upper(), "\n") end
          end)
          local fd <close> = xio.fd(controller:pollfd())
          while not controller:empty() do
            local timeout = controller:timeout()
            if timeout ~= 0 then fd:readable(timeout) end
            assert(controller:step(0))
          end
        end)
        print(#said, said[20], slept)
      end)
    ]]
    assert.same({ "20\tROUND 20\t5\n", 0 }, { out, status })
  end)

  it("its loop runs before, inside and after a run, and xio waits in its coroutines no more",
    function()
      local out, status = child.run [[
        local cqueues = require "cqueues"
        local function once(name)
          local controller = cqueues.new()
          controller:wrap(function() cqueues.sleep(0.001) print(name) end)
          assert(controller:loop())
        end
        once "before"
        xio.run(function() once "inside" xio.sleep(0.001) end)
        once "after"
        xio.run(function()
          local controller = cqueues.new()
          controller:wrap(function() print(pcall(xio.sleep, 0.001)) end)
          controller:loop()
        end)
      ]]
      assert.equal("before\ninside\nafter\nfalse", out:match "^before.*after\nfalse")
      support.mentions(out, "cannot wait")
      assert.equal(0, status)
    end)
end)
