-- tree_failure: a tree of groups, one of whose leaves fails, and the report on it.
--
-- A program is built as a tree: each directory is a task with a group for what is in it. One
-- file cannot be compiled. Its group cancels the other tasks in it, waits until they have
-- removed what they had half written, and fails itself; so the failure climbs to the top,
-- and nothing of the tree is left running when it arrives there. The cleanup of the failing
-- task fails as well, which is kept beside the first error. The report tells where it
-- happened, where each task above it was spawned, and what was suppressed.
--
-- Run: xio examples/tree_failure.lua
-- Output: compiled src/main.c
-- Output: removed src/core/heap.o
-- Output: removed lib/table.o
-- Output: 1 task is left
-- Output: examples/tree_failure.lua:53: src/core/loop.c:12: ';' expected
-- Output: stack traceback:
-- Match: 	%[C%]: in %a+ 'error'
-- Match: 	examples/tree_failure.lua:53: in function .*
-- Output: in task 'src/core/loop.c', spawned at examples/tree_failure.lua:63
-- Output: of task 'src/core', spawned at examples/tree_failure.lua:65
-- Output: of task 'src', spawned at examples/tree_failure.lua:65
-- Match: of task .*
-- Output: suppressed: examples/tree_failure.lua:48: there is no src/core/loop.o
-- Output:   stack traceback:
-- Match:   	%[C%]: in %a+ 'error'
-- Match:   	examples/tree_failure.lua:48: in function .*
local xio = require "xio"

-- What is to be built. A list is a directory; a file tells how long it takes to compile.
local tree = {
  { name = "src",
    { name = "main.c", seconds = 0.1 },
    { name = "core",
      { name = "heap.c", seconds = 10 },
      { name = "loop.c", seconds = 0.3, mistake = "12: ';' expected" } } },
  { name = "lib",
    { name = "table.c", seconds = 10 } },
}

local function compile(path, file)
  local object = path:gsub("%.c$", ".o")
  local done = false
  local _half_written <close> = xio.defer(function()
    if done then return end
    xio.sleep(0.01) -- cleanup may wait, cancelled or not
    if file.mistake then
      -- it never came as far as to write something
      error("there is no " .. object)
    end
    print("removed " .. object)
  end)
  xio.sleep(file.seconds)
  if file.mistake then error(path .. ":" .. file.mistake) end
  done = true
  print("compiled " .. path)
end

local function build(directory, prefix)
  xio.group(function(group)
    for _, entry in ipairs(directory) do
      local path = prefix .. entry.name
      if entry.seconds then
        group:spawn({ name = path }, compile, path, entry)
      else
        group:spawn({ name = path }, build, entry, path .. "/")
      end
    end
  end)
end

xio.main(function()
  local _, err = xio.pcall(build, tree, "")
  print(#xio.tree() .. " task is left")
  print(xio.traceback(err))
end)
