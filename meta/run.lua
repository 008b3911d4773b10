---@meta
--- Running tasks: a whole run, and loops that a host drives by hand.

---@class xio
local xio = {}

---@class xio.RunOptions
---@field name? string of the run, shown by xio.tree
---@field clock? "real"|"virtual" "virtual": time stands still while anything can run, and jumps
--- to the next deadline when all tasks wait ("real")
---@field seed? integer shuffles the order of ready tasks, always the same way for the same
--- number
---@field signals? boolean whether SIGINT and SIGTERM cancel the run; by default where it is on
--- the main thread of the process and nobody else has taken them
---@field grace? number seconds that cleanup has after a signal, and in xio.cleanup (5)
---@field errors? "auto"|"first"|"group" how the errors of the root group are raised: see
--- xio.group
---@field debug? boolean false: do not note where tasks are spawned (true)

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
function xio.run(options, f, ...) end

--- A loop that the caller drives by hand, for hosts with a loop of their own. Signals are taken
--- only with `signals = true`. May be called anywhere. Never waits. Raises for wrong options.
---@param options? xio.RunOptions
---@return xio.Runtime
function xio.new(options) end

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
