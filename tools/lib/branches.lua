-- branches: what of the core ran, from what gcovr measured (tools/coverage):
--
--   branches.lua ROOT JSON [--list]      --list: every line with a branch that did not run
--
-- Left out are branches that can only be taken where xio itself is broken: the failing sides of
-- XIO_ASSERT, XIO_CHECK and EXPECT (of check.c), and the functions called `…_valid`, which only
-- check, in dev builds and tests. Prints a line for each file and the sums.
package.path = arg[1] .. "/tools/lib/?.lua;" .. arg[1] .. "/?.lua;" .. package.path
local files = require("files")
local json = require("spec.support.json")

local root, measured, option = arg[1], arg[2], arg[3]

local CHECKS = { "XIO_ASSERT%(", "XIO_CHECK%(", "EXPECT%(" }

-- The lines of a file that only check, as a set, and the text of all.
local function read_source(path)
  local checking, texts, number, inside = {}, {}, 0, false
  for line in (files.read(path) .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    texts[number] = line
    if line:find("^%a") then inside = line:find("_valid%(") ~= nil end
    checking[number] = inside or nil
    for _, pattern in ipairs(CHECKS) do
      if line:find(pattern) then checking[number] = true end
    end
  end
  return checking, texts
end

local sums = { lines = 0, lines_run = 0, branches = 0, branches_run = 0 }

local function share(part, whole)
  return whole == 0 and "   -" or ("%5.1f %%"):format(100 * part / whole)
end

local function count_file(file)
  local own = { lines = 0, lines_run = 0, branches = 0, branches_run = 0 }
  local checking, texts = read_source(root .. "/" .. file.file)
  local missed = {}
  for _, line in ipairs(file.lines) do
    local number = line.line_number
    if not line["gcovr/noncode"] and not checking[number] then
      own.lines = own.lines + 1
      if line.count > 0 then own.lines_run = own.lines_run + 1 end
      local run = 0
      for _, branch in ipairs(line.branches) do
        if branch.count > 0 then run = run + 1 end
      end
      own.branches = own.branches + #line.branches
      own.branches_run = own.branches_run + run
      if run < #line.branches then
        missed[#missed + 1] = ("  %5d: %d of %d: %s"):format(number, run, #line.branches,
          texts[number]:match("^%s*(.*)"))
      end
    end
  end
  for key, value in pairs(own) do sums[key] = sums[key] + value end
  print(("%-32s %5d lines %s  %5d branches %s"):format(file.file, own.lines,
    share(own.lines_run, own.lines), own.branches, share(own.branches_run, own.branches)))
  if option == "--list" then
    for _, line in ipairs(missed) do print(line) end
  end
end

for _, file in ipairs(json.parse(files.read(measured)).files) do count_file(file) end
print(("all: %d lines, %s; %d branches, %s"):format(sums.lines,
  share(sums.lines_run, sums.lines), sums.branches, share(sums.branches_run, sums.branches)))
