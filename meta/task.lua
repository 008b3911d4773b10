---@meta
--- Tasks, and the handles by which others see them.

---@class xio
local xio = {}

---@class xio.SpawnOptions
---@field name? string shown in reports; by default the function's name, or its place
---@field daemon? boolean cancelled (source "shutdown") when all others of the group have ended

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
function xio.spawn(options, f, ...) end

--- The running task. Raises outside of a run. Never waits.
---@return xio.Task
function xio.current() end

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
