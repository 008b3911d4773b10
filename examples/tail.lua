-- tail: prints the end of files, and with -f what is added to them later.
--
-- Each file is followed in a task of its own that sleeps until the system tells of a change; a
-- file that is cut is read from its beginning, one that is replaced (as by log rotation) is
-- opened anew. It ends with Ctrl-C, or after the seconds of --for.
-- Options: -n LINES (how many of each file; default 10), -f (follow), --for SECONDS.
--
-- Run: f=$(mktemp); seq 2 >$f; (sleep .3; echo 3 >>$f) & xio examples/tail.lua -f --for 1 $f; rm $f
-- Output: 1
-- Output: 2
-- Output: 3
local xio = require "xio"
local fs = xio.fs

local options, paths = { lines = 10, follow = false, seconds = math.huge }, {}
local i = 1
while arg[i] do
  local option, value = arg[i], tonumber(arg[i + 1])
  if option == "-f" then
    options.follow = true
  elseif (option == "-n" or option == "--for") and value and value >= 0 then
    options[option == "-n" and "lines" or "seconds"] = value
    i = i + 1
  elseif option:sub(1, 1) == "-" then
    io.stderr:write("usage: tail.lua [-n LINES] [-f] [--for SECONDS] FILE...\n")
    os.exit(2)
  else
    paths[#paths + 1] = option
  end
  i = i + 1
end

-- Leaves the file where its last lines begin: reads blocks from the end until there are enough.
local function seek_last_lines(file, count)
  local size, found = assert(file:seek "end"), 0
  local at = count == 0 and 0 or size
  while at > 0 do
    local length = math.min(at, 4096)
    at = at - length
    file:seek("set", at)
    local block = assert(file:read_exactly(length))
    for place = length, 1, -1 do -- the end of the last line is that of the file
      if block:byte(place) == 10 and at + place < size then found = found + 1 end
      if found == count then return file:seek("set", at + place) end
    end
  end
  file:seek("set", count == 0 and size or 0)
end

-- Prints what there is; gives false where the file was cut, or replaced by another one.
local function print_rest(file, path)
  for bytes in file:lines(65536) do assert(xio.writeall(io.stdout, bytes)) end
  local ours, named = assert(file:stat()), fs.stat(path)
  return file:seek() <= ours.size and not (named and named.ino ~= ours.ino)
end

-- Prints the end of a file, and what is added, until it is cut or replaced.
local function follow(path, watch, lines)
  local file <close>, err = fs.open(path)
  if not file and lines == options.lines then error(err, 0) end
  if not file then return assert(watch:recv()) end -- it may be there again then
  seek_last_lines(file, lines)
  while print_rest(file, path) and options.follow do assert(watch:recv()) end
end

local function tail(path)
  -- the folder is watched: what replaces a file is another one
  local watch <close> = assert(fs.watch(path:match "^.*/" or "."))
  follow(path, watch, options.lines)
  while options.follow do follow(path, watch, math.huge) end -- the new one is printed whole
end

xio.main(function()
  xio.move_on_after(options.seconds, xio.map, paths, tail)
end)
