--- mailbox: items from anybody to one consumer, in an order of the consumer's choice.
--
-- What is submitted arrives in a queue. The consumer takes it from there, in its own task: the
-- gate sees each arrival, the key function tells its rank, and it goes to its place in the
-- heap; or, where the consumer was waiting for it, to the consumer. So these functions run in
-- the Lua state that made the mailbox, in the task that receives, and never in that of who
-- submits.
--
-- A handle is a table with an inbox (csrc/lua/mailbox.c) at index 1, which crosses to other
-- threads. The box, with all else, is found by the inbox, and is only at home: in the state
-- that made the mailbox. What is submitted there goes into the box as it is; what comes from
-- other threads waits in the inbox as a copy. Both have numbers of one order.
--
-- The inbox is pending, or has something, or is closed, exactly while the consumer need not
-- wait: something has arrived that was not looked at, or something in the heap is above the
-- floor. An item leaves the arrivals only when there is room for it in the heap, so that none
-- is lost where memory is out.

local core = require "xio.core"
local argument = require "xio.argument"
local failure = require "xio.failure"

local module = {}

-- At home: inbox -> box.
local boxes = setmetatable({}, { __mode = "k" })

-- -- the heap ---------------------------------------------------------------------------

-- Three arrays of the same length: the highest key first, and of equal keys the one that
-- came first. A place is reserved before it is used, which then takes no memory.

local function new_heap()
  return { count = 0, came = 0, keys = {}, orders = {}, items = {} }
end

local function reserve(heap)
  local place = heap.count + 1
  if heap.items[place] ~= nil then return end
  heap.keys[place], heap.orders[place], heap.items[place] = false, false, false
end

local function put(heap, place, key, order, item)
  heap.keys[place], heap.orders[place], heap.items[place] = key, order, item
end

local function goes_before(heap, a, key, order)
  local other = heap.keys[a]
  return other > key or other == key and heap.orders[a] < order
end

local function push(heap, key, item)
  local order = heap.came + 1
  heap.came = order
  heap.count = heap.count + 1
  local place = heap.count
  while place > 1 do
    local parent = place // 2
    if goes_before(heap, parent, key, order) then break end
    put(heap, place, heap.keys[parent], heap.orders[parent], heap.items[parent])
    place = parent
  end
  put(heap, place, key, order, item)
end

local function pop(heap)
  local item, count = heap.items[1], heap.count
  local key, order, last = heap.keys[count], heap.orders[count], heap.items[count]
  put(heap, count, false, false, false)
  count = count - 1
  heap.count = count
  local place = 1
  while 2 * place <= count do
    local child = 2 * place
    if child < count and not goes_before(heap, child, heap.keys[child + 1],
      heap.orders[child + 1]) then
      child = child + 1
    end
    if not goes_before(heap, child, key, order) then break end
    put(heap, place, heap.keys[child], heap.orders[child], heap.items[child])
    place = child
  end
  if count > 0 then put(heap, place, key, order, last) end
  return item
end

-- -- arrivals ---------------------------------------------------------------------------

local function arrive(box, item, order)
  local last = box.last + 1
  box.orders[last] = order
  box.arrivals[last] = item
  box.last = last
end

local function next_at_home(box)
  local first = box.first
  local item = box.arrivals[first]
  box.arrivals[first], box.orders[first] = nil, nil
  if first == box.last then
    box.first, box.last = 1, 0
  else
    box.first = first + 1
  end
  return item
end

-- What came first, of both kinds; nil where nothing is left.
local function next_arrival(box)
  local elsewhere = core.inbox_first(box.inbox)
  if elsewhere ~= 0 and (box.last == 0 or elsewhere < box.orders[box.first]) then
    return core.inbox_take(box.inbox)
  elseif box.last > 0 then
    return next_at_home(box)
  end
  return nil
end

-- Calls a function of the program that may not wait.
local function call(f, item)
  if core.in_task() then return core.atomic(f, item) end
  return f(item)
end

local function key_of(box, item)
  if not box.key then return 0 end
  local key = call(box.key, item)
  if type(key) ~= "number" or key ~= key then
    argument.misuse(("xio.mailbox: the function 'key' has to give a number, and gave %s")
      :format(type(key) == "number" and "NaN" or type(key)))
  end
  return key
end

local function is_held(box, key)
  return box.floor ~= nil and key <= box.floor and not box.over
end

-- Looks at what has arrived. Where `direct`, the first item that need not be held back is
-- returned, and what came after it is left for the next time; the others go to the heap.
local function sort_arrivals(box, direct)
  local heap = box.heap
  while true do
    reserve(heap)
    local item = next_arrival(box)
    if item == nil then return nil end
    if not box.gate or call(box.gate, item) ~= false then
      local key = key_of(box, item)
      if direct and not is_held(box, key) then return item end
      push(heap, key, item)
    end
  end
end

local function has_item(box)
  return box.heap.count > 0 and not is_held(box, box.heap.keys[1])
end

-- The floor does not hold back what it did: who waits gets that first, in its order.
local function note_lowered(box)
  if has_item(box) then box.lowered = true end
end

-- Says whether the consumer need not wait.
local function tell_pending(box)
  core.inbox_pending(box.inbox, box.last > 0 or has_item(box))
end

-- On every way out of a look at the arrivals: their functions may raise.
local teller = { __close = function(self) tell_pending(self.box) end }

-- Sees whether another thread has closed the mailbox.
local function look_whether_over(box)
  if box.over then return end
  local closed, failed = core.inbox_closed(box.inbox)
  if not closed then return end
  box.over, box.failed_elsewhere = true, failed
  note_lowered(box)
end

-- The next item, or nil. Where `waited`, the consumer waited for what has arrived.
local function take(box, waited)
  local _teller <close> = box.teller
  look_whether_over(box)
  local item
  if not box.key and box.heap.count == 0 and not box.gate then
    item = next_arrival(box)
  else
    item = sort_arrivals(box, waited and not box.lowered)
    if item == nil and has_item(box) then item = pop(box.heap) end
  end
  if item ~= nil then box.received = box.received + 1 end
  return item
end

-- -- mailboxes --------------------------------------------------------------------------

--- What xio.mailbox gives. It can be called for the next item, and so iterated over. Closed by
--- `<close>` too.
---
--- ```lua
--- local mailbox <close> = xio.mailbox { key = function(item) return item end }
--- for _, n in ipairs { 2, 9, 5, 7, 1 } do mailbox:submit(n) end
--- print(mailbox:recv(), mailbox:try_recv()) --> 9  7
--- mailbox.floor = 2                         -- holds back 2 and 1
--- print(mailbox:recv(), mailbox:stats().held) --> 5  2
--- print(table.concat(mailbox:drain(), " "))  --> 2 1
--- print(mailbox:fail("no more"), mailbox:close(), mailbox:submit(3)) --> true  false  nil  closed
--- ```
---@class xio.Mailbox
---@operator call: any
---@field floor number? items whose key is at or below it are held back; may be set
---@field closed boolean whether nothing can be submitted any more
local methods = {}

local mailbox_type = { __name = "xio.Mailbox" }

local function inbox_of(self, name)
  if type(self) ~= "table" or debug.getmetatable(self) ~= mailbox_type then
    argument.bad_self(name, "xio.Mailbox", self)
  end
  return self[1]
end

-- For what can be done only at home.
local function box_of(self, name)
  local box = boxes[inbox_of(self, name)]
  if not box then
    argument.misuse(("%s: only the thread that made the mailbox receives from it")
      :format(name))
  end
  return box
end

-- Submits a value; false where the mailbox is closed. The box gets room before.
local function submit(inbox, item, name)
  local box = boxes[inbox]
  if not box then return core.inbox_post(inbox, item, name) end
  local place = box.last + 1
  box.arrivals[place], box.orders[place] = false, false
  local order = core.inbox_submit(inbox)
  if order then
    arrive(box, item, order)
    return true
  end
  box.arrivals[place], box.orders[place] = nil, nil
  return false
end

--- Submits an item. Never waits, may be called anywhere, also outside of a run, and from any
--- thread; from another one a copy is submitted. Raises for nil, and for what cannot be copied.
---@param item any anything but nil
---@return true? submitted
---@return "closed"? why
function methods:submit(item)
  local inbox = inbox_of(self, "mailbox:submit")
  if item == nil then argument.fail(1, "mailbox:submit", "any value but nil", item) end
  if submit(inbox, item, "mailbox:submit") then return true end
  return nil, "closed"
end

-- What a mailbox without items gives at its end.
local function ended(box)
  if box.failed_elsewhere then
    box.err = core.inbox_failure(box.inbox)
    box.failed_elsewhere, box.failed = false, true
  end
  if box.failed then core.rethrow(box.err) end
  return nil, "closed"
end

-- Says that nobody receives any more.
local receiving = { __close = function(self) self.box.consumer = false end }

local function await_item(box)
  local _receiving <close> = box.receiving
  while true do
    local waited = not core.inbox_ready(box.inbox)
    box.lowered = false
    core.inbox_wait(box.inbox)
    local item = take(box, waited)
    if item ~= nil then return item end
    if box.over then return ended(box) end
  end
end

--- Waits for the next item: of those that are here the one with the highest key, and of equal
--- keys the one that came first. Where it has to wait, it gets the next item that comes, before
--- any order applies.
---
--- Raises what the functions `gate` and `key` raise, and the item that they raised it for is
--- gone; after the last item, the error of a mailbox that has failed. Raises where another task
--- is receiving: a mailbox has one consumer. A checkpoint; cancelled, it raises, and no item is
--- lost. In a thread without a loop it blocks.
---@return any item nil at the end
---@return "closed"? why
function methods:recv()
  local box = box_of(self, "mailbox:recv")
  if box.consumer then
    argument.misuse("mailbox:recv: another task is receiving; a mailbox has one consumer")
  end
  box.consumer = true
  return await_item(box)
end

--- Takes the next item if there is one; never waits, and may be called anywhere. Raises what
--- `gate` raises.
---@return any item
---@return "empty"|"closed"|nil why
function methods:try_recv()
  local box = box_of(self, "mailbox:try_recv")
  if box.consumer then
    argument.misuse("mailbox:try_recv: another task is receiving; a mailbox has one consumer")
  end
  local item = take(box, false)
  if item ~= nil then return item end
  if box.over then return ended(box) end
  return nil, "empty"
end

--- Takes all items that are here, those that the floor holds back too, in their order. Never
--- waits, and may be called anywhere. Raises for a negative count.
---@param n? integer at most so many
---@return any[] items
function methods:drain(n)
  local box = box_of(self, "mailbox:drain")
  if n ~= nil and (math.type(n) ~= "integer" or n < 0) and n ~= math.huge then
    argument.fail(1, "mailbox:drain", "integer of at least 0", n)
  end
  local _teller <close> = box.teller
  look_whether_over(box)
  sort_arrivals(box, false)
  local count = math.min(n or math.huge, box.heap.count)
  local items = {}
  for i = 1, count do items[i] = false end -- from here on nothing takes memory
  for i = 1, count do items[i] = pop(box.heap) end
  box.received = box.received + count
  return items
end

-- Closes it; at home that has failed with `err`, where `failed`.
local function close(inbox, failed, err)
  local box = boxes[inbox]
  if not box then return core.inbox_close(inbox, err) end
  if not core.inbox_close(inbox) then return false end
  box.over, box.failed, box.err = true, failed, err
  note_lowered(box)
  return true
end

--- Nothing can be submitted any more. What was submitted is received, also what the floor held
--- back; then `recv` gives nil, "closed". Never waits; from any thread. It cannot fail.
---@return boolean first whether it was open
function methods:close()
  return close(inbox_of(self, "mailbox:close"), false, nil)
end

--- The same with an error, which `recv` raises once it has given what was submitted before. nil
--- becomes an error that says so. From another thread a copy of the error is raised, with its
--- trace. Never waits.
---@param err any
---@return boolean first whether it was open
function methods:fail(err)
  local inbox = inbox_of(self, "mailbox:fail")
  if err == nil then
    err = failure.make("ENIL", "a mailbox was failed with the value nil", "fail")
  end
  return close(inbox, true, err)
end

--- `{waiting =, buffered =, held =, sent =, received =}`: tasks that wait for an item; items that
--- are here, and how many of them the floor holds back; those submitted so far, and those
--- received. What the gate has consumed was neither received nor is it here. At home only. Never
--- waits or fails.
---@return table
function methods:stats()
  local box = box_of(self, "mailbox:stats")
  local arrived, submitted = core.inbox_count(box.inbox)
  if box.last > 0 then arrived = arrived + box.last - box.first + 1 end
  local held = 0
  for place = 1, box.heap.count do
    if is_held(box, box.heap.keys[place]) then held = held + 1 end
  end
  return { waiting = box.consumer and 1 or 0, buffered = arrived + box.heap.count, held = held,
    sent = submitted, received = box.received }
end

local function check_floor(floor, index, name)
  if floor ~= nil and (type(floor) ~= "number" or floor ~= floor) then
    argument.fail(index, name, "number", floor)
  end
end

function mailbox_type.__index(self, name)
  local method = methods[name]
  if method then return method end
  if name == "closed" then return (core.inbox_closed(self[1])) end
  if name == "floor" then return box_of(self, "mailbox.floor").floor end
  return nil
end

function mailbox_type.__newindex(self, name, value)
  if name ~= "floor" then
    argument.misuse(("mailbox: the field '%s' cannot be set"):format(tostring(name)))
  end
  local box = box_of(self, "mailbox.floor")
  check_floor(value, 1, "mailbox.floor")
  if not box.key then argument.misuse("mailbox.floor: the mailbox has no function 'key'") end
  box.floor = value
  note_lowered(box)
  tell_pending(box)
end

mailbox_type.__metatable = false
mailbox_type.__call = function(self) return (methods.recv(self)) end
mailbox_type.__close = methods.close
mailbox_type.__eq = function(a, b) return rawequal(a[1], b[1]) end
mailbox_type.__tostring = function(self)
  return ("mailbox (%s)"):format(core.inbox_closed(self[1]) and "closed" or "open")
end

-- Handles can be copied: the inbox crosses.
core.class("xio.mailbox", mailbox_type)

local function check_options(options, index, name)
  for _, field in ipairs { "key", "gate" } do
    if options[field] ~= nil and not argument.callable(options[field]) then
      argument.misuse(("bad argument #%d to '%s' (option '%s': function expected, got %s)")
        :format(index, name, field, type(options[field])))
    end
  end
  if options.floor ~= nil then
    if type(options.floor) ~= "number" or options.floor ~= options.floor then
      argument.misuse(("bad argument #%d to '%s' (option 'floor': number expected, got %s)")
        :format(index, name, type(options.floor)))
    elseif not options.key then
      argument.misuse(("bad argument #%d to '%s' (option 'floor' needs the option 'key')")
        :format(index, name))
    end
  end
end

--- Makes a mailbox with checked options. `index` and `name` are of the caller's argument.
local function new_mailbox(options, index, name)
  check_options(options, index, name)
  local inbox = core.inbox()
  local box = { inbox = inbox, arrivals = {}, orders = {}, first = 1, last = 0,
    heap = new_heap(), key = options.key or false, gate = options.gate or false,
    floor = options.floor, over = false, failed = false, failed_elsewhere = false, err = false,
    consumer = false, lowered = false, received = 0, teller = false, receiving = false }
  box.teller = setmetatable({ box = box }, teller)
  box.receiving = setmetatable({ box = box }, receiving)
  boxes[inbox] = box
  return setmetatable({ inbox }, mailbox_type)
end

local OPTIONS = { key = true, floor = true, gate = true }

--- Makes a mailbox: anybody submits, and one consumer at a time receives.
---
--- Options: `key(item)` gives a number by which items are ordered, the highest first, and those
--- with equal numbers in the order in which they came; without it that is the order of all.
--- `floor`, a number: items whose key is at or below it are held back until it is set lower, or
--- to nil, or the mailbox is closed. `gate(item)` sees every item, in the order in which they
--- came; where it gives false, it has consumed the item, which is not received. Both functions
--- run in the task that receives, and may not wait.
---
--- The mailbox belongs to the thread that made it: only there it is received from. It can be
--- sent to other threads, which submit copies, close it and fail it. When that thread has
--- ended, or has no handle any more, it is closed.
---
--- May be made and used outside of a run. Not a checkpoint. Raises for wrong options.
---@param options? {key?: (fun(item: any): number), floor?: number, gate?: fun(item: any): any}
---@return xio.Mailbox
function module.mailbox(options)
  argument.check_options(options, OPTIONS, 1, "xio.mailbox")
  return new_mailbox(options or {}, 1, "xio.mailbox")
end

-- For xio.actor, whose options have these among them.
module.new = new_mailbox

return module
