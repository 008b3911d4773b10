--- actor: a task that handles what is submitted to it.
--
-- A mailbox whose one consumer is a daemon. The mailbox is closed on every way out of that, so
-- that nobody submits to an actor that has ended. A handle has the mailbox at index 1, and so
-- can be copied; the task is known only at home, by the inbox of that.

local core = require "xio.core"
local argument = require "xio.argument"
local new_mailbox = require "xio.mailbox".new

local module = {}

-- At home: inbox -> task.
local tasks = setmetatable({}, { __mode = "k" })

--- What xio.actor gives. Closed by `<close>` too. It can be sent to other threads, which submit
--- copies, close it and fail it.
---
--- ```lua
--- local total = 0
--- local actor <close> = xio.actor(function(n)
---   xio.sleep(0.01)
---   total = total + n
--- end, { name = "sum" })
--- for i = 1, 3 do actor:submit(i) end
--- print(actor:stats().buffered, actor:close()) --> 3  true
--- actor:wait()
--- print(total, actor:fail("too late"))      --> 6  false
--- ```
---@class xio.Actor
---@field floor number? of its mailbox; may be set
---@field closed boolean whether nothing can be submitted any more
---@field task xio.Task? that handles the items; at home only
local methods = {}

local actor_type = { __name = "xio.Actor", __metatable = false }

local function mailbox_of(self, name)
  if type(self) ~= "table" or debug.getmetatable(self) ~= actor_type then
    argument.bad_self(name, "xio.Actor", self)
  end
  return self[1]
end

local function run_serially(mailbox, handler)
  local _mailbox <close> = mailbox
  for item in mailbox do handler(item) end
end

-- The next item may be handled; on every way out of a handler.
local releasing = { __close = function(self) self.done:set() end }

local function run_handler(done, handler, item)
  local _release <close> = setmetatable({ done = done }, releasing)
  handler(item, function()
    if done:is_set() then return false end
    done:set()
    return true
  end)
end

local function run_concurrently(mailbox, handler, name)
  local _mailbox <close> = mailbox
  core.group({ name = name, errors = "auto" }, function(group)
    for item in mailbox do
      local done = core.event()
      group:spawn({ name = name }, run_handler, done, handler, item)
      done:wait()
    end
  end)
end

--- Submits an item. Never waits, and may be called anywhere, from any thread. Raises for nil.
---@param item any anything but nil
---@return true? submitted
---@return "closed"? why it was closed, or has ended
function methods:submit(item)
  local mailbox = mailbox_of(self, "actor:submit")
  if item == nil then argument.fail(1, "actor:submit", "any value but nil", item) end
  return mailbox:submit(item)
end

--- Nothing can be submitted any more; what was is still handled, and then the actor ends. Never
--- waits. It cannot fail.
---@return boolean first whether it was open
function methods:close()
  return mailbox_of(self, "actor:close"):close()
end

--- The same with an error: once all that was submitted has been handled, the actor fails with it,
--- and so does its group. Never waits. It cannot fail.
---@param err any
---@return boolean first whether it was open
function methods:fail(err)
  return mailbox_of(self, "actor:fail"):fail(err)
end

--- Waits until the actor has ended: after `close`, until it has handled everything. Never raises
--- its error. A checkpoint; cancelled, it raises, and the actor goes on.
function methods:wait()
  local task = tasks[mailbox_of(self, "actor:wait")[1]]
  if not task then
    argument.misuse "actor:wait: only in the thread that made the actor"
  end
  task:wait()
end

--- Those of its mailbox. Never waits or fails.
---@return table
function methods:stats()
  return mailbox_of(self, "actor:stats"):stats()
end

function actor_type.__index(self, name)
  local method = methods[name]
  if method then return method end
  if name == "floor" or name == "closed" then return self[1][name] end
  if name == "task" then return tasks[self[1][1]] end
  return nil
end

function actor_type.__newindex(self, name, value)
  if name ~= "floor" then
    argument.misuse(("actor: the field '%s' cannot be set"):format(tostring(name)))
  end
  mailbox_of(self, "actor.floor").floor = value
end

actor_type.__close = methods.close
actor_type.__eq = function(a, b) return a[1] == b[1] end
actor_type.__tostring = function(self)
  local task = self.task
  return ("actor (%s)"):format(task and task:status() or self.closed and "closed" or "open")
end

core.class("xio.actor", actor_type)

local OPTIONS = { name = true, concurrent = true, key = true, floor = true, gate = true }

--- Makes an actor: `handler(item)` is called for each item that is submitted, in a task of its
--- own, which is a daemon of the innermost group: it ends with that at the latest, and what it
--- has not handled by then is not handled. `close` and then `wait` for it before, where that
--- matters.
---
--- It handles one item at a time. With `concurrent`, `handler(item, release)` is called in a
--- task for each item, and the next one may begin once it has called `release()`, or has ended;
--- the actor ends when all of them have. `release` tells whether it was called first.
---
--- An error of the handler ends the actor and fails that group; so does one of the functions of
--- its mailbox (`key`, `gate`), whose options are taken too; see xio.mailbox. The actor's mailbox
--- is closed then.
---
--- Raises outside of a run. Not a checkpoint.
---@param handler fun(item: any, release?: fun(): boolean)
---@param options? {name?: string, concurrent?: boolean, key?: (fun(item: any): number),
---  floor?: number, gate?: fun(item: any): any}
---@return xio.Actor
function module.actor(handler, options)
  argument.check_callable(handler, 1, "xio.actor")
  argument.check_options(options, OPTIONS, 2, "xio.actor")
  options = options or {}
  if options.name ~= nil and type(options.name) ~= "string" then
    argument.misuse(("bad argument #2 to 'xio.actor' (option 'name': string expected, got %s)")
      :format(type(options.name)))
  end
  local mailbox = new_mailbox(options, 2, "xio.actor")
  local name = options.name or argument.name_of(handler)
  local run = options.concurrent and run_concurrently or run_serially
  tasks[mailbox[1]] = core.spawn_innermost("xio.actor", { name = name, daemon = true }, run,
    mailbox, handler, name)
  return setmetatable({ mailbox }, actor_type)
end

return module
