--- check_stream: what every byte stream of xio does, as checks that any pair must pass.
--
-- Each check gets a fresh pair of connected streams, closed behind it, and raises where the
-- streams do something else. What differs between kinds of streams is left open: how much
-- fits between the two ends, and which of EPIPE and ECONNRESET a lost reader causes.

local core = require "xio.core"
local argument = require "xio.argument"
local combine = require "xio.combine"

local BROKEN = { EPIPE = true, ECONNRESET = true }

-- -- what checks say --------------------------------------------------------------------

local function show(value)
  if type(value) ~= "string" then return tostring(value) end
  if #value > 60 then return ("%q ... (%d bytes)"):format(value:sub(1, 60), #value) end
  return ("%q"):format(value)
end

local function expect(what, wanted, got)
  if wanted ~= got then
    error(("%s: %s expected, got %s"):format(what, show(wanted), show(got)), 2)
  end
end

local function expect_true(what, value)
  if not value then error(what, 2) end
end

-- The results of a call are nil, an xio.Error, the code, and perhaps the part done.
local function expect_refusal(what, code, part, value, err, given, given_part)
  if value ~= nil then
    error(("%s: %s expected, got %s"):format(what, code, show(value)), 2)
  end
  if given ~= code then
    error(("%s: %s expected, got %s"):format(what, code, show(given or "the end")), 2)
  end
  expect(what .. ": code of the error", code, type(err) == "table" and err.code or nil)
  if part then expect(what .. ": part", part, given_part) end
end

-- One plain nil.
local function expect_end(what, ...)
  if select("#", ...) ~= 1 or (...) ~= nil then
    error(("%s: the end expected, got %s, %s"):format(what, show((...)),
      show((select(2, ...)))), 2)
  end
end

local function expect_misuse(what, words, f, ...)
  local ok, err = pcall(f, ...)
  if ok then error(what .. ": a usage error expected, but it returned", 2) end
  if not tostring(err):find(words, 1, true) then
    error(("%s: %s is missing in: %s"):format(what, show(words), tostring(err)), 2)
  end
end

-- Runs `f` as a child, lets it begin to wait, runs `g`, and waits for the end of both.
local function beside(f, g)
  core.group(function(group)
    group:spawn(f)
    core.settle()
    g()
  end)
end

-- Cancels `f(...)` after it has begun to wait.
local function cut_short(f, ...)
  local arguments = table.pack(...)
  local scope = core.new_scope()
  local completed
  beside(function()
    completed = scope:run(function() return f(table.unpack(arguments, 1, arguments.n)) end)
  end, function() scope:cancel() end)
  return not completed
end


-- Everything up to the end, by recv.
local function drain(stream)
  local parts = {}
  while true do
    local bytes, err = stream:recv()
    if not bytes then
      if err then error(err, 0) end
      return table.concat(parts)
    end
    parts[#parts + 1] = bytes
  end
end

-- Writes without waiting until there is no room; how many bytes.
local function stuff(stream)
  local piece, sum = ("s"):rep(4096), 0
  while true do
    local count, err, code = stream:try_write(piece)
    if code == "EAGAIN" then return sum end
    if not count then error(err, 0) end
    sum = sum + count
  end
end

-- -- checks -----------------------------------------------------------------------------

local checks, order = {}, {}

local function check(name, f)
  checks[name] = f
  order[#order + 1] = name
end

check("bytes go both ways, in order", function(a, b)
  expect("write returns", a, a:write("ab", 1, "c", 2.5))
  expect("read_exactly", "ab1c2.5", b:read_exactly(7))
  b:write("answer")
  expect("recv(3)", "ans", a:recv(3))
  expect("recv(100)", "wer", a:recv(100))
  expect("stats().read", 7, b:stats().read)
  expect("stats().written", 6, b:stats().written)
  expect("flush", b, b:flush())
end)

check("recv waits for bytes", function(a, b)
  local got
  beside(function() got = b:recv() end, function()
    expect("recv before there are bytes", nil, got)
    a:write("x")
  end)
  expect("recv", "x", got)
end)

check("read takes the formats of files", function(a, b)
  a:write("one\ntwo\n 12 0x1F -2.5e1 end\nrest of\nit")
  expect("l", "one", b:read())
  expect("L", "two\n", b:read("L"))
  local x, y, z, word = b:read("n", "n", "n", 4)
  expect("n", 12, x)
  expect("n in hexadecimal", 31, y)
  expect("n with exponent", -25.0, z)
  expect("a count", " end", word)
  expect("*l", "", b:read("*l"))
  expect("0", "", b:read(0))
  a:close()
  expect("a count before the end", "rest of\nit", b:read(1000))
  expect_end("l at the end", b:read("l"))
  expect_end("0 at the end", b:read(0))
  expect("a at the end", "", b:read("a"))
end)

check("read gives nil where a format finds nothing", function(a, b)
  a:write("word 7\nlast")
  local number, line = b:read("n", "l")
  expect("n on a word", nil, number)
  expect("behind it", nil, line)
  expect("the word", "word 7", b:read("l"))
  a:close()
  local last, none = b:read("l", "l")
  expect("a line without its end", "last", last)
  expect("a line too many", nil, none)
end)

check("STR-17 read_exactly puts pieces together", function(a, b)
  local got
  beside(function() got = b:read_exactly(8) end, function()
    a:write("12345")
    core.settle()
    expect("before there is enough", nil, got)
    a:write("678rest")
  end)
  expect("read_exactly", "12345678", got)
  expect("none", "", b:read_exactly(0))
  a:close()
  expect_refusal("read_exactly at an early end", "EOF", 4, b:read_exactly(8))
  expect("what stays", "rest", b:recv())
  expect_end("read_exactly at the end", b:read_exactly(8))
end)

check("STR-17 read_until takes delimiters of any length", function(a, b)
  local got
  beside(function() got = b:read_until("de") end, function()
    a:write("abcd")
    core.settle()
    expect("before the delimiter is there", nil, got)
    a:write("efghi")
  end)
  expect("read_until", "abc", got)
  expect_refusal("beyond the limit", "EMSGSIZE", 4, b:read_until("x", 2))
  expect("what stays", "fg", b:read_exactly(2))
  expect("at the limit", "h", b:read_until("i", 1))
  a:write("no delimiter")
  a:close()
  expect_refusal("at an early end", "EOF", 12, b:read_until("x"))
  expect("what stays", "no delimiter", b:read("a"))
  expect_end("at the end", b:read_until("x"))
end)

check("lines iterates to the end", function(a, b)
  a:write("1\n2\n\n3")
  a:close()
  local seen = {}
  for line in b:lines() do seen[#seen + 1] = line end
  expect("lines", "1,2,,3", table.concat(seen, ","))
  for _ in b:lines(1) do error("lines at the end: something came") end
end)

check("a line beyond the limit stays", function(a, b)
  local long = ("x"):rep(1048576 + 100)
  core.group(function(group)
    group:spawn(function()
      a:write(long)
      a:shutdown()
    end)
    local _, _, code, part = b:read("l")
    expect("a line beyond 1 MiB", "EMSGSIZE", code)
    expect_true("part is what there is", part > 1048576 and part <= #long)
    expect_true("nothing is lost", b:read("a") == long)
  end)
end)

check("STR-02 counts are checked", function(a, b)
  for _, max in ipairs { 0, -1, 1.5, "x" } do
    expect_misuse("recv", "bad argument #1 to 'stream:recv'", b.recv, b, max)
  end
  expect_misuse("read_exactly", "stream:read_exactly", b.read_exactly, b, -1)
  expect_misuse("read_exactly", "stream:read_exactly", b.read_exactly, b)
  expect_misuse("read_until", "#1 to 'stream:read_until'", b.read_until, b, "")
  expect_misuse("read_until", "#2 to 'stream:read_until'", b.read_until, b, "x", -1)
  expect_misuse("read", "#2 to 'stream:read'", b.read, b, "l", "x")
  expect_misuse("lines", "#1 to 'stream:lines'", b.lines, b, "x")
  expect_misuse("write", "#2 to 'stream:write'", a.write, a, "x", {})
  a:write("y")
  expect("nothing of it was written", "y", b:recv())
end)

check("STR-04 reading and writing at once", function(a, b)
  local got
  beside(function() got = a:recv() end, function()
    a:write("there")
    expect("there", "there", b:recv())
    b:write("back")
  end)
  expect("back", "back", got)
end)

check("one reader and one writer at a time", function(a, b)
  beside(function() b:recv() end, function()
    expect_misuse("a second reader", "reading already", b.recv, b)
    expect_misuse("a second reader", "reading already", b.read, b, "l")
    a:write("x")
  end)
  local room = stuff(a)
  core.group(function(group)
    local writer = group:spawn(function() a:write("waits") end)
    core.settle()
    expect_misuse("a second writer", "writing already", a.write, a, "x")
    expect_misuse("a second writer", "writing already", a.try_write, a, "x")
    expect_misuse("a second writer", "writing already", a.shutdown, a)
    b:read_exactly(room)
    writer:await()
  end)
  expect("what waited", "waits", b:read_exactly(5))
end)

check("STR-05 a reader that is gone breaks the writing", function(a, b)
  b:close()
  local code
  for _ = 1, 1000 do
    local done
    done, _, code = a:write(("x"):rep(10000))
    if not done then break end
  end
  expect_true("the writer learns that nobody reads", BROKEN[code])
  for _ = 1, 2 do
    expect_true("it stays so", BROKEN[select(3, a:write("x"))])
  end
end)

check("STR-06 all that was written, then the end, again and again", function(a, b)
  a:write("data")
  a:close()
  expect("data", "data", b:recv())
  for _ = 1, 2 do
    expect_end("recv", b:recv())
    expect_end("read_exactly", b:read_exactly(1))
    expect_end("read_until", b:read_until("x"))
    expect_end("read", b:read("l"))
  end
end)

check("STR-07 after close", function(a, b)
  expect("close", true, a:close())
  expect("close again", false, a:close())
  expect_refusal("recv", "ECLOSED", nil, a:recv())
  expect_refusal("read_exactly", "ECLOSED", nil, a:read_exactly(1))
  expect_refusal("read_until", "ECLOSED", nil, a:read_until("x"))
  expect_refusal("read", "ECLOSED", nil, a:read("l"))
  expect_refusal("write", "ECLOSED", 0, a:write("x"))
  expect_refusal("try_write", "ECLOSED", nil, a:try_write("x"))
  expect_refusal("flush", "ECLOSED", nil, a:flush())
  expect_refusal("shutdown", "ECLOSED", nil, a:shutdown())
  expect("stats", 0, a:stats().read)
  expect_end("the other end", b:recv())
end)

check("STR-08 close wakes who waits", function(a, b)
  local room = stuff(a)
  local read, written
  core.group(function(group)
    group:spawn(function() read = table.pack(a:recv()) end)
    group:spawn(function() written = table.pack(a:write("x")) end)
    core.settle()
    a:close()
  end)
  expect_refusal("recv", "ECLOSED", nil, table.unpack(read, 1, read.n))
  expect_refusal("write", "ECLOSED", 0, table.unpack(written, 1, written.n))
  expect("what was written before", room, #drain(b))
end)

check("STR-09 closing under a cancellation", function(a, b)
  local scope = core.new_scope()
  scope:cancel()
  scope:run(function()
    a:close()
    core.checkpoint()
  end)
  expect_end("the other end", b:recv())
end)

check("STR-10 a cancelled read loses nothing", function(a, b)
  expect_true("recv is cancelled", cut_short(b.recv, b))
  a:write("123")
  expect_true("read_exactly is cancelled", cut_short(b.read_exactly, b, 10))
  expect_true("read_until is cancelled", cut_short(b.read_until, b, "x"))
  expect_true("read is cancelled", cut_short(b.read, b, "l"))
  a:write("45\n")
  expect("what came before and after", "12345", b:read("l"))
end)

check("a wake-up and a cancellation at once lose nothing", function(a, b)
  local scope = core.new_scope()
  local got = ""
  beside(function()
    scope:run(function() got = b:recv() end)
  end, function()
    a:write("data")
    scope:cancel()
  end)
  a:shutdown()
  expect("all of it", "data", got .. b:read("a"))
end)

check("STR-11 a write cut short breaks the writing", function(a, b)
  local room = stuff(a)
  local first = b:read_exactly(1) -- room for a part
  local data = ("0123456789"):rep(1000000)
  expect_true("write is cancelled", cut_short(a.write, a, data))
  local out = a:stats().written - room
  expect_true("not all is out", out < #data)
  if out > 0 then
    expect_refusal("write", "ECANCELED", 0, a:write("more"))
    expect_refusal("try_write", "ECANCELED", nil, a:try_write("more"))
    expect("nothing more went out", room + out, a:stats().written)
  end
  b:write("reading goes on")
  expect("the other way", "reading goes on", a:recv())
  a:close()
  expect_true("just what was said is out",
    first .. drain(b) == ("s"):rep(room) .. data:sub(1, out))
end)

check("a write cancelled before it began has no effect", function(a, b)
  local room = stuff(a)
  expect_true("write is cancelled", cut_short(a.write, a, "x"))
  local scope = core.new_scope()
  scope:cancel()
  scope:run(function() a:write("y") end)
  expect("stats", room, a:stats().written)
  b:read_exactly(room)
  expect("write", a, a:write("z"))
  expect("what came", "z", b:recv())
end)

check("STR-12 half closed, it still reads", function(a, b)
  a:write("question")
  expect("shutdown", true, a:shutdown())
  expect("shutdown again", true, a:shutdown())
  expect_refusal("write", "ECLOSED", 0, a:write("more"))
  expect("to the end", "question", b:read("a"))
  b:write("answer")
  b:close()
  expect("the answer", "answer", a:read("a"))
end)

-- A number from 1 to `most`, the same each time.
local function generator(seed)
  return function(most)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed // 65536 % most + 1
  end
end

check("STR-13 random pieces in both directions", function(a, b)
  local text = {}
  for i = 1, 60000 do text[i] = ("%d,"):format(i) end
  local data = table.concat(text)
  local function send(stream, random)
    local at = 1
    while at <= #data do
      local count = random(20000)
      stream:write(data:sub(at, at + count - 1))
      at = at + count
    end
    stream:shutdown()
  end
  local function receive(stream, random)
    local parts = {}
    while true do
      local bytes = stream:recv(random(9000))
      if not bytes then break end
      parts[#parts + 1] = bytes
    end
    expect_true("what came is what was sent", table.concat(parts) == data)
  end
  combine.gather(
    function() send(a, generator(1)) end, function() receive(a, generator(2)) end,
    function() send(b, generator(3)) end, function() receive(b, generator(4)) end)
end)

check("STR-16 the other end was closed before the first read", function(a, b)
  a:write("left")
  a:close()
  core.settle()
  expect("in parts", "le", b:recv(2))
  expect("in parts", "ft", b:recv(2))
  expect_end("then", b:recv())
end)

check("a writer waits for its reader", function(a, b)
  local done = false
  local room = stuff(a)
  beside(function()
    a:write(("x"):rep(10))
    done = true
  end, function()
    expect("before there is room", false, done)
    b:read_exactly(room)
  end)
  expect("with room", true, done)
  expect("what waited", ("x"):rep(10), b:read_exactly(10))
end)

check("nothing is written as nothing", function(a, b)
  expect("write of nothing", a, a:write(""))
  expect("write without arguments", a, a:write())
  expect("try_write of nothing", 0, a:try_write(""))
  a:write("x")
  expect("what came", "x", b:recv())
end)

check("what need not wait is a checkpoint all the same", function(a, b)
  a:write("1\n2\n3")
  local function cancelled(f, ...)
    local scope = core.new_scope()
    scope:cancel()
    return not scope:run(f, ...)
  end
  expect_true("recv raises Cancelled", cancelled(b.recv, b))
  expect_true("read raises Cancelled", cancelled(b.read, b, "l"))
  expect_true("read_exactly raises Cancelled", cancelled(b.read_exactly, b, 1))
  expect_true("write raises Cancelled", cancelled(a.write, a, "x"))
  expect_true("shutdown raises Cancelled", cancelled(a.shutdown, a))
  expect("nothing was read", "1", b:read("l"))
end)

-- -- running them -----------------------------------------------------------------------

local function run_check(name, make)
  local a, b = make()
  local _a <close> = a
  local _b <close> = b
  local ok, err = pcall(checks[name], a, b)
  if ok then return end
  if core.is_cancelled(err) then core.rethrow(err) end
  error(("stream check '%s': %s"):format(name, tostring(err)), 0)
end

-- `names`: of all checks, in order.
local module = { names = order }

--- Checks that the streams that `make` gives do what every stream of xio does.
---
--- `make()` returns two streams that are connected to each other; it is called for each
--- check, and what it gives is closed. `only`, the name of a check, runs that alone. Raises
--- what the first failing check says. Call it in a task; on the virtual clock no time
--- passes. A checkpoint.
---@param make fun(): any, any
---@param only? string
---@return string[] names of the checks that were run
function module.check_stream(make, only)
  argument.check_callable(make, 1, "xio.testing.check_stream")
  core.enter("xio.testing.check_stream")
  if only ~= nil and not checks[only] then
    argument.misuse(("xio.testing.check_stream: there is no check '%s'"):format(tostring(only)))
  end
  local names = only and { only } or table.move(order, 1, #order, 1, {})
  for _, name in ipairs(names) do run_check(name, make) end
  return names
end

return module
