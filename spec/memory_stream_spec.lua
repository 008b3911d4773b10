-- xio.testing.pair: connected byte streams in memory.

local xio = require "xio"
local support = require "spec.support"
require "xio.memory_stream"

local child = require "spec.support.child"
local plain_it = it
local it = support.it(it)
local run, catch = support.run, support.catch
local pair = xio.testing.pair

--- Runs `f(a, b)` on a pair, closed at the end.
local function with_pair(f, options)
  run(function()
    local left, right = pair(options)
    local _left <close> = left
    local _right <close> = right
    f(left, right)
  end)
end

describe("a memory stream", function()
  it("carries bytes both ways", function()
    with_pair(function(a, b)
      assert.equal(a, a:write("ab", 1, "c"))
      assert.equal("ab1c", b:recv())
      b:write("answer")
      assert.equal("ans", a:recv(3))
      assert.equal("wer", a:recv(100))
      assert.same({ read = 4, written = 6, buffered = 0, waiting = 0 }, b:stats())
      assert.equal(b, b:flush())
      assert.is_nil(b:fileno())
    end)
  end)

  it("recv waits for some bytes", function()
    with_pair(function(a, b)
      xio.spawn(function()
        xio.sleep(1)
        a:write("x")
      end)
      local took = support.elapsed(function() assert.equal("x", b:recv()) end)
      assert.near(1, took, 1e-9)
    end)
  end)

  it("STR-06 gives all that was written, then the end, again and again", function()
    with_pair(function(a, b)
      a:write("data")
      assert.is_true(a:close())
      assert.is_false(a:close())
      assert.equal("data", b:recv())
      for _ = 1, 2 do
        assert.same({ n = 1 }, table.pack(b:recv()))
        assert.same({ n = 1 }, table.pack(b:read_exactly(1)))
        assert.same({ n = 1 }, table.pack(b:read_until("x")))
        assert.same({ n = 1 }, table.pack(b:read("l")))
        assert.equal("", b:read("a"))
      end
    end)
  end)

  it("STR-12 half closed, it still reads", function()
    with_pair(function(a, b)
      a:write("q")
      assert.is_true(a:shutdown())
      assert.is_true(a:shutdown())
      assert.equal("ECLOSED", select(3, a:write("more")))
      assert.equal("q", b:read("a"))
      b:write("answer")
      assert.equal("answer", a:recv())
    end)
  end)

  it("has back-pressure, in order", function()
    with_pair(function(a, b)
      local written = false
      xio.spawn(function()
        a:write(("0123456789"):rep(10))
        written = true
      end)
      xio.sleep(1)
      assert.is_false(written)
      assert.same({ read = 0, written = 8, buffered = 0, waiting = 1 }, a:stats())
      local parts = {}
      while #table.concat(parts) < 100 do parts[#parts + 1] = b:recv() end
      assert.equal(("0123456789"):rep(10), table.concat(parts))
      xio.sleep(0)
      assert.is_true(written)
    end, { capacity = 8 })
  end)

  it("STR-13 carries much through little, both ways at once", function()
    with_pair(function(a, b)
      local data = {}
      for i = 1, 2000 do data[i] = ("%d,"):format(i * 7919 % 1000003) end
      data = table.concat(data)
      local function send(stream)
        return function()
          for at = 1, #data, 701 do stream:write(data:sub(at, at + 700)) end
          stream:shutdown()
        end
      end
      local function receive(stream)
        return function() return stream:read("a") end
      end
      local _, _, got_a, got_b = xio.gather(send(a), send(b), receive(a), receive(b))
      assert.is_true(got_a == data and got_b == data)
    end, { capacity = 257 })
  end)

  it("STR-17 read_exactly goes over chunks, and tells an early end", function()
    with_pair(function(a, b)
      xio.spawn(function()
        for _, part in ipairs { "abc", "defg", "hij" } do
          xio.sleep(1)
          a:write(part)
        end
        a:shutdown()
      end)
      assert.equal("", b:read_exactly(0))
      assert.equal("abcdefgh", b:read_exactly(8))
      local data, err, code, part = b:read_exactly(5)
      assert.is_nil(data)
      assert.same({ "EOF", 2, "EOF" }, { code, part, err.code })
      assert.equal("ij", b:recv())
    end)
  end)

  it("STR-17 read_until leaves the delimiter out, and has a limit", function()
    with_pair(function(a, b)
      xio.spawn(function()
        for _, part in ipairs { "abcd", "efgd", "e" } do
          xio.sleep(1)
          a:write(part)
        end
        a:write("12345678|")
        a:shutdown()
      end)
      assert.equal("abc", b:read_until("de"))
      assert.equal("fg", b:read_until("de", 2))
      local data, err, code, part = b:read_until("|", 7)
      assert.is_nil(data)
      assert.equal("EMSGSIZE", code)
      assert.equal("EMSGSIZE", err.code)
      assert.is_true(part >= 8)
      assert.equal("12345678", b:read_until("|", 8))
      a:close()
    end)
    with_pair(function(a, b)
      a:write("tail")
      a:shutdown()
      local _, _, code, part = b:read_until("\n")
      assert.same({ "EOF", 4 }, { code, part })
      assert.equal("tail", b:read())
    end)
  end)

  it("reads as io.read does", function()
    with_pair(function(a, b)
      a:write("one\ntwo\n\n12 0x1F -3.5e1 7z\nrest of\nit")
      a:shutdown()
      assert.equal("one", b:read())
      assert.equal("two\n", b:read("L"))
      assert.equal("", b:read("l"))
      assert.same({ 12, 31, -35.0, 7 }, { b:read("n", "n", "n", "n") })
      assert.equal("z", b:read(1))
      assert.equal("", b:read("*l"))
      assert.equal("", b:read(0))
      assert.same({ "rest", " of" }, { b:read(4, "l") })
      assert.equal("it", b:read("a"))
      assert.same({ n = 2, "" }, table.pack(b:read("a", "l")))
      assert.is_nil(b:read(0))
    end)
    with_pair(function(a, b)
      a:write("x")
      a:shutdown()
      assert.is_nil((b:read("n", "l")))
      assert.equal("x", b:read("a"))
    end)
  end)

  it("reads what io.read reads, for many inputs and formats", function()
    local inputs = { "", "\n", "a", "a\nb", "12\n", " 1e5x", "0x", "-", "1.2.3", "+7 8", ".5",
      "0x.8p1 z", "1e+", "\n\n3" }
    local formats = { { "l" }, { "L", "L" }, { "n", "l" }, { "n", "n", "a" }, { 2, "a" },
      { "a", "a" }, { 0, "n" } }
    for _, input in ipairs(inputs) do
      for _, format in ipairs(formats) do
        local file = assert(io.tmpfile())
        file:write(input)
        file:seek("set")
        local wanted = table.pack(file:read(table.unpack(format)))
        local wanted_rest = file:read("a")
        file:close()
        with_pair(function(a, b)
          a:write(input)
          a:shutdown()
          assert.same(wanted, table.pack(b:read(table.unpack(format))), input)
          assert.equal(wanted_rest, b:read("a"), input)
        end)
      end
    end
  end)

  it("iterates over lines", function()
    with_pair(function(a, b)
      xio.spawn(function()
        for i = 1, 3 do
          xio.sleep(1)
          a:write("line ", i, "\n")
        end
        a:close()
      end)
      local seen = {}
      for line in b:lines() do seen[#seen + 1] = line end
      assert.same({ "line 1", "line 2", "line 3" }, seen)
      b:close()
      assert.equal("ECLOSED", catch(b:lines("L")).code)
    end)
  end)

  it("STR-10 a cancelled read loses nothing", function()
    with_pair(function(a, b)
      for _, read in ipairs { function() b:recv() end, function() b:read_exactly(9) end,
        function() b:read_until("|") end, function() b:read("l") end } do
        assert.is_false((xio.move_on_after(1, function()
          xio.spawn(function() a:write("ab") end)
          read()
          read()
        end)))
      end
      a:write("\n")
      a:shutdown()
      local rest = b:read("a")
      support.mentions(rest, "ababab\n")
    end)
  end)

  it("STR-11 a write that is cancelled half way breaks the writing side", function()
    with_pair(function(a, b)
      assert.is_false((xio.move_on_after(1, a.write, a, "123456")))
      assert.equal("ECANCELED", select(3, a:write("x")))
      assert.same({ read = 0, written = 4, buffered = 0, waiting = 0 }, a:stats())
      assert.equal("1234", b:recv())
      b:write("y")
      assert.equal("y", a:recv())
    end, { capacity = 4 })
    with_pair(function(a, b)
      a:write("1234")
      assert.is_false((xio.move_on_after(1, a.write, a, "56")))
      assert.equal("1234", b:recv())
      assert.equal(a, a:write("78")) -- nothing of the other had gone out
      assert.equal("78", b:recv())
    end, { capacity = 4 })
  end)

  it("STR-08 closing wakes who waits, on both ends", function()
    with_pair(function(a, b)
      xio.group(function(g)
        g:spawn(function()
          assert.equal("ECLOSED", select(3, a:recv()))
        end)
        g:spawn(function()
          local _, err, code, part = a:write("12345")
          assert.same({ "ECLOSED", 4 }, { code, part })
          support.mentions(tostring(err), "closed")
        end)
        xio.sleep(1)
        a:close()
      end)
      assert.equal("1234", b:recv())
      assert.is_nil(b:recv())
      assert.equal("EPIPE", select(3, b:write("x")))
      assert.equal("ECLOSED", select(3, a:recv()))
      assert.equal("ECLOSED", select(3, a:write("x")))
      assert.equal("ECLOSED", select(3, a:shutdown()))
    end, { capacity = 4 })
    with_pair(function(a, b)
      xio.spawn(function()
        xio.sleep(1)
        b:close()
      end)
      assert.equal("EPIPE", select(3, a:write("12345")))
    end, { capacity = 4 })
  end)

  it("try_write takes what there is room for", function()
    with_pair(function(a, b)
      assert.equal(4, a:try_write("123456"))
      assert.equal("EAGAIN", select(3, a:try_write("x")))
      assert.equal(0, a:try_write(""))
      assert.equal("1234", b:recv())
      b:close()
      assert.equal("EPIPE", select(3, a:try_write("x")))
    end, { capacity = 4 })
  end)

  it("STR-04 one may read while another writes; two of a kind may not", function()
    with_pair(function(a, b)
      xio.group(function(g)
        g:spawn(function() a:recv() end)
        g:spawn(function() a:write("12345") end)
        xio.sleep(1)
        support.misuse(function() a:recv() end, "recv", "another")
        support.misuse(function() a:read() end, "read", "another")
        support.misuse(function() a:write("x") end, "write", "another")
        support.misuse(function() a:try_write("x") end, "try_write", "another")
        b:recv()
        b:write("x")
        b:recv()
      end)
    end, { capacity = 4 })
  end)

  it("every operation is a checkpoint", function()
    with_pair(function(a, b)
      a:write("12345678\n9")
      for _, f in ipairs { function() b:recv(1) end, function() b:read_exactly(1) end,
        function() b:read_until("4") end, function() b:read() end,
        function() a:write("x") end, function() a:shutdown() end } do
        xio.testing.assert_checkpoints(f)
      end
    end)
  end)

  plain_it("warns when it is collected open", function()
    local out = child.run([[
      warn("@on")
      xio.testing.pair()
      collectgarbage()
      collectgarbage()
    ]])
    support.mentions(out, "warning", "memory stream", "not closed")
  end)

  it("closes with <close>", function()
    run(function()
      local a, b = pair()
      do
        local _a <close> = a
      end
      assert.equal("ECLOSED", select(3, a:recv()))
      b:close()
    end)
  end)

  it("E5 refuses wrong use", function()
    with_pair(function(a)
      for _, max in ipairs { 0, -1, 1.5, "1" } do
        support.misuse(function() a:recv(max) end, "recv", "integer")
      end
      support.misuse(function() a:read_exactly(-1) end, "read_exactly", "integer")
      support.misuse(function() a:read_until("") end, "read_until", "#1")
      support.misuse(function() a:read("x") end, "read", "format")
      support.misuse(function() a:lines("x") end, "lines", "format")
      support.misuse(function() a:write({}) end, "write", "#1")
      support.misuse(function() pair { capacity = 0 } end, "pair", "capacity")
      support.misuse(function() a.x = 1 end, "field")
    end)
    local a, b = pair()
    if not support.in_task() then
      support.misuse(function() a:recv() end, "recv", "xio.run")
    end
    a:close()
    b:close()
  end)
end)
