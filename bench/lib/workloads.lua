--- What bench/run measures: the workloads, and the limit of each.
--
-- A workload is one call of each program with WORKLOAD SECONDS N. Every metric that a program
-- prints for it becomes a row of the table.

---@class bench.metric
---@field metric string the word a program prints before the value
---@field title string the row's name; %s stands for the number of tasks
---@field unit string
---@field more boolean? more is better: a rate, whose unit ends in "/s"

---@class bench.limit
---@field name string
---@field argv fun(seconds: number, count: integer): string[] program in the build folder, arguments

---@class bench.server what limit-client does with the servers of a workload
---@field role string the word that these programs take instead of the workload's key
---@field connections integer
---@field size integer bytes of a message that is sent back
---@field same_core boolean? the client runs on the servers' core, instead of another one

---@class bench.workload
---@field key string the word that --only takes, and programs
---@field word string? the word that programs take, where that is another
---@field metrics bench.metric[]
---@field limits bench.limit[] the first is the one that ratios are against
---@field xio string script in bench/xio
---@field server bench.server? the programs are servers, measured by limit-client
---@field file boolean? they read the file that bench/run has made
---@field rounds_max integer? fewer rounds, for what is slow to measure and varies little
---@field sleeps boolean? SECONDS is how long tasks sleep
---@field two_cores boolean? the programs may use a second core; skipped where there is none
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

--- A workload of servers, with a row for its rate and one for the servers' CPU time.
local function server(key, title, role, connections, size, same_core)
  local echoes = role == "serve-echo"
  return {
    key = key,
    metrics = {
      { metric = "rate", title = title, unit = echoes and "k/s" or "MB/s", more = true },
      { metric = "cpu", title = title .. ": CPU" .. (echoes and "" or " per 64 KB"), unit = "us" },
    },
    limits = { limit("libuv server in C", "limit-server", role) },
    xio = "server.lua",
    server = { role = role, connections = connections, size = size, same_core = same_core },
  }
end

--- A workload of two threads.
local function threads(key, title, word, two_cores, ...)
  return {
    key = key,
    metrics = { { metric = "ns", title = title, unit = "ns" } },
    limits = { ... },
    xio = "threads.lua",
    two_cores = two_cores,
    word = word,
  }
end

local by_async = limit("two loops of libuv in C", "limit-threads", "async", "SECONDS")
local by_mutex = limit("hand over to an idle thread", "limit-thread", "handover", "SECONDS")

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
    key = "lock",
    metrics = ns("contended lock, 8 tasks"),
    limits = { limit("resume+yield, 8 coroutines", "limit-switch", "8", "SECONDS") },
    xio = "lock.lua",
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
    key = "process",
    metrics = ns("run `true` to its end"),
    limits = { limit("posix_spawn and waitpid", "limit-process", "SECONDS") },
    xio = "process.lua",
  },
  {
    key = "thread",
    metrics = ns("an empty function in a thread"),
    limits = {
      limit("pthread_create and join", "limit-thread", "create", "SECONDS"),
      limit("hand over to an idle thread", "limit-thread", "handover", "SECONDS"),
    },
    xio = "thread.lua",
  },
  threads("thread-trip", "to a thread and back", "thread-trip", false, by_async, by_mutex),
  threads("thread-trip-2", "the same on two cores", "thread-trip", true, by_async, by_mutex),
  threads("thread-send", "a number from another thread, by a channel of 64", "thread-send", true,
    limit("queue in C", "limit-threads", "send", "SECONDS", "8")),
  threads("thread-send-64k", "64 KB from another thread, by a channel of 64", "thread-send-64k",
    true, limit("queue in C", "limit-threads", "send", "SECONDS", "65536")),
  server("echo-64", "TCP echo, 64 connections, 64 bytes", "serve-echo", 64, 64),
  server("echo-64-core", "the same, client on the same core", "serve-echo", 64, 64, true),
  server("echo-1000", "TCP echo, 1000 connections, 64 bytes", "serve-echo", 1000, 64),
  server("echo-4k", "TCP echo, 64 connections, 4 KB", "serve-echo", 64, 4096),
  server("bulk-send", "TCP, 64 KB writes, 4 connections", "serve-send", 4, 65536),
  server("bulk-receive", "TCP, reads, 4 connections", "serve-receive", 4, 65536),
  {
    key = "file",
    metrics = {
      { metric = "rate", title = "read a file from memory", unit = "GB/s", more = true },
    },
    limits = { limit("cat >/dev/null", "limit-cat", "SECONDS") },
    xio = "file.lua",
    file = true,
  },
  {
    key = "startup",
    metrics = { { metric = "ms", title = "start-up, whole process", unit = "ms" } },
    limits = { limit("lua5.4 -e ''", "lua5.4", "-e", "") },
    xio = "startup.lua",
    rounds_max = 3,
  },
}
