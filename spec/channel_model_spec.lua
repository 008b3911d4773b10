-- Channels, events and select against a reference model: random programs, every result and
-- every count compared after every step. XIO_SEEDS sets how many programs are tried.

local xio = require "xio"
local core = require "xio.core"
local support = require "spec.support"
local schedules = require "spec.support.schedules"
local model = require "spec.support.channel_model"

local it = support.it(it)

local SEEDS = tonumber(os.getenv "XIO_SEEDS") or 10000
local PER_RUN, STEPS, AGENTS, CHANNELS, ENDS, EVENTS = 100, 16, 4, 2, 2, 1

local function fail(format, ...)
  error(format:format(...), 0)
end

-- -- the real things ---------------------------------------------------------------------

local function tell(value, more)
  if value == nil then return more end
  if value == true then return "true" end
  return "got " .. value .. (more and " missed " .. more or "")
end

local function case_of(operation)
  if operation.kind == "send" then return { operation.tx, operation.item } end
  return operation.kind == "receive" and operation.rx or operation.event
end

local function perform(operation)
  if operation.kind == "send" then return tell(operation.tx:send(operation.item)) end
  if operation.kind == "receive" then return tell(operation.rx:recv()) end
  if operation.kind == "wait" then return tell(operation.event:wait()) end
  local cases = {}
  for i, one in ipairs(operation) do cases[i] = case_of(one) end
  local result = table.pack(xio.select(table.unpack(cases)))
  return ("%d %s"):format(result[1], tell(result[2], result[3]))
end

-- What an agent does all the time: the operation that it is told to.
local function act(agent)
  while true do
    agent.go:wait()
    agent.go:clear()
    local ok, done, result = pcall(xio.scope, function(scope)
      agent.scope = scope
      return perform(agent.operation)
    end)
    agent.result = not ok and "raised " .. tostring(done) or done and result or "cancelled"
    agent.busy = false
  end
end

-- -- random programs ---------------------------------------------------------------------

local function new_world(random, group)
  local world = { channels = {}, events = {}, agents = {}, item = 0, log = {}, random = random }
  for i = 1, CHANNELS do
    local capacity, lossy = random(4) - 1, random(6) == 1
    if lossy then capacity = capacity + 1 end
    local tx, rx = (lossy and core.lossy_channel or xio.channel)(capacity)
    local real = { tx = { tx }, rx = { rx } }
    for k = 2, ENDS do real.tx[k], real.rx[k] = tx:clone(), rx:clone() end
    world.channels[i] = { real = real, model = model.channel(capacity, ENDS, lossy) }
  end
  for i = 1, EVENTS do world.events[i] = { real = xio.event(), model = model.event() } end
  for i = 1, AGENTS do
    local agent = { go = xio.event(), busy = false, model = { entries = {}, pending = false } }
    world.agents[i] = agent
    group:spawn(act, agent)
  end
  return world
end

local function random_operation(world)
  local random = world.random
  local dice = random(10)
  if dice == 1 then
    local event = world.events[random(EVENTS)]
    return { kind = "wait", event = event.real, object = event.model }
  end
  local channel, ending = world.channels[random(CHANNELS)], random(ENDS)
  if dice <= 5 then
    world.item = world.item + 1
    return { kind = "send", tx = channel.real.tx[ending], object = channel.model,
      item = world.item, ending = ending }
  end
  return { kind = "receive", rx = channel.real.rx[ending], object = channel.model,
    ending = ending }
end

local function command(world, agent)
  local operation = random_operation(world)
  if world.random(3) == 1 then
    operation = { operation }
    for i = 2, world.random(3) do operation[i] = random_operation(world) end
  end
  agent.operation, agent.busy, agent.result = operation, true, nil
  agent.go:set()
  world.begun = agent
end

-- Calls a method at once, but in another task: one that closes an end may not use it later.
local function in_other_task(object, name, ...)
  return tostring(support.run(object[name], { debug = false }, object, ...))
end

-- Something that does not wait, done at once by the main task. What it gives is compared.
local direct = {
  function(world, channel, ending)
    world.item = world.item + 1
    local result = channel.model:send(world.item, ending) or "full"
    return result, tell(channel.real.tx[ending]:try_send(world.item))
  end,
  function(_, channel, ending)
    local result = channel.model:receive(ending) or "empty"
    local ok, value, more = pcall(channel.real.rx[ending].try_recv, channel.real.rx[ending])
    return result, ok and tell(value, more) or "raised " .. tostring(value)
  end,
  function(world, channel, ending)
    local most = world.random(3)
    local expected = channel.model:drain(most, ending)
    local list, why = channel.real.rx[ending]:drain(most)
    return expected, list and table.concat(list, ",") or why
  end,
  function(world, channel, ending)
    if world.random(3) ~= 1 then return "", "" end
    local is_sender = world.random(2) == 1
    local real = is_sender and channel.real.tx[ending] or channel.real.rx[ending]
    if world.random(3) == 1 then
      return channel.model:fail("e", is_sender, ending), in_other_task(real, "fail", "e")
    end
    local name = is_sender and "close_sender" or "close_receiver"
    return channel.model[name](channel.model, ending), in_other_task(real, "close")
  end,
  function(world)
    local event = world.events[world.random(EVENTS)]
    if world.random(2) == 1 then
      event.model.is_set = false
      event.real:clear()
    else
      event.model:set()
      event.real:set()
    end
    return "", ""
  end,
}

local function act_directly(world)
  local random = world.random
  local channel, ending = world.channels[random(CHANNELS)], random(ENDS)
  local expected, got = direct[random(#direct)](world, channel, ending)
  if expected ~= got then fail("directly: %s instead of %s", got, expected) end
end

local function cancel(world)
  local agent = world.agents[world.random(AGENTS)]
  if not agent.busy or agent == world.begun then return end
  model.cancel(agent.model)
  agent.scope:cancel()
end

local function compare(world)
  for i, agent in ipairs(world.agents) do
    local expected = agent.model
    if expected.pending ~= agent.busy or (not agent.busy and agent.result ~= expected.expected) then
      fail("agent %d: %s %s instead of %s %s", i, agent.busy and "waits, last got" or "got",
        agent.result, expected.pending and "waiting, last got" or "having got", expected.expected)
    end
  end
  for i, channel in ipairs(world.channels) do
    local stats = channel.real.tx[1]:stats()
    for name, value in pairs(channel.model:stats()) do
      if stats[name] ~= value then
        fail("channel %d: %s is %s instead of %s", i, name, stats[name], value)
      end
    end
  end
end

-- A few things that happen in one turn, then the turns until all have come to rest.
local function step(world)
  world.begun = nil
  local random = world.random
  local agent = world.agents[random(AGENTS)]
  if not agent.busy and random(4) ~= 1 then
    command(world, agent)
    xio.checkpoint() -- it begins now
    model.begin(agent.model, agent.operation)
  end
  for _ = 1, random(3) - 1 do
    if random(3) == 1 then
      cancel(world)
    else
      act_directly(world)
    end
  end
  for _ = 1, 2 do xio.checkpoint() end
  compare(world)
end

local function play(random)
  xio.group(function(group)
    local world = new_world(random, group)
    xio.checkpoint()
    for _ = 1, STEPS do step(world) end
    group:cancel()
  end)
end

describe("channels and select", function()
  it("do what a simple model says, in random programs", function()
    for first = 1, SEEDS, PER_RUN do
      support.run(function()
        for seed = first, math.min(first + PER_RUN - 1, SEEDS) do
          local ok, err = pcall(play, schedules.random(seed))
          if not ok then fail("with seed %d: %s", seed, tostring(err)) end
        end
      end, { debug = false })
    end
  end)
end)
