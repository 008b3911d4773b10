---@meta xio.net
-- Written by tools/types from the comments in lua/xio; not to be edited.

---@class xio.Address
---@field host string numeric, with `%scope` where it needs one
---@field port integer
---@field family "inet"|"inet6"
local Address = {}

---@class xio.ResolveOptions
---@field port? integer|string to put into the addresses: a number or the name of a service
---@field family? "inet"|"inet6" only these addresses
---@field timeout? number seconds
---@field type? "stream"|"datagram" which service is meant, where both know one ("stream")
local ResolveOptions = {}

---@class xio.ConnectOptions
---@field timeout? number seconds for the lookup and all attempts
---@field family? "inet"|"inet6" only addresses of this family
---@field delay? number seconds until the next address is tried beside the one before (0.25)
---@field nodelay? boolean send small pieces at once (true)
---@field keepalive? number seconds of silence after which the system asks for the peer
---@field local_host? string numeric address to connect from
---@field local_port? integer
local ConnectOptions = {}

---@class xio.ListenOptions
---@field family? "inet"|"inet6" only addresses of this family
---@field backlog? integer connections that the system holds until they are accepted
---@field reuseaddr? boolean take the port over from connections that are ending (true)
---@field reuseport? boolean share the port with other listeners that say so (false)
---@field v6only? boolean a listener on "::" takes no IPv4 connections (false)
---@field nodelay? boolean of accepted connections (true)
---@field keepalive? number of accepted connections, in seconds
local ListenOptions = {}

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
local UdpOptions = {}

---@class xio.ServeOptions
---@field limit? integer handlers at once, in each thread; others wait in the listener's backlog
---@field grace? number seconds that running handlers have once no more is accepted
---@field on_error? fun(err: any, connection: xio.Stream) told what a handler raised
---@field group? xio.Group where handlers run; serve then does not wait for them
---@field threads? integer loops that accept, each in a thread (1); see below
local ServeOptions = {}

--- What xio.net.listen and listen_unix give. `for connection in listener do` accepts until it
--- is closed, and raises what `accept` returns as an error. Closed by `<close>` too; collected
--- open, it is closed with a warning. It belongs to the run in which it was made.
---
--- ```lua
--- local listener = assert(xio.net.listen("127.0.0.1", 0))
--- local client <close> = assert(xio.net.connect(listener:name()))
--- local connection <close> = assert(listener:accept())
--- print((listener:name()), listener:stats().accepted) --> 127.0.0.1  1
--- print(math.type(listener:fileno()))       --> integer
--- print(listener:close())                   --> true
--- ```
---@class xio.Listener
---@operator call: xio.Stream?
---@field closed boolean whether it was closed, by `close` or `<close>`
local Listener = {}

--- Closed by `<close>` too; collected open, it is closed with a warning. One task may receive
--- and one send at a time. It belongs to the run in which it was made.
---
--- ```lua
--- local one <close> = assert(xio.net.udp("127.0.0.1", 0))
--- local two <close> = assert(xio.net.udp())
--- assert(two:bind("127.0.0.1", 0))
--- assert(two:connect(one:name()))
--- two:send("ping")
--- local data, host, port = one:recv()
--- one:send("pong", host, port)
--- print(data, two:receive(), two:peername() == host) --> ping  pong  true
--- print(one:stats().received, math.type(one:fileno())) --> 1  integer
--- print(one:leave("239.1.2.3") == nil)      --> true
--- print(one:join("not an address") == nil, one:close()) --> true  true
--- ```
---@class xio.Udp
---@field closed boolean whether it was closed, by `close` or `<close>`
local Udp = {}

---@class xio.net
local net = {}

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
function net.resolve(host, options) end

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
function net.connect(host, port, options) end

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
function net.connect_unix(path, options) end

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
function net.pair() end

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
function net.listen(host, port, options) end

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
function net.listen_unix(path, options) end

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
function net.udp(host, port, options) end

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
function net.serve(listener, handler, options) end

--- Waits for the next connection. Those that broke off before are passed over. One task at a
--- time. A checkpoint; cancelled, it raises, and has taken none.
---@return xio.Stream? connection
---@return xio.Error? err
---@return string? code "ECLOSED"; "EMFILE", "ENFILE" where there are no descriptors left: the connection then still waits
function Listener:accept() end

--- Ends the listening, and wakes who accepts with the code "ECLOSED". The name of a unix socket
--- is removed. Never waits. It cannot fail.
---@return boolean first whether it was open
function Listener:close() end

--- The number of the descriptor, which stays the listener's. Never waits.
---@return integer? number
---@return xio.Error? err
---@return string? code "ECLOSED"
function Listener:fileno() end

--- How many connections were accepted, and how many tasks wait for one. Never waits or fails.
---@return {accepted: integer, waiting: integer}
function Listener:stats() end

--- Where it listens: host and port, or a path. Never waits.
---@return string? host or path
---@return integer|xio.Error|nil port
---@return string? code
function Listener:name() end

--- Waits for a datagram; of one that is longer than `max` the rest is lost. An empty one is "".
--- A checkpoint; cancelled, it raises and has received nothing.
---@param max? integer bytes (64 KiB)
---@return string? data
---@return string|xio.Error host that it came from
---@return integer|string port
---@return integer? size of the whole, where something was lost
function Udp:recv(max) end

--- Another name of `recv`. A checkpoint. Cancelled, it raises, and has received nothing.
---@param max? integer bytes (64 KiB)
---@return string? data
---@return string|xio.Error host
---@return integer|string port
---@return integer? size
function Udp:receive(max) end

--- Sends one datagram, to `host` and `port`, or to whom the socket is connected to; waits while
--- the system has no room. A checkpoint; cancelled, it raises and has sent nothing.
---@param data string may be empty
---@param host? string
---@param port? integer|string
---@return xio.Udp? self
---@return xio.Error? err
---@return string? code "EMSGSIZE", "EDESTADDRREQ", "ECONNREFUSED" (an earlier one met nobody) …
function Udp:send(data, host, port) end

--- Receives what is sent to this address from now on. Waits only for a name, and then is a
--- checkpoint.
---@param host string "*": every address of this machine
---@param port integer|string 0 lets the system choose
---@return xio.Udp? self
---@return xio.Error? err
---@return string? code "EADDRINUSE", "EACCES", "EADDRNOTAVAIL" …
function Udp:bind(host, port) end

--- Sends to this address, and receives from it only; without `host` no more. Waits only for a
--- name, and then is a checkpoint.
---@param host? string
---@param port? integer|string
---@return xio.Udp? self
---@return xio.Error? err
---@return string? code
function Udp:connect(host, port) end

--- Receives what is sent to a multicast address too. The socket must be bound. Never waits.
---@param group string numeric address
---@param interface? string name or index; the system chooses by default
---@return xio.Udp? self
---@return xio.Error? err
---@return string? code
function Udp:join(group, interface) end

--- Receives that no more. Never waits.
---@param group string numeric address
---@param interface? string name or index
---@return xio.Udp? self
---@return xio.Error? err
---@return string? code
function Udp:leave(group, interface) end

--- The host and port that the socket is bound to. Never waits.
---@return string? host
---@return integer|xio.Error port
---@return string? code "ECLOSED"
function Udp:name() end

--- The host and port that it is connected to. Never waits.
---@return string? host
---@return integer|xio.Error port
---@return string? code "ENOTCONN", "ECLOSED"
function Udp:peername() end

--- Closes the socket, and wakes who waits with the code "ECLOSED". Never waits. It cannot fail.
---@return boolean first whether it was open
function Udp:close() end

--- The number of the descriptor, which stays the socket's. Never waits.
---@return integer? number
---@return xio.Error? err
---@return string? code "ECLOSED"
function Udp:fileno() end

--- Datagrams and their bytes since the socket was opened, and how many tasks wait. Never waits.
---@return {received: integer, sent: integer, bytes_received: integer, bytes_sent: integer, waiting: integer}?
---@return xio.Error? err
---@return string? code "ECLOSED"
function Udp:stats() end

return net
