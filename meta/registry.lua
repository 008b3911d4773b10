---@meta
--- Registries: pending requests by key, answered by any thread.
---
--- Keys are strings, numbers (but not NaN) and booleans, told apart as in a table. Whoever waits
--- for an answer in the Lua state in which it was given gets the very same values; others get
--- copies of them. What is answered from one thread for another has to be such as can be copied;
--- otherwise that raises, and the request stays pending.

--- Nobody who waits for an answer is left hanging: each request ends by its answer, a timeout, a
--- cancellation, or the end of the registry.
---
--- ```lua
--- local requests <close> = xio.registry()
--- local reply = requests:register(1)
--- print(requests:resolve(1, "answer"), reply:await()) --> true  answer
--- xio.spawn(function() xio.sleep(0.01); requests:fail(2, "refused") end)
--- print(pcall(requests.request, requests, 2, function(_) end, 5)) --> false  refused
--- requests:register(3)
--- print(requests:fail_all("reset"), requests:close("connection lost")) --> 1  true
--- ```
---@class xio.Registry
---@field pending integer requests that wait for their answer
---@field closed boolean
local Registry = {}

--- Begins a request. Its reply is settled by `resolve` or `fail` for that key, and by `fail_all`
--- and `close`; cancelling it ends the request. A timeout of its `await` ends the request too, for
--- all who await it: nil, err, "ETIMEDOUT" from then on.
---
--- Where the registry is closed the reply is settled already: awaiting it raises the error that
--- the registry was closed with, or gives nil, err, "ECLOSED". Raises where the key is pending.
--- Not a checkpoint; may be called anywhere.
---@param key string|number|boolean
---@return xio.Reply
function Registry:register(key) end

--- Answers a request with values. May be called anywhere, from any thread. Never waits or fails.
---@param key string|number|boolean
---@param ... any
---@return boolean answered false: that key is not pending (any more)
function Registry:resolve(key, ...) end

--- Answers a request with an error, which awaiting the reply raises; in another thread a copy of
--- it, with its trace. nil becomes an error that says so. May be called anywhere, from any
--- thread. Never waits.
---@param key string|number|boolean
---@param err any
---@return boolean answered
function Registry:fail(key, err) end

--- Begins a request, calls `send(key)`, and waits for the answer. Where the registry is closed it
--- raises, or returns, at once, and does not send.
---
--- Raises the error of the answer, and what `send` raises; then the request is over. A checkpoint;
--- cancelled, it raises, and the request is over.
---@param key string|number|boolean
---@param send fun(key: any)
---@param timeout? number seconds for sending and waiting
---@return any ... the values; nil after the timeout, or where the registry is closed
---@return xio.Error? err
---@return "ETIMEDOUT"|"ECLOSED"|nil code
function Registry:request(key, send, timeout) end

--- Fails all requests that are pending. May be called anywhere, from any thread. Never waits or
--- fails.
---@param err any
---@return integer count how many there were
function Registry:fail_all(err) end

--- Closes the registry. With an error, all pending requests and all that come later raise it;
--- without, they give nil, err, "ECLOSED". May be called anywhere, from any thread. Never waits.
---@param err? any
---@return boolean first whether it was open
function Registry:close(err) end
