-- Bytes whose string could not be made are read by the next call, also behind what other
-- streams and files read meanwhile.
local xio = ...
local core = require "xio.core"
local path = os.getenv "XIO_BUILD_DIR" .. "/torture-recv"
local file <close> = assert(io.open(path, "w"))
assert(file:write(("file"):rep(20)))
file:flush()

-- Again, where it fails once.
local function insist(f, ...)
  local ok, result = pcall(f, ...)
  if ok then return result end
  return f(...)
end

return function()
  xio.run({ signals = false, clock = "virtual" }, function()
    local a <close>, other_end = core.pair()
    local b <close> = other_end
    local from <close> = assert(xio.fs.open(path))
    local one, two = ("one"):rep(20), ("two"):rep(20)
    assert(a:write(one) and b:write(two))
    local ok, got = pcall(b.recv, b)
    local other = insist(a.recv, a)
    local text = insist(from.recv, from, 40)
    if not ok then got = b:recv() end
    assert(got == one and other == two and text == ("file"):rep(10))
    assert(from:seek() == 40 and b:stats().read == 60)
    assert(insist(from.read, from, "a") == ("file"):rep(10))
  end)
end
