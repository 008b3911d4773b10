-- files: finding and reading the files of a tree, with a shell and no library.
local files = {}

-- `text` as one word for a shell.
function files.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- The whole file; raises if it cannot be read.
function files.read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read("a")
end

-- Writes the whole file, making its directory; raises if it cannot.
function files.write(path, text)
  assert(os.execute("mkdir -p " .. files.quote(path:match("^(.*)/") or ".")))
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

-- Paths relative to `root` of the files below `root`/`dir` whose names end in one of the
-- endings, sorted; none if there is no such directory.
function files.list(root, dir, ...)
  local names = {}
  for _, ending in ipairs({ ... }) do
    names[#names + 1] = "-name " .. files.quote("*" .. ending)
  end
  local command = ("cd %s && if test -d %s; then find %s -type f \\( %s \\); fi"):format(
    files.quote(root), files.quote(dir), files.quote(dir), table.concat(names, " -o "))
  local pipe = assert(io.popen(command))
  local result = {}
  for path in pipe:lines() do result[#result + 1] = path end
  assert(pipe:close())
  table.sort(result)
  return result
end

return files
