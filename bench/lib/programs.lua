--- Every program of a run (limits, xio, peers) in one form: a name, and how to call it.

local shell = require "shell"

local programs = {}

---@class bench.program
---@field name string
---@field version string?
---@field argv fun(workload: bench.workload, seconds: number, count: integer): string[]?
---@field count_max integer?
---@field sleep_factor number?
---@field slow boolean?

---@class bench.places
---@field root string folder of the project
---@field bench string
---@field build string folder of the compiled limits

--- The word by which a program knows the workload.
local function word_of(workload)
  return workload.server and workload.server.role or workload.word or workload.key
end

local function is_file(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

local function fill(text, places, python)
  return (text:gsub("%$(%u+)", { BENCH = places.bench, BUILD = places.build, PYTHON = python }))
end

--- The program of a limit.
---@param limit bench.limit
---@param places bench.places
---@return bench.program
function programs.limit(limit, places)
  return {
    name = "limit",
    argv = function(_, seconds, count)
      local argv = limit.argv(seconds, count)
      if argv[1]:find("^limit%-") then argv[1] = places.build .. "/" .. argv[1] end
      return argv
    end,
  }
end

--- The program under test, or nil and why not.
---@param path string? as given by --xio
---@param places bench.places
---@return bench.program? program
---@return string? problem
function programs.xio(path, places)
  local given = path or places.root .. "/build/release/xio"
  if given:find("/", 1, true) then
    if not is_file(given) then return nil, given .. " does not exist" end
  elseif not shell.capture("command -v " .. shell.quote(given)) then
    return nil, given .. " is no command"
  end
  local is_lua = given:match("[^/]*$"):find("^lua") ~= nil
  return {
    name = "xio",
    version = shell.capture(shell.quote(given) .. " -v 2>&1"),
    argv = function(workload, seconds, count)
      if workload.key == "startup" and not is_lua then return { given, "-e", "" } end
      local script = places.bench .. "/xio/" .. workload.xio
      return { given, script, word_of(workload), tostring(seconds), tostring(count) }
    end,
  }
end

--- A Python that has the module, the system's first.
local function find_python(probe, places)
  for _, python in ipairs { "/usr/bin/python3", "python3" } do
    local version = shell.capture(fill(probe, places, python))
    if version then return python, version end
  end
end

--- The program of a peer, or nil where it is absent.
---@param peer bench.peer
---@param places bench.places
---@return bench.program?
function programs.peer(peer, places)
  local python, version
  if peer.probe:find("$PYTHON", 1, true) then
    python, version = find_python(peer.probe, places)
  else
    version = shell.capture(fill(peer.probe, places))
  end
  if not version then return nil end
  return {
    name = peer.name,
    version = version,
    count_max = peer.count_max,
    sleep_factor = peer.sleep_factor,
    slow = peer.slow,
    argv = function(workload, seconds, count)
      local argv = {}
      for i, word in ipairs(peer.argv) do
        argv[i] = fill(word, places, python)
      end
      table.move({ word_of(workload), tostring(seconds), tostring(count) }, 1, 3, #argv + 1, argv)
      return argv
    end,
  }
end

return programs
