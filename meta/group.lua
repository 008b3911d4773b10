---@meta
--- Groups, which own tasks and end only when all of them have.

---@class xio
local xio = {}

---@class xio.GroupOptions
---@field errors? "auto"|"first"|"group" how errors are raised. "auto": one as it is, several as
--- an xio.ErrorGroup; "first": the first, with the others kept beside it (xio.suppressed);
--- "group": always as an xio.ErrorGroup ("auto")
---@field name? string
---@field limit? integer children at once; further ones are spawned and begin in order later

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
function xio.group(options, f, ...) end

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

--- Spawns a child that runs `f(...)`. It begins in a later turn, or when the limit allows;
--- spawning never waits. A child of a cancelled group is born cancelled and runs to its first
--- checkpoint. Raises where the group has ended.
---@param options? xio.SpawnOptions
---@param f fun(...: any): any
---@param ... any
---@return xio.Task
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
function Group:start(options, f, ...) end

--- Cancels the body and all children. Never waits. It cannot fail.
---@param reason? any what their Cancelled tells; the first stands
---@return boolean first false: it was cancelled before, or has ended
function Group:cancel(reason) end

--- The children that live, in the order of spawning. Never waits or fails.
---@return xio.Task[]
function Group:tasks() end
