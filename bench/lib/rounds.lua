--- Runs the rounds: every program once for each workload, round after round.

local shell = require "shell"

local rounds = {}

local NO_SUCH_WORKLOAD <const> = 77
local TIMED_OUT <const> = 124
local TIMEOUT_S <const> = 120

---@class bench.size
---@field seconds number how long a program measures
---@field serve number how long the client of a server measures
---@field sleep number how long sleepers sleep
---@field count integer tasks at once
---@field starts integer processes started for one sample of start-up
---@field rounds_max integer? fewer rounds for workloads that have a `rounds_max`

---@class bench.row
---@field workload bench.workload
---@field metric bench.metric
---@field samples table<string, table<integer, number>> value by program and round

---@class bench.setting
---@field prefix string command line before each program: environment and core
---@field core integer? that it names
---@field other_core integer? where the client of a server runs
---@field size bench.size
---@field rounds integer
---@field places bench.places
---@field note fun(text: string) takes what went wrong
---@field progress fun(text: string)

---@param core integer|string? or several, with commas between
local function on_core(core, argv)
  if not core then return argv end
  return table.move(argv, 1, #argv, 4, { "taskset", "-c", tostring(core) })
end

--- The command of a client that starts the server `argv` and measures it.
local function client_of(argv, server, setting)
  local core = not server.same_core and setting.other_core or nil
  local client = {
    setting.places.build .. "/limit-client", server.role, tostring(server.connections),
    tostring(server.size), tostring(setting.size.serve),
  }
  if core then argv = on_core(setting.core, argv) end
  return on_core(core, table.move(argv, 1, #argv, #client + 1, client))
end

--- The command line of one sample, or nil where the program does not take part in this round.
local function command_of(program, workload, round, setting)
  local size = setting.size
  local last = workload.rounds_max and math.min(workload.rounds_max, size.rounds_max or math.huge)
  if last and round > last then return nil end
  if program.slow and workload.heavy and round > 1 then return nil end
  local count = math.min(size.count, program.count_max or math.huge)
  local seconds = workload.sleeps and size.sleep * (program.sleep_factor or 1) or size.seconds
  local argv = program.argv(workload, seconds, count)
  if workload.key == "startup" then
    local starter = { setting.places.build .. "/limit-startup", tostring(size.starts) }
    argv = table.move(argv, 1, #argv, #starter + 1, starter)
  elseif workload.server then
    argv = client_of(argv, workload.server, setting)
  elseif workload.two_cores and setting.other_core then
    argv = on_core(setting.core .. "," .. setting.other_core, argv)
  end
  return ("%s timeout %d %s"):format(setting.prefix, TIMEOUT_S, shell.join(argv))
end

--- Stores what a program printed in the workload's rows; tells whether every metric was there.
local function store(output, rows, workload, name, round)
  local complete = true
  for _, row in ipairs(rows) do
    if row.workload == workload then
      local text = ("\n" .. output):match("\n" .. row.metric.metric .. " ([%d.]+)")
      local value = tonumber(text)
      if value and value > 0 then
        row.samples[name] = row.samples[name] or {}
        row.samples[name][round] = value
      else
        complete = false
      end
    end
  end
  return complete
end

--- Takes one sample. Returns false when the program should not be asked again for this workload.
local function sample(program, workload, round, rows, setting)
  local line = command_of(program, workload, round, setting)
  if not line then return true end
  local output, code, message = shell.run(line)
  if code == NO_SUCH_WORKLOAD then return false end
  if code == 0 and store(output, rows, workload, program.name, round) then return true end
  local reason = code == TIMED_OUT and ("took longer than %d s"):format(TIMEOUT_S)
    or ("exit code %d: %s"):format(code, message)
  setting.note(("%s failed at %s: %s"):format(program.name, workload.key, reason))
  return false
end

--- Runs all rounds. In a round the programs of one workload run directly one after the other, and
--- each round begins with another one of them.
---@param plan {workload: bench.workload, programs: bench.program[]}[]
---@param rows bench.row[] samples are stored there
---@param setting bench.setting
function rounds.run(plan, rows, setting)
  local given_up = {}
  for round = 1, setting.rounds do
    for _, step in ipairs(plan) do
      local n = #step.programs
      setting.progress(("round %d of %d: %s"):format(round, setting.rounds, step.workload.key))
      for i = 1, n do
        local program = step.programs[(i + round - 2) % n + 1]
        local id = step.workload.key .. " " .. program.name
        if not given_up[id] then
          given_up[id] = not sample(program, step.workload, round, rows, setting)
        end
      end
    end
  end
  setting.progress("")
end

return rounds
