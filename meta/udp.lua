---@meta
--- Sockets for datagrams, made by xio.net.udp.
---
--- A datagram goes out whole or not at all. What arrives waits in the system's buffer, which
--- drops what it has no room for. Hosts are names or numeric addresses, of which only names are
--- waited for.

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
---@return {received: integer, sent: integer, bytes_received: integer, bytes_sent: integer,
--- waiting: integer}?
---@return xio.Error? err
---@return string? code "ECLOSED"
function Udp:stats() end
