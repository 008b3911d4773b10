-- Temporary folders with files in them, made and looked at without xio, and what specs ask of
-- refusals.

local assert = require "luassert"
local lfs = require "lfs"
local support = require "spec.support"
local xio = require "xio"

local folder = {}

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- Runs `f(path)` by `support.run`, in a task, with the path of a new empty folder, which is
-- removed afterwards.
function folder.with(f, options)
  local path = os.tmpname()
  os.remove(path)
  assert(lfs.mkdir(path))
  local ok, err = pcall(support.run, function() return f(path) end, options)
  os.execute("rm -rf " .. quote(path))
  if not ok then error(err, 0) end
end

--- Writes a file.
function folder.write(path, content)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(content))
end

--- What a file contains, or nil where there is none.
function folder.read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a"
end

--- The names in a folder, sorted.
function folder.names(path)
  local names = {}
  for name in lfs.dir(path) do
    if name ~= "." and name ~= ".." then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

--- Whether something has this name, also a link to nothing.
function folder.has(path) return lfs.symlinkattributes(path) ~= nil end

--- Checks the failure that the results of a call tell of: nil, an xio.Error with op, path and
-- code, and the code. Returns the fourth result.
function folder.refused(code, op, path, ...)
  local results = table.pack(...)
  assert.is_nil(results[1])
  assert.equal(code, results[3])
  local err = results[2]
  assert.equal(code, err.code)
  assert.equal(op, err.op)
  assert.equal(path, err.path)
  support.mentions(tostring(err), code, op)
  assert.is_nil(tostring(err):find "\n")
  return results[4]
end

--- Runs `f(...)` in a scope that is cancelled; checks that it raises the cancellation.
function folder.cancelled(f, ...)
  local arguments = table.pack(...)
  local scope = xio.new_scope()
  scope:cancel()
  local ok, err = nil, nil
  scope:run(function()
    ok, err = pcall(f, table.unpack(arguments, 1, arguments.n))
  end)
  assert.is_false(ok)
  if type(err) == "string" then error(err, 0) end
end

return folder
