---@meta xio
-- Written by tools/types from the comments in lua/xio; not to be edited.

---@class xio.RunOptions
---@field name? string of the run, shown by xio.tree
---@field clock? "real"|"virtual" "virtual": time stands still while anything can run, and jumps to the next deadline when all tasks wait ("real")
---@field seed? integer shuffles the order of ready tasks, always the same way for the same number
---@field signals? boolean whether SIGINT and SIGTERM cancel the run; by default where it is on the main thread of the process and nobody else has taken them
---@field grace? number seconds that cleanup has after a signal, and in xio.cleanup (5)
---@field errors? "auto"|"first"|"group" how the errors of the root group are raised: see xio.group
---@field debug? boolean false: do not note where tasks are spawned (true)
local RunOptions = {}

--- A loop to drive by hand. Closed by `<close>` too; collected without that, what lives in it
--- is let go without being run. One caller drives it at a time.
---
--- ```lua
--- local runtime <close> = xio.new { clock = "virtual", signals = false }
--- runtime:spawn(function() xio.sleep(1); print("slept") end)
--- print(math.type(runtime:fd()))            --> integer
--- while runtime:step(runtime:timeout()) do end   --> slept
--- print(runtime:run(function() return "again" end)) --> again
--- print(runtime:close())                    --> true
--- ```
---@class xio.Runtime
---@field name? string
local Runtime = {}

---@class xio.SpawnOptions
---@field name? string shown in reports; by default the function's name, or its place
---@field daemon? boolean cancelled (source "shutdown") when all others of the group have ended
local SpawnOptions = {}

--- A task. Its results stay readable through this handle after its end.
---
--- ```lua
--- local task = xio.spawn({ name = "adder" }, function(a, b) xio.sleep(1); return a + b end, 4, 5)
--- print(task.name, task:status(), task:result()) --> adder  ready
--- task:wait()
--- print(task:await(), task:result())        --> 9  true  9
--- print(task:traceback())                   --> task 'adder' (done)
--- local other = xio.spawn(xio.sleep_forever)
--- print(other:cancel("not needed"), other:cancel()) --> true  false
--- ```
---@class xio.Task
---@field name string
---@field parent? xio.Task the task that opened its group; nil for tasks of the root group
---@field id integer its number in the run
local Task = {}

--- All live tasks, drawn by `tostring` and `draw`. Its list part holds the tasks of the root group,
--- and each task's list part the tasks whose groups it has opened.
---
--- ```lua
--- xio.spawn({ name = "nap" }, function() xio.sleep(5) end)
--- xio.sleep(1)
--- print((xio.tree():draw { colours = false }:match("[^\n]*"))) --> run: 2 tasks
--- ```
---@class xio.Tree
---@field name string of the run
---@field count integer number of tasks
local Tree = {}

---@class xio.GroupOptions
---@field errors? "auto"|"first"|"group" how errors are raised. "auto": one as it is, several as an xio.ErrorGroup; "first": the first, with the others kept beside it (xio.suppressed); "group": always as an xio.ErrorGroup ("auto")
---@field name? string
---@field limit? integer children at once; further ones are spawned and begin in order later
local GroupOptions = {}

--- A group while it is open; `#group` is the number of children that live.
---
--- ```lua
--- xio.group({ name = "server", limit = 100 }, function(group)
---   local port = group:start(function(started)
---     started(7000)                         -- ready; `start` returns this
---     xio.sleep_forever()
---   end)
---   group:spawn({ name = "logger", daemon = true }, xio.sleep_forever)
---   print(port, #group, group:tasks()[2].name) --> 7000  2  logger
---   print(group:cancel("over"), group.scope.reason) --> true  over
--- end)
--- ```
---@class xio.Group
---@operator len: integer
---@field scope xio.Scope which contains the body and all children
---@field name? string
local Group = {}

---@class xio.ScopeOptions
---@field timeout? number seconds from the entry
---@field deadline? number when, as of xio.now
---@field shield? boolean hide cancellation and deadlines from outside
---@field name? string
local ScopeOptions = {}

---@alias xio.Limit number|{[1]: number, shield?: boolean, name?: string} seconds or a time, with options

--- A scope. `deadline` and `shield` may be written, at any time: lifting a shield delivers what
--- it has hidden at once. Other fields cannot be set.
---
--- ```lua
--- local scope = xio.new_scope { name = "upload" }
--- xio.spawn(function() xio.sleep(2); scope:cancel("the user said so") end)
--- local completed, why = scope:run(function() xio.sleep(60) end)
--- print(completed, why.reason)              --> false  the user said so
--- ```
---@class xio.Scope
---@field deadline number when it is cancelled, as of xio.now; math.huge: never
---@field shield boolean whether it hides cancellation from outside
---@field cancel_called boolean whether it was cancelled, in whatever way
---@field cancelled_caught boolean whether its Cancelled was caught at its end
---@field source? "cancel"|"deadline"|"failure"|"signal"|"shutdown" what has cancelled it
---@field reason? any what `cancel` was given
---@field name? string
local Scope = {}

--- Scopes of any tasks, in any threads, that can be cancelled together. May be copied to other
--- threads.
---
--- ```lua
--- local downloads = xio.scope_group()
--- local task = xio.spawn(function()
---   return downloads:run(function() xio.sleep(60) end)
--- end)
--- xio.sleep(1)
--- print(downloads.active, downloads:cancel("offline", { latch = true })) --> 1  1
--- print((task:await()))                     --> false
--- downloads:clear()
--- print(downloads:run(function() return "works again" end)) --> true  works again
--- ```
---@class xio.ScopeGroup
---@field active integer how many scopes it has now
---@field latched boolean whether later runs are born cancelled
local ScopeGroup = {}

--- A failure that the outside world may cause. Prints as one line and concatenates like a
--- string.
---
--- ```lua
--- local stream, err, code = xio.net.connect_unix("/nowhere/socket")
--- print(stream, code, err.code, err.op)     --> nil  ENOENT  ENOENT  connect
--- ```
---@class xio.Error
---@operator concat(string): string
---@field code string its name: "ECONNREFUSED"
---@field message string the line that it prints as
---@field op string? what was tried: "connect"
---@field path string? what it was about: the file or the unix socket
---@field host string? the name or the address
---@field port? integer|string the number of the port, or the name of the service
---@field fd integer? the number of the descriptor
---@field attempts xio.Error[]? of xio.net.connect: what each of several addresses met
---@field result table? of xio.process.run: what it would have returned otherwise
local Error = {}

--- Raised by fail_after, fail_at and timeout when their own deadline passed.
---
--- ```lua
--- local ok, err = pcall(xio.fail_after, { 0.01, name = "answer" }, xio.sleep_forever)
--- print(err.name, xio.is_timeout(err))      --> answer  true
--- ```
---@class xio.TimeoutError
---@operator concat(string): string
---@field message string
---@field name string? of the limit
local TimeoutError = {}

--- Raised by xio.run when main ended by the cancellation that a signal caused.
---
--- ```lua
--- local ok, err = pcall(error, "an ordinary error")
--- print(xio.is_interrupted(err))            --> false
--- ```
---@class xio.Interrupted
---@field signal string "INT" or "TERM"
local Interrupted = {}

--- Several errors at once. `#err` is their number, `err.errors` the list; each may be an
--- xio.ErrorGroup again.
---
--- ```lua
--- local ok, err = xio.isolate({ errors = "group" }, function()
---   xio.gather(function() error("first", 0) end, function() error("second", 0) end)
--- end)
--- print(#err:leaves(), err:find(function(e) return e == "second" end)) --> 2  second
--- local matching, rest = err:split(function(e) return e == "first" end)
--- print(#matching, rest:leaves()[1])        --> 1  second
--- for e in xio.each_error(err) do print(e) end --> first
---                                           --> second
--- print(#xio.ErrorGroup { "one", "two" })   --> 2
--- ```
---@class xio.ErrorGroup
---@operator concat(string): string
---@operator len: integer
---@field errors any[] the errors, the first one first
local ErrorGroup = {}

--- What is raised in a cancelled task. Programs cannot make one.
---@class xio.Cancelled
---@field source "cancel"|"deadline"|"failure"|"signal"|"shutdown"
---@field reason? any what `cancel` was given; the error, for "failure"; the signal's name
---@field task? xio.Task the task that asked, or failed
local Cancelled = {}

---@alias xio.Case xio.Receiver|xio.Producer|xio.Event|xio.Future|xio.Task|xio.fd|xio.After|table

---@class xio.After
local After = {}

---@class xio.ChannelStats
---@field capacity integer|number
---@field buffered integer items that were sent and not received
---@field senders integer open ends
---@field receivers integer open ends
---@field sent integer items so far
---@field received integer items so far
---@field waiting integer tasks that wait to send or to receive
local ChannelStats = {}

--- The end that values are sent by. Closed by `<close>` too.
---
--- ```lua
--- local tx, rx = xio.channel(2)
--- local other <close> = tx:clone()          -- for a second task
--- print(tx:send("a"), other:try_send("b"), tx:try_send("c")) --> true  true  nil  full
--- print(tx:stats().buffered, tx:close())    --> 2  true
--- print(rx:recv(), rx:recv(), other:fail("gone wrong")) --> a  b  true
--- print(pcall(rx.recv, rx))                 --> false  gone wrong
--- ```
---@class xio.Sender
local Sender = {}

--- The end that values are received by: `for value in receiver do` too, which ends with the
--- channel and leaves the receiver open. A case of xio.select. Closed by `<close>` too.
---
--- ```lua
--- local tx, rx = xio.channel(8)
--- local other = rx:clone()                  -- each item goes to one of them
--- for i = 1, 5 do tx:send(i) end
--- print(rx:recv(), other:try_recv())        --> 1  2
--- print(table.concat(rx:drain(2), " "), rx:stats().buffered) --> 3 4  1
--- print(other:close(), rx:fail("stop"), rx:recv()) --> true  true  5
--- print(rx:close(), tx:try_send(6))         --> true  nil  closed
--- ```
---@class xio.Receiver
---@operator call: any
local Receiver = {}

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
local Producer = {}

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
local Hub = {}

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
---@field close_scope xio.CloseScope closing it asks the service to stop; it closes when the service has ended, and fails where that has failed
local Service = {}

--- What xio.service_group gives. It has the methods of a service, and can be a member of another
--- group.
---
--- ```lua
--- local function serve(self)
---   self:started()
---   require("xio").sleep_forever()
--- end
--- local group = xio.service_group(xio.service { run = serve }, xio.service { run = serve })
--- group:start()
--- print((group:wait_started()))             --> true
--- group:call_soon(function() end)
--- print(#group:call_sync(function() return "here" end)) --> 2
--- print(#group:submit(function() end))      --> 2
--- print(group:stop(), (group:join()))       --> true  true
--- ```
---@class xio.ServiceGroup
---@field name string
local ServiceGroup = {}

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
local Mailbox = {}

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
local Actor = {}

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

---@class xio.ThreadChannelStats: xio.ChannelStats
---@field dropped integer items that were sent too late, where those are dropped
local ThreadChannelStats = {}

--- The end that items are sent by. Closed by `<close>` too. May be copied to other threads.
---
--- ```lua
--- local tx, rx = xio.thread.channel(2, { late = "drop" })
--- local other = tx:clone()
--- print(tx:send { 1, 2 }, other:try_send("b"), other:try_send("c")) --> true  true  nil  full
--- print(#rx:recv(), tx:stats().buffered)    --> 2  1
--- print(other:close(), tx:fail("broken"), tx:close()) --> true  true  false
--- ```
---@class xio.ThreadSender
local ThreadSender = {}

--- The end that items are received by: `for value in receiver do` too, which ends with the
--- channel and leaves the receiver open. A case of xio.select. Closed by `<close>` too. May be
--- copied to other threads; each item goes to one of those who receive.
---
--- ```lua
--- local tx, rx = xio.thread.channel(8)
--- local sum = xio.spawn(xio.thread.run, function(input)    -- in another thread
---   local n = 0
---   for value in input do n = n + value end
---   return n
--- end, rx:clone())
--- for i = 1, 4 do tx:send(i) end
--- tx:close()
--- print(sum:await())                        --> 10
--- print(rx:recv())                          --> nil  closed
--- print(rx:try_recv())                      --> nil  closed
--- print(#rx:drain(), rx:stats().sent, rx:fail("late"), rx:close()) --> 0  4  false  true
--- ```
---@class xio.ThreadReceiver
---@operator call: any
local ThreadReceiver = {}

--- The way into one run. May be copied to other threads.
---
--- ```lua
--- local portal = xio.portal()
--- local answer = xio.thread.run(function(back)
---   back:post(function() greeting = "hello" end)     -- in order, for nobody
---   local reply = back:spawn(function() return 4 end)
---   return back:call(function() return greeting end) .. reply:await()
--- end, portal)
--- print(answer)                             --> hello4
--- ```
---@class xio.Portal
local Portal = {}

--- May be copied to other threads, and is a case of xio.select, which returns or raises what
--- `await` does.
---
--- ```lua
--- local reply = xio.registry():register("key")
--- print(reply:await(0.01))                  --> nil  await: timed out (ETIMEDOUT)  ETIMEDOUT
--- reply = xio.registry():register("key")
--- print(reply.done, reply:stats().waiting)  --> false  0
--- print(reply:set("value"), reply:fail("too late"), reply:cancel()) --> true  false  false
--- print(reply:await())                      --> value
--- ```
---@class xio.Reply
---@field done boolean whether it is settled
local Reply = {}

--- A state that is closed once: with a reason, or failed, with an error. What closes it in one
--- Lua state is that very value there, and a copy elsewhere. May be copied to other threads.
---
--- ```lua
--- local closing = xio.close_scope()
--- xio.spawn(function() xio.sleep(0.01); closing:close("maintenance") end)
--- print(closing:wait(), closing.reason)     --> true  maintenance
--- print(closing:fail("late"))               --> false
--- print(pcall(closing.raise_if_closed, closing)) --> false  closed: maintenance
--- ```
---@class xio.CloseScope
---@field closed boolean whether it is closed, or has failed
---@field failed boolean
---@field reason? any what it was closed with
---@field error? any what it has failed with
local CloseScope = {}

--- A count of work that is going on. May be copied to other threads.
---
--- ```lua
--- local work = xio.work_tracker()
--- xio.spawn(function() work:track(xio.sleep, 0.01) end)
--- print(work:add(), work.count)             --> 1  1
--- work:done()
--- xio.checkpoint()
--- print(work:wait_idle(5), work.count)      --> true  0
--- ```
---@class xio.WorkTracker
---@field count integer
local WorkTracker = {}

--- A flag. The object itself is true, as all objects are: ask `is_set`.
---
--- ```lua
--- local ready = xio.event()
--- xio.spawn(function() xio.sleep(1); ready:set() end)
--- print(ready:wait(0.5), ready:is_set())    --> false  false
--- print(ready:wait(), ready:stats().waiting) --> true  0
--- ready:clear()
--- ```
---@class xio.Event
local Event = {}

--- ```lua
--- local future = xio.future()
--- xio.spawn(function() xio.sleep(1); future:set("value", 42) end)
--- print(future:await())                     --> value  42
--- print(future.done, future:cancel(), future:stats().waiting) --> true  false  0
--- local broken = xio.future()
--- broken:fail("no value")
--- print(pcall(broken.await, broken))        --> false  no value
--- ```
---@class xio.Future
---@field done boolean whether it is settled
local Future = {}

--- A lock. One whose owner ends without releasing it is broken: whoever acquires it from then
--- on gets an error that says so.
---
--- ```lua
--- local lock = xio.lock()
--- do
---   local _ <close> = lock:acquire()
---   print(lock.locked, lock.owner == xio.current()) --> true  true
--- end
--- print(lock:with(function() return lock:stats().held end)) --> 1
--- print(lock:try_acquire())                 --> true
--- lock:release()
--- ```
---@class xio.Lock
---@field locked boolean
---@field owner? xio.Task
local Lock = {}

--- ```lua
--- local semaphore = xio.semaphore(2)
--- do
---   local _ <close> = semaphore:acquire()
---   print(semaphore.value, semaphore:try_acquire(), semaphore:try_acquire()) --> 1  true  false
---   semaphore:release()
--- end
--- print(semaphore:with(function() return semaphore:stats().held end)) --> 1
--- ```
---@class xio.Semaphore
---@field value integer free permits
---@field max? integer
local Semaphore = {}

--- A limiter. Writing `total` gives new tokens to those who wait, at once; fewer take effect as
--- tokens are given back.
---
--- ```lua
--- local limiter = xio.limiter(2)
--- do
---   local _ <close> = limiter:acquire()
---   print(limiter.held, limiter:try_acquire_on_behalf_of("request 7")) --> 1  true
---   limiter:release_on_behalf_of("request 7")
--- end
--- print(limiter:with(function() return limiter:stats().held end)) --> 1
--- limiter:acquire_on_behalf_of("request 8")
--- print(limiter:try_acquire(), limiter.available) --> true  0
--- limiter:release()
--- ```
---@class xio.Limiter
---@field total integer|number
---@field held integer tokens that are out
---@field available integer|number negative while more are out than there are
local Limiter = {}

--- ```lua
--- local queue, changed = {}, xio.condition()
--- xio.spawn(function()
---   xio.sleep(1)
---   changed:with(function() queue[1] = "job"; print(changed:notify()) end) --> 1
--- end)
--- do
---   local _ <close> = changed:acquire()
---   while #queue == 0 do changed:wait() end
---   print(queue[1], changed:stats().held)   --> job  1
--- end
--- print(changed:try_acquire(), changed:notify_all()) --> true  0
--- changed:release()
--- ```
---@class xio.Condition
---@field lock xio.Lock
---@field locked boolean of the lock
---@field owner? xio.Task of the lock
local Condition = {}

--- ```lua
--- local barrier = xio.barrier(2)
--- xio.spawn(function() xio.sleep(1); barrier:wait() end)
--- print(barrier:wait(), barrier:stats().waiting) --> 0  0
--- ```
---@class xio.Barrier
---@field total integer for how many tasks it is
local Barrier = {}

--- A call of an async function. Called, as a function without arguments, it awaits itself, so
--- that calls can be given to gather, race, as_completed and the like.
---@class xio.Call
---@operator call: any
---@field name string of the function
local Call = {}

--- ```lua
--- local user = xio.var("nobody")
--- user:set("Ada")
--- user:with("Bob", function() print(user:get()) end) --> Bob
--- xio.spawn(function() print(user:get()) end):wait() --> Ada
--- print(user:get())                         --> Ada
--- ```
---@class xio.Var
local Var = {}

--- A descriptor to be waited for; a case of xio.select. `close`, `<close>` and collecting leave
--- the descriptor open.
---
--- ```lua
--- local a, b = assert(xio.net.pair())
--- local watched = assert(xio.fd(a:fileno())) -- e.g. the socket of a C library
--- print(watched:writable(5))                --> true
--- b:write("x")
--- print(watched:readable(5), watched:fileno() == a:fileno(), watched:close()) --> true  true  true
--- a:close()
--- b:close()
--- ```
---@class xio.fd
---@field closed boolean whether it was closed, by `close` or `<close>`
local fd = {}

---@class xio
---@field _VERSION string "xio 0.1.0"
---@field stdin xio.Stream the standard streams, whatever they are: terminal, pipe, file, null
---@field stdout xio.Stream
---@field stderr xio.Stream
---@field Error table the metatable of such errors; so are the next two
---@field TimeoutError table
---@field Interrupted table
---@field coroutine table Lua's library, with generators that may wait (a host may keep its own)
---@field fs xio.fs
---@field net xio.net
---@field process xio.process
---@field signal xio.signal
---@field stream xio.stream
---@field testing xio.testing
---@field thread xio.thread
local xio = {}

--- Runs `f(...)` as the main task of a new loop, until that and all tasks of the root group
--- have ended, and returns what `f` returns. A run inside a task of another one blocks that one
--- meanwhile.
---
--- Errors: those of main and of tasks spawned by xio.spawn are raised, unchanged, when all have
--- ended. Where every task waits and nothing outside can wake one, the run is cancelled and an
--- xio.Error with the code "EDEADLK" is raised, which lists what each task waits for. SIGINT and
--- SIGTERM cancel the root scope (source "signal"); a second one, or the end of the grace, lifts
--- all shields, and a third ends the process; if main then ends by cancellation alone, an
--- xio.Interrupted is raised. Not a checkpoint: inside a task of another run it blocks that run.
---
--- ```lua
--- local sum = xio.run({ clock = "virtual" }, function(a, b)
---   xio.sleep(3600)                         -- no time passes on a virtual clock
---   return a + b
--- end, 4, 5)
--- print(sum)                                --> 9
--- ```
---@param options? xio.RunOptions
---@param f fun(...: any): any
---@param ... any arguments for `f`
---@return any ... what `f` returns
---@overload fun(f: (fun(...: any): any), ...: any): ...: any
function xio.run(options, f, ...) end

--- A loop that the caller drives by hand, for hosts with a loop of their own. Signals are taken
--- only with `signals = true`. May be called anywhere. Never waits. Raises for wrong options.
---@param options? xio.RunOptions
---@return xio.Runtime
function xio.new(options) end

--- Runs `f(...)` as xio.run does, with all that was spawned before, and returns its results. May
--- be called again and again. Raises what a run raises. Not a checkpoint: it blocks its caller
--- until all have ended.
---@param f fun(...: any): any
---@param ... any
---@return any ...
function Runtime:run(f, ...) end

--- Spawns `f(...)` into the root group; it runs when the loop is driven. May be called anywhere.
--- Never waits. Raises where the runtime is closed.
---@param options? xio.SpawnOptions
---@param f fun(...: any): any
---@param ... any
---@return xio.Task
---@overload fun(self: xio.Runtime, f: (fun(...: any): any), ...: any): xio.Task
function Runtime:spawn(options, f, ...) end

--- Drives one turn: fires timers that are due, runs what is ready, and polls the system,
--- waiting for at most `timeout` seconds where nothing is ready. Blocks the calling thread
--- meanwhile.
---
--- Raises the errors of the root group when its last task has ended; then it can be used again. A
--- deadlock is no error here, since the host may wake a task. Not a checkpoint.
---@param timeout? number seconds; 0, the default: do not wait
---@return boolean more tasks are left
---@return boolean stalled all wait, and nothing but the host could wake one
function Runtime:step(timeout) end

--- A descriptor that becomes readable when the loop has something to do, to be watched by another
--- loop together with `timeout`. It stays the runtime's. Never waits. Raises where the runtime is
--- closed.
---@return integer descriptor
function Runtime:fd() end

--- In how many seconds `step` should be called even if the descriptor tells nothing. Never waits.
--- Raises where the runtime is closed.
---@return number seconds 0: at once; math.huge: no limit
function Runtime:timeout() end

--- Cancels what lives (source "shutdown"), runs it to its end, cleanup included, closes the loop,
--- and raises the errors that were met. Not a checkpoint: it blocks its caller until all have
--- ended.
---@return boolean first false: it was closed already
function Runtime:close() end

--- Spawns a task that runs `f(...)` into the root group: the run waits for it, and its error ends
--- the run. `f` begins to run in a later turn. Raises outside of a run. Never waits.
---
--- ```lua
--- xio.spawn({ name = "ticker", daemon = true }, function()
---   while true do
---     xio.sleep(10)
---     print("tick")
---   end
--- end)
--- print(xio.current():status())             --> running
--- xio.sleep(25)                             --> tick
---                                           --> tick
--- ```
---@param options? xio.SpawnOptions
---@param f fun(...: any): any
---@param ... any arguments for `f`
---@return xio.Task
---@overload fun(f: (fun(...: any): any), ...: any): xio.Task
function xio.spawn(options, f, ...) end

--- The running task. Raises outside of a run. Never waits.
---@return xio.Task
function xio.current() end

--- Waits until the task has ended and returns what its function returned.
---
--- Errors: its error is raised, the very same value; where it was cancelled, an xio.Error with
--- the code "ECANCELED". Tasks that await each other get an xio.Error with the code "EDEADLK".
--- Raises for a task of another run that has not ended. A checkpoint; cancelled, it raises, and
--- the task goes on.
---@return any ...
function Task:await() end

--- Waits until the task has ended, in whatever way; its error is not raised. Tasks that await
--- each other get an xio.Error with the code "EDEADLK"; a task of another run that has not ended
--- raises. A checkpoint; cancelled, it raises, and the task goes on.
function Task:wait() end

--- How the task has ended: true and its results; false and its error (an xio.Error with the code
--- "ECANCELED" where it was cancelled); nothing before its end. Never waits.
---@return boolean? ok
---@return any ...
function Task:result() end

--- Cancels the task and all that belongs to it. It raises at the checkpoint where it waits, or
--- at the next that it comes to.
---@param reason? any what its Cancelled tells; the first stands
---@return boolean first false: it was cancelled before, or has ended
function Task:cancel(reason) end

--- What the task does: "ready" is to run in this turn or the next. Never waits or fails.
---@return "ready"|"running"|"waiting"|"done"|"failed"|"cancelled"
function Task:status() end

--- Name, status and, while it lives, the stack of the task, without frames of xio. Never waits or
--- fails.
---@return string
function Task:traceback() end

--- The drawing: a line for each task, with its state, its age where that is a second or more, what
--- it waits for and where, and the time that is left until its own limit.
---
--- `stacks`: with the stack of each task below it. `colours`: with colours; by default where
--- `descriptor` (1: standard output) is a terminal, unless NO_COLOR is set. Never waits. Raises for
--- wrong options.
---@param options? {stacks?: boolean, colours?: boolean, descriptor?: integer}
---@return string text
function Tree:draw(options) end

--- All live tasks, of the current run or of the runtime `rt`, at this moment.
---
--- The list part of the table holds the tasks of the root group, and each task's list part the
--- tasks whose groups it has opened. A task has `task` (the handle), `name`, `status`, `waits`
--- (what it does: "sleep", "await" …), `left` (seconds until its own time limit), `age` (seconds
--- since it was spawned, by the run's clock; at the least, since that is noted when the loop
--- waits), `where` (file:line), `spawned` (file:line), `daemon` and `cancelled`. Raises outside of
--- a run when no runtime is given. Never waits.
---
--- ```lua
--- xio.spawn({ name = "nap" }, function() xio.sleep(5) end)
--- xio.sleep(1)
--- local nap = xio.tree()[2]
--- print(nap.name, nap.status, nap.waits, nap.left) --> nap  waiting  sleep  4.0
--- ```
---@param rt? table a runtime of xio.new
---@return xio.Tree tree
function xio.tree(rt) end

--- Calls `f(group, ...)` and, when that and every child have ended, returns its results.
---
--- Errors: the first error of `f` or of a child cancels the group; when all have ended it is
--- raised, as `errors` says. A checkpoint at its end. It never raises Cancelled on entry.
--- Cancelled from outside, it cancels all, and raises when they have ended, unless nothing was
--- cut short. Cancelled by its own `cancel`, it returns nothing where its body was cut short.
---
--- ```lua
--- local sum = xio.group(function(group)
---   local first = group:spawn(function() xio.sleep(2); return 4 end)
---   local second = group:spawn(function() xio.sleep(1); return 5 end)
---   return first:await() + second:await()
--- end)
--- print(sum)                                --> 9
--- ```
---@param options? xio.GroupOptions
---@param f fun(group: xio.Group, ...: any): any
---@param ... any further arguments for `f`
---@return any ... what `f` returns
---@overload fun(f: (fun(group: xio.Group, ...: any): any), ...: any): ...: any
function xio.group(options, f, ...) end

--- Spawns a child that runs `f(...)`. It begins in a later turn, or when the limit allows;
--- spawning never waits. A child of a cancelled group is born cancelled and runs to its first
--- checkpoint. Raises where the group has ended.
---@param options? xio.SpawnOptions
---@param f fun(...: any): any
---@param ... any
---@return xio.Task
---@overload fun(self: xio.Group, f: (fun(...: any): any), ...: any): xio.Task
function Group:spawn(options, f, ...) end

--- Spawns a child that runs `f(started, ...)`, waits until it calls `started(...)`, and returns
--- what that was given. From then on it is an ordinary child.
---
--- Errors: one before `started` is raised here alone, and does not cancel the group; so is that
--- it ends without calling `started`. A second call of `started` raises in the child. A
--- checkpoint; cancelled before `started`, the child is cancelled, and this raises when it has
--- ended.
---@param options? xio.SpawnOptions
---@param f fun(started: fun(...: any), ...: any): any
---@param ... any further arguments for `f`
---@return any ... what `started` was given
---@overload fun(self: xio.Group, f: (fun(started: fun(...: any), ...: any): any), ...: any): ...: any
function Group:start(options, f, ...) end

--- Cancels the body and all children. Never waits. It cannot fail.
---@param reason? any what their Cancelled tells; the first stands
---@return boolean first false: it was cancelled before, or has ended
function Group:cancel(reason) end

--- The children that live, in the order of spawning. Never waits or fails.
---@return xio.Task[]
function Group:tasks() end

--- Calls `f(scope, ...)` in a new scope.
---
--- Returns true and its results; or false and the Cancelled where it was cut short by this
--- scope. Errors of `f` pass through. Not itself a checkpoint.
---
--- ```lua
--- local completed, why = xio.scope({ timeout = 5, name = "request" }, function(scope)
---   scope.deadline = xio.now() + 1          -- moved while it runs
---   xio.sleep(60)
--- end)
--- print(completed, why.source)              --> false  deadline
--- ```
---@param options? xio.ScopeOptions
---@param f fun(scope: xio.Scope, ...: any): any
---@param ... any further arguments for `f`
---@return boolean completed
---@return any ... results, or the xio.Cancelled
---@overload fun(f: (fun(scope: xio.Scope, ...: any): any), ...: any): boolean, ...: any
function xio.scope(options, f, ...) end

--- Makes a scope to be entered later by its `run`, once, by any task. It may be cancelled before.
--- Never waits. Raises for wrong options.
---@param options? xio.ScopeOptions
---@return xio.Scope
function xio.new_scope(options) end

--- Calls `f(...)`, and cancels it after so many seconds.
---
--- Returns true and its results; or false and the Cancelled where it was cut short. Errors of
--- `f` pass through. Not itself a checkpoint.
---
--- ```lua
--- local completed, value = xio.move_on_after(2, function() xio.sleep(1); return "done" end)
--- print(completed, value)                   --> true  done
--- print((xio.move_on_after(2, xio.sleep, 3)))   --> false
--- ```
---@param seconds xio.Limit? seconds from the entry
---@param f fun(...: any): any
---@param ... any
---@return boolean completed
---@return any ... results, or the xio.Cancelled
function xio.move_on_after(seconds, f, ...) end

--- The same with a time on the clock of xio.now. Errors of `f` pass through. Not itself a
--- checkpoint.
---
--- ```lua
--- local by = xio.now() + 10                 -- one deadline for several steps
--- for _, seconds in ipairs { 6, 6 } do
---   print((xio.move_on_at(by, xio.sleep, seconds)))
--- end                                       --> true
---                                           --> false
--- ```
---@param time xio.Limit? when, as of xio.now
---@param f fun(...: any): any
---@param ... any
---@return boolean completed
---@return any ... results, or the xio.Cancelled
function xio.move_on_at(time, f, ...) end

--- Calls `f(...)`, and cancels it after so many seconds. Returns its results, or raises an
--- xio.TimeoutError where this deadline has cut it short; other errors pass through. Also named
--- xio.timeout. Not itself a checkpoint.
---
--- ```lua
--- local ok, err = pcall(xio.fail_after, { 2, name = "lookup" }, xio.sleep, 3)
--- print(ok, xio.is_timeout(err), err.name)  --> false  true  lookup
--- ```
---@param seconds xio.Limit? seconds from the entry
---@param f fun(...: any): any
---@param ... any
---@return any ... what `f` returns
function xio.fail_after(seconds, f, ...) end

--- Calls `f(...)`, and cancels it at a time on the clock of xio.now. Returns its results, or
--- raises an xio.TimeoutError where this deadline has cut it short; other errors pass through.
--- Not itself a checkpoint.
---
--- ```lua
--- print(xio.fail_at(xio.now() + 2, function() xio.sleep(1); return "in time" end)) --> in time
--- ```
---@param time xio.Limit? when, as of xio.now
---@param f fun(...: any): any
---@param ... any
---@return any ... what `f` returns
function xio.fail_at(time, f, ...) end

--- Calls `f(...)` with cancellation and deadlines from outside hidden, and returns its results.
--- They are delivered at the next checkpoint after it. Errors pass through. Not itself a
--- checkpoint.
---
--- ```lua
--- xio.move_on_after(1, function()
---   xio.shield(function() xio.sleep(5); print("written") end)  --> written
---   xio.sleep(0)                            -- the cancellation is met here
---   print("never comes here")
--- end)
--- ```
---@param f fun(...: any): any
---@param ... any
---@return any ... what `f` returns
function xio.shield(f, ...) end

--- The same for cleanup: the shield lasts for the run's `grace` from its entry, or from the
--- cancellation if that comes later; then `f` is cancelled. Not itself a checkpoint. Its errors
--- pass through.
---
--- ```lua
--- xio.move_on_after(1, function()
---   local ok, err = pcall(xio.sleep, 60)
---   xio.cleanup(function() xio.sleep(2); print("said goodbye") end) --> said goodbye
---   if not ok then error(err, 0) end
--- end)
--- ```
---@param f fun(...: any): any
---@param ... any
---@return any ... what `f` returns; nothing where it was cut short
function xio.cleanup(f, ...) end

--- The time at which the running task will be cancelled by a deadline, as it stands: the nearest
--- of all around it that no shield hides; math.huge where there is none. Raises outside of a run.
--- Never waits.
---
--- ```lua
--- xio.move_on_after(5, function()
---   print(xio.deadline() - xio.now())       --> 5.0
--- end)
--- ```
---@return number time on the clock of xio.now
function xio.deadline() end

--- Enters the scope and calls `f(...)` in it; returns as xio.scope does. Raises where it was
--- entered before. Not itself a checkpoint.
---@param f fun(...: any): any
---@param ... any
---@return boolean completed
---@return any ... results, or the xio.Cancelled
function Scope:run(f, ...) end

--- Cancels all that runs in the scope, or will. From any task, or outside of all. Never waits. It
--- cannot fail.
---@param reason? any what the Cancelled tells; the first stands
---@return boolean first false: it was cancelled before, or has ended
function Scope:cancel(reason) end

--- Makes a group of scopes. It may be used by tasks of several runs, and of several threads.
--- Never waits or fails.
---@return xio.ScopeGroup
function xio.scope_group() end

--- Runs `f(...)` in a fresh scope of the group.
---
--- Returns true and what `f` returns; or false and the Cancelled, where the group was
--- cancelled and that cut `f` short. Errors of `f` pass through. Not itself a checkpoint.
---@param f function
---@param ... any arguments for `f`
---@return boolean completed
---@return any ...
function ScopeGroup:run(f, ...) end

--- Cancels all scopes that the group has now; those in other threads soon.
---
--- With `latch`, those of later runs are born cancelled with the same reason, until
--- `clear()`; of several, the first reason stands. Never waits; may be called anywhere, from any
--- thread. Raises where the reason cannot be copied and another thread knows the group.
---@param reason? any what their Cancelled tells; in other threads a copy
---@param options? {latch?: boolean}
---@return integer count how many scopes this has cancelled that were not before
function ScopeGroup:cancel(reason, options) end

--- Ends the latch: later runs are not cancelled. What was cancelled stays so. Never waits or
--- fails.
function ScopeGroup:clear() end

--- Waits for so many seconds; 0 and less for one turn. It never returns early. A checkpoint;
--- cancelled, it raises. Raises outside of a task and for NaN.
---
--- ```lua
--- local began = xio.now()
--- xio.sleep(0.5)
--- print(xio.now() - began)                  --> 0.5
--- ```
---@param seconds number math.huge: until cancelled
function xio.sleep(seconds) end

--- Waits until the clock of xio.now shows `time`. A checkpoint; as xio.sleep. Raises outside of a
--- task and for NaN; cancelled, it raises.
---
--- ```lua
--- local next_time = xio.now()
--- for _ = 1, 3 do                           -- every ten seconds, without drift
---   next_time = next_time + 10
---   xio.sleep_until(next_time)
--- end
--- print(xio.now())                          --> 30.0
--- ```
---@param time number when, as of xio.now
function xio.sleep_until(time) end

--- Waits until it is cancelled. A checkpoint. It cannot fail otherwise.
---
--- ```lua
--- print((xio.move_on_after(1, xio.sleep_forever))) --> false
--- ```
function xio.sleep_forever() end

--- The time on the run's monotonic clock. It has no relation to the time of day. Raises outside
--- of a run. Never waits.
---@return number seconds
function xio.now() end

--- Lets others run, for one turn, and raises where the task is cancelled; where no other task is
--- ready and no timer is set it may return at once, 64 times in a row. A checkpoint.
---
--- ```lua
--- local sum = 0
--- for i = 1, 1000 do
---   sum = sum + i
---   if i % 100 == 0 then xio.checkpoint() end   -- others run, and this can be cancelled
--- end
--- print(sum)                                --> 500500
--- ```
function xio.checkpoint() end

--- Raises where the task is cancelled; never reschedules it. Raises outside of a run.
---
--- ```lua
--- xio.scope(function(scope)
---   scope:cancel()
---   print(xio.cancelled())                  --> true
---   xio.check()
---   print("never comes here")
--- end)
--- ```
function xio.check() end

--- Whether a checkpoint would raise now, since the task is cancelled. Raises outside of a run.
---@return boolean
function xio.cancelled() end

--- Calls `f(...)`, in which no task switch can happen: what would wait raises. Returns its
--- results; errors pass through. Raises outside of a run. Not itself a checkpoint.
---
--- ```lua
--- local ok, err = pcall(xio.atomic, function() xio.sleep(1) end)
--- print(ok)                                 --> false
--- ```
---@param f fun(...: any): any
---@param ... any
---@return any ... what `f` returns
function xio.atomic(f, ...) end

--- The errors that are no groups, in order, at any depth. Never waits or fails.
---@return any[] leaves
function ErrorGroup:leaves() end

--- The first leaf of which `pred(leaf)` is true, or nil. Errors of `pred` pass through. Never
--- waits, unless `pred` does.
---@param pred fun(err: any): any
---@return any leaf
function ErrorGroup:find(pred) end

--- Splits into those leaves of which `pred(leaf)` is true and the others, both with the structure
--- of this group; nil for a side without any. Errors of `pred` pass through. Never waits, unless
--- `pred` does.
---@param pred fun(err: any): any
---@return xio.ErrorGroup? matching
---@return xio.ErrorGroup? rest
function ErrorGroup:split(pred) end

--- The report on an error: the error, the traceback of the task that raised it without frames of
--- xio, where that task and each one above it was spawned, and the errors that were suppressed on
--- the way. It tells of the latest raise of that value. Never waits or fails.
---
--- ```lua
--- local ok, err = pcall(error, "no such user", 0)
--- print((xio.traceback(err):match("[^\n]*"))) --> no such user
--- ```
---@param err any
---@return string report
function xio.traceback(err) end

--- The errors that were met while `err` unwound, in order; an empty list when there are none.
--- Never waits or fails.
---
--- ```lua
--- local ok, err = pcall(function()
---   local _ <close> = xio.defer(error, "cleanup failed", 0)
---   error("the cause", 0)
--- end)
--- print(err, xio.suppressed(err)[1])        --> the cause  cleanup failed
--- ```
---@param err any
---@return any[] errors
function xio.suppressed(err) end

--- Iterates over the leaves of an xio.ErrorGroup, or over the one error. Never waits or fails.
---@param err any
---@return fun(): any
function xio.each_error(err) end

--- Makes a group of errors: `xio.ErrorGroup{e1, e2}`. Its class, for comparisons of metatables,
--- is `xio.ErrorGroup.type`. Never waits.
---@param errors any[] at least one
---@return xio.ErrorGroup
function xio.ErrorGroup(errors) end

--- As pcall, but a cancellation is not caught, and an error nil has become one with a name. `f`
--- may wait. Not itself a checkpoint. Raises only what cannot be called, and cancellations.
---
--- ```lua
--- print(xio.pcall(error, "caught", 0))      --> false  caught
--- local completed = xio.move_on_after(1, function()
---   xio.pcall(xio.sleep, 60)                -- the cancellation passes through
---   print("never comes here")
--- end)
--- print(completed)                          --> false
--- ```
---@param f fun(...: any): any
---@param ... any
---@return boolean ok
---@return any ... results, or the error
function xio.pcall(f, ...) end

--- As xpcall, but a cancellation is not caught, and `handler` is not called for it. `f` may wait,
--- `handler` may not. Not itself a checkpoint. Raises only what cannot be called, and
--- cancellations.
---
--- ```lua
--- print(xio.xpcall(error, function(e) return "seen: " .. e end, "broken")) --> false  seen: broken
--- ```
---@param f fun(...: any): any
---@param handler fun(err: any): any
---@param ... any
---@return boolean ok
---@return any ... results, or what the handler returned
function xio.xpcall(f, handler, ...) end

--- Whether `err` is a cancellation that still counts: code that catches errors hands these on.
--- One that was kept and raised again after its scope has ended is an ordinary error. Never waits
--- or fails.
---
--- ```lua
--- local completed = xio.move_on_after(1, function()
---   local ok, err = pcall(xio.sleep, 60)
---   if xio.is_cancelled(err) then error(err, 0) end   -- hand it on
--- end)
--- print(completed)                          --> false
--- ```
---@param err any
---@return boolean
function xio.is_cancelled(err) end

--- Whether `err` tells that time has run out: an xio.TimeoutError, or an xio.Error with the code
--- "ETIMEDOUT". Never waits.
---@param err any
---@return boolean
function xio.is_timeout(err) end

--- Whether `err` is an xio.Interrupted, which xio.run raises after a signal. Never waits.
---@param err any
---@return boolean
function xio.is_interrupted(err) end

--- Runs `f(...)` as xio.run does, or simply calls it where a task is running already, so
--- that a script works under `lua` and under `xio`.
---
--- Errors: whatever `f` raises, unchanged. Not itself a checkpoint.
---
--- ```lua
--- xio.main(function(name) print("hello, " .. name) end, "Ada") --> hello, Ada
--- ```
---@param f function
---@param ... any arguments for `f`
---@return any ... what `f` returns
function xio.main(f, ...) end

--- Runs all functions at once, each in a task of its own, and waits for all.
---
--- With functions as arguments, returns the first result of each, in order; with one list of
--- functions, returns one list of results, with their number as `n`; with nothing, returns
--- nothing. The first error cancels the others and is raised when all have ended; several
--- errors are raised as an xio.ErrorGroup. A checkpoint. Cancelled, it cancels all of them
--- and raises when they have ended.
---
--- ```lua
--- local a, b = xio.gather(
---   function() xio.sleep(2); return "slow" end,
---   function() return "fast" end)
--- print(a, b)                               --> slow  fast
--- ```
---@param ... function|function[]
---@return any ...
function xio.gather(...) end

--- Runs all functions at once, each in a task of its own, and returns when the first has
--- ended: its index and its results. The others are cancelled, and have ended before it
--- returns.
---
--- Errors: where the first to end has failed, its error, unchanged. An error with which
--- another one ends after that, or after the first was cancelled, is not lost: it is kept
--- beside the first error (xio.suppressed), or raised where there was none. A checkpoint.
--- Cancelled before one has ended, it cancels all and raises when they have ended.
---
--- ```lua
--- print(xio.race(
---   function() xio.sleep(2); return "slow" end,
---   function() xio.sleep(1); return "fast" end)) --> 2  fast
--- ```
---@param ... function|function[] at least one
---@return integer index
---@return any ... what that function returned
function xio.race(...) end

--- Runs all functions at once, each in a task of its own, and returns when the first has
--- succeeded: its index and its results. The others are cancelled, and have ended before it
--- returns; that they fail does not matter.
---
--- Errors: where all have failed, an xio.ErrorGroup of their errors, in the order in which
--- they failed. A checkpoint. Cancelled before one has succeeded, it cancels all and raises
--- when they have ended.
---
--- ```lua
--- print(xio.any(
---   function() error("broken") end,
---   function() xio.sleep(1); return "works" end)) --> 2  works
--- ```
---@param ... function|function[] at least one
---@return integer index
---@return any ... what that function returned
function xio.any(...) end

--- Runs `f(...)` in a group of its own, and turns its failure into a result.
---
--- Returns true and what `f` returns, or false and the error. A checkpoint. Cancelled from
--- outside, it cancels `f` and its children and raises when they have ended: that is no failure.
--- `opts.errors` is as in xio.group. Raises for wrong options.
---
--- ```lua
--- local ok, err = xio.isolate(function()
---   error("failed", 0)
--- end)
--- print(ok, err)                            --> false  failed
--- ```
---@param opts? {errors?: "auto"|"first"|"group", name?: string}
---@param f function
---@param ... any arguments for `f`
---@return boolean ok
---@return any ... the results, or the error
---@overload fun(f: (function), ...: any): boolean, ...: any
function xio.isolate(opts, f, ...) end

--- Gives a `<close>` value that runs `f(...)` inside xio.cleanup when its block ends.
---
--- An error of `f` joins the one in flight: it is kept beside it as suppressed; without one it is
--- raised. A cancellation in flight gives way to it. Never waits itself. Raises where `f` cannot
--- be called.
---
--- ```lua
--- do
---   local _ <close> = xio.defer(function() xio.sleep(1); print("closed") end)
---   print("works")                          --> works
--- end                                       --> closed
--- ```
---@param f function
---@param ... any arguments for `f`
---@return table guard for `local guard <close> =`
function xio.defer(f, ...) end

--- Runs `f(item)` for each item of `list`, all at once or `limit` at a time, each in a task of
--- its own; returns a list of the first result of each, in the order of the items, with their
--- number as `n`. The number of items is `list.n`, where that is an integer, or `#list`.
---
--- Errors: the first one cancels the others and is raised when all have ended; several are
--- raised as an xio.ErrorGroup. Under a limit no item is begun any more once one has failed
--- or was cut short. A checkpoint. Cancelled, it cancels what runs and raises when all have
--- ended.
---
--- ```lua
--- local lengths = xio.map({ "one", "three" }, function(word)
---   xio.sleep(1)
---   return #word
--- end, { limit = 10 })
--- print(lengths[1], lengths[2], lengths.n)  --> 3  5  2
--- ```
---@param list any[]
---@param f fun(item: any): any
---@param options? {limit?: integer} how many run at once; by default all
---@return {n: integer, [integer]: any} results
function xio.map(list, f, options) end

--- Runs `f(...)` for the values of each step of an iterator, each in a task of its own, all
--- at once or `limit` at a time, and waits for all.
---
--- `iterator` is anything that can be called, such as a receiver of a channel; or the values
--- of an iteration, packed in a list: `table.pack(pairs(t))`, whose closing value, if it has
--- one, is closed at the end. It is called in the calling task, as a `for` loop does, may
--- wait, and is called only when there is room for one more item.
---
--- Errors: the first one, of `f` or of the iterator, ends the iteration, cancels what runs and
--- is raised when all have ended; several are raised as an xio.ErrorGroup. A checkpoint.
--- Cancelled, it takes no further item, cancels what runs, and raises when all have ended.
---
--- ```lua
--- local sum = 0
--- local function add(_, value) sum = sum + value end
--- xio.each(table.pack(ipairs { 1, 2, 3 }), add, { limit = 2 })
--- print(sum)                                --> 6
--- ```
---@param iterator function|table
---@param f fun(...: any)
---@param options? {limit?: integer} how many run at once; by default any number
function xio.each(iterator, f, options) end

--- Iterates over the results of functions that run at once, each in a task of its own, in the
--- order in which they are completed: `for index, ... in xio.as_completed(list) do`.
---
--- They begin to run with the first step of the loop. Leaving it early, in whatever way, ends
--- the rest: it is cancelled, and has ended before the loop is over. Made for `for` loops,
--- whose end closes it; the loop's body is inside the group of the functions, so that one
--- loop inside another ends before it.
---
--- Errors: the first error cancels the other functions; the loop gets what was completed
--- before, and then raises it; several are raised as an xio.ErrorGroup. Each step is a
--- checkpoint; cancelled, the step raises, and so the loop ends.
---
--- ```lua
--- local calls = {
---   function() xio.sleep(2); return "slow" end,
---   function() xio.sleep(1); return "fast" end,
--- }
--- for index, result in xio.as_completed(calls) do print(index, result) end --> 2  fast
---                                           --> 1  slow
--- ```
---@param list function[]
---@return function iterator gives the index and the results of one function
---@return nil
---@return nil
---@return table closing
function xio.as_completed(list) end

--- Waits until one of the cases takes effect. Exactly one does: nothing happens by the others.
---
--- A case is a receiver or a producer (an item is received), `{sender, value}` (the value is
--- sent), an event (it is set), a future or a task (it is awaited), a box of xio.fd (readable),
--- `{fd, "readable"}`, `{fd, "writable"}`, or xio.after(seconds). Of several that are ready the
--- first is taken, or in a run with a seed any.
---
--- Returns the number of the case, and what waiting for it alone would; raises what that would,
--- and for what is no case, before anything has happened. A checkpoint; cancelled, it raises,
--- and no case has taken effect.
---
--- ```lua
--- local tx, rx = xio.channel(1)
--- local stop = xio.event()
--- tx:send("job")
--- print(xio.select(stop, rx, xio.after(5))) --> 2  job
--- print(xio.select(stop, rx, xio.after(5))) --> 3
--- print(xio.select({ tx, "next" }, stop))   --> 1  true
--- ```
---@param ... xio.Case
---@return integer index
---@return any ...
function xio.select(...) end

--- A case of xio.select that takes effect so many seconds after the select has begun; it gives no
--- further values. Never waits itself. Raises for NaN and what is no number.
---@param seconds number seconds; 0 and less: one turn, in which others may do something
---@return xio.After
function xio.after(seconds) end

--- Makes a channel. Raises unless `capacity` is an integer of at least 0, or math.huge. Never
--- waits.
---
--- ```lua
--- local tx, rx = xio.channel(16)
--- xio.spawn(function()
---   for i = 1, 3 do tx:send(i) end
---   tx:close()
--- end)
--- local sum = 0
--- for value in rx do sum = sum + value end
--- print(sum)                                --> 6
--- ```
---@param capacity? integer|number items that wait for a receiver before `send` waits: 0, the default, is none (sender and receiver meet); math.huge: any number
---@return xio.Sender
---@return xio.Receiver
function xio.channel(capacity) end

--- Sends a value, waiting until there is room for it, or, without buffer, a receiver. Raises
--- for nil, and where this task has closed this end. A checkpoint; cancelled, it raises, and
--- nothing was sent.
---@param value any anything but nil
---@return true? sent
---@return "closed"? why no receiver is left, or another task has closed this end
function Sender:send(value) end

--- Sends a value if that needs no waiting. May be called anywhere. Raises as `send`. Never waits.
---@param value any anything but nil
---@return true? sent
---@return "full"|"closed"|nil why
function Sender:try_send(value) end

--- Closes this end; the channel ends with its last sender, once what was sent is received.
--- Whoever waits at this end gets nil, "closed". Never waits. It cannot fail.
---@return boolean first whether it was open
function Sender:close() end

--- Ends the channel with an error, which every receiver raises once it has received what was
--- sent before; and closes this end. nil becomes an error that says so. Never waits.
---@param err any
---@return boolean first whether the channel was not ended before
function Sender:fail(err) end

--- Makes another sender of the same channel, to be closed on its own. Never waits or fails.
---@return xio.Sender? sender
---@return "closed"? why
function Sender:clone() end

--- What the channel holds, and what has passed through it. Never waits or fails.
---@return xio.ChannelStats
function Sender:stats() end

--- Waits for the next item, and takes it. Raises what the channel was failed with, when all
--- that was sent before is received, and where this task has closed this end. A checkpoint;
--- cancelled, it raises, and no item is lost.
---@return any item nil at the end
---@return "closed"|integer|nil why "closed" at the end; of a receiver from xio.broadcast, how many items were lost before this one, nil for none
function Receiver:recv() end

--- Takes the next item if there is one. May be called anywhere. Raises as `recv`. Never waits.
---@return any item
---@return "empty"|"closed"|integer|nil why, or how many were lost before this one
function Receiver:try_recv() end

--- Takes what can be received without waiting, the items of waiting senders too, which go on
--- then. May be called anywhere. Never waits. Raises for a negative count.
---@param count? integer at most so many; by default all
---@return any[]? items
---@return "closed"? why this end is closed
function Receiver:drain(count) end

--- Closes this end. With the last receiver the channel ends for senders, and what was not
--- received is dropped. Never waits. It cannot fail.
---@return boolean first whether it was open
function Receiver:close() end

--- Ends the channel with an error: as a sender's, but this end stays open. Never waits or fails.
---@param err any
---@return boolean first whether the channel was not ended before
function Receiver:fail(err) end

--- Makes another receiver of the same channel; each item goes to one of them. Never waits or
--- fails.
---@return xio.Receiver? receiver
---@return "closed"? why
function Receiver:clone() end

--- What the channel holds, and what has passed through it. Never waits or fails.
---@return xio.ChannelStats
function Receiver:stats() end

--- Waits for the next value. Raises the error of the function. A checkpoint; cancelled, it raises,
--- and no value is lost.
---@return any value nil at the end
---@return "closed"? why
function Producer:recv() end

--- Takes the next value if there is one; never waits. It cannot fail.
---@return any value
---@return "empty"|"closed"|nil why
function Producer:try_recv() end

--- Those of the channel behind it. Never waits or fails.
---@return xio.ChannelStats
function Producer:stats() end

--- Cancels the function, and waits until it has ended, with cancellation hidden. Raises the error
--- of the function, if nobody was told of it. Not a checkpoint: it waits with cancellation
--- hidden.
---@return boolean first whether it was open
function Producer:close() end

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
function xio.producer(f, ...) end

--- Sends `value` to all present receivers. Those that are full lose their oldest item for it.
---
--- Raises for nil. Not a checkpoint: it never waits.
---@param value any anything but nil
---@return true? sent
---@return "closed"? why the hub was closed
function Hub:send(value) end

--- A receiver of everything that is sent from now on. It is a receiver like that of a channel,
--- but where it is slow it loses the oldest items: `recv`, and the loop over it, give the item
--- and how many were lost just before it, or nil when none were. Never waits or fails.
---@return xio.Receiver? receiver
---@return "closed"? why the hub was closed
function Hub:subscribe() end

--- Ends the receivers, once each has received what was sent. Returns whether it was open. Never
--- waits or fails.
---@return boolean first
function Hub:close() end

--- `{capacity =, receivers =, sent =, buffered =, waiting =}`: the receivers that are open, the
--- values sent, the items that wait for them in all, and the tasks that wait for one. Never waits
--- or fails.
---@return table
function Hub:stats() end

--- Makes a hub: what is sent to it, every receiver gets.
---
--- Raises unless `capacity` is an integer of at least 1, or math.huge. May be made and used
--- outside of a run. Not a checkpoint.
---@param capacity integer|number items that each receiver may lag behind
---@return xio.Hub
function xio.broadcast(capacity) end

--- Starts the thread, and returns when it is there; the function of the service begins to run.
--- A service is started once.
---
--- Raises where no thread can be had, where the function or an argument cannot be copied, and
--- when the run is ending. A checkpoint; cancelled, it raises, and nothing was started.
---@return xio.Service self
function Service:start() end

--- In the thread of the service, says that it is ready, and with which values `wait_started`
--- returns there. Raises where that was said before. Not a checkpoint.
---@param ... any
function Service:started(...) end

--- Waits until the service says that it is ready. Raises what it failed of before; also where
--- it has ended without having said so. A checkpoint; cancelled, it raises, and the service
--- goes on.
---@param timeout? number seconds
---@return any ... what it called `started` with; nil after the timeout
---@return xio.Error? err
---@return "ETIMEDOUT"? code
function Service:wait_started(timeout) end

--- Has `f(...)` called in a task of the service's loop, in order of calling. Does not wait for
--- it; its error ends the service. Raises where the service has ended, and what cannot be copied.
--- Never waits.
---@param f function
---@param ... any
function Service:call_soon(f, ...) end

--- Calls `f(...)` in a task of the service's loop, waits for it, and returns its results, or
--- raises its error. Raises where the service has ended, or ends before. A checkpoint; cancelled,
--- it cancels the call, and waits for its end.
---@param f function
---@param ... any
---@return any ...
function Service:call_sync(f, ...) end

--- Has `f(...)` called in a task of the service's loop; its results or its error come with the
--- reply, whose `cancel` cancels it. Raises where the service has ended. Never waits.
---@param f function
---@param ... any
---@return xio.Reply
function Service:submit(f, ...) end

--- Asks the service to end: its tasks are cancelled with that reason, also in the middle of a Lua
--- loop, and its close scope is closed. Does not wait for the end. From any thread. Never waits.
--- It cannot fail.
---@param reason? any
---@return boolean first whether nobody had asked before
function Service:stop(reason) end

--- Waits until the service has ended. Raises what it has failed of; the end of the run does not
--- raise that again. A checkpoint; cancelled, it raises, and the service goes on.
---@param timeout? number seconds
---@return true? ended
---@return xio.Error? err
---@return "ETIMEDOUT"? code
function Service:join(timeout) end

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
function xio.service(options) end

--- Starts the services in order, each when the one before is ready. Where one fails to become
--- ready, or this is cancelled, those that were started are stopped in reverse order; then the
--- error is raised, with those of the others kept beside it.
---
--- A checkpoint. Cancelled, it stops what it has started, and raises when that has ended.
---@return xio.ServiceGroup self
function ServiceGroup:start() end

--- Waits until all are ready. Raises what one has failed of before. A checkpoint. Cancelled, it
--- raises, and the services go on.
---@param timeout? number seconds
---@return true? ready
---@return xio.Error? err
---@return "ETIMEDOUT"? code
function ServiceGroup:wait_started(timeout) end

--- Asks the services to end, the one started last first, each when the one before has ended. Does
--- not wait for that; what does is a task of the run. Raises outside of a run. Never waits.
---@param reason? any
---@return boolean first whether nobody had asked before
function ServiceGroup:stop(reason) end

--- Waits until all have ended. Raises what they have failed of. A checkpoint; cancelled, it
--- raises, and the services go on.
---@param timeout? number seconds
---@return true? ended
---@return xio.Error? err
---@return "ETIMEDOUT"? code
function ServiceGroup:join(timeout) end

--- Has `f(...)` called in the loop of each service. Never waits. Raises where one of them has
--- ended.
---@param f function
---@param ... any
function ServiceGroup:call_soon(f, ...) end

--- Calls `f(...)` in the loop of each service at once, and waits for all. Raises the first error.
--- A checkpoint. Cancelled, it cancels the calls, waits for their end and raises.
---@param f function
---@param ... any
---@return any[] results the first of each, in order
function ServiceGroup:call_sync(f, ...) end

--- Has `f(...)` called in the loop of each service. Never waits. It cannot fail.
---@param f function
---@param ... any
---@return xio.Reply[] replies in order
function ServiceGroup:submit(f, ...) end

--- Makes a group of services: one after the other is started, when the one before is ready, and
--- they are stopped in reverse order. What it starts belongs to the run in which it is started,
--- as every service does. Never waits. Raises for what is no service.
---@param ... xio.Service|xio.ServiceGroup
---@return xio.ServiceGroup
function xio.service_group(...) end

--- Submits an item. Never waits, may be called anywhere, also outside of a run, and from any
--- thread; from another one a copy is submitted. Raises for nil, and for what cannot be copied.
---@param item any anything but nil
---@return true? submitted
---@return "closed"? why
function Mailbox:submit(item) end

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
function Mailbox:recv() end

--- Takes the next item if there is one; never waits, and may be called anywhere. Raises what
--- `gate` raises.
---@return any item
---@return "empty"|"closed"|nil why
function Mailbox:try_recv() end

--- Takes all items that are here, those that the floor holds back too, in their order. Never
--- waits, and may be called anywhere. Raises for a negative count.
---@param n? integer at most so many
---@return any[] items
function Mailbox:drain(n) end

--- Nothing can be submitted any more. What was submitted is received, also what the floor held
--- back; then `recv` gives nil, "closed". Never waits; from any thread. It cannot fail.
---@return boolean first whether it was open
function Mailbox:close() end

--- The same with an error, which `recv` raises once it has given what was submitted before. nil
--- becomes an error that says so. From another thread a copy of the error is raised, with its
--- trace. Never waits.
---@param err any
---@return boolean first whether it was open
function Mailbox:fail(err) end

--- `{waiting =, buffered =, held =, sent =, received =}`: tasks that wait for an item; items that
--- are here, and how many of them the floor holds back; those submitted so far, and those
--- received. What the gate has consumed was neither received nor is it here. At home only. Never
--- waits or fails.
---@return table
function Mailbox:stats() end

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
function xio.mailbox(options) end

--- Submits an item. Never waits, and may be called anywhere, from any thread. Raises for nil.
---@param item any anything but nil
---@return true? submitted
---@return "closed"? why it was closed, or has ended
function Actor:submit(item) end

--- Nothing can be submitted any more; what was is still handled, and then the actor ends. Never
--- waits. It cannot fail.
---@return boolean first whether it was open
function Actor:close() end

--- The same with an error: once all that was submitted has been handled, the actor fails with it,
--- and so does its group. Never waits. It cannot fail.
---@param err any
---@return boolean first whether it was open
function Actor:fail(err) end

--- Waits until the actor has ended: after `close`, until it has handled everything. Never raises
--- its error. A checkpoint; cancelled, it raises, and the actor goes on.
function Actor:wait() end

--- Those of its mailbox. Never waits or fails.
---@return table
function Actor:stats() end

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
---@param options? {name?: string, concurrent?: boolean, key?: (fun(item: any): number), floor?: number, gate?: fun(item: any): any}
---@return xio.Actor
function xio.actor(handler, options) end

--- Makes a registry: pending requests by key. It may be used by any thread, made and used outside
--- of a run, and sent to other threads. Closed by `<close>`, and when no thread has a handle of
--- it any more. Not a checkpoint. It cannot fail.
---@return xio.Registry
function xio.registry() end

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

--- Sends a copy of a value, waiting until there is room for it, or, without buffer, a receiver.
--- Raises for nil, for what cannot be copied (it says where that is), and where this task has
--- closed this end. A checkpoint; cancelled, it raises, and nothing was sent.
---@param value any anything but nil
---@return true? sent
---@return "closed"? why no receiver is left, or somebody else has closed this end
function ThreadSender:send(value) end

--- Sends a copy of a value if that needs no waiting. May be called anywhere. Raises as `send`.
--- Never waits.
---@param value any anything but nil
---@return true? sent
---@return "full"|"closed"|nil why
function ThreadSender:try_send(value) end

--- Closes this end, in all threads; the channel ends with its last sender, once what was sent is
--- received. Whoever waits at this end gets nil, "closed". Never waits. It cannot fail.
---@return boolean first whether it was open
function ThreadSender:close() end

--- Ends the channel with an error, a copy of which every receiver raises once it has received what
--- was sent before; and closes this end. nil becomes an error that says so. Never waits.
---@param err any
---@return boolean first whether the channel was not ended before
function ThreadSender:fail(err) end

--- Makes another sender of the same channel, to be closed on its own. Never waits or fails.
---@return xio.ThreadSender? sender
---@return "closed"? why
function ThreadSender:clone() end

--- What the channel holds, and what has passed through it. Never waits or fails.
---@return xio.ThreadChannelStats
function ThreadSender:stats() end

--- Waits for the next item, and takes it. Raises what the channel was failed with, when all
--- that was sent before is received, and where this task has closed this end. A checkpoint;
--- cancelled, it raises, and no item is lost.
---@return any item nil at the end
---@return "closed"? why
function ThreadReceiver:recv() end

--- Takes the next item if there is one. May be called anywhere. Raises as `recv`. Never waits.
---@return any item
---@return "empty"|"closed"|nil why
function ThreadReceiver:try_recv() end

--- Takes what can be received without waiting, the items of waiting senders too, which go on
--- then. May be called anywhere. Never waits. Raises for a negative count.
---@param count? integer at most so many; by default all
---@return any[]? items
---@return "closed"? why this end is closed
function ThreadReceiver:drain(count) end

--- Closes this end, in all threads. With the last receiver the channel ends for senders, and what
--- was not received is dropped. Never waits. It cannot fail.
---@return boolean first whether it was open
function ThreadReceiver:close() end

--- Ends the channel with an error: as a sender's, but this end stays open. Never waits or fails.
---@param err any
---@return boolean first whether the channel was not ended before
function ThreadReceiver:fail(err) end

--- Makes another receiver of the same channel, to be closed on its own. Never waits or fails.
---@return xio.ThreadReceiver? receiver
---@return "closed"? why
function ThreadReceiver:clone() end

--- What the channel holds, and what has passed through it. Never waits or fails.
---@return xio.ThreadChannelStats
function ThreadReceiver:stats() end

--- Makes a portal into the run of the caller: for functions from other threads. Never waits.
--- Raises outside of a run.
---@return xio.Portal
function xio.portal() end

--- Runs `f(...)` in the run, and waits for it there: for copies of its results, or it raises its
--- error, with its traceback. Raises where it is called in the run's own Lua state, which would
--- wait for itself. Outside of runs it blocks the thread.
---
--- A checkpoint. Cancelled before it has begun, it raises and `f` never runs; cancelled later it
--- cancels `f`'s task, waits for its end, and then raises, or returns what `f` has completed.
---@param f function
---@param ... any
---@return any ...
function Portal:call(f, ...) end

--- Runs `f(...)` in the run, and does not wait. Its results or its error are the reply's, and
--- cancelling the reply cancels its task. Not a checkpoint; may be called anywhere. Raises what
--- cannot be copied, and where the run has ended.
---@param f function
---@param ... any
---@return xio.Reply
function Portal:spawn(f, ...) end

--- Runs `f(...)` in the run, for nobody: its results are dropped, and its error ends the run.
--- Posts of one thread begin in order. Not a checkpoint; may be called anywhere. Raises what
--- cannot be copied, and where the run has ended.
---@param f function
---@param ... any
---@return true
function Portal:post(f, ...) end

--- Waits for the result. Raises the error, with its traceback; an xio.Error with code "ECANCELED"
--- where the work was cancelled, and "ECLOSED" where who should have answered is gone. Outside of
--- runs it blocks the thread. A checkpoint; cancelled, it raises, and the work goes on.
---@param timeout? number seconds; 0 is one turn
---@return any ... the values; nil after the timeout
---@return xio.Error? err
---@return "ETIMEDOUT"? code
function Reply:await(timeout) end

--- Asks who works at the result to stop; the reply is settled when they have. Where nobody does,
--- it is settled as cancelled at once. Never waits; may be called anywhere. It cannot fail.
---@param reason? any
---@return boolean first whether it was neither settled nor cancelled before
function Reply:cancel(reason) end

--- Settles it with values. May be called anywhere. Raises where they cannot be copied and another
--- thread knows the reply. Never waits.
---@param ... any
---@return boolean first false: it was settled before, and nothing has changed
function Reply:set(...) end

--- Settles it with an error, which awaiting it raises. nil becomes an error that says so. Never
--- waits.
---@param err any
---@return boolean first
function Reply:fail(err) end

--- How many wait for it. Never waits or fails.
---@return {waiting: integer}
function Reply:stats() end

--- Makes a close scope that is open. It may be made and used anywhere, in any thread. Never waits
--- or fails.
---@return xio.CloseScope
function xio.close_scope() end

--- Closes it, and wakes all who wait. Never waits. Raises where the reason cannot be copied and
--- another thread knows the scope.
---@param reason? any
---@return boolean first whether it was open
function CloseScope:close(reason) end

--- Closes it with an error, and wakes all who wait. nil becomes an error that says so. Never
--- waits. It cannot fail.
---@param err any
---@return boolean first whether it was open
function CloseScope:fail(err) end

--- Waits until it is closed or has failed. Never raises the error. Outside of runs it blocks the
--- thread. A checkpoint; cancelled, it raises.
---@param timeout? number seconds; 0 is one turn
---@return true? closed
---@return xio.Error? err
---@return "ETIMEDOUT"? code
function CloseScope:wait(timeout) end

--- Raises the error that it has failed with; or, where it is closed, an xio.Error with code
--- "ECLOSED" and the field `reason`. Not a checkpoint.
function CloseScope:raise_if_closed() end

--- Makes a tracker of work that counts none. It may be made and used anywhere, in any thread.
--- Never waits or fails.
---@return xio.WorkTracker
function xio.work_tracker() end

--- Counts more work. Never waits. Raises for a negative count.
---@param count? integer by default 1
---@return integer count of all
function WorkTracker:add(count) end

--- Counts one less, and wakes who waits if that was the last. Raises where none was counted.
--- Never waits.
function WorkTracker:done() end

--- Runs `f(...)`, counted, and returns its results. Raises its error. Not itself a checkpoint.
---@param f function
---@param ... any
---@return any ...
function WorkTracker:track(f, ...) end

--- Waits until no work is counted; more may have begun by the time that this returns. Outside of
--- runs it blocks the thread. A checkpoint; cancelled, it raises.
---@param timeout? number seconds; 0 is one turn
---@return true? idle
---@return xio.Error? err
---@return "ETIMEDOUT"? code
function WorkTracker:wait_idle(timeout) end

--- Makes an event that is not set. May be made outside of a run and used in several. Never waits
--- or fails.
---@return xio.Event
function xio.event() end

--- Sets it, and wakes all who wait. Harmless where it is set. May be called anywhere. Never waits
--- or fails.
function Event:set() end

--- Clears it; whoever was woken stays so. May be called anywhere. Never waits or fails.
function Event:clear() end

--- Whether it is set. Never waits or fails.
---@return boolean
function Event:is_set() end

--- Waits until it is set. True, also where it has been cleared since; false when the time is
--- over. A checkpoint; cancelled, it raises.
---@param timeout? number seconds; 0 is one turn
---@return boolean set
function Event:wait(timeout) end

--- How many tasks wait. Never waits or fails.
---@return {waiting: integer}
function Event:stats() end

--- Makes a future that is not settled. May be made outside of a run and used in several. Never
--- waits or fails.
---@return xio.Future
function xio.future() end

--- Settles it with results. Raises where it is settled. May be called anywhere. Never waits.
---@param ... any
---@return true
function Future:set(...) end

--- Settles it with an error that awaiting it raises; nil becomes an error that says so. Raises
--- where it is settled. May be called anywhere. Never waits.
---@param err any
---@return true
function Future:fail(err) end

--- Settles it so that awaiting it raises an xio.Error with the code "ECANCELED". What is settled
--- stays as it is. May be called anywhere. Never waits.
---@return boolean first whether it was not settled
function Future:cancel() end

--- Waits until it is settled; returns the results, or raises the error. A checkpoint;
--- cancelled, it raises, and the future goes on.
---@param timeout? number seconds, of which 0 is one turn; then nil, err, "ETIMEDOUT"
---@return any ...
function Future:await(timeout) end

--- How many tasks wait. Never waits or fails.
---@return {waiting: integer}
function Future:stats() end

--- Makes a lock that is free. May be made outside of a run and used in several. Never waits or
--- fails.
---@return xio.Lock
function xio.lock() end

--- Waits until the running task owns the lock: `local _ <close> = lock:acquire()` releases it
--- at the end of the block. Raises where this task owns it already, or an owner has ended
--- without releasing it. A checkpoint; cancelled, it raises, and the task does not own it.
---@return xio.Lock self
function Lock:acquire() end

--- Takes the lock if it is free; never waits. Raises as `acquire` does.
---@return boolean acquired
function Lock:try_acquire() end

--- Gives the lock to the first who waits, at once. Raises where this task does not own it. Never
--- waits.
function Lock:release() end

--- Acquires, calls `f(...)`, releases on every way out, and returns what `f` returns. A
--- checkpoint, as `acquire`. Errors of `f` pass through. Cancelled while it waits, it raises, and
--- `f` is not called.
---@param f fun(...: any): any
---@param ... any
---@return any ...
function Lock:with(f, ...) end

--- How many tasks wait, and how many own it. Never waits or fails.
---@return {waiting: integer, held: integer}
function Lock:stats() end

--- Makes a semaphore with `permits` free permits. With `max`, releasing beyond it raises. May be
--- made outside of a run and used in several. Never waits.
---@param permits integer at least 0
---@param max? integer permits that may be free at once
---@return xio.Semaphore
function xio.semaphore(permits, max) end

--- Waits for a permit: `local _ <close> = semaphore:acquire()` gives it back at the end of the
--- block. A checkpoint; cancelled, it raises, and nothing was taken.
---@return xio.Semaphore self
function Semaphore:acquire() end

--- Takes a permit if one is free; never waits. May be called anywhere. It cannot fail.
---@return boolean acquired
function Semaphore:try_acquire() end

--- Gives a permit to the first who waits, at once, or back. May be called anywhere, also by who
--- has acquired none. Raises where `max` permits are free. Never waits.
function Semaphore:release() end

--- Calls `f(...)` with a permit, gives it back on every way out, and returns what `f` returns. A
--- checkpoint, as `acquire`. Errors of `f` pass through. Cancelled while it waits, it raises, and
--- `f` is not called.
---@param f fun(...: any): any
---@param ... any
---@return any ...
function Semaphore:with(f, ...) end

--- `held` is negative where more were released than acquired; `total` is held and free together.
--- Never waits or fails.
---@return {waiting: integer, held: integer, total: integer}
function Semaphore:stats() end

--- Makes a limiter with `total` tokens. May be made outside of a run and used in several. Never
--- waits. Raises for what is no number of tokens.
---@param total integer|number math.huge: no limit
---@return xio.Limiter
function xio.limiter(total) end

--- Waits until the running task has a token: `local _ <close> = limiter:acquire()` gives it
--- back at the end of the block. Raises where the task has one. A checkpoint; cancelled, it
--- raises, and the task has none.
---@return xio.Limiter self
function Limiter:acquire() end

--- The same for a borrower other than the task; any task may give the token back. A checkpoint.
--- Raises where that borrower has a token. Cancelled, it raises, and nothing was taken.
---@param borrower any but nil
---@return xio.Limiter self
function Limiter:acquire_on_behalf_of(borrower) end

--- Takes a token for the running task if there is one; never waits. Raises where the task has
--- one.
---@return boolean acquired
function Limiter:try_acquire() end

--- The same for a borrower other than the task. May be called anywhere. Never waits. Raises where
--- that borrower has a token.
---@param borrower any but nil
---@return boolean acquired
function Limiter:try_acquire_on_behalf_of(borrower) end

--- Gives the running task's token to the first who waits, at once, or back. Raises where this
--- task has none. Never waits.
function Limiter:release() end

--- The same for a borrower other than the task. May be called anywhere. Never waits. Raises where
--- that borrower has none.
---@param borrower any but nil
function Limiter:release_on_behalf_of(borrower) end

--- Calls `f(...)` while the task has a token, gives that back on every way out, and returns what
--- `f` returns. A checkpoint, as `acquire`. Errors of `f` pass through. Cancelled while it waits,
--- it raises, and `f` is not called.
---@param f fun(...: any): any
---@param ... any
---@return any ...
function Limiter:with(f, ...) end

--- How many tasks wait, how many tokens are out, and how many there are. Never waits or fails.
---@return {waiting: integer, held: integer, total: integer|number}
function Limiter:stats() end

--- Makes a condition on `lock`, or on a lock of its own. Never waits. Raises for what is no lock.
---@param lock? xio.Lock
---@return xio.Condition
function xio.condition(lock) end

--- Releases the lock, which the running task owns, and waits to be notified. Whichever way it
--- ends, the task owns the lock again, after a cancellation too. Raises where it does not own
--- the lock. A checkpoint; cancelled before it is notified, it raises.
---@param timeout? number seconds
---@return true? notified
---@return xio.Error? err
---@return string? code "ETIMEDOUT"
function Condition:wait(timeout) end

--- Lets the first `count` who wait go on, in order, once they have the lock. Raises where this
--- task does not own the lock. Never waits.
---@param count? integer 1 by default
---@return integer notified how many these are
function Condition:notify(count) end

--- The same for all who wait. Never waits. Raises where this task does not own the lock.
---@return integer notified how many these are
function Condition:notify_all() end

--- Acquires the lock: as of the lock, but returns the condition, whose `<close>` releases it. A
--- checkpoint. Raises where this task owns it. Cancelled, it raises, and the task does not own
--- the lock.
---@return xio.Condition self
function Condition:acquire() end

--- As of the lock; never waits. Raises where this task owns it.
---@return boolean acquired
function Condition:try_acquire() end

--- Releases the lock. Raises where this task does not own it. Never waits.
function Condition:release() end

--- Acquires the lock, calls `f(...)`, releases it on every way out, and returns what `f` returns.
--- A checkpoint. Errors of `f` pass through. Cancelled while it waits, it raises, and `f` is not
--- called.
---@param f fun(...: any): any
---@param ... any
---@return any ...
function Condition:with(f, ...) end

--- How many tasks wait to be notified, and how many own the lock. Never waits or fails.
---@return {waiting: integer, held: integer}
function Condition:stats() end

--- Makes a barrier for `count` tasks. May be made outside of a run. Never waits. Raises for
--- another count.
---@param count integer at least 1
---@return xio.Barrier
function xio.barrier(count) end

--- Waits until `total` tasks have come; whoever comes next begins another round. A checkpoint;
--- cancelled, it raises, and the task has not come: the others wait for one more.
---@return integer place in the order of coming, from 0
function Barrier:wait() end

--- How many tasks wait, and for how many it is. Never waits or fails.
---@return {waiting: integer, total: integer}
function Barrier:stats() end

--- Makes an async function of `f`: one whose call does nothing yet, but gives a value that can be
--- awaited, now or later, once or many times. Never waits. Raises where `f` cannot be called.
---
--- ```lua
--- local add = xio.async(function(a, b) xio.sleep(1); return a + b end)
--- local call = add(4, 5)                    -- nothing runs yet
--- print(xio.await(call), xio.await(call))   --> 9  9
--- print(xio.await { add(1, 2), add(3, 4) }) --> 3  7
--- ```
---@param f function
---@return fun(...: any): xio.Call
function xio.async(f) end

--- Runs a call and returns its results; or, of a list of calls, runs all at once and returns
--- the first result of each, as values.
---
--- A call is run once. The first to await it runs it, as a part of its own task: within its
--- scopes, and cancelled with it. Others who await it wait until it has ended, and get the
--- same results, or the same error raised, at any time later too. When the task that runs it
--- is cancelled, the call is cut short, and the others get an xio.Error with the code
--- "ECANCELED"; a call that shall not depend on who awaits it is started by xio.background.
---
--- Errors: those of the call, unchanged; of a list, as in xio.gather. A call that is awaited
--- inside itself, directly or through others, raises an xio.Error with the code "EDEADLK".
--- A checkpoint, except where it runs the call. Cancelled, it cancels the call that it runs;
--- one that it only waits for goes on.
---@param call xio.Call|xio.Call[]
---@return any ...
function xio.await(call) end

--- Starts a call in a task of its own, in the innermost group around the caller, without
--- waiting for it. What has been started, or awaited, before goes on as it is.
---
--- That group waits for the task, and its error fails the group, whether the call is awaited or
--- not. Never waits. Raises for what is no call, and outside of a run.
---
--- ```lua
--- local add = xio.async(function(a, b) xio.sleep(1); return a + b end)
--- local call = xio.background(add(4, 5))    -- starts with the next turn
--- xio.sleep(2)
--- print(xio.await(call))                    --> 9
--- ```
---@param call xio.Call
---@return xio.Call call the same, to be awaited
function xio.background(call) end

--- Calls `f(..., callback)` and waits until `callback` is called; returns what that was
--- given. The results of `f` are left out.
---
--- The callback may be called at once, by `f`, or later by anybody in the same Lua state, in
--- a task or outside of all; for a second call it raises. Errors of `f` are raised; if the
--- callback is never called, the deadlock report tells. A checkpoint. Cancelled before
--- `f` is called, it raises and does not call it; cancelled while it waits, it raises, and a
--- late callback is ignored.
---
--- ```lua
--- local function fetch(key, callback) callback("value of " .. key) end
--- print(xio.await_callback(fetch, "a"))     --> value of a
--- ```
---@param f function
---@param ... any arguments for `f`
---@return any ... what the callback was given
function xio.await_callback(f, ...) end

--- Makes of `f`, which takes a callback, a function that waits, as xio.await_callback does. Never
--- waits. Raises where `f` cannot be called.
---
--- ```lua
--- local function fetch(key, callback) callback("value of " .. key) end
--- local get = xio.wrap(fetch)               -- waits, and returns
--- print(get("a"))                           --> value of a
--- ```
---@param f function
---@param position? integer at which argument `f` takes the callback, 1 being the first; by default behind all that it is given
---@return fun(...: any): any
function xio.wrap(f, position) end

--- The value in the running task: what it, or the task that spawned it before that, has set; or
--- else the default. Outside of a run it is the default. Never waits or fails.
---@return any
function Var:get() end

--- Sets the value for the running task, and for those that it spawns from now on. Others, also
--- those that it has spawned before, do not see it. Raises outside of a run. Never waits.
---@param value any nil and false too
function Var:set(value) end

--- Runs `f(...)` with the value set, and restores what it was before, on every way out.
--- Raises outside of a run. Not itself a checkpoint.
---@param value any
---@param f function
---@param ... any arguments for `f`
---@return any ... what `f` returns
function Var:with(value, f, ...) end

--- Makes a variable with a value of its own in each task, inherited from the spawner at spawn.
--- Never waits or fails.
---@param default? any what `get` gives where nothing was set
---@return xio.Var
function xio.var(default) end

--- Waits for some bytes and reads them. Of a stream, as its `recv`. Of what an `io` file has
--- read ahead itself, only that of a regular file is seen: elsewhere use `file:setvbuf("no")`,
--- or one way of reading only. Closing an `io` file wakes nobody who waits to read it.
---
--- Errors: code "ECLOSED", "EBADF", "ECONNRESET" and others. A checkpoint; cancelled, it raises
--- and has taken nothing.
---
--- ```lua
--- local out, into = assert(xio.net.pair())
--- print(xio.writeall(out, "hello") == out, xio.write(out, "!")) --> true  1
--- print(xio.read(into, 100))                --> hello!
--- local file <close> = assert(io.tmpfile())
--- print(xio.writeall(file, "text") == file) --> true
--- ```
---@param file file*|xio.Stream|xio.File|xio.fd|integer
---@param count? integer bytes, at least 1; 64 KiB by default, and 1 MiB at the most
---@return string? data nil at the end
---@return xio.Error? err
---@return string? code
function xio.read(file, count) end

--- Writes what an `io` file has buffered, and then, once there is room, some of `data`; of a
--- stream all of it.
---
--- Errors: code "EPIPE", "ECLOSED" and others. A checkpoint; cancelled, it raises and has
--- written nothing of `data` (of a stream: see its `write`).
---@param file file*|xio.Stream|xio.File|xio.fd|integer
---@param data string
---@return integer? count bytes written
---@return xio.Error? err
---@return string? code
---@return integer? part bytes written
function xio.write(file, data) end

--- The same with all of `data`. A checkpoint; cancelled, it raises, and a part may be written:
--- only streams tell how much.
---@param file file*|xio.Stream|xio.File|xio.fd|integer
---@param data string
---@return any file the same; nil where it fails
---@return xio.Error? err
---@return string? code
---@return integer? part bytes written
function xio.writeall(file, data) end

--- A box by which tasks wait for a descriptor that something else reads and writes. Raises
--- outside of a run. It belongs to the run, and notices that the number was closed or is
--- another file by now.
---
--- Errors: code "EBADF" where it is not open, and others. Never waits.
---@param file file*|integer
---@return xio.fd? fd
---@return xio.Error? err
---@return string? code
function xio.fd(file) end

--- Waits until there is something to read, an end or an error. A checkpoint; cancelled, it
--- raises.
---@param timeout? number seconds
---@return true? ready
---@return xio.Error? err
---@return string? code "ETIMEDOUT", "ECLOSED", "EBADF" where the number was closed or is another file
function fd:readable(timeout) end

--- The same for room to write. A checkpoint; cancelled, it raises.
---@param timeout? number seconds
---@return true? ready
---@return xio.Error? err
---@return string? code
function fd:writable(timeout) end

--- Lets go of the descriptor, which stays open, and wakes who waits with the code "ECLOSED".
--- Never waits. It cannot fail.
---@return boolean first whether it was open
function fd:close() end

--- The number. Never waits.
---@return integer? number
---@return xio.Error? err
---@return string? code "ECLOSED"
function fd:fileno() end

xio.timeout = xio.fail_after

return xio
