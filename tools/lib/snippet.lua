-- snippet: runs an example of a comment, and compares what it prints with what it shows.
--
-- Such an example is the body of a task. A comment `--> text` at the end of a line, or on lines of
-- its own, shows a line that is printed; these come in that order, values with any space between.
local snippet = {}

-- The blocks between ```lua and ``` of a text.
function snippet.blocks(text)
  local blocks = {}
  for code in ("\n" .. text):gmatch("\n```lua\n(.-)\n```") do blocks[#blocks + 1] = code end
  return blocks
end

local function squeeze(line)
  return (line:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end

-- The lines that the code says it prints.
local function shown(code)
  local lines = {}
  for line in (code .. "\n"):gmatch("([^\n]*)\n") do
    local text = line:match("%-%->%s?(.*)$")
    if text then lines[#lines + 1] = squeeze(text) end
  end
  return lines
end

-- Runs the code under `xio` on the real or the virtual clock. Returns nil where it does what it
-- shows; or else what is wrong.
function snippet.check(xio, code, name, clock)
  local printed = {}
  local function collect(...)
    local parts = table.pack(...)
    for i = 1, parts.n do parts[i] = tostring(parts[i]) end
    for line in (table.concat(parts, " ") .. "\n"):gmatch("([^\n]*)\n") do
      printed[#printed + 1] = squeeze(line)
    end
  end
  local env = setmetatable({ xio = xio, print = collect }, { __index = _G })
  local f, problem = load(code, "=" .. name, "t", env)
  if not f then return problem end
  local seconds = clock == "real" and 20 or nil
  local ok, err = pcall(xio.run, { clock = clock, signals = false }, xio.fail_after, seconds, f)
  if not ok then return xio.traceback(err) end
  local expected = shown(code)
  for i = 1, math.max(#expected, #printed) do
    if expected[i] ~= printed[i] then
      return ("line %d of the output: %q shown, %q printed"):format(i, expected[i] or "nothing",
        printed[i] or "nothing")
    end
  end
end

return snippet
