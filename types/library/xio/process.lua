---@meta xio.process
-- Written by tools/types from the comments in lua/xio; not to be edited.

--- What `run` and `spawn` take. The list is the program, which is looked for in PATH (in that
--- of `env`, where it has one) unless its name has a slash, and its arguments.
---@class xio.process.Options
---@field [integer] string|number
---@field stdin? string|integer|table|userdata "null" (the default), "inherit", "pipe" (`spawn` only), an io file, a stream, an xio.fd, or the number of a descriptor; for `run` also any other string, or a stream without a descriptor: what the program reads
---@field input? string `run` only: what the program reads, also where that is "null"
---@field stdout? string|integer|table|userdata "inherit" (the default of `run`), "pipe" (the default of `spawn`, and only there), "null", or as above
---@field stderr? string|integer|table|userdata the same; "stdout": where that goes
---@field capture? boolean|string `run` only: true, "stdout" or "stderr": keep what is written
---@field check? boolean `run` only: another exit than 0 is nil, err, code
---@field timeout? number `run` only: seconds, after which it is ended: nil, err, "ETIMEDOUT"
---@field env? {[string]: string|number|false} adds to the environment; false takes away
---@field cwd? string the directory in which it begins
---@field fds? {[integer]: integer|table|userdata} further descriptors, from 3 to 63
---@field group? boolean false: not in a session and process group of its own
---@field grace? number seconds from SIGTERM to SIGKILL; the run's by default
---@field on_cancel? fun(process: xio.Process) is called in place of SIGTERM, with outer cancellation hidden; its error is raised when the process has ended
local Options = {}

--- A child process. Closed by `<close>`, too; collected without that it is killed, with a
--- warning.
---
--- ```lua
--- local process <close> = assert(xio.process.spawn { "cat", stdin = "pipe" })
--- process.stdin:write("through a pipe\n")
--- process.stdin:close()
--- print(process.stdout:read())              --> through a pipe
--- print(process:wait(5).code, process:kill() == nil, process:close()) --> 0  true  true
--- ```
---@class xio.Process
---@field pid integer
---@field closed boolean by `close` or `<close>`
---@field stdin? xio.Stream what it reads, where that is a pipe
---@field stdout? xio.Stream what it writes, where that is a pipe
---@field stderr? xio.Stream
local Process = {}

---@class xio.process
local process = {}

--- Starts a program. Raises where an option is none, or has a wrong type. Never waits.
---@param opts xio.process.Options
---@return xio.Process? process
---@return xio.Error? err where it cannot be started; `err.path` is the program or the `cwd`
---@return string? code
function process.spawn(opts) end

--- Waits until the process has exited; what it has started may live on, and its output need
--- not have been read: meanwhile output that no task reads is kept in memory, for later. Any
--- number of tasks may wait, and wait again. A checkpoint; cancelled, the process runs on.
---@param timeout? number seconds
---@return {code?: integer, signal?: string}? exit `signal` is the name of the one that ended it, "TERM"; `code` is nil then
---@return xio.Error? err
---@return string? code "ETIMEDOUT"; "ECHILD" where another part of the program has reaped it
function Process:wait(timeout) end

--- Sends a signal to the process itself, not to what it has started. Not a checkpoint.
---@param signal? string "TERM" by default
---@return boolean? sent
---@return xio.Error? err
---@return string? code "ESRCH" where it has exited
function Process:kill(signal) end

--- Ends the process and its group, if anything of it lives, and waits until it has gone; then
--- closes its streams. SIGTERM first, SIGKILL when the grace is over. Waits also where the task
--- is cancelled, with cancellation hidden; when shields are lifted, and where no task runs,
--- SIGKILL is sent at once. Raises what `on_cancel` raises. Not a checkpoint.
---@return boolean first false: it was closed already
function Process:close() end

--- Runs a program to its end: until it has exited, and what is captured of its output has
--- been read. Standard input is null by default, the outputs are ours. What it has started
--- in the background and does not hold captured output is left alone.
---
--- A checkpoint. Cancelled, or when the timeout is over, or where anything goes wrong, the
--- process and its group are ended as by `process:close`, before this returns or raises.
--- Raises where an option is none, or has a wrong type, and where two contradict each other.
---
--- ```lua
--- local echo = { "echo", "hello", capture = true, check = true, timeout = 9 }
--- local result = assert(xio.process.run(echo))
--- print(result.code, result.stdout)         --> 0  hello
---                                           -->
--- print(select(3, xio.process.run { "false", check = true })) --> EXIT
--- ```
---@param opts xio.process.Options|string options, or just the program
---@return {code?: integer, signal?: string, stdout?: string, stderr?: string}? result
---@return xio.Error? err where it cannot be started, does not end in time, or (`check`) ends badly; `err.result` is the result, or what there is of it
---@return string? code of the system; "ETIMEDOUT"; "EXIT" or "SIGNAL"
function process.run(opts) end

return process
