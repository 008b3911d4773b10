-- A simple reference model of channels, events and select, to compare the real ones with.
--
-- Agents are tasks that do one operation at a time, by command; an operation that has to wait
-- stays pending. The model says what each operation gives, and which pending ones it
-- completes. Results are strings. Everything is a plain list; nothing is clever.

local model = {}

local Channel = {}
Channel.__index = Channel

--- A channel with open sender and receiver ends, all of which are numbers from 1.
function model.channel(capacity, ends, lossy)
  local senders, receivers = {}, {}
  for i = 1, ends do senders[i], receivers[i] = true, true end
  return setmetatable({ capacity = capacity, lossy = lossy, buffer = {}, sending = {},
    receiving = {}, senders = senders, receivers = receivers, sent = 0, received = 0, missed = 0,
    failed = nil }, Channel)
end

local Event = {}
Event.__index = Event

function model.event()
  return setmetatable({ is_set = false, waiting = {} }, Event)
end

local function any(ends)
  for _, open in ipairs(ends) do
    if open then return true end
  end
  return false
end

local function count(ends)
  local n = 0
  for _, open in ipairs(ends) do n = n + (open and 1 or 0) end
  return n
end

-- An entry: {agent =, case =, item =, ending =}, in the queues that `agent.entries` lists.
local function enqueue(queue, agent, case, item, ending)
  local entry = { agent = agent, case = case, item = item, ending = ending }
  queue[#queue + 1] = entry
  agent.entries[#agent.entries + 1] = { queue, entry }
end

--- Takes everything that `agent` waits for out of its queues.
function model.withdraw(agent)
  for _, place in ipairs(agent.entries) do
    local queue, entry = place[1], place[2]
    for i = #queue, 1, -1 do
      if queue[i] == entry then table.remove(queue, i) end
    end
  end
  agent.entries = {}
end

-- An error is raised by a select as it is.
local function text(case, result)
  return case and not result:find "^raised" and ("%d %s"):format(case, result) or result
end

-- The operation of the entry is over with `result`.
local function complete(entry, result)
  model.withdraw(entry.agent)
  entry.agent.expected = text(entry.case, result)
  entry.agent.pending = false
end

local function complete_all(queue, result, ending)
  local i = 1
  while queue[i] do
    if not ending or queue[i].ending == ending then
      complete(queue[i], result)
      i = 1
    else
      i = i + 1
    end
  end
end

--- What a send gives, or nil where it has to wait.
function Channel:send(item, ending)
  if not self.senders[ending] or self.failed or not any(self.receivers) then return "closed" end
  local receiver = self.receiving[1]
  if receiver then
    self.sent, self.received = self.sent + 1, self.received + 1
    complete(receiver, "got " .. item)
    return "true"
  end
  if #self.buffer >= self.capacity then
    if not self.lossy then return nil end
    table.remove(self.buffer, 1)
    self.missed = self.missed + 1
  end
  self.sent = self.sent + 1
  self.buffer[#self.buffer + 1] = item
  return "true"
end

--- What a receive gives, or nil where it has to wait.
function Channel:receive(ending)
  if not self.receivers[ending] then return "closed" end
  local item = table.remove(self.buffer, 1)
  local sender = self.sending[1]
  if sender then
    self.sent = self.sent + 1
    if item then
      self.buffer[#self.buffer + 1] = sender.item
    else
      item = sender.item
    end
    complete(sender, "true")
  end
  if item then
    self.received = self.received + 1
    local result = "got " .. item
    if self.missed > 0 then result = result .. " missed " .. self.missed end
    self.missed = 0
    return result
  end
  if self.failed then return "raised " .. self.failed end
  if not any(self.senders) then return "closed" end
  return nil
end

function Channel:close_sender(ending)
  if not self.senders[ending] then return "false" end
  self.senders[ending] = false
  complete_all(self.sending, "closed", ending)
  if not any(self.senders) then
    complete_all(self.receiving, self.failed and "raised " .. self.failed or "closed")
  end
  return "true"
end

function Channel:close_receiver(ending)
  if not self.receivers[ending] then return "false" end
  self.receivers[ending] = false
  complete_all(self.receiving, "closed", ending)
  if not any(self.receivers) then
    self.buffer = {}
    complete_all(self.sending, "closed")
  end
  return "true"
end

function Channel:fail(err, is_sender, ending)
  local ends = is_sender and self.senders or self.receivers
  local first = ends[ending] and not self.failed and any(self.senders)
  if first then
    self.failed = err
    complete_all(self.sending, "closed")
    complete_all(self.receiving, "raised " .. err)
  end
  if is_sender then self:close_sender(ending) end
  return tostring(first)
end

function Channel:drain(most, ending)
  if not self.receivers[ending] then return "closed" end
  local items = {}
  while #items < most and (self.buffer[1] or self.sending[1]) do
    items[#items + 1] = self:receive(ending):match("^got (%d+)")
  end
  self.missed = 0
  return table.concat(items, ",")
end

function Channel:stats()
  return { buffered = #self.buffer, senders = count(self.senders),
    receivers = count(self.receivers), sent = self.sent, received = self.received,
    waiting = #self.sending + #self.receiving }
end

function Event:set()
  self.is_set = true
  complete_all(self.waiting, "true")
end

--- An operation is {kind = "send", "receive" or "wait", object =, item =, ending =}.
local function try(case)
  local object = case.object
  if case.kind == "send" then return object:send(case.item, case.ending) end
  if case.kind == "receive" then return object:receive(case.ending) end
  return object.is_set and "true" or nil
end

local function queue_of(case)
  if case.kind == "send" then return case.object.sending end
  if case.kind == "receive" then return case.object.receiving end
  return case.object.waiting
end

--- `agent` begins the operation; or, of a list of them, a select.
function model.begin(agent, operation)
  local is_select = operation.kind == nil
  local cases = is_select and operation or { operation }
  for i, case in ipairs(cases) do
    local result = try(case)
    if result then
      agent.expected = text(is_select and i, result)
      agent.pending = false
      return
    end
  end
  for i, case in ipairs(cases) do
    enqueue(queue_of(case), agent, is_select and i, case.item, case.ending)
  end
  agent.pending = true
end

--- Cancels what `agent` waits for, if that is not over.
function model.cancel(agent)
  if not agent.pending then return end
  model.withdraw(agent)
  agent.expected, agent.pending = "cancelled", false
end

return model
