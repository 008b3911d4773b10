--- What bench/run measures: the workloads, and the limit of each.
--
-- A workload is one call of each program with WORKLOAD SECONDS N. Every metric that a program
-- prints for it becomes a row of the table.

---@class bench.metric
---@field metric string the word a program prints before the value
---@field title string the row's name; %s stands for the number of tasks
---@field unit string

---@class bench.limit
---@field name string
---@field argv fun(seconds: number, count: integer): string[] program in the build folder, arguments

---@class bench.workload
---@field key string the word that programs and --only take
---@field metrics bench.metric[]
---@field limits bench.limit[] the first is the one that ratios are against
---@field xio string script in bench/xio
---@field rounds_max integer? fewer rounds, for what is slow to measure and varies little
---@field sleeps boolean? SECONDS is how long tasks sleep
---@field heavy boolean? slow peers measure it in one round only

---@return bench.metric[]
local function ns(title)
  return { { metric = "ns", title = title, unit = "ns" } }
end

local function limit(name, ...)
  local words = { ... }
  return {
    name = name,
    argv = function(seconds, count)
      local argv = {}
      for i, word in ipairs(words) do
        argv[i] = word == "SECONDS" and tostring(seconds) or word == "N" and tostring(count) or word
      end
      return argv
    end,
  }
end

local switch_1 = limit("resume+yield, 1 coroutine", "limit-switch", "1", "SECONDS")
local switch_1000 = limit("resume+yield, 1000 coroutines", "limit-switch", "1000", "SECONDS")

---@type bench.workload[]
return {
  {
    key = "waves",
    metrics = ns("spawn+join, waves of 1000"),
    limits = {
      limit("recycled coroutine", "limit-spawn", "recycled", "SECONDS", "1000"),
      limit("fresh coroutine", "limit-spawn", "fresh", "SECONDS", "1000"),
    },
    xio = "spawn.lua",
  },
  {
    key = "burst",
    metrics = ns("spawn+join, %s at once"),
    limits = {
      limit("fresh coroutine", "limit-spawn", "fresh", "SECONDS", "N"),
      limit("recycled coroutine", "limit-spawn", "recycled", "SECONDS", "N"),
    },
    xio = "spawn.lua",
  },
  {
    key = "switch-1",
    metrics = ns("switch, 1 task"),
    limits = { limit("resume+yield, 1 coroutine", "limit-switch", "1", "SECONDS") },
    xio = "switch.lua",
  },
  {
    key = "switch-1000",
    metrics = ns("switch, 1000 tasks"),
    limits = { switch_1000 },
    xio = "switch.lua",
  },
  {
    key = "sleep-0",
    metrics = ns("sleep for one turn, 1000 tasks"),
    limits = { switch_1000 },
    xio = "switch.lua",
  },
  {
    key = "ping-pong",
    metrics = ns("channel ping-pong, there and back"),
    limits = { switch_1 },
    xio = "channel.lua",
  },
  {
    key = "channel-64",
    metrics = ns("channel of 64, one value"),
    limits = { switch_1 },
    xio = "channel.lua",
  },
  {
    key = "receive",
    metrics = ns("channel without buffer, one value"),
    limits = { switch_1 },
    xio = "channel.lua",
  },
  {
    key = "select-8",
    metrics = ns("the same by select over 8"),
    limits = { switch_1 },
    xio = "channel.lua",
  },
  {
    key = "timeout",
    metrics = ns("timeout scope that does not fire"),
    limits = { limit("C call and pcall", "limit-scope", "SECONDS") },
    xio = "timeout.lua",
  },
  {
    key = "cancel",
    metrics = ns("cancel and join, %s blocked tasks"),
    limits = { limit("resume with an error under pcall", "limit-cancel", "SECONDS", "N") },
    xio = "cancel.lua",
    heavy = true,
  },
  {
    key = "sleepers",
    metrics = {
      { metric = "us", title = "%s sleepers, CPU per task", unit = "us" },
      { metric = "kb", title = "%s sleepers, memory per task", unit = "KB" },
    },
    limits = { limit("blocked coroutine", "limit-sleepers", "SECONDS", "N") },
    xio = "sleepers.lua",
    rounds_max = 3,
    sleeps = true,
    heavy = true,
  },
  {
    key = "startup",
    metrics = { { metric = "ms", title = "start-up, whole process", unit = "ms" } },
    limits = { limit("lua5.4 -e ''", "lua5.4", "-e", "") },
    xio = "startup.lua",
    rounds_max = 3,
  },
}
