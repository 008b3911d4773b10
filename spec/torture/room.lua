-- Strings that are read where they stay: pieces and the whole of a file, and bytes of a
-- descriptor, which nobody could give again.
local xio = ...
local core = require "xio.core"
local path = os.getenv "XIO_BUILD_DIR" .. "/torture-room"
local text = ("0123456789abcdef"):rep(10000)
local made <close> = assert(io.open(path, "w"))
assert(made:write(text) and made:flush())

-- Again, where it fails once.
local function insist(f, ...)
  local ok, result = pcall(f, ...)
  if ok then return result end
  return f(...)
end

return function()
  xio.run({ signals = false, clock = "virtual" }, function()
    local file <close> = assert(xio.fs.open(path))
    local pieces = {}
    for i = 1, 2 do pieces[i] = insist(file.recv, file) end
    assert(#pieces[1] + #pieces[2] == #text and text:find(pieces[2], 1, true))
    file:seek("set", 16)
    assert(insist(file.read_exactly, file, 16000) == text:sub(17, 16016))
    assert(insist(file.read, file, "a") == text:sub(16017))
    local a <close>, b = core.pair()
    local _other_end <close> = b
    local long, short = ("long"):rep(30), "short"
    assert(a:write(long) and insist(xio.read, b:fileno(), 1000) == long)
    assert(a:write(short) and insist(xio.read, b:fileno(), 1000) == short)
  end)
end
