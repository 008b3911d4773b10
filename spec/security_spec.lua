-- What docs/security.md says and no other spec holds: descriptors that programs do not inherit,
-- names that nobody can guess, texts that are no formats, bytecode.

local lfs = require "lfs"
local xio = require "xio"
local folder = require "spec.support.folder"
local interpreter = require "spec.support.interpreter"
local support = require "spec.support"

local it = support.it(it)
local run = support.run

local CLOEXEC = tonumber("2000000", 8)

-- number -> {what it is, whether it is closed by exec}
local function descriptors()
  local list = {}
  for name in lfs.dir "/proc/self/fd" do
    local info = tonumber(name) and io.open("/proc/self/fdinfo/" .. name)
    local flags = info and info:read("a"):match "flags:%s*(%d+)"
    if info then info:close() end
    local what = info and xio.fs.readlink("/proc/self/fd/" .. name)
    if flags and what then
      list[tonumber(name)] = { what = what, closes = tonumber(flags, 8) & CLOEXEC ~= 0 }
    end
  end
  return list
end

-- Opens one of everything that has a descriptor, calls f, and closes all.
local function with_everything(dir, f)
  local net, fs = xio.net, xio.fs
  local listener <close> = assert(net.listen("127.0.0.1", 0))
  local _, port = listener:name()
  local _client <close> = assert(net.connect("127.0.0.1", port))
  local _server <close> = assert(listener:accept())
  local unix <close> = assert(net.listen_unix(dir .. "/socket"))
  local _near <close> = assert(net.connect_unix(dir .. "/socket"))
  local _far <close> = assert(unix:accept())
  local a, b = net.pair()
  local _a <close> = a
  local _b <close> = b
  local _udp <close> = assert(net.udp("127.0.0.1", 0))
  local _file <close> = assert(fs.open(dir .. "/file", "w"))
  local _watch <close> = assert(fs.watch(dir))
  local _signals <close> = xio.signal.listen("USR1")
  local process <close> = assert(xio.process.spawn { "sleep", "30", stdin = "pipe",
    stdout = "pipe", stderr = "pipe" })
  assert(net.resolve("127.0.0.1"))
  assert(xio.thread.run(function() return 1 end) == 1)
  assert(process.pid)
  f()
  process:kill "KILL"
end

describe("security:", function()
  it("no descriptor that xio makes is inherited by programs that it did not start", function()
    run(function()
      folder.with(function(dir)
        local before = descriptors()
        local during
        with_everything(dir, function() during = descriptors() end)
        local made = 0
        for number, each in pairs(during) do
          if number > 2 and not (before[number] and before[number].what == each.what)
            and not each.what:find "/proc/" then
            made = made + 1
            assert.is_true(each.closes, number .. " " .. each.what)
          end
        end
        assert.is_true(made >= 15, "only " .. made .. " were looked at")
      end)
    end)
  end)

  it("a program that xio starts has the descriptors that it was given, and no others", function()
    run(function()
      folder.with(function(dir)
        local _leaky <close> = assert(io.open("/dev/null")) -- io opens without O_CLOEXEC
        with_everything(dir, function()
          local listed = assert(xio.process.run { "ls", "/proc/self/fd", capture = true })
          assert.equal("0\n1\n2\n3\n", listed.stdout) -- 3 is the listing's own
        end)
      end)
    end)
  end)

  it("folders for temporary files have names that differ, and are their owner's alone", function()
    run(function()
      folder.with(function(dir)
        local seen = {}
        for _ = 1, 20 do
          local path = assert(xio.fs.mkdtemp(dir .. "/t"))
          assert.is_nil(seen[path])
          seen[path] = true
          assert.equal(tonumber("700", 8), assert(xio.fs.stat(path)).mode & 511)
          assert.is_truthy(path:match "/t......$")
        end
      end)
    end)
  end)

  it("a file that is replaced atomically is never open to more than its target was", function()
    run(function()
      folder.with(function(dir)
        local path, open = dir .. "/secret", 0
        assert(xio.fs.writefile(path, "one"))
        assert(xio.fs.chmod(path, tonumber("600", 8)))
        local seen = false
        xio.group(function(group)
          local done = false
          group:spawn(function()
            assert(xio.fs.writefile(path, ("two"):rep(1 << 20), { atomic = true }))
            done = true
          end)
          while not done do
            for name in lfs.dir(dir) do
              local mode = name:find "^%.xio%-"
                and lfs.attributes(dir .. "/" .. name, "permissions")
              if mode then
                seen = true
                if mode ~= "rw-------" then open = open + 1 end
              end
            end
            xio.checkpoint()
          end
        end)
        assert.is_true(seen)
        assert.equal(0, open)
        assert.equal(tonumber("600", 8), assert(xio.fs.stat(path)).mode & 511)
        assert.same({ "secret" }, assert(xio.fs.readdir(dir)))
      end)
    end)
  end)

  it("texts of programs are no formats", function()
    local nasty = "%s%n%d%99999999s%%"
    local report
    run(function()
      local ok, err = xio.isolate(function()
        xio.group({ name = nasty }, function(group)
          group:spawn(function()
            error(nasty, 0)
          end, nasty)
        end)
      end)
      assert.is_false(ok)
      report = xio.traceback(err)
      assert.is_truthy(report:find(nasty, 1, true))
      local _, refused = xio.net.listen_unix("/no/such/" .. nasty)
      assert.is_truthy(tostring(refused):find(nasty, 1, true))
      assert.is_truthy(tostring(xio.tree()):find "%S")
    end)
  end)

  it("the environment of a program cannot be split by its values", function()
    run(function()
      for _, env in ipairs { { ["A=B"] = "x" }, { [""] = "x" }, { ["A\0"] = "x" },
          { A = "x\0B=y" } } do
        assert.has_error(function() xio.process.run { "true", env = env } end)
      end
      local told = assert(xio.process.run { "env", env = { A = "x\nB=y" }, capture = true })
      assert.is_truthy(told.stdout:find("A=x\nB=y", 1, true)) -- as it was given
    end)
  end)

  it("the prompt takes no bytecode", function()
    interpreter.in_folder({ ["typed"] = string.dump(function() print "it ran" end) .. "\n" },
      function(dir)
        local out, err = interpreter.shell(dir, '"$XIO" -i <typed 2>&1')
        assert.is_nil((out .. err):find("it ran", 1, true))
        assert.is_truthy((out .. err):find("binary chunk", 1, true), out .. err)
      end)
  end)

  it("functions of messages come from this process: texts of bytecode stay texts", function()
    run(function()
      local text = string.dump(function() error "it ran" end)
      local tx, rx = xio.thread.channel(1)
      tx:send(text)
      assert.equal(text, rx:recv())
      assert.equal("string", xio.thread.run(function(value) return type(value) end, text))
    end)
  end)
end)
