---@meta
--- Tasks, and the handles by which others see them.

---@class xio
local xio = {}

---@class xio.SpawnOptions
---@field name? string shown in reports; by default the function's name, or its place
---@field daemon? boolean cancelled (source "shutdown") when all others of the group have ended

--- Spawns a task that runs `f(...)` into the root group: the run waits for it, and its error
--- ends the run. `f` begins to run in a later turn. Raises outside of a run.
---@param options? xio.SpawnOptions
---@param f fun(...: any): any
---@param ... any arguments for `f`
---@return xio.Task
function xio.spawn(options, f, ...) end

--- The running task. Raises outside of a run.
---@return xio.Task
function xio.current() end

--- A task. Its results stay readable through this handle after its end.
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

--- Waits until the task has ended, in whatever way. A checkpoint; otherwise as `await`.
function Task:wait() end

--- How the task has ended: true and its results; false and its error (an xio.Error with the
--- code "ECANCELED" where it was cancelled); nothing before its end.
---@return boolean? ok
---@return any ...
function Task:result() end

--- Cancels the task and all that belongs to it. It raises at the checkpoint where it waits, or
--- at the next that it comes to.
---@param reason? any what its Cancelled tells; the first stands
---@return boolean first false: it was cancelled before, or has ended
function Task:cancel(reason) end

--- What the task does: "ready" is to run in this turn or the next.
---@return "ready"|"running"|"waiting"|"done"|"failed"|"cancelled"
function Task:status() end

--- Name, status and, while it lives, the stack of the task, without frames of xio.
---@return string
function Task:traceback() end
