-- Files that xio.fs.open gives. Paths and whole files: fs_spec.lua.

local xio = require "xio"
local folder = require "spec.support.folder"
local support = require "spec.support"

local it = support.it(it)
local misuse, run, catch = support.misuse, support.run, support.catch
local fs = xio.fs
local with, refused, write, read = folder.with, folder.refused, folder.write, folder.read

--- Runs `f(file, path)` with an open file of this content.
local function with_file(content, mode, f, options)
  with(function(dir)
    write(dir .. "/file", content)
    local file <close> = assert(fs.open(dir .. "/file", mode))
    return f(file, dir .. "/file")
  end, options)
end

describe("xio.fs.open", function()
  it("takes Lua's modes", function()
    with(function(dir)
      local path = dir .. "/file"
      for _, mode in ipairs { "r", "rb", "r+", "r+b" } do
        refused("ENOENT", "open", path, fs.open(path, mode))
      end
      local expected = {
        { "w", "new" }, { "wb", "new" }, { "a", "newnew" }, { "ab", "newnewnew" },
        { "r+", "newnewnew" }, { "w+", "new" }, { "a+", "newnew" }, { "a+b", "newnewnew" },
      }
      for _, case in ipairs(expected) do
        local file <close> = assert(fs.open(path, case[1]))
        assert.equal(file, file:write("new"))
        assert.equal(case[2], read(path), case[1])
      end
      for _, mode in ipairs { "", "x", "rw", "r++", "b", "rb+", "wx" } do
        misuse(function() fs.open(path, mode) end, "xio.fs.open", "#2", "invalid mode")
      end
    end)
  end)

  it("opens what only this process gets, and the lowest number", function()
    with_file("", "r", function(file)
      local flags = read("/proc/self/fdinfo/" .. file:fileno()):match "flags:%s*(%d+)"
      assert.is_true(tonumber(flags, 8) & tonumber("2000000", 8) ~= 0) -- O_CLOEXEC
    end)
  end)

  it("refuses to read what is open for writing, and the other way", function()
    with_file("x", "a", function(file, path)
      assert.equal(0, refused("EBADF", "read", path, file:read()))
      assert.equal(0, refused("EBADF", "read_until", path, file:read_until "x"))
      local reader <close> = fs.open(path)
      refused("EBADF", "write", path, reader:write("y"))
    end)
  end)

  it("tells what it is", function()
    with_file("", "r", function(file, path)
      assert.equal("file " .. path, tostring(file))
      file:close()
      assert.equal("file " .. path .. " (closed)", tostring(file))
    end)
  end)

  it("E4 tells when descriptors run out, and works when there are some again", function()
    with(function(dir)
      write(dir .. "/file", "x")
      local rlimit = tonumber(read("/proc/self/limits"):match "Max open files%s+(%d+)")
      if rlimit > 65536 then
        pending "the limit of descriptors is too high to reach it"
        return
      end
      local files = {}
      local code
      for _ = 1, rlimit do
        local file, _, why = fs.open(dir .. "/file")
        code = why
        if not file then break end
        files[#files + 1] = file
      end
      refused("EMFILE", "open", dir .. "/file", fs.open(dir .. "/file"))
      refused("EMFILE", "readdir", dir, fs.readdir(dir))
      for _, file in ipairs(files) do file:close() end
      assert.equal("EMFILE", code)
      assert.equal("x", fs.readfile(dir .. "/file"))
    end)
  end)
end)

describe("file reading", function()
  it("reads as io files do", function()
    with_file("12 0x1F 3.5e1 word\nsecond\n\nlast", "r", function(file)
      assert.same({ 12, 31, 35.0 }, { file:read("n", "n", "n") })
      assert.equal(" word", file:read())
      assert.same({ "second\n", "", "la" }, { file:read("L", "l", 2) })
      assert.equal("st", file:read "a")
      assert.equal("", file:read "a")
      assert.is_nil(file:read "l")
      assert.is_nil(file:recv())
    end)
  end)

  it("recv, read_exactly, read_until, lines", function()
    with_file("abcdef|ghi\nj\nk", "r", function(file)
      assert.equal("ab", file:recv(2))
      assert.equal("cd", file:read_exactly(2))
      assert.equal("ef", file:read_until "|")
      local lines = {}
      for line in file:lines() do lines[#lines + 1] = line end
      assert.same({ "ghi", "j", "k" }, lines)
      assert.is_nil(file:read_exactly(1))
      assert.equal(14, file:stats().read)
    end)
  end)

  it("gives all bytes of a large file, in any way", function()
    local data = {}
    for i = 1, 100000 do data[i] = ("%d\n"):format(i) end
    data = table.concat(data)
    with_file(data, "r", function(file)
      for _, size in ipairs { 1000, 65536, 1 << 20 } do
        local parts = {}
        file:seek "set"
        for part in function() return file:recv(size) end do parts[#parts + 1] = part end
        assert.is_true(table.concat(parts) == data)
        parts = {}
        file:seek "set"
        for part in file:lines(size) do parts[#parts + 1] = part end
        assert.is_true(table.concat(parts) == data)
      end
      file:seek "set"
      local count = 0
      for line in file:lines() do
        count = count + 1
        assert.equal(count, tonumber(line))
      end
      assert.equal(100000, count)
    end)
  end)

  it("makes strings that stay what they are, whatever is read after them", function()
    local data = {}
    for i = 1, 60000 do data[i] = ("%d,"):format(i) end
    data = table.concat(data)
    local function check(file, get)
      local before = file:stats().read
      file:seek "set"
      local parts, at = {}, 0
      for part in get do
        if #part > 1000 then collectgarbage "step" end -- what is free may be used again
        parts[#parts + 1] = part
      end
      for _, part in ipairs(parts) do
        assert.is_true(part == data:sub(at + 1, at + #part))
        at = at + #part
      end
      assert.equal(#data, at)
      assert.equal(#data, file:stats().read - before)
    end
    with_file(data, "r", function(file)
      local most = #data
      for _, n in ipairs { 40, 41, 4096, 50000, 65535, 65536, most - 1, most, most + 1 } do
        check(file, function() return file:recv(n) end)
        check(file, function() return file:read(n) end)
        check(file, function()
          local left = most - file:seek()
          return left > 0 and file:read_exactly(math.min(n, left)) or nil
        end)
      end
      check(file, function()
        local rest = file:read "a"
        return rest ~= "" and rest or nil
      end)
    end)
  end)

  it("sees what is added behind the end", function()
    with_file("one\n", "r", function(file, path)
      assert.equal("one", file:read())
      assert.is_nil(file:read())
      local other <close> = assert(io.open(path, "a"))
      other:write("two\n")
      other:flush()
      assert.equal("two", file:read())
      assert.is_nil(file:read())
    end)
  end)

  it("EMSGSIZE: a line beyond the limit stays readable", function()
    with_file(("x"):rep(1048577) .. "\nshort\n", "r", function(file)
      local _, _, code = file:read()
      assert.equal("EMSGSIZE", code)
      assert.equal(1048578, #file:read_until("\n", 2000000) + 1)
      assert.equal("short", file:read())
    end)
  end)

  it("STR-02 checks its arguments", function()
    with_file("", "r", function(file)
      for _, max in ipairs { 0, -1, 1.5 } do
        misuse(function() file:recv(max) end, "recv", "#1", "integer")
      end
      misuse(function() file:read "x" end, "file:read", "#1", "format")
      misuse(function() file.read() end, "bad self")
      misuse(function() file.write(io.stdout, "x") end, "file:write", "bad self")
    end)
  end)

  it("T9 starves nobody", function()
    with_file(("x"):rep(10000), "r", function(file)
      local turns = 0
      xio.group(function(group)
        group:spawn({ daemon = true }, function()
          while true do
            turns = turns + 1
            xio.checkpoint()
          end
        end)
        while file:recv(1) do end
      end)
      assert.is_true(turns >= 10)
    end)
  end)

  it("STR-10 C3 a cancelled read loses nothing", function()
    local data = ("0123456789"):rep(30000)
    with_file(data, "r", function(file)
      local parts, turn = {}, 0
      repeat
        turn = turn + 1
        local part
        local task = xio.spawn(function() part = file:recv(1 + turn * 37 % 30000) end)
        for _ = 1, turn % 3 do xio.checkpoint() end
        task:cancel()
        task:wait()
        parts[#parts + 1] = part
      until turn == 400
      parts[#parts + 1] = file:read "a"
      assert.is_true(table.concat(parts) == data)
    end)
  end)
end)

describe("file writing", function()
  it("writes strings and numbers, all of them", function()
    with_file("", "r+", function(file, path)
      assert.equal(file, file:write("a", 1, 2.5, "b"))
      assert.equal(file, file:write())
      assert.equal(file, file:write(""))
      local long = ("long"):rep(700000)
      assert.equal(file, file:write(long))
      assert.is_true(read(path) == "a12.5b" .. long)
      assert.equal(6 + #long, file:stats().written)
      misuse(function() file:write("a", {}) end, "file:write", "#2", "string")
    end)
  end)

  it("writes where it stands, also behind what was read ahead", function()
    with_file("one\ntwo\nthree\n", "r+", function(file, path)
      assert.equal("one", file:read())
      file:write("TWO")
      assert.equal("one\nTWO\nthree\n", read(path))
      assert.equal("", file:read())
      assert.equal("three", file:read())
      file:write("end")
      assert.equal("one\nTWO\nthree\nend", read(path))
    end)
  end)

  it("appends at the end, whatever was read, and whoever else does", function()
    with_file("one\n", "a+", function(file, path)
      assert.equal("one", file:read())
      file:seek("set", 0)
      local other <close> = assert(io.open(path, "a"))
      other:write("other\n")
      other:flush()
      file:write("two\n")
      assert.equal("one\nother\ntwo\n", read(path))
      assert.equal(14, file:seek())
    end)
  end)

  it("ENOSPC", function()
    run(function()
      local file <close> = assert(fs.open("/dev/full", "w"))
      assert.equal(0, refused("ENOSPC", "write", "/dev/full", file:write("x")))
      assert.equal(0, file:stats().written)
    end)
  end)

  it("try_write writes at once or not at all", function()
    for _, mode in ipairs { "w+", "a+" } do
      with_file("", mode, function(file, path)
        local text = ""
        for i = 1, 3 do
          local count, err, code = file:try_write(i .. "23")
          if count then
            text = text .. (i .. "23"):sub(1, count)
          else -- not every file system tells
            refused("EAGAIN", "try_write", path, nil, err, code)
          end
          assert.equal(text, read(path))
          assert.equal(#text, file:seek())
        end
        assert.equal(#text, file:stats().written)
        file:write("more")
        assert.equal(text .. "more", read(path))
        assert.equal(0, file:try_write "")
        misuse(function() file:try_write({}) end, "#1 to 'file:try_write'", "got table")
        file:close()
        refused("ECLOSED", "try_write", path, file:try_write "x")
      end)
    end
    with_file("abc", "r+", function(file, path)
      assert.equal("a", file:read(1)) -- and more is read ahead
      local count = file:try_write "B"
      assert.equal(count and "aBc" or "abc", read(path))
      assert.equal(count and "c" or "bc", file:read "a")
    end)
    with_file("x", "r", function(file, path)
      refused("EBADF", "try_write", path, file:try_write "x")
    end)
  end)

  it("shutdown ends the writing, and reading goes on", function()
    with_file("abc", "r+", function(file, path)
      file:write("A")
      assert.is_true(file:shutdown())
      assert.is_true(file:shutdown())
      assert.equal(0, refused("ECLOSED", "write", path, file:write("x")))
      refused("ECLOSED", "try_write", path, file:try_write "x")
      assert.equal("bc", file:read "a")
      assert.is_true(file:close())
      refused("ECLOSED", "shutdown", path, file:shutdown())
    end)
    with(function(dir)
      local path = dir .. "/pipe"
      assert(os.execute("mkfifo " .. path))
      local reader <close> = assert(fs.open(path))
      local writer <close> = assert(fs.open(path, "w"))
      assert.equal(4, writer:try_write "last")
      assert.is_true(writer:shutdown())
      assert.equal("last", reader:read "a")
      assert.is_true(writer:shutdown())
      refused("ECLOSED", "write", path, writer:write("x"))
      assert.is_true(writer:close())
      assert.is_false(writer:close())
    end)
  end)

  it("E5 lets one task write at a time", function()
    with_file("", "w", function(file)
      xio.group(function(group)
        group:spawn(function() file:write("x") end)
        xio.checkpoint()
        misuse(function() file:write("y") end, "file:write", "another task")
      end)
    end)
  end)

  it("C3 a cancelled write is whole, or nothing of it", function()
    with_file("", "w", function(file, path)
      local size = 0
      for turn = 1, 60 do
        local piece = ("x"):rep(turn * 100)
        local task = xio.spawn(function() return file:write(piece) end)
        for _ = 1, turn % 4 do xio.checkpoint() end
        task:cancel()
        task:wait()
        if task:status() == "done" then size = size + #piece end
        assert.equal(size, #read(path))
        assert.equal(size, file:stats().written)
      end
    end)
  end)

  it("STR-11 one that went out in part breaks the file for writing, and tells how much",
    function()
      with_file("", "w", function(file, path)
        local data = ("0123456789abcdef"):rep(1 << 20)
        local task = xio.spawn(function() return file:write(data) end)
        repeat xio.sleep(0.0005) until #read(path) >= 1 << 20
        task:cancel()
        task:wait()
        if task:status() == "done" then return end -- it was quick
        local written = file:stats().written
        assert.is_true(written > 0 and written < #data)
        assert.equal(written, #read(path))
        refused("ECANCELED", "write", path, file:write("more"))
        assert.equal(written, #read(path))
        assert.is_true(file:close())
      end, { clock = "real" })
    end)
end)

describe("file:seek, truncate, sync, stat, flush", function()
  it("seek moves as io files do", function()
    with_file("0123456789", "r+", function(file, path)
      assert.equal(0, file:seek())
      assert.equal("012", file:read(3))
      assert.equal(3, file:seek())
      assert.equal(1, file:seek("cur", -2))
      assert.equal("1", file:read(1))
      assert.equal(7, file:seek("set", 7))
      assert.equal("789", file:read "a")
      assert.equal(10, file:seek "end")
      assert.equal(8, file:seek("end", -2))
      assert.equal("8", file:read(1))
      assert.equal(12, file:seek("end", 2))
      file:write("x")
      assert.equal("0123456789\0\0x", read(path))
      refused("EINVAL", "seek", path, file:seek("set", -1))
      refused("EINVAL", "seek", path, file:seek("cur", math.mininteger))
      assert.equal(13, file:seek())
      misuse(function() file:seek "begin" end, "file:seek", "#1", "set")
      misuse(function() file:seek("set", 1.5) end, "file:seek", "#2", "integer")
      misuse(function() file:seek("set", "x") end, "file:seek", "#2", "integer")
    end)
  end)

  it("truncate cuts and fills", function()
    with_file("0123456789", "r+", function(file, path)
      assert.equal("01", file:read(2))
      assert.equal(file, file:truncate(5))
      assert.equal("01234", read(path))
      assert.equal("234", file:read "a")
      file:seek("set", 1)
      file:truncate()
      assert.equal("0", read(path))
      file:truncate(3)
      assert.equal("0\0\0", read(path))
      misuse(function() file:truncate(-1) end, "file:truncate", "#1")
      local reader <close> = fs.open(path)
      refused("EINVAL", "truncate", path, reader:truncate(1))
    end)
  end)

  it("sync, stat, flush", function()
    with_file("12345", "r+", function(file, path)
      file:write("abcdefgh")
      assert.equal(file, file:flush())
      assert.equal(file, file:sync())
      assert.equal(file, file:sync(true))
      assert.equal(8, file:stat().size)
      assert.equal(fs.stat(path).ino, file:stat().ino)
    end)
  end)

  it("raise under a cancellation", function()
    with_file("kept", "r+", function(file, path)
      folder.cancelled(file.sync, file)
      folder.cancelled(file.stat, file)
      folder.cancelled(file.seek, file, "end")
      folder.cancelled(file.truncate, file, 0)
      folder.cancelled(file.write, file, "x")
      folder.cancelled(file.read, file)
      assert.equal("kept", read(path))
      assert.equal(0, file:seek())
    end)
  end)
end)

describe("file:close", function()
  it("STR-07 STR-09 is told once, works when cancelled, and later calls are refused", function()
    with_file("x", "r+", function(file, path)
      local scope = xio.new_scope()
      scope:cancel()
      scope:run(function() assert.is_true(file:close()) end)
      assert.is_false(file:close())
      refused("ECLOSED", "read", path, file:read())
      refused("ECLOSED", "recv", path, file:recv())
      refused("ECLOSED", "write", path, file:write("x"))
      for _, method in ipairs { "seek", "sync", "stat", "truncate", "fileno", "flush" } do
        refused("ECLOSED", method, path, file[method](file))
      end
      assert.equal("x", read(path))
    end)
  end)

  it("STR-08 wakes who waits, and closes when the thread is done", function()
    with_file("", "r+", function(file, path)
      xio.group(function(group)
        local writer = group:spawn(function() return file:write(("x"):rep(1 << 20)) end)
        local syncer = group:spawn(function() return file:sync() end)
        xio.checkpoint()
        local number = file:fileno()
        assert.is_true(file:close())
        refused("ECLOSED", "write", path, writer:await())
        refused("ECLOSED", "sync", path, syncer:await())
        assert.is_true(number >= 0)
      end)
    end)
  end)

  it("STR-19 is done by the collector, with a warning", function()
    local child = require "spec.support.child"
    local out = child.run [[
      warn "@on"
      xio.run(function()
        assert(xio.fs.open("/dev/null"))
        collectgarbage()
        collectgarbage()
      end)]]
    support.mentions(out, "not been closed", "/dev/null")
  end)

  it("is done by the end of the run", function()
    local file
    run(function() file = assert(fs.open("/dev/null")) end)
    run(function()
      local _, _, code = file:read()
      assert.equal("ECLOSED", code)
    end)
    assert.is_false(file:close())
  end)

  it("E5 a file belongs to its run", function()
    with_file("x", "r+", function(file)
      run(function()
        for _, method in ipairs { "read", "write", "stat", "seek" } do
          support.mentions(catch(file[method], file), "file:" .. method, "another run")
        end
      end)
      assert.equal("x", file:read "a")
    end)
  end)
end)

describe("what is no regular file", function()
  it("a device is read and written without a position", function()
    run(function()
      local zero <close> = assert(fs.open "/dev/zero")
      local null <close> = assert(fs.open("/dev/null", "w"))
      assert.equal("\0\0\0", zero:read(3))
      assert.equal(null, null:write("x"))
      refused("ESPIPE", "seek", "/dev/zero", zero:seek())
      assert.equal("char", zero:stat().type)
    end)
  end)

  it("a named pipe is waited for, and nobody is held up", function()
    with(function(dir)
      local path = dir .. "/pipe"
      assert(os.execute("mkfifo " .. path))
      refused("ENXIO", "open", path, fs.open(path, "w"))
      local reader <close> = assert(fs.open(path))
      assert.is_false((xio.move_on_after(1, reader.recv, reader)))
      local writer = assert(fs.open(path, "w"))
      xio.group(function(group)
        local task = group:spawn(reader.read, reader)
        xio.checkpoint()
        writer:write("a line\nand")
        assert.equal("a line", task:await())
        local sent = group:spawn(function()
          writer:write((" more"):rep(100000))
          writer:close()
        end)
        assert.equal("and" .. (" more"):rep(100000), reader:read "a")
        sent:await()
      end)
      local waiting = xio.spawn(reader.recv, reader)
      xio.checkpoint()
      assert.is_nil(waiting:await()) -- nobody writes any more: the end
    end)
  end)

  it("STR-08 closing wakes who reads a pipe", function()
    with(function(dir)
      local path = dir .. "/pipe"
      assert(os.execute("mkfifo " .. path))
      local both = assert(fs.open(path, "r+"))
      local task = xio.spawn(function() return select(3, both:read()) end)
      xio.checkpoint()
      both:close()
      assert.equal("ECLOSED", task:await())
    end)
  end)
end)
