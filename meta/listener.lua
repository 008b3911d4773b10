---@meta
--- Listeners, which take connections.

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

--- Waits for the next connection. Those that broke off before are passed over. One task at a
--- time. A checkpoint; cancelled, it raises, and has taken none.
---@return xio.Stream? connection
---@return xio.Error? err
---@return string? code "ECLOSED"; "EMFILE", "ENFILE" where there are no descriptors left: the
--- connection then still waits
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
