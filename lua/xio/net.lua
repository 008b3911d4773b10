--- net: sockets: TCP, unix, UDP, and the names of hosts.
--
-- The C module opens, connects and listens on one numeric address; here names are looked up,
-- several addresses are tried, and arguments are checked. What the outside world refuses is
-- nil, an xio.Error and its code; the error tells `op`, `host` and `port` (or `path`), and
-- where several addresses were tried `attempts`, the list of what each met. Loop's thread.

local core = require "xio.core"
local argument = require "xio.argument"
local eyeballs = require "xio.eyeballs"
local failure = require "xio.failure"

local serve = require "xio.serve"
local net = { serve = serve.serve }

-- An event that is always set: waiting for it checks cancellation and draws on the budget.
local passed = core.event()
passed:set()

-- -- arguments --------------------------------------------------------------------------

local function is_port(port)
  local number = math.tointeger(port)
  return number ~= nil and number >= 0 and number <= 65535
end

local function check_host(host, index, name)
  if type(host) ~= "string" then argument.fail(index, name, "string", host) end
end

-- A port is a number, or the name of a service.
local function check_port(port, index, name)
  if type(port) == "string" then return end
  if not is_port(port) then
    argument.misuse(("bad argument #%d to '%s' (port expected: 0 to 65535, or the name of a "
      .. "service, got %s)"):format(index, name, math.type(port) and tostring(port) or type(port)))
  end
end

local function check_seconds(value, option, index, name)
  if value ~= nil and (type(value) ~= "number" or value ~= value) then
    argument.fail_option(index, name, option, "number of seconds", value)
  end
end

local function check_family(value, index, name)
  if value ~= nil and value ~= "inet" and value ~= "inet6" then
    argument.fail_option(index, name, "family", '"inet" or "inet6"', value)
  end
end

-- The options that `names` lists, as the C module takes them.
local function pick(options, names)
  local picked = {}
  for _, name in ipairs(names) do picked[name] = options[name] end
  return picked
end

-- -- errors -----------------------------------------------------------------------------

local function place_of(host, port)
  return (host:find(":", 1, true) and "[%s]:%s" or "%s:%s"):format(host, port)
end

-- nil, an error about `host` and `port`, its code.
local function refuse(code, op, host, port, why, attempts)
  local err = failure.make(code, ("%s %s: %s"):format(op, place_of(host, port), why), op)
  err.host, err.port, err.attempts = host, port, attempts
  return nil, err, code
end

-- The same for what was met in looking the host up.
local function refuse_lookup(op, host, port, err)
  return refuse(err.code, op, host, port, err.message, {})
end

-- What an attempt met, without what was attempted.
local function text_of(err, op)
  local text = tostring(err.message)
  return text:sub(1, #op + 1) == op .. " " and text:sub(#op + 2) or text
end

-- The same where no address did; `code`: where that is not what the first one met.
local function refuse_all(op, host, port, attempts, code)
  local texts = {}
  for i, err in ipairs(attempts) do texts[i] = text_of(err, op) end
  local why = table.concat(texts, "; ")
  local first = attempts[1]
  if code then
    why = "timed out (ETIMEDOUT)" .. (why ~= "" and "; " .. why or "")
  elseif #attempts == 1 and first.host == host and first.port == port then
    why = text_of(first, op .. " " .. place_of(host, port) .. ":")
  end
  return refuse(code or first.code, op, host, port, why, attempts)
end

-- -- names ------------------------------------------------------------------------------

-- The numbers of a port that is written as a string.
local function port_of(port)
  if type(port) == "string" and port:find("^%d+$") and is_port(tonumber(port)) then
    return tonumber(port)
  end
  return math.tointeger(port)
end

-- The list of addresses; or nil, an error about looking up, its code.
local function look_up(host, port, family, kind, timeout)
  local number = port_of(port)
  local numeric, of = core.address(host)
  if numeric and number and (family == nil or family == of) then
    passed:wait()
    return { { host = numeric, port = number, family = of } }
  end
  local service = port ~= nil and tostring(number or port) or nil
  local found, err, code = core.lookup(host, service, family, kind, timeout)
  if not found then return nil, err, code end
  local seen, list = {}, {}
  for _, address in ipairs(found) do
    local key = place_of(address.host, address.port)
    if not seen[key] then list[#list + 1] = address end
    seen[key] = true
  end
  return list
end

local RESOLVE <const> = { port = true, family = true, timeout = true, type = true }

---@class xio.Address
---@field host string numeric, with `%scope` where it needs one
---@field port integer
---@field family "inet"|"inet6"

---@class xio.ResolveOptions
---@field port? integer|string to put into the addresses: a number or the name of a service
---@field family? "inet"|"inet6" only these addresses
---@field timeout? number seconds
---@field type? "stream"|"datagram" which service is meant, where both know one ("stream")

--- The addresses of `host`, in the order in which the system's resolver prefers them; never
--- an empty list. A numeric address needs no lookup.
---
--- Lookups run in libuv's pool of threads, at most half of them at a time. Errors: code
--- "EAI_NONAME" (no such host or service), "EAI_AGAIN" (no answer), "ETIMEDOUT" and others of
--- the resolver. A checkpoint; cancelled, it gives up at once. The thread that is at it
--- cannot be stopped: what it finds is thrown away, and the end of the run waits for it.
---
--- ```lua
--- local addresses = assert(xio.net.resolve("127.0.0.1", { port = 80 }))
--- print(addresses[1].host, addresses[1].port, addresses[1].family) --> 127.0.0.1  80  inet
--- ```
---@param host string
---@param options? xio.ResolveOptions
---@return xio.Address[]? addresses
---@return xio.Error? err with `host`
---@return string? code
function net.resolve(host, options)
  local name = "xio.net.resolve"
  check_host(host, 1, name)
  argument.check_options(options, RESOLVE, 2, name)
  options = options or {}
  check_port(options.port or 0, 2, name)
  check_family(options.family, 2, name)
  check_seconds(options.timeout, "timeout", 2, name)
  local kind = options.type
  if kind ~= nil and kind ~= "stream" and kind ~= "datagram" then
    argument.fail_option(2, name, "type", '"stream" or "datagram"', kind)
  end
  core.enter(name)
  return look_up(host, options.port or 0, options.family, kind == "datagram" and kind or nil,
    options.timeout)
end

-- -- connecting -------------------------------------------------------------------------

local SOCKET <const> = { "nodelay", "keepalive", "local_host", "local_port" }
local CONNECT <const> = { timeout = true, family = true, delay = true, nodelay = "boolean",
  keepalive = "number", local_host = "string", local_port = "integer" }

-- Makes `call` end after `timeout` seconds: true and its results, or false.
local function within(timeout, call, ...)
  if timeout == nil then return true, call(...) end
  return core.move_on_after(timeout, call, ...)
end

local function connect_to_any(host, port, options, progress)
  local addresses, err = look_up(host, port, options.family)
  if not addresses then return refuse_lookup("connect", host, port, err) end
  progress.addresses = eyeballs.interleave(addresses)
  local socket = pick(options, SOCKET)
  local function attempt(address)
    return core.tcp_connect(address.host, address.port, socket)
  end
  local delay = options.delay or eyeballs.DELAY
  local stream = eyeballs.connect(progress.addresses, attempt, delay, progress.failures)
  if stream then return stream end
  return refuse_all("connect", host, port, progress.failures)
end

-- What had been met when the time was over.
local function refuse_late(host, port, progress)
  local attempts = {}
  for i, err in ipairs(progress.failures) do
    local address = progress.addresses[i]
    attempts[i] = err or select(2, refuse("ETIMEDOUT", "connect", address.host, address.port,
      "timed out (ETIMEDOUT)"))
  end
  return refuse_all("connect", host, port, attempts, "ETIMEDOUT")
end

---@class xio.ConnectOptions
---@field timeout? number seconds for the lookup and all attempts
---@field family? "inet"|"inet6" only addresses of this family
---@field delay? number seconds until the next address is tried beside the one before (0.25)
---@field nodelay? boolean send small pieces at once (true)
---@field keepalive? number seconds of silence after which the system asks for the peer
---@field local_host? string numeric address to connect from
---@field local_port? integer

--- Connects to `host`, a name or a numeric address, by TCP.
---
--- Where the name has several addresses they are tried as RFC 8305 says ("happy eyeballs"):
--- families take turns, the next attempt begins 0.25 s after the one before, or at once when
--- that has failed; the first to answer wins, and the others are closed.
---
--- Errors: `err.attempts` lists the error of each attempt; `err.code` is that of the first,
--- "ETIMEDOUT" after `timeout`, or the resolver's ("EAI_NONAME"), with no attempts. A
--- checkpoint; cancelled, no connection stays open.
---
--- ```lua
--- local listener <close> = assert(xio.net.listen("127.0.0.1", 0))
--- local host, port = listener:name()
--- xio.spawn(function()
---   local connection <close> = assert(listener:accept())
---   connection:write("welcome\n")
--- end)
--- local stream <close> = assert(xio.net.connect(host, port, { timeout = 5 }))
--- print(stream:read())                      --> welcome
--- ```
---@param host string
---@param port integer|string number, or the name of a service
---@param options? xio.ConnectOptions
---@return xio.Stream? stream
---@return xio.Error? err with `host`, `port`, `attempts`
---@return string? code
function net.connect(host, port, options)
  local name = "xio.net.connect"
  check_host(host, 1, name)
  check_port(port, 2, name)
  argument.check_options(options, CONNECT, 3, name)
  options = options or {}
  check_family(options.family, 3, name)
  check_seconds(options.timeout, "timeout", 3, name)
  check_seconds(options.delay, "delay", 3, name)
  core.enter(name)
  local progress = { failures = {} }
  local in_time, stream, err, code =
    within(options.timeout, connect_to_any, host, port, options, progress)
  if in_time then return stream, err, code end
  return refuse_late(host, port, progress)
end

local CONNECT_UNIX <const> = { timeout = true }

--- Connects to the unix socket `path`; a path that begins with "@" or a byte 0 is a name in
--- the abstract space of Linux.
---
--- Errors: code "ENOENT", "ECONNREFUSED", "ETIMEDOUT" and others. A checkpoint; cancelled, no
--- connection stays open.
---
--- ```lua
--- local path = os.tmpname() .. ".sock"
--- local listener <close> = assert(xio.net.listen_unix(path))
--- local stream <close> = assert(xio.net.connect_unix(path, { timeout = 5 }))
--- print(stream:peername() == path)          --> true
--- ```
---@param path string
---@param options? {timeout: number?} in seconds
---@return xio.Stream? stream
---@return xio.Error? err with `path`
---@return string? code
function net.connect_unix(path, options)
  local name = "xio.net.connect_unix"
  check_host(path, 1, name)
  argument.check_options(options, CONNECT_UNIX, 2, name)
  local timeout = options and options.timeout
  check_seconds(timeout, "timeout", 2, name)
  core.enter(name)
  local in_time, stream, err, code = within(timeout, core.unix_connect, path)
  if in_time then return stream, err, code end
  err = failure.make("ETIMEDOUT", ("connect %s: timed out (ETIMEDOUT)"):format(path), "connect")
  err.path = path
  return nil, err, "ETIMEDOUT"
end

--- Two streams that are connected to each other (an unnamed pair of unix sockets).
---
--- Errors: code "EMFILE" and the like. Never waits.
---
--- ```lua
--- local a, b = assert(xio.net.pair())
--- a:write("hello\n")
--- print(b:read())                           --> hello
--- a:close()
--- b:close()
--- ```
---@return xio.Stream? first
---@return xio.Stream|xio.Error second
---@return string? code
function net.pair()
  return core.pair()
end

-- -- listening --------------------------------------------------------------------------

local LISTEN_SOCKET <const> = { "backlog", "reuseaddr", "reuseport", "v6only", "nodelay",
  "keepalive" }
local LISTEN <const> = { family = true, backlog = "integer", reuseaddr = "boolean",
  reuseport = "boolean", v6only = "boolean", nodelay = "boolean", keepalive = "number" }

local function is_any(host)
  return host == nil or host == "*" or host == ""
end

-- All addresses of this machine: a socket for both families where there is IPv6.
local function any_addresses(port, family)
  local list = {}
  if family ~= "inet" then list[1] = { host = "::", port = port, family = "inet6" } end
  if family ~= "inet6" then
    list[#list + 1] = { host = "0.0.0.0", port = port, family = "inet" }
  end
  return list
end

-- IPv4 first: the name stands for one listener, which most clients shall find.
local function inet_first(addresses)
  local ordered = {}
  for _, family in ipairs { "inet", "inet6" } do
    for _, address in ipairs(addresses) do
      if address.family == family then ordered[#ordered + 1] = address end
    end
  end
  return ordered
end

-- The addresses to listen on; or nil, an error about looking up.
local function addresses_for(host, port, family, kind)
  if not is_any(host) then
    local found, err = look_up(host, port, family, kind)
    return found and inet_first(found), err
  end
  local number = port_of(port)
  if not number then
    local found, err = look_up("0.0.0.0", port, nil, kind)
    if not found then return nil, err end
    number = found[1].port
  end
  return any_addresses(number, family)
end

-- The first of the addresses for which `open` succeeds.
local function open_first(op, host, port, addresses, open)
  local attempts = {}
  for i, address in ipairs(addresses) do
    local opened, err = open(address)
    if opened then return opened end
    attempts[i] = err
  end
  return refuse_all(op, host, port, attempts)
end

---@class xio.ListenOptions
---@field family? "inet"|"inet6" only addresses of this family
---@field backlog? integer connections that the system holds until they are accepted
---@field reuseaddr? boolean take the port over from connections that are ending (true)
---@field reuseport? boolean share the port with other listeners that say so (false)
---@field v6only? boolean a listener on "::" takes no IPv4 connections (false)
---@field nodelay? boolean of accepted connections (true)
---@field keepalive? number of accepted connections, in seconds

--- Listens for TCP connections on `host` and `port`.
---
--- nil or "*" is every address of this machine, IPv4 and IPv6 by one listener where there is
--- IPv6. A name stands for its first address that can be bound, IPv4 before IPv6. Port 0 lets
--- the system choose: `listener:name()` tells.
---
--- Errors: code "EADDRINUSE", "EACCES", "EADDRNOTAVAIL", or the resolver's, with
--- `err.attempts`. Waits only to look a name up, and then is a checkpoint; cancelled, nothing
--- stays open.
---@param host string? name or numeric address
---@param port integer|string number, or the name of a service
---@param options? xio.ListenOptions
---@return xio.Listener? listener
---@return xio.Error? err with `host`, `port`, `attempts`
---@return string? code
function net.listen(host, port, options)
  local name = "xio.net.listen"
  if host ~= nil then check_host(host, 1, name) end
  check_port(port, 2, name)
  argument.check_options(options, LISTEN, 3, name)
  options = options or {}
  check_family(options.family, 3, name)
  core.enter(name)
  local addresses, err = addresses_for(host, port, options.family)
  local shown = is_any(host) and "*" or host
  if not addresses then return refuse_lookup("listen", shown, port, err) end
  local socket = pick(options, LISTEN_SOCKET)
  return open_first("listen", shown, port, addresses, function(address)
    local listener, why, code = core.tcp_listen(address.host, address.port, socket)
    if listener and socket.reuseport then serve.remember(listener, address.host, socket) end
    return listener, why, code
  end)
end

local LISTEN_UNIX <const> = { backlog = true, mode = true }

--- Listens on the unix socket `path`, which must not exist; "@name" is an abstract name, which
--- needs no file. Closing the listener removes the file.
---
--- Errors: code "EADDRINUSE" (there is a file, from a listener that ended badly or one that
--- still lives), "EACCES", "ENOENT", "ENAMETOOLONG". Never waits.
---@param path string
---@param options? {backlog: integer?, mode: integer?} the file's permissions, as in 0x180
---@return xio.Listener? listener
---@return xio.Error? err with `path`
---@return string? code
function net.listen_unix(path, options)
  local name = "xio.net.listen_unix"
  check_host(path, 1, name)
  argument.check_options(options, LISTEN_UNIX, 2, name)
  return core.unix_listen(path, options or {})
end

-- -- datagrams --------------------------------------------------------------------------

local UDP_TYPES <const> = { reuseaddr = "boolean", reuseport = "boolean", broadcast = "boolean",
  ttl = "integer", multicast_ttl = "integer", multicast_loop = "boolean",
  multicast_interface = "string", recvbuf = "integer", sendbuf = "integer", family = "string" }

local function check_udp(options, name)
  argument.check_options(options, UDP_TYPES, 3, name)
  check_family(options.family, 3, name)
end

---@class xio.UdpOptions
---@field family? "inet"|"inet6" the only one; otherwise that of `host`, or both
---@field reuseaddr? boolean let other sockets bind the same address too, for multicast
---@field reuseport? boolean share what arrives with other sockets that say so
---@field broadcast? boolean allow sending to broadcast addresses
---@field ttl? integer hops, 1 to 255
---@field multicast_ttl? integer hops of multicast, 0 to 255 (1)
---@field multicast_loop? boolean this machine receives what it sends to groups (true)
---@field multicast_interface? string name of the interface by which multicast goes out
---@field recvbuf? integer bytes of the system's buffers, of which Linux reserves the double
---@field sendbuf? integer

--- A socket for datagrams; given a host ("*": every address of this machine) and a port, it
--- is bound to them.
---
--- `socket:send(data [, host, port])`, `socket:recv([max])` (data, host, port),
--- `socket:connect(host, port)`, `socket:bind(host, port)`, `socket:join(group [, interface])`,
--- `socket:leave`, `name`, `peername`, `close`, `fileno`, `stats`. A datagram goes out whole or
--- not at all; what arrives waits in the system's buffer, which drops what it has no room for.
--- One task may wait to receive at a time.
---
--- Errors: code "EADDRINUSE", "EACCES", "EADDRNOTAVAIL", or the resolver's. Waits only to look
--- a name up, and then is a checkpoint; cancelled, nothing stays open.
---@param host? string name or numeric address
---@param port? integer|string number, or the name of a service; 0 lets the system choose
---@param options? xio.UdpOptions
---@return xio.Udp? socket
---@return xio.Error? err with `host`, `port`, `attempts`
---@return string? code
function net.udp(host, port, options)
  local name = "xio.net.udp"
  if type(host) == "table" and port == nil and options == nil then
    host, options = nil, host
  end
  options = options or {}
  check_udp(options, name)
  local socket = {}
  for option, value in pairs(options) do
    if option ~= "family" then socket[option] = value end
  end
  if host == nil and port == nil then return core.udp(options.family, socket) end
  if host ~= nil then check_host(host, 1, name) end
  check_port(port or 0, 2, name)
  core.enter(name)
  port = port or 0
  local addresses, err = addresses_for(host, port, options.family, "datagram")
  local shown = is_any(host) and "*" or host
  if not addresses then return refuse_lookup("bind", shown, port, err) end
  return open_first("bind", shown, port, addresses, function(address)
    local family = (not is_any(host) or options.family) and address.family or nil
    local opened, why, code = core.udp(family, socket)
    if not opened then return nil, why, code end
    local bound
    bound, why, code = opened:bind(address.host, address.port)
    if bound then return bound end
    opened:close()
    return nil, why, code
  end)
end

-- A method of a socket was given a name: looks it up and calls the method again.
core.hook("udp_by_name", function(socket, method, family, host, port, data)
  local found, err = look_up(host, port, family, "datagram")
  if not found then return refuse_lookup(method, host, port, err) end
  local address = found[1]
  if method == "send" then return socket:send(data, address.host, address.port) end
  return socket[method](socket, address.host, address.port)
end)

return net
