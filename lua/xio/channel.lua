--- channel: functions as receivers, and one sender for many receivers.
--
-- Channels themselves are in the C module (csrc/lua/channel.c). A producer is a task that
-- sends into a channel without buffer; a broadcast hub has a lossy channel for each of its
-- receivers. Loop's thread.

local core = require "xio.core"
local argument = require "xio.argument"
local failure = require "xio.failure"

local module = {}

-- -- producer ---------------------------------------------------------------------------

local producer = { __name = "xio.Producer" }

--- What xio.producer gives. It can be called for the next value, and so iterated over.
---
--- ```lua
--- local numbers <close> = xio.producer(function(send)
---   for i = 1, 3 do send(i) end
--- end)
--- print(numbers:recv(), numbers:recv(), numbers:stats().waiting) --> 1  2  0
--- print(numbers:try_recv() or "not there yet", numbers:close()) --> not there yet  true
--- ```
---@class xio.Producer
---@operator call: any
local methods = {}

-- Raises unless `self` is an object of the class; `name` is the method.
local function check(self, class, name)
  if debug.getmetatable(self) ~= class then argument.bad_self(name, class.__name, self) end
end

-- With it as its state a `for` loop shows that it has the closing value too.
local LOOP <const> = {}

local function call(_, f, send, ...)
  f(send, ...)
end

-- The body of the producing task. It knows `life`, what there is to say about the producer, but
-- not the producer itself: where that was dropped, its receiver is collected and so closed.
local function produce(life, f, ...)
  local ok, err = pcall(core.group, call, f, life.send, ...)
  if ok or (life.over and core.is_cancelled(err)) then
    life.tx:close()
    return
  end
  if core.is_cancelled(err) then -- for who receives; at the end of the loop it is no error
    life.cut = true
    err = failure.make("ECANCELED", "xio.producer: the producer was cancelled", "producer")
  end
  life.failed, life.err = true, err
  life.told = life.tx:stats().waiting > 0
  life.tx:fail(err)
end

-- What `f` sends with. Nobody receives any more: the producer is cancelled.
local function new_send(life)
  local tx = life.tx
  return function(value)
    local sent, why = tx:send(value)
    if sent then return true end
    life.over = true
    life.task:cancel("nobody receives what the producer sends")
    core.checkpoint()
    return sent, why
  end
end

-- In a loop the producer belongs to the loop, so that deadlines and shields around that hold
-- for it; otherwise to the innermost group, which does not wait for it to end by itself.
local function begin(self, is_loop)
  local life, f, arguments = self.life, self.f, self.arguments
  local options = { name = argument.name_of(f), daemon = not is_loop }
  self.arguments, self.f = false, false
  if is_loop then
    self.region = core.open_region("xio.producer")
    life.task = self.region:spawn(options, produce, life, f,
      table.unpack(arguments, 1, arguments.n))
  else
    life.task = core.spawn_innermost("xio.producer", options, produce, life, f,
      table.unpack(arguments, 1, arguments.n))
  end
end

-- The receiver, for an operation that the caller is about to begin.
local function receiver_of(self, is_loop)
  if self.arguments then begin(self, is_loop) end
  if self.life.failed then self.life.told = true end
  return self.rx
end

--- Waits for the next value. Raises the error of the function. A checkpoint; cancelled, it raises,
--- and no value is lost.
---@return any value nil at the end
---@return "closed"? why
function methods:recv()
  check(self, producer, "producer:recv")
  return receiver_of(self):recv()
end

--- Takes the next value if there is one; never waits. It cannot fail.
---@return any value
---@return "empty"|"closed"|nil why
function methods:try_recv()
  check(self, producer, "producer:try_recv")
  return receiver_of(self):try_recv()
end

--- Those of the channel behind it. Never waits or fails.
---@return xio.ChannelStats
function methods:stats()
  check(self, producer, "producer:stats")
  return self.rx:stats()
end

-- The producer is cancelled, and has ended.
local function finish(self)
  local task = self.life.task
  self.arguments, self.f = false, false
  if self.region then
    if not core.end_region(self.region) then
      error("xio.producer: the loop ends while a scope or group that was opened in it is "
        .. "still open", 0)
    end
  elseif task then
    task:cancel()
    core.shield(task.wait, task)
  end
end

-- An error of the consumer and one of the producer, as one.
local function both(first, second)
  return setmetatable({ errors = { first, second } }, core.types.ErrorGroup)
end

-- Ends the producer. Its error, unless somebody was told of it already, joins the one in
-- flight.
local function close(self, in_flight)
  if self.closed then return false end
  local life = self.life
  self.closed, life.over = true, true
  self.rx:close() -- what it does to clean up does not wait for a receiver
  finish(self)
  if not life.failed or life.told or life.cut then return true end
  life.told = true
  if in_flight == nil or core.is_cancelled(in_flight) then core.rethrow(life.err) end
  error(both(in_flight, life.err), 0)
end

--- Cancels the function, and waits until it has ended, with cancellation hidden. Raises the error
--- of the function, if nobody was told of it. Not a checkpoint: it waits with cancellation
--- hidden.
---@return boolean first whether it was open
function methods:close()
  check(self, producer, "producer:close")
  return close(self)
end

producer.__index = methods
producer.__close = close
producer.__call = function(self, state) return (receiver_of(self, state == LOOP):recv()) end
producer.__select = function(self) return receiver_of(self) end
producer.__tostring = function(self)
  return ("producer (%s)"):format(self.closed and "closed"
    or self.life.task and self.life.task:status() or "not begun")
end

--- Runs `f(send, ...)` in a task of its own, and gives what it sends as a receiver:
--- `for value in xio.producer(f, ...) do`.
---
--- `f` begins to run with the first value that is asked for, and is never ahead by more than
--- one: `send(value)`, a checkpoint, returns true once the value is received. Leaving the
--- loop, in whatever way, cancels `f`, and it has ended, cleanup included, before the loop is
--- over. The loop's body is inside the group of `f`.
---
--- Outside of a loop the same value has `recv`, `try_recv`, `stats` and `close`, can be a
--- case of xio.select, and `local values <close> = xio.producer(f)` ends it; `f` then is a
--- daemon of the innermost group.
---
--- Errors: one of `f` is raised by the next step, after the values sent before; one that
--- nobody was told of is raised by the end of the loop, and together with an error that ends
--- the loop it makes an xio.ErrorGroup of both. Each step is a checkpoint; cancelled, it
--- raises, and no value is lost.
---
--- ```lua
--- for line in xio.producer(function(send) send("first"); send("second") end) do
---   print(line)
--- end                                       --> first
---                                           --> second
--- ```
---@param f fun(send: fun(value: any): true, ...: any)
---@param ... any further arguments for `f`
---@return xio.Producer
---@return table state of the loop
---@return nil
---@return xio.Producer closing
function module.producer(f, ...)
  argument.check_callable(f, 1, "xio.producer")
  local tx, rx = core.channel()
  -- all fields are there from the beginning: to set one later takes no memory
  local life = { tx = tx, send = false, task = false, over = false, failed = false, err = false,
    told = false, cut = false }
  life.send = new_send(life)
  local self = setmetatable({ f = f, arguments = table.pack(...), rx = rx, life = life,
    region = false, closed = false }, producer)
  return self, LOOP, nil, self
end

-- -- broadcast --------------------------------------------------------------------------

--- What xio.broadcast gives. Closed by `<close>` too.
---
--- ```lua
--- local hub <close> = xio.broadcast(2)      -- each may lag two items behind
--- local fast, slow = hub:subscribe(), hub:subscribe()
--- for i = 1, 3 do hub:send(i); fast:recv() end
--- print(slow:recv())                        --> 2  1
--- print(hub:stats().receivers, hub:close()) --> 2  true
--- ```
---@class xio.Hub
local hub = { __name = "xio.Hub" }
hub.__index = hub

--- Sends `value` to all present receivers. Those that are full lose their oldest item for it.
---
--- Raises for nil. Not a checkpoint: it never waits.
---@param value any anything but nil
---@return true? sent
---@return "closed"? why the hub was closed
function hub:send(value)
  check(self, hub, "hub:send")
  if value == nil then argument.fail(1, "hub:send", "any value but nil", value) end
  if self.closed then return nil, "closed" end
  local senders, kept = self.senders, 0
  for i = 1, #senders do
    local sender = senders[i]
    if sender:try_send(value) then
      kept = kept + 1
      senders[kept] = sender
    else -- its receiver is closed
      sender:close()
    end
  end
  for i = #senders, kept + 1, -1 do senders[i] = nil end
  self.sent = self.sent + 1
  return true
end

--- A receiver of everything that is sent from now on. It is a receiver like that of a channel,
--- but where it is slow it loses the oldest items: `recv`, and the loop over it, give the item
--- and how many were lost just before it, or nil when none were. Never waits or fails.
---@return xio.Receiver? receiver
---@return "closed"? why the hub was closed
function hub:subscribe()
  check(self, hub, "hub:subscribe")
  if self.closed then return nil, "closed" end
  local sender, receiver = core.lossy_channel(self.capacity)
  self.senders[#self.senders + 1] = sender
  return receiver
end

--- Ends the receivers, once each has received what was sent. Returns whether it was open. Never
--- waits or fails.
---@return boolean first
function hub:close()
  check(self, hub, "hub:close")
  if self.closed then return false end
  self.closed = true
  local senders = self.senders
  self.senders = {}
  for _, sender in ipairs(senders) do sender:close() end
  return true
end

--- `{capacity =, receivers =, sent =, buffered =, waiting =}`: the receivers that are open, the
--- values sent, the items that wait for them in all, and the tasks that wait for one. Never waits
--- or fails.
---@return table
function hub:stats()
  check(self, hub, "hub:stats")
  local stats = { capacity = self.capacity, receivers = 0, sent = self.sent, buffered = 0,
    waiting = 0 }
  for _, sender in ipairs(self.senders) do
    local of = sender:stats()
    if of.receivers > 0 then stats.receivers = stats.receivers + 1 end
    stats.buffered = stats.buffered + of.buffered
    stats.waiting = stats.waiting + of.waiting
  end
  return stats
end

hub.__close = hub.close
hub.__tostring = function(self)
  return ("hub (%s)"):format(self.closed and "closed" or #self.senders .. " receivers")
end

--- Makes a hub: what is sent to it, every receiver gets.
---
--- Raises unless `capacity` is an integer of at least 1, or math.huge. May be made and used
--- outside of a run. Not a checkpoint.
---@param capacity integer|number items that each receiver may lag behind
---@return xio.Hub
function module.broadcast(capacity)
  local exact = capacity == math.huge and capacity or math.tointeger(capacity)
  if type(capacity) ~= "number" or not exact or exact < 1 then
    error(("bad argument #1 to 'xio.broadcast' (integer of at least 1, or math.huge, "
      .. "expected, got %s)"):format(tostring(capacity)), 2)
  end
  return setmetatable({ capacity = exact, senders = {}, sent = 0, closed = false }, hub)
end

return module
