-- xio.fs: paths and whole files. Open files: file_spec.lua; watching: watch_spec.lua.

local lfs = require "lfs"
local xio = require "xio"
local folder = require "spec.support.folder"
local support = require "spec.support"

local it = support.it(it)
local misuse, run = support.misuse, support.run
local fs = xio.fs
local with, refused, write, read = folder.with, folder.refused, folder.write, folder.read

local function octal(text) return tonumber(text, 8) end

describe("xio.fs", function()
  it("is loaded when first used, and by require too", function()
    -- not the same table where busted has loaded the module anew for this file
    for name in pairs(require "xio.fs") do assert.is_function(fs[name], name) end
  end)

  it("E5 raises for what is no path, before anything is done", function()
    run(function()
      for _, name in ipairs { "stat", "lstat", "readdir", "unlink", "rmdir", "rmtree", "readlink",
        "realpath", "mkdir", "access", "readfile", "open", "watch", "walk" } do
        misuse(function() fs[name](nil) end, "xio.fs." .. name, "#1", "string", "nil")
        misuse(function() fs[name](42) end, "xio.fs." .. name, "#1", "string", "number")
      end
      for _, name in ipairs { "rename", "copy", "symlink" } do
        misuse(function() fs[name]("a", {}) end, "xio.fs." .. name, "#2", "string", "table")
      end
      misuse(function() fs.chmod("a", "rw") end, "xio.fs.chmod", "#2", "integer")
      misuse(function() fs.chmod("a", 1 << 20) end, "xio.fs.chmod", "#2", "4095")
      misuse(function() fs.utime("a", 0 / 0, 1) end, "xio.fs.utime", "#2", "finite")
      misuse(function() fs.utime("a", 1) end, "xio.fs.utime", "#3", "number of seconds")
      misuse(function() fs.access("a", "rz") end, "xio.fs.access", "#2", "letters")
      misuse(function() fs.mkdir("a", { parent = true }) end, "xio.fs.mkdir", "parent")
      misuse(function() fs.writefile("a", 1) end, "xio.fs.writefile", "#2", "string")
      misuse(function() fs.writefile("a", "", { sync = true }) end, "xio.fs.writefile", "sync")
      misuse(function() fs.writefile("a", "", { atomic = true, append = true }) end, "atomic")
      misuse(function() fs.writefile("a", "", { atomic = 1 }) end, "#3", "'atomic': boolean")
      misuse(function() fs.mkdir("a", { parents = "yes" }) end, "#2", "'parents': boolean")
      misuse(function() fs.mkdir("a", { mode = 1.5 }) end, "#2", "'mode': integer")
    end)
  end)

  it("E5 raises outside of a task", function()
    if support.in_task() then return end
    for _, name in ipairs { "stat", "readfile", "open", "watch" } do
      misuse(function() fs[name] "/" end, "xio.fs." .. name, "not inside xio.run")
    end
  end)

  it("E4 refuses a path with a byte of 0, and tells it whole", function()
    run(function()
      local path = "/tmp\0/x"
      for _, name in ipairs { "stat", "readdir", "unlink", "rmtree", "mkdir", "access" } do
        refused("EINVAL", name, path, fs[name](path))
      end
      refused("EINVAL", "rename", "/x", fs.rename("/x", path))
      refused("EINVAL", "open", path, fs.open(path))
      refused("EINVAL", "open", path, fs.writefile(path, "x"))
      refused("EINVAL", "open", path, fs.writefile(path, "x", { atomic = true }))
      refused("EINVAL", "watch", path, fs.watch(path))
    end)
  end)

  it("E4 refuses what is not there", function()
    with(function(dir)
      local path = dir .. "/none"
      for _, name in ipairs { "stat", "lstat", "readdir", "unlink", "rmdir", "rmtree", "readlink",
        "realpath", "access" } do
        refused("ENOENT", name, path, fs[name](path))
      end
      refused("ENOENT", "open", path, fs.readfile(path))
      refused("ENOENT", "chmod", path, fs.chmod(path, 0))
      refused("ENOENT", "utime", path, fs.utime(path, 0, 0))
      refused("ENOENT", "mkdir", path .. "/a", fs.mkdir(path .. "/a"))
      refused("ENOENT", "watch", path, fs.watch(path))
      local _, err = fs.rename(path, dir .. "/to")
      assert.equal(dir .. "/to", err.to)
      assert.same({}, folder.names(dir))
      refused("ENAMETOOLONG", "stat", dir .. ("/x"):rep(4000), fs.stat(dir .. ("/x"):rep(4000)))
    end)
  end)

  it("raises under a cancellation and does nothing", function()
    with(function(dir)
      local path, other = dir .. "/file", dir .. "/other"
      write(path, "kept")
      local calls = {
        stat = { path }, lstat = { path }, readdir = { dir }, mkdir = { other },
        mkdtemp = { other }, rename = { path, other }, copy = { path, other }, unlink = { path },
        rmtree = { dir }, symlink = { path, other }, readlink = { path }, realpath = { path },
        chmod = { path, 0 }, utime = { path, 0, 0 }, access = { path }, readfile = { path },
        writefile = { other, "x" }, open = { other, "w" },
      }
      for name, arguments in pairs(calls) do
        folder.cancelled(fs[name], table.unpack(arguments))
      end
      folder.cancelled(fs.writefile, path, "x", { atomic = true })
      assert.same({ "file" }, folder.names(dir))
      assert.equal("kept", read(path))
    end)
  end)

  it("holds nobody up while it waits", function()
    with(function(dir)
      local turns = 0
      xio.group(function(group)
        group:spawn({ daemon = true }, function()
          while true do
            xio.checkpoint()
            turns = turns + 1
          end
        end)
        for _ = 1, 20 do assert(fs.stat(dir)) end
      end)
      assert.is_true(turns >= 10)
    end)
  end)

  it("does not let the virtual clock jump while a thread works", function()
    with(function(dir)
      xio.fail_after(1, function()
        for _ = 1, 50 do assert(fs.stat(dir)) end
      end)
      assert.equal(0, xio.now())
    end)
  end)

  it("works for many tasks at once", function()
    with(function(dir)
      local list = {}
      for i = 1, 100 do list[i] = i end
      xio.map(list, function(i) assert(fs.writefile(dir .. "/" .. i, tostring(i))) end)
      local read_back = xio.map(list, function(i) return fs.readfile(dir .. "/" .. i) end)
      for i = 1, 100 do assert.equal(tostring(i), read_back[i]) end
      assert.equal(100, #fs.readdir(dir))
    end)
  end)

  it("lets go of what is at work when its runtime is closed", function()
    with(function(dir)
      write(dir .. "/file", "x")
      for turns = 0, 3 do
        local rt = xio.new { signals = false }
        for _ = 1, 20 do
          rt:spawn(function()
            local file <close> = assert(fs.open(dir .. "/file", "r+"))
            file:write "y"
            fs.copy(dir .. "/file", dir .. "/copy")
            fs.readdir(dir)
          end)
        end
        for _ = 1, turns do rt:step(0) end
        rt:close()
      end
    end)
  end)
end)

describe("xio.fs.stat", function()
  it("tells what luv tells", function()
    with(function(dir)
      write(dir .. "/file", "12345")
      local stat = assert(fs.stat(dir .. "/file"))
      assert.equal("file", stat.type)
      assert.equal(5, stat.size)
      assert.equal(lfs.attributes(dir .. "/file", "ino"), stat.ino)
      assert.equal(lfs.attributes(dir .. "/file", "modification"), stat.mtime.sec)
      for _, field in ipairs { "dev", "mode", "nlink", "uid", "gid", "rdev", "ino", "size",
        "blksize", "blocks", "flags", "gen" } do
        assert.equal("integer", math.type(stat[field]), field)
      end
      for _, field in ipairs { "atime", "mtime", "ctime", "birthtime" } do
        assert.equal("integer", math.type(stat[field].sec), field)
        assert.equal("integer", math.type(stat[field].nsec), field)
      end
      assert.equal("directory", fs.stat(dir).type)
      assert.equal("char", fs.stat("/dev/null").type)
    end)
  end)

  it("follows links, and lstat does not", function()
    with(function(dir)
      assert.is_true(fs.symlink("nowhere", dir .. "/link"))
      refused("ENOENT", "stat", dir .. "/link", fs.stat(dir .. "/link"))
      assert.equal("link", fs.lstat(dir .. "/link").type)
      assert.equal("nowhere", fs.readlink(dir .. "/link"))
      write(dir .. "/nowhere", "")
      assert.equal("file", fs.stat(dir .. "/link").type)
      assert.equal(fs.realpath(dir) .. "/nowhere", fs.realpath(dir .. "/link"))
      refused("EEXIST", "symlink", "x", fs.symlink("x", dir .. "/link"))
    end)
  end)
end)

describe("xio.fs: small changes", function()
  it("chmod, utime, access", function()
    with(function(dir)
      local path = dir .. "/file"
      write(path, "")
      assert.is_true(fs.chmod(path, octal "640"))
      assert.equal(octal "640", fs.stat(path).mode & octal "777")
      assert.is_true(fs.utime(path, 1000.25, 2000.5))
      local stat = fs.stat(path)
      assert.equal(1000, stat.atime.sec)
      assert.equal(2000, stat.mtime.sec)
      assert.equal(500000000, stat.mtime.nsec)
      assert.is_true(fs.access(path))
      assert.is_true(fs.access(path, "rw"))
      refused("EACCES", "access", path, fs.access(path, "x"))
    end)
  end)

  it("rename replaces, unlink and rmdir remove", function()
    with(function(dir)
      write(dir .. "/a", "a")
      write(dir .. "/b", "b")
      assert.is_true(fs.rename(dir .. "/a", dir .. "/b"))
      assert.equal("a", read(dir .. "/b"))
      lfs.mkdir(dir .. "/folder")
      refused("EISDIR", "rename", dir .. "/b", fs.rename(dir .. "/b", dir .. "/folder"))
      refused("ENOTDIR", "rmdir", dir .. "/b", fs.rmdir(dir .. "/b"))
      assert.is_true(fs.rmdir(dir .. "/folder"))
      assert.is_true(fs.unlink(dir .. "/b"))
      assert.same({}, folder.names(dir))
    end)
  end)

  it("readdir gives the names, sorted, odd ones too", function()
    with(function(dir)
      local names = { " ", "\n", "-rf", ".hidden", "\255\254", "z" }
      for _, name in ipairs(names) do write(dir .. "/" .. name, "") end
      table.sort(names)
      assert.same(names, fs.readdir(dir))
      refused("ENOTDIR", "readdir", dir .. "/z", fs.readdir(dir .. "/z"))
      lfs.mkdir(dir .. "/many")
      for i = 1, 300 do write(dir .. "/many/" .. i, "") end
      assert.equal(300, #fs.readdir(dir .. "/many"))
    end)
  end)

  it("mkdir makes one folder, or all that are missing", function()
    with(function(dir)
      assert.is_true(fs.mkdir(dir .. "/a", { mode = octal "700" }))
      assert.equal(octal "700", fs.stat(dir .. "/a").mode & octal "777")
      refused("EEXIST", "mkdir", dir .. "/a", fs.mkdir(dir .. "/a"))
      for _, path in ipairs { "/a", "/b/c//d/", "/b/c/e/../f", "/a/." } do
        assert.is_true(fs.mkdir(dir .. path, { parents = true }))
        assert.equal("directory", fs.stat(dir .. path).type)
      end
      write(dir .. "/file", "")
      refused("EEXIST", "mkdir", dir .. "/file", fs.mkdir(dir .. "/file", { parents = true }))
      refused("ENOTDIR", "mkdir", dir .. "/file/x/y",
        fs.mkdir(dir .. "/file/x/y", { parents = true }))
    end)
  end)

  it("mkdtemp makes a folder of its own", function()
    with(function(dir)
      local one, other = assert(fs.mkdtemp(dir .. "/t-")), assert(fs.mkdtemp(dir .. "/t-"))
      assert.is_true(one ~= other and one:find(dir .. "/t-", 1, true) == 1)
      assert.equal(octal "700", fs.stat(one).mode & octal "777")
      refused("ENOENT", "mkdtemp", dir .. "/no/XXXXXX", fs.mkdtemp(dir .. "/no/"))
      local default = assert(fs.mkdtemp())
      assert.is_true(fs.rmdir(default))
    end)
  end)
end)

describe("xio.fs.copy", function()
  it("copies bytes and permissions, of any size", function()
    with(function(dir)
      for _, size in ipairs { 0, 1, 65536, 3000001 } do
        local data = ("0123456789abcdef"):rep(size // 16 + 1):sub(1, size)
        write(dir .. "/from", data)
        fs.chmod(dir .. "/from", octal "750")
        assert.is_true(fs.copy(dir .. "/from", dir .. "/to"))
        assert.is_true(read(dir .. "/to") == data)
        assert.equal(octal "750", fs.stat(dir .. "/to").mode & octal "777")
      end
      assert.same({ "from", "to" }, folder.names(dir))
    end)
  end)

  it("follows links, and replaces what they lead to", function()
    with(function(dir)
      write(dir .. "/from", "new")
      write(dir .. "/to", "old")
      fs.symlink("to", dir .. "/link")
      assert.is_true(fs.copy(dir .. "/from", dir .. "/link"))
      assert.equal("link", fs.lstat(dir .. "/link").type)
      assert.equal("new", read(dir .. "/to"))
    end)
  end)

  it("leaves a file alone that is copied onto itself", function()
    with(function(dir)
      write(dir .. "/file", "kept")
      fs.symlink("file", dir .. "/link")
      assert.is_true(fs.copy(dir .. "/file", dir .. "/link"))
      assert.equal("kept", read(dir .. "/file"))
      assert.same({ "file", "link" }, folder.names(dir))
    end)
  end)

  it("writes to a device instead of replacing it, and reads what is made up", function()
    with(function(dir)
      write(dir .. "/file", "x")
      assert.is_true(fs.copy(dir .. "/file", "/dev/null"))
      assert.equal("char", fs.lstat("/dev/null").type)
      refused("ENOSPC", "copy", dir .. "/file", fs.copy(dir .. "/file", "/dev/full"))
      assert.is_true(fs.copy("/proc/self/status", dir .. "/status"))
      assert.is_true(#read(dir .. "/status") > 100)
    end)
  end)

  it("refuses folders and pipes", function()
    with(function(dir)
      write(dir .. "/file", "x")
      lfs.mkdir(dir .. "/folder")
      assert(os.execute("mkfifo " .. dir .. "/pipe"))
      refused("EISDIR", "copy", dir .. "/folder", fs.copy(dir .. "/folder", dir .. "/to"))
      refused("EISDIR", "copy", dir .. "/file", fs.copy(dir .. "/file", dir .. "/folder"))
      refused("EINVAL", "copy", dir .. "/pipe", fs.copy(dir .. "/pipe", dir .. "/to"))
      assert.same({ "file", "folder", "pipe" }, folder.names(dir))
    end)
  end)

  it("leaves no half file when it is cancelled", function()
    with(function(dir)
      write(dir .. "/to", "old")
      -- a source that never ends, so that the copy is in the middle
      for _, to in ipairs { "/to", "/new" } do
        local done = xio.move_on_after(0.02, fs.copy, "/dev/zero", dir .. to)
        assert.is_false(done)
      end
      assert.same({ "to" }, folder.names(dir))
      assert.equal("old", read(dir .. "/to"))
    end, { clock = "real" })
  end)
end)

describe("xio.fs.walk", function()
  local function tree(dir)
    for _, path in ipairs { "a", "a/deep", "a/deep/er", "b" } do lfs.mkdir(dir .. "/" .. path) end
    for _, path in ipairs { "a/1", "a/deep/er/2", "z" } do write(dir .. "/" .. path, path) end
    os.execute(("ln -s .. %s/b/up"):format(dir))
  end

  it("gives what is there, folders first, and follows no link", function()
    with(function(dir)
      tree(dir)
      local seen = {}
      for path, stat in fs.walk(dir) do
        seen[#seen + 1] = path:sub(#dir + 1) .. " " .. stat.type
      end
      assert.same({ " directory", "/a directory", "/a/1 file", "/a/deep directory",
        "/a/deep/er directory", "/a/deep/er/2 file", "/b directory", "/b/up link", "/z file",
      }, seen)
    end)
  end)

  it("looks at many names at a time", function()
    with(function(dir)
      for i = 1, 200 do write(("%s/%03d"):format(dir, i), ("x"):rep(i)) end
      local sum = 0
      for _, stat in fs.walk(dir) do
        if stat.type == "file" then sum = sum + stat.size end
      end
      assert.equal(20100, sum)
    end)
  end)

  it("can be left at any time", function()
    with(function(dir)
      tree(dir)
      for limit = 1, 9 do
        local count = 0
        for _ in fs.walk(dir) do
          count = count + 1
          if count == limit then break end
        end
      end
    end)
  end)

  it("leaves out what vanishes meanwhile", function()
    with(function(dir)
      tree(dir)
      local seen = {}
      for path in fs.walk(dir) do
        if path == dir .. "/a" then os.execute("rm -r " .. dir .. "/a") end
        seen[#seen + 1] = path:sub(#dir + 1)
      end
      assert.same({ "", "/a", "/b", "/b/up", "/z" }, seen)
    end)
  end)

  it("gives a file alone, and raises what it cannot read", function()
    with(function(dir)
      write(dir .. "/file", "")
      local count = 0
      for path, stat in fs.walk(dir .. "/file") do
        count = count + 1
        assert.equal("file", stat.type)
        assert.equal(dir .. "/file", path)
      end
      assert.equal(1, count)
      local err = support.catch(function()
        for _ in fs.walk(dir .. "/none") do count = count + 1 end
      end)
      assert.equal("ENOENT", err.code)
      assert.equal(dir .. "/none", err.path)
    end)
  end)

  it("raises a cancellation in the middle", function()
    with(function(dir)
      tree(dir)
      local count = 0
      local done = xio.scope(function(scope)
        for _ in fs.walk(dir) do
          count = count + 1
          if count == 2 then scope:cancel() end
        end
      end)
      assert.is_false(done)
    end)
  end)
end)

describe("xio.fs.rmtree", function()
  it("removes all, and follows no link", function()
    with(function(dir)
      lfs.mkdir(dir .. "/outside")
      write(dir .. "/outside/kept", "")
      assert.is_true(fs.mkdir(dir .. "/tree/a/b", { parents = true }))
      write(dir .. "/tree/a/file", "")
      fs.symlink("../../outside", dir .. "/tree/a/link")
      fs.symlink("nowhere", dir .. "/tree/dangling")
      assert(os.execute("mkfifo " .. dir .. "/tree/pipe"))
      assert.is_true(fs.rmtree(dir .. "/tree/"))
      assert.same({ "outside" }, folder.names(dir))
      assert.same({ "kept" }, folder.names(dir .. "/outside"))
    end)
  end)

  it("removes what is deeper than any path may be long, and wide folders", function()
    with(function(dir)
      local here = lfs.currentdir()
      assert(lfs.mkdir(dir .. "/top") and lfs.chdir(dir .. "/top"))
      for _ = 1, 600 do
        write("file", "")
        assert(lfs.mkdir "dddddddddd" and lfs.chdir "dddddddddd")
      end
      assert(lfs.chdir(here))
      for i = 1, 500 do write(dir .. "/top/" .. i, "") end
      assert.is_true(fs.rmtree(dir .. "/top"))
      assert.same({}, folder.names(dir))
    end)
  end)

  it("refuses a file, a link to a folder, and folders that are not to be named so", function()
    with(function(dir)
      write(dir .. "/file", "")
      lfs.mkdir(dir .. "/folder")
      write(dir .. "/folder/kept", "")
      fs.symlink("folder", dir .. "/link")
      refused("ENOTDIR", "rmtree", dir .. "/file", fs.rmtree(dir .. "/file"))
      refused("ENOTDIR", "rmtree", dir .. "/link", fs.rmtree(dir .. "/link"))
      refused("ENOTDIR", "rmtree", dir .. "/link/", fs.rmtree(dir .. "/link/"))
      for _, path in ipairs { "/", "//", ".", "..", dir .. "/folder/.", dir .. "/folder/.." } do
        refused("EINVAL", "rmtree", path, fs.rmtree(path))
      end
      assert.same({ "kept" }, folder.names(dir .. "/folder"))
    end)
  end)

  it("stops when it is cancelled", function()
    with(function(dir)
      for i = 1, 2000 do write(dir .. "/" .. i, "") end
      local task = xio.spawn(fs.rmtree, dir)
      xio.checkpoint()
      task:cancel()
      task:wait()
      local ended = task:status()
      assert.is_true(ended == "cancelled" or ended == "done") -- it may have been quick
      if ended == "cancelled" then assert.is_true(folder.has(dir)) end
    end)
  end)
end)

describe("xio.fs.readfile, writefile", function()
  it("give and take all, of any size", function()
    with(function(dir)
      local path = dir .. "/file"
      for _, size in ipairs { 0, 1, 1000, 65536, 65537, 2500000 } do
        local data = ("\0\1\r\nabc\255"):rep(size // 8 + 1):sub(1, size)
        assert.is_true(fs.writefile(path, data))
        assert.is_true(read(path) == data)
        assert.is_true(fs.readfile(path) == data)
      end
      assert.is_true(fs.writefile(path, "a"))
      assert.is_true(fs.writefile(path, "b", { append = true }))
      assert.equal("ab", fs.readfile(path))
      refused("EISDIR", "open", dir, fs.readfile(dir))
      refused("EISDIR", "open", dir, fs.writefile(dir, "x", { atomic = true }))
    end)
  end)

  it("tell how much was written where there is no more room", function()
    run(function()
      assert.equal(0, refused("ENOSPC", "write", "/dev/full", fs.writefile("/dev/full", "x")))
    end)
  end)

  it("atomic: replaces in one step, with the old permissions", function()
    with(function(dir)
      local path = dir .. "/file"
      assert.is_true(fs.writefile(path, "one", { atomic = true }))
      fs.chmod(path, octal "604")
      fs.symlink("file", dir .. "/link")
      local before = fs.stat(path)
      assert.is_true(fs.writefile(dir .. "/link", "two", { atomic = true }))
      assert.equal("two", read(path))
      assert.equal("link", fs.lstat(dir .. "/link").type)
      local after = fs.stat(path)
      assert.equal(octal "604", after.mode & octal "777")
      assert.is_true(before.ino ~= after.ino)
      assert.same({ "file", "link" }, folder.names(dir))
      refused("ENOENT", "open", dir .. "/no/file",
        fs.writefile(dir .. "/no/file", "", { atomic = true }))
      assert.is_true(fs.writefile("/dev/null", "x", { atomic = true }))
      assert.equal("char", fs.lstat("/dev/null").type)
    end)
  end)

  it("atomic: cancelled anywhere, leaves the old contents or the new, and no other file",
    function()
      with(function(dir)
        local path, data = dir .. "/file", ("new"):rep(1000)
        local cut, done = 0, 0
        for turns = 0, 24 do
          write(path, "old")
          local task = xio.spawn(fs.writefile, path, data, { atomic = true })
          for _ = 1, turns do xio.sleep(0.0001) end
          task:cancel()
          task:wait()
          if task:status() == "cancelled" then cut = cut + 1 else done = done + 1 end
          local found = read(path)
          assert.is_true(found == "old" or found == data)
          assert.is_true(task:status() ~= "done" or found == data)
          assert.same({ "file" }, folder.names(dir))
        end
        assert.is_true(cut > 0)
      end, { clock = "real" })
    end)
end)
