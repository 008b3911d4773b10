--- Tasks that do nothing, spawned into a group that waits for them.
---   spawn.lua waves SECONDS      1000 at once, group after group
---   spawn.lua burst SECONDS N    N at once
local xio = require "xio"
local measure = require "measure"
local now = require "benchclock".now

local workload, seconds, count = measure.arguments(arg)
if workload == "waves" then count = 1000 end

local function empty() end

local function spawn_all(group)
  for _ = 1, count do
    group:spawn(empty)
  end
end

xio.main(function()
  measure.whole(seconds, now, count, function()
    xio.group(spawn_all)
  end)
end)
