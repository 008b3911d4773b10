--- One task, or 1000, that do nothing but let the others run.
---   switch.lua switch-1|switch-1000|sleep-0 SECONDS
--- `sleep-0`: 1000 tasks that sleep for no time, which is one turn, by the timed function.
local xio = require "xio"
local measure = require "measure"
local now = require "benchclock".now

local workload, seconds = measure.arguments(arg)
local tasks = workload == "switch-1" and 1 or 1000
local per_task = workload == "switch-1" and 20000 or workload == "sleep-0" and 100 or 200

local function switch_often()
  local checkpoint = xio.checkpoint
  for _ = 1, per_task do
    checkpoint()
  end
end

local function sleep_often()
  local sleep = xio.sleep
  for _ = 1, per_task do
    sleep(0)
  end
end

local body = workload == "sleep-0" and sleep_often or switch_often

local function start_all(group)
  for _ = 1, tasks do
    group:spawn(body)
  end
end

xio.main(function()
  measure.whole(seconds, now, tasks * per_task, function()
    xio.group(start_all)
  end)
end)
