--- serve: a task for each connection that a listener accepts.
--
-- The caller's task accepts. The handlers' group belongs to a task of its own, so that a
-- shield can keep it, for a while, from the cancellation that ends the accepting. Loop's
-- thread. With several threads each further one has a loop and a listener of its own, and
-- serves there in the same way; the system shares the connections out between the listeners.

local core = require "xio.core"
local argument = require "xio.argument"

local module = {}

local RETRY = 0.1 -- seconds until accepting is tried again where something was used up

-- What is used up now, and may be there again later.
local USED_UP = { EMFILE = true, ENFILE = true, ENOBUFS = true, ENOMEM = true, ENOSPC = true }

-- The connection was gone before it was accepted: Linux tells what happened to it.
local PASSING = {
  ECONNABORTED = true, EPROTO = true, ENOPROTOOPT = true, ENETDOWN = true, ENONET = true,
  EHOSTDOWN = true, EHOSTUNREACH = true, ENETUNREACH = true, EOPNOTSUPP = true, EPERM = true,
  EINTR = true,
}

local OPTIONS <const> = { limit = true, grace = true, on_error = true, group = true,
  threads = true }

-- How listeners that share their port were made: listener -> { host, port, options }.
local shared = setmetatable({}, { __mode = "k" })

-- One handler has ended.
local leaving = {
  __close = function(place, err)
    if err ~= nil then place.server.failed = true end
    place.server.active = place.server.active - 1
    place.server.left:set()
  end,
}

local function handle(server, connection)
  local _place <close> = setmetatable({ server = server }, leaving)
  local _connection <close> = connection
  if not server.on_error then
    server.handler(connection)
    return
  end
  local ok, err = core.pcall(server.handler, connection)
  if not ok then server.on_error(err, connection) end
end

-- Gives `connection` to a handler; where none can be started any more, closes it. Where a
-- handler has failed, those of our own may have ended by now: that is raised by their group,
-- and our cancellation for it is on its way.
local function start(server, connection)
  if server.failed and server.own then
    connection:close()
    core.sleep_forever()
  end
  local ok, err = pcall(server.handlers.spawn, server.handlers, { name = "connection" }, handle,
    server, connection)
  if ok then
    server.active = server.active + 1
    return
  end
  connection:close()
  core.rethrow(err)
end

-- Waits until there is a place for one more. False: the listener was closed meanwhile, which
-- is looked for now and then.
local function wait_for_place(server)
  while server.active >= server.limit do
    if not server.listener:fileno() then return false end
    server.left:clear()
    server.left:wait(RETRY)
  end
  return true
end

local function accept_all(server)
  local warned = false
  while wait_for_place(server) do
    local connection, err, code = server.listener:accept()
    if connection then
      warned = false
      start(server, connection)
    elseif code == "ECLOSED" then
      break
    elseif USED_UP[code] then
      if not warned then
        warn("xio.net.serve: ", tostring(err), "; trying again every 0.1 s")
      end
      warned = true
      core.sleep(RETRY)
    elseif not PASSING[code] then
      return nil, err, code
    else
      core.checkpoint()
    end
  end
  return true
end

-- The task that the handlers belong to: they have a while more once accepting is over.
local function hold(server)
  core.scope({ shield = server.grace ~= nil, name = "serve" }, function(scope)
    core.group(function(group)
      server.handlers = group
      server.ready:set()
      server.over:wait()
      if server.grace then scope.deadline = core.now() + server.grace end
    end)
  end)
end

local ending = {
  __close = function(guard)
    guard.server.over:set()
    if guard.server.stopping then guard.server.stopping:close() end
  end,
}

-- -- in further threads -----------------------------------------------------------------

-- What runs in a further thread. It has no upvalues but the globals, so that it can be copied
-- there wherever it comes from.
local function serve_there(stopped, up, host, port, socket, handler, options)
  local net, group_of = require "xio.net", require "xio.core".group
  local listener <close>, err = net.listen(host, port, socket)
  if not listener then error(err, 0) end
  up:send(true)
  group_of(function(group)
    group:spawn({ name = "serve: end", daemon = true }, function()
      stopped:recv() -- until the thread that began it all has done with its own
      listener:close()
    end)
    local served, failure = net.serve(listener, handler, options)
    if not served then error(failure, 0) end
  end)
end

-- Has the other threads listen. Returns when they do.
local function spread(group, server)
  local thread = require "xio.thread"
  local made, more = shared[server.listener], server.threads - 1
  local pool = thread.pool(more)
  local stopping, stopped = thread.channel(1)
  local up, heard = thread.channel(more)
  server.stopping = stopping
  for i = 1, more do
    group:spawn({ name = "serve: thread " .. i + 1 }, pool.run, pool,
      serve_there, stopped, up, made.host, made.port, made.options, server.handler,
      { limit = server.limit, grace = server.grace, on_error = server.on_error })
  end
  for _ = 1, more do heard:recv() end
end

-- For xio.net.listen: remembers how a listener that shares its port was made.
function module.remember(listener, host, options)
  local _, port = listener:name()
  shared[listener] = { host = host, port = port, options = options }
end

local function run(group, server)
  local _over <close> = setmetatable({ server = server }, ending)
  if not server.handlers then
    -- not started with start: that would wait for the shield where it is cancelled
    server.own = true
    group:spawn({ name = "serve" }, hold, server)
    server.ready:wait()
  end
  if server.threads > 1 then spread(group, server) end
  return accept_all(server)
end

local function check(options)
  argument.check_options(options, OPTIONS, 3, "xio.net.serve")
  local limit, grace = options.limit, options.grace
  if limit ~= nil and limit ~= math.huge and (math.type(limit) ~= "integer" or limit < 1) then
    argument.misuse("bad argument #3 to 'xio.net.serve' (option 'limit': integer of at least 1 "
      .. "expected, got " .. tostring(limit) .. ")")
  end
  if grace ~= nil and (type(grace) ~= "number" or grace ~= grace) then
    argument.misuse("bad argument #3 to 'xio.net.serve' (option 'grace': number of seconds "
      .. "expected, got " .. (grace ~= grace and "NaN" or type(grace)) .. ")")
  end
  local threads = options.threads
  if threads ~= nil and (math.type(threads) ~= "integer" or threads < 1) then
    argument.misuse("bad argument #3 to 'xio.net.serve' (option 'threads': integer of at least 1 "
      .. "expected, got " .. tostring(threads) .. ")")
  end
  if options.on_error ~= nil and not argument.callable(options.on_error) then
    argument.misuse("bad argument #3 to 'xio.net.serve' (option 'on_error': function expected, "
      .. "got " .. type(options.on_error) .. ")")
  end
  local group = options.group
  if group ~= nil and (debug.getmetatable(group) or {}).__name ~= "xio.Group" then
    argument.fail_option(3, "xio.net.serve", "group", "xio.Group", group)
  end
end

-- What several threads cannot share.
local function check_threads(listener, options)
  if (options.threads or 1) == 1 then return end
  if options.group then
    argument.misuse "xio.net.serve: options 'threads' and 'group': the handlers of other threads \z
      cannot be in a group of this one"
  end
  if not shared[listener] then
    argument.misuse "xio.net.serve: option 'threads': the listener has to come from \z
      xio.net.listen with reuseport = true, so that other threads can listen there too"
  end
end

---@class xio.ServeOptions
---@field limit? integer handlers at once, in each thread; others wait in the listener's backlog
---@field grace? number seconds that running handlers have once no more is accepted
---@field on_error? fun(err: any, connection: xio.Stream) told what a handler raised
---@field group? xio.Group where handlers run; serve then does not wait for them
---@field threads? integer loops that accept, each in a thread (1); see below

--- Accepts connections and runs `handler(connection)` for each, in a task of its own, until
--- `listener` is closed. The connection is closed at the handler's end, in whatever way it
--- ends.
---
--- An error of a handler goes to `on_error`, and serving goes on; without `on_error` it is an
--- error of a child: it cancels the other handlers and is raised. Where descriptors or memory
--- are used up, accepting is tried again every 0.1 s, and warn() says so once; connections
--- that were gone before they were accepted are passed over.
---
--- To stop in good order, close the listener: nothing more is accepted, running handlers
--- are waited for, at most `grace` seconds, then cancelled. A checkpoint. Cancelled, it stops
--- accepting and cancels the handlers: at once, or where `grace` is given after that many
--- seconds, through which a shield keeps the handlers; it returns or raises when all have
--- ended. The listener stays the caller's.
---
--- With `threads = n` a listener that was made with reuseport = true is joined by n - 1 more, each
--- in a thread with a loop of its own, and the system shares connections out between them. The
--- handler, and `on_error`, go there as xio.thread.run's functions do: with copies of their
--- upvalues, so what handlers share has to be made for threads. An error of a handler ends all;
--- where the listener is closed, or the caller cancelled, all threads stop as told above, and are
--- waited for.
---
--- ```lua
--- local listener = assert(xio.net.listen("127.0.0.1", 0))
--- xio.spawn(xio.net.serve, listener, function(connection)
---   for line in connection:lines() do connection:write(line:upper(), "\n") end
--- end, { limit = 100 })
--- local client <close> = assert(xio.net.connect(listener:name()))
--- client:write("hello\n")
--- print(client:read())                      --> HELLO
--- client:shutdown()
--- listener:close()                          -- serve ends when its handlers have
--- ```
---@param listener xio.Listener
---@param handler fun(connection: xio.Stream)
---@param options? xio.ServeOptions
---@return true? served the listener was closed
---@return xio.Error? err accepting failed
---@return string? code
function module.serve(listener, handler, options)
  local kind = type(listener)
  if (kind ~= "userdata" and kind ~= "table") or not listener.accept then
    argument.fail(1, "xio.net.serve", "listener", listener)
  end
  argument.check_callable(handler, 2, "xio.net.serve")
  options = options or {}
  check(options)
  check_threads(listener, options)
  core.enter("xio.net.serve")
  local server = {
    listener = listener, handler = handler, handlers = options.group, active = 0,
    limit = options.limit or math.huge, grace = options.grace, on_error = options.on_error,
    threads = options.threads or 1,
    left = core.event(), ready = core.event(), over = core.event(),
  }
  return core.group(run, server)
end

return module
