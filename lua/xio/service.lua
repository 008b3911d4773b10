--- service: supervised threads, which end with the run at the latest.
--
-- A service is a handle, a table that can be copied, and at home, in the Lua state that made
-- it, a record. The handle has what every thread may use: two replies, `boot`, which the thread
-- settles with its portal as soon as it can be called, and `ready`, which `started` settles; and
-- the close scope, which asks the service to stop and tells that it has ended.
--
-- At home a run that starts a service gets a keeper: a daemon that owns one task for each
-- service, the supervisor, which waits for the thread. The keeper hides the end of the run
-- from them, stops them one by one, the last one first, and raises what nobody was told of.
-- What it hides it learns from a second daemon, the watcher. docs/decisions/0042 tells why.

local core = require "xio.core"
local argument = require "xio.argument"
local failure = require "xio.failure"
local thread = require "xio.thread"
local new_portal = require "xio.portal".portal
local new_close_scope = core.close_scope

local module = {}

-- At home: the handle's `boot` -> record.
local records = setmetatable({}, { __mode = "k" })

-- -- the keeper of a run ----------------------------------------------------------------

local keepers = {} -- run -> keeper

-- What nobody was told of, once all have ended.
local function unheard(keeper)
  local errors = {}
  for _, record in ipairs(keeper.records) do
    if record.failed and not record.heard then errors[#errors + 1] = record.err end
  end
  return errors
end

-- The one started last that has not ended; others may end, and leave the list, meanwhile.
local function last_alive(list)
  for i = #list, 1, -1 do
    if not list[i].over:is_set() then return list[i] end
  end
  return nil
end

local function stop_all(keeper)
  for record in last_alive, keeper.records do
    record.handle:stop "shutdown"
    record.over:wait()
  end
end

-- A keeper that has ended, also where that was for want of memory.
local keeper_end = { __close = function(self)
  local keeper = self.keeper
  if keepers[keeper.run] == keeper then keepers[keeper.run] = nil end
  keeper.group = false
  keeper.opened:set()
end }

local function keep(keeper)
  local _end <close> = setmetatable({ keeper = keeper }, keeper_end)
  core.new_scope({ shield = true }):run(function()
    core.group({ name = "xio.service" }, function(group)
      keeper.group = group
      keeper.opened:set()
      keeper.watcher:wait()
      stop_all(keeper)
    end)
  end)
  local errors = unheard(keeper)
  if #errors == 1 then core.rethrow(errors[1]) end
  if #errors > 1 then
    error(setmetatable({ errors = errors }, core.types.ErrorGroup), 0)
  end
end

local LIVE = { ready = true, running = true, waiting = true }

-- The keeper of the running run; nil where that is ending.
local function keeper_of_run()
  local run = core.run_key()
  local keeper = keepers[run]
  if keeper and LIVE[keeper.task:status()] then
    return LIVE[keeper.watcher:status()] and keeper or nil
  end
  keeper = { run = run, records = {}, watcher = false, opened = core.event(),
    group = false, task = false }
  -- sees the end of the run, as the first; also where there is no memory for it to begin
  keeper.watcher = core.spawn({ name = "xio.service", daemon = true }, core.sleep_forever)
  keeper.task = core.spawn({ name = "xio.service", daemon = true }, keep, keeper)
  keepers[run] = keeper
  keeper.opened:wait()
  return keeper.group and keeper
end

-- -- the life of one --------------------------------------------------------------------

-- There is nothing to raise at the end of the run any more.
local function forget(record)
  local list = record.keeper.records
  for i = #list, 1, -1 do
    if list[i] == record then
      table.remove(list, i)
      return
    end
  end
end

-- In the thread: the main task of the run that the service's function has for itself. The end
-- of that run is the end of its portal.
local function main(handle, f, ...)
  core.thread_heed() -- it may have been stopped before the run began
  handle.boot:set(new_portal())
  f(handle, ...)
end

-- The first function in the thread; a field, so that it need not be copied there.
function module.enter(handle, has_loop, f, ...)
  if has_loop then
    core.run({ signals = false, name = handle.name }, main, handle, f, ...)
  else
    handle.boot:set(false)
    f(handle, ...)
  end
end

local function ended_early(record)
  return failure.make("ECLOSED", ("%s has ended, and has not called started()")
    :format(record.title), "started")
end

-- The thread has ended: tells everybody.
local function conclude(record, failed, err)
  local handle = record.handle
  local scope = handle.close_scope
  if not failed and scope.failed then failed, err = true, scope.error end
  record.failed, record.err = failed, err
  local why = err
  if not failed then why = ended_early(record) end
  handle.boot:fail(why)
  handle.ready:fail(why)
  if failed then scope:fail(err) else scope:close "ended" end
  if not failed then forget(record) end
  record.over:set()
end

-- Whoever closes the close scope, in any thread, asks the service to stop.
local function await_close(record)
  local scope = record.handle.close_scope
  scope:wait()
  record.scope:cancel(scope.reason)
end

local PLAIN <const> = 4 -- for core.thread_begin: without a loop; interrupted when cancelled

-- Runs its function in a thread without a loop, and waits for that.
local function run_plainly(pool, record, args)
  local job <close> = core.thread_begin("service:start", pool._pool, PLAIN, module.enter,
    record.handle, false, record.f, table.unpack(args, 1, args.n))
  repeat until not core.thread_wait(job)
  return core.thread_results(job)
end

-- Whether a service that was asked to stop has ended by saying so: by `raise_if_closed`.
local function is_stop(record, err)
  return record.handle.close_scope.closed and type(err) == "table" and err.code == "ECLOSED"
    and err.op == "close_scope"
end

-- Whatever comes between, nobody is left waiting for a service. Takes no memory.
local supervisor_end = { __close = function(self)
  local record = self.record
  local handle = record.handle
  handle.boot:cancel()
  handle.ready:cancel()
  record.over:set()
end }

local function supervise(record)
  local _end <close> = record.ending
  local ok, err
  local args = record.args
  local pool = thread.pool(1)
  local function run()
    if record.has_loop then
      return pool:run(module.enter, record.handle, true, record.f, table.unpack(args, 1, args.n))
    end
    return run_plainly(pool, record, args)
  end
  core.group({ name = record.title }, function(group)
    group:spawn({ name = record.title, daemon = true }, await_close, record)
    local scope = record.scope
    ok, err = pcall(scope.run, scope, run)
  end)
  conclude(record, not ok and not core.is_cancelled(err) and not is_stop(record, err), err)
end

-- -- services ---------------------------------------------------------------------------

--- What xio.service gives. It can be sent to other threads, which then may use all but `start`
--- and `join`; the function of the service gets it as its first argument.
---
--- ```lua
--- local service = xio.service { name = "adder", run = function(self, start)
---   sum = start                             -- a global of that thread
---   self:started("ready")
---   require("xio").sleep_forever()
--- end, args = { 10 } }
--- print(service:start():wait_started())     --> ready
--- service:call_soon(function(n) sum = sum + n end, 5)
--- print(service:call_sync(function() return sum end)) --> 15
--- print(service:submit(function() return sum * 2 end):await()) --> 30
--- print(service:stop("enough"), service:join()) --> true  true
--- ```
---@class xio.Service
---@field name string
---@field close_scope xio.CloseScope closing it asks the service to stop; it closes when the
---  service has ended, and fails where that has failed
local methods = {}

local service_type = { __name = "xio.Service", __index = methods }

local function check(self, name)
  if type(self) ~= "table" or debug.getmetatable(self) ~= service_type then
    argument.bad_self(name, "xio.Service", self)
  end
  return self
end

-- The record of a service that was started here.
local function record_of(self, name)
  local record = records[check(self, name).boot]
  if not record then
    argument.misuse(("%s: only in the thread that made the service"):format(name))
  end
  return record
end

local function started_record(self, name)
  local record = record_of(self, name)
  if not record.keeper then
    argument.misuse(("%s: the service was not started: call service:start first"):format(name))
  end
  return record
end

-- Somebody was told how it has ended.
local function hear(record)
  record.heard = true
  if record.over:is_set() then forget(record) end
end

-- Raises unless `timeout`, the one argument of `name`, is nil or a number of seconds.
local function check_timeout(timeout, name)
  if timeout ~= nil and (type(timeout) ~= "number" or timeout ~= timeout) then
    argument.fail(1, name, "number", timeout)
  end
end

local function timed_out(name)
  return nil, failure.make("ETIMEDOUT", name .. ": timed out", name:match "[%w_]*$"),
    "ETIMEDOUT"
end

-- What the reply is settled with. Its own timeout would end it for all others.
local function await_within(reply, timeout, name)
  check_timeout(timeout, name)
  if timeout == nil or reply.done then return reply:await() end
  local results = table.pack(core.move_on_after(timeout, reply.await, reply))
  if not results[1] then return timed_out(name) end
  return table.unpack(results, 2, results.n)
end

-- The portal into the service's loop.
local function portal_of(self, name)
  local record = records[check(self, name).boot]
  if record and not record.keeper then
    argument.misuse(("%s: the service was not started: call service:start first"):format(name))
  end
  if record and record.over:is_set() then
    error(failure.make("ECLOSED", name .. ": the service has ended", name:match "[%w_]*$"), 0)
  end
  local portal = self.boot:await()
  if not portal then argument.misuse(("%s: the service has no loop"):format(name)) end
  return portal
end

--- Starts the thread, and returns when it is there; the function of the service begins to run.
--- A service is started once.
---
--- Raises where no thread can be had, where the function or an argument cannot be copied, and
--- when the run is ending. A checkpoint; cancelled, it raises, and nothing was started.
---@return xio.Service self
function methods:start()
  local record = record_of(self, "service:start")
  core.enter("service:start")
  if record.keeper then
    argument.misuse("service:start: the service was started before: make another")
  end
  local args = record.args
  core.check_copy("service:start", record.f, table.unpack(args, 1, args.n))
  core.checkpoint()
  core.shield(function()
    local keeper = keeper_of_run()
    if not keeper then argument.misuse("service:start: the run is ending") end
    local list = keeper.records
    list[#list + 1] = record
    record.keeper = keeper
    local begun, why = pcall(keeper.group.spawn, keeper.group, { name = record.title }, supervise,
      record)
    if not begun then
      forget(record)
      record.keeper = false
      core.rethrow(why)
    end
    local up = pcall(self.boot.await, self.boot)
    if not up and record.failed then
      hear(record)
      core.rethrow(record.err)
    end
  end)
  return self
end

--- In the thread of the service, says that it is ready, and with which values `wait_started`
--- returns there. Raises where that was said before. Not a checkpoint.
---@param ... any
function methods:started(...)
  check(self, "service:started")
  if records[self.boot] then
    argument.misuse("service:started: only the function of the service, in its thread, can call it")
  end
  if not self.ready:set(...) then argument.misuse "service:started: called twice; call it once" end
end

--- Waits until the service says that it is ready. Raises what it failed of before; also where
--- it has ended without having said so. A checkpoint; cancelled, it raises, and the service
--- goes on.
---@param timeout? number seconds
---@return any ... what it called `started` with; nil after the timeout
---@return xio.Error? err
---@return "ETIMEDOUT"? code
function methods:wait_started(timeout)
  check(self, "service:wait_started")
  local record = records[self.boot]
  if record and not record.keeper then
    argument.misuse("service:wait_started: the service was not started: call service:start first")
  end
  local results = table.pack(pcall(await_within, self.ready, timeout, "service:wait_started"))
  if not results[1] then
    if record and record.failed and results[2] == record.err then hear(record) end
    core.rethrow(results[2])
  end
  return table.unpack(results, 2, results.n)
end

--- Has `f(...)` called in a task of the service's loop, in order of calling. Does not wait for
--- it; its error ends the service. Raises where the service has ended, and what cannot be copied.
--- Never waits.
---@param f function
---@param ... any
function methods:call_soon(f, ...)
  local portal = portal_of(self, "service:call_soon")
  argument.check_callable(f, 1, "service:call_soon")
  portal:post(f, ...)
end

--- Calls `f(...)` in a task of the service's loop, waits for it, and returns its results, or
--- raises its error. Raises where the service has ended, or ends before. A checkpoint; cancelled,
--- it cancels the call, and waits for its end.
---@param f function
---@param ... any
---@return any ...
function methods:call_sync(f, ...)
  local portal = portal_of(self, "service:call_sync")
  argument.check_callable(f, 1, "service:call_sync")
  return portal:call(f, ...)
end

--- Has `f(...)` called in a task of the service's loop; its results or its error come with the
--- reply, whose `cancel` cancels it. Raises where the service has ended. Never waits.
---@param f function
---@param ... any
---@return xio.Reply
function methods:submit(f, ...)
  local portal = portal_of(self, "service:submit")
  argument.check_callable(f, 1, "service:submit")
  return portal:spawn(f, ...)
end

--- Asks the service to end: its tasks are cancelled with that reason, also in the middle of a Lua
--- loop, and its close scope is closed. Does not wait for the end. From any thread. Never waits.
--- It cannot fail.
---@param reason? any
---@return boolean first whether nobody had asked before
function methods:stop(reason)
  check(self, "service:stop")
  local first = self.close_scope:close(reason)
  local record = records[self.boot]
  if record then record.scope:cancel(reason) end
  return first
end

--- Waits until the service has ended. Raises what it has failed of; the end of the run does not
--- raise that again. A checkpoint; cancelled, it raises, and the service goes on.
---@param timeout? number seconds
---@return true? ended
---@return xio.Error? err
---@return "ETIMEDOUT"? code
function methods:join(timeout)
  local record = started_record(self, "service:join")
  check_timeout(timeout, "service:join")
  if not record.over:wait(timeout) then return timed_out("service:join") end
  hear(record)
  if record.failed then core.rethrow(record.err) end
  return true
end

service_type.__tostring = function(self)
  return ("service '%s' (%s)"):format(self.name, self.close_scope.closed and "closed" or "open")
end

local OPTIONS = { run = true, args = true, name = true, loop = true }

local function check_option(options, field, kind)
  local value = options[field]
  if value ~= nil and type(value) ~= kind then
    argument.misuse(("bad argument #1 to 'xio.service' (option '%s': %s expected, got %s)")
      :format(field, kind, type(value)))
  end
end

--- Makes a service: a thread with a Lua state and a loop of its own, which is supervised.
---
--- `run(service, ...)` is the function that runs in it, with copies of `args`, as the main task
--- of its loop; or with `loop = false` as a plain function, which can wait for objects made for
--- threads, and for nothing else. The service has ended when that and all tasks in its loop
--- have.
---
--- A service belongs to the run in which it is started. When that ends, its services are stopped
--- ("shutdown"), the one started last first, each after the one before it has ended; then the run
--- raises what they have failed of, if neither `join` nor `wait_started` has raised it. Nothing
--- of it is cut short by the end of the run, but by that of the grace after a signal.
---
--- May be made outside of a run. Not a checkpoint.
---@param options {run: function, args?: any[], name?: string, loop?: boolean}
---@return xio.Service
function module.service(options)
  if type(options) ~= "table" then argument.fail(1, "xio.service", "table", options) end
  argument.check_options(options, OPTIONS, 1, "xio.service")
  check_option(options, "args", "table")
  check_option(options, "name", "string")
  check_option(options, "loop", "boolean")
  local f = options.run
  if type(f) ~= "function" then
    argument.misuse(("bad argument #1 to 'xio.service' (option 'run': function expected, got %s)")
      :format(type(f)))
  end
  local name = options.name or argument.name_of(f)
  local args = options.args or {}
  args = table.pack(table.unpack(args, 1, args.n or #args))
  local handle = setmetatable({ name = name, boot = core.reply(), ready = core.reply(),
    close_scope = new_close_scope() }, service_type)
  local record = { handle = handle, title = ("service '%s'"):format(name), f = f,
    args = args, has_loop = options.loop ~= false, scope = core.new_scope(),
    over = core.event(), keeper = false, failed = false, err = false, heard = false,
    ending = false }
  record.ending = setmetatable({ record = record }, supervisor_end)
  records[handle.boot] = record
  return handle
end

core.class("xio.service", service_type)

return module
