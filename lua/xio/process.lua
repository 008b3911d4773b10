--- process: child processes.
--
-- A program runs in a session, and so in a process group, of its own: what it starts belongs
-- to it, and cancelling, a timeout or `close` ends all of it: SIGTERM to the group, SIGKILL to
-- what is left when the grace is over. What leaves the group by itself (setsid) is a daemon
-- and stays. A session of its own means: Ctrl-C at the terminal reaches this program, which
-- ends its children by its own cancellation; a child that inherits the terminal can read and
-- write it, but cannot open /dev/tty, and does not see it hang up. For a program that has to
-- own the terminal (an editor, a password prompt) say `group = false`: it stays in our group
-- and session, and is ended alone.
--
-- No descriptor but those given reaches the child. Signals ignored here are ignored there,
-- but for SIGPIPE. Time that a child takes is real: a virtual clock stands still meanwhile.

local core = require "xio.core"
local argument = require "xio.argument"
local error_type = require "xio.error".Error

local process = {}

--- What `run` and `spawn` take. The list is the program, which is looked for in PATH (in that
--- of `env`, where it has one) unless its name has a slash, and its arguments.
---@class xio.process.Options
---@field [integer] string|number
---@field stdin? string|integer|table|userdata "null" (the default), "inherit", "pipe" (`spawn`
---  only), an io file, a stream, an xio.fd, or the number of a descriptor; for `run` also any
---  other string, or a stream without a descriptor: what the program reads
---@field input? string `run` only: what the program reads, also where that is "null"
---@field stdout? string|integer|table|userdata "inherit" (the default of `run`), "pipe" (the
---  default of `spawn`, and only there), "null", or as above
---@field stderr? string|integer|table|userdata the same; "stdout": where that goes
---@field capture? boolean|string `run` only: true, "stdout" or "stderr": keep what is written
---@field check? boolean `run` only: another exit than 0 is nil, err, code
---@field timeout? number `run` only: seconds, after which it is ended: nil, err, "ETIMEDOUT"
---@field env? {[string]: string|number|false} adds to the environment; false takes away
---@field cwd? string the directory in which it begins
---@field fds? {[integer]: integer|table|userdata} further descriptors, from 3 to 63
---@field group? boolean false: not in a session and process group of its own
---@field grace? number seconds from SIGTERM to SIGKILL; the run's by default
---@field on_cancel? fun(process: xio.Process) is called in place of SIGTERM, with outer
---  cancellation hidden; its error is raised when the process has ended

local RUN = { stdin = true, input = true, stdout = true, stderr = true, capture = true,
  check = true, timeout = true, env = true, cwd = true, fds = true, group = true, grace = true,
  on_cancel = true }
local SPAWN = { stdin = true, stdout = true, stderr = true, env = true, cwd = true,
  fds = true, group = true, grace = true, on_cancel = true }
local LAST_FD = 63

-- -- arguments ------------------------------------------------------------------------------

local function misuse(name, message, ...)
  argument.misuse(("bad argument #1 to '%s' (%s)"):format(name, message:format(...)))
end

local function expect(name, option, expected, value)
  misuse(name, "option '%s': %s expected, got %s", option, expected, type(value))
end

-- A string that the system takes: texts end at their first NUL there.
local function check_text(name, option, value)
  if math.type(value) then value = tostring(value) end
  if type(value) ~= "string" then expect(name, option, "string", value) end
  if value:find("\0", 1, true) then misuse(name, "option '%s': contains a NUL", option) end
  return value
end

local function check_type(name, opts, option, kind)
  local value = opts[option]
  if value ~= nil and type(value) ~= kind then expect(name, option, kind, value) end
  return value
end

local function check_seconds(name, opts, option)
  local value = check_type(name, opts, option, "number")
  if value ~= nil and (value < 0 or value ~= value) then
    misuse(name, "option '%s': seconds of at least 0 expected, got %s", option, value)
  end
  return value
end

-- The program and its arguments, and that every option is known.
local function check_command(name, opts, allowed)
  local args, largest = {}, 0
  for key in pairs(opts) do
    if math.type(key) == "integer" and key >= 1 then
      largest = math.max(largest, key)
    elseif not allowed[key] then
      misuse(name, "unknown option '%s'", tostring(key))
    end
  end
  for i = 1, largest do
    local value = opts[i]
    if math.type(value) then value = tostring(value) end
    if type(value) ~= "string" then
      misuse(name, "%s: string expected, got %s",
        i == 1 and "the program" or "argument " .. i - 1, type(value))
    end
    if value:find("\0", 1, true) then
      misuse(name, "%s contains a NUL", i == 1 and "the program" or "argument " .. i - 1)
    end
    args[i] = value
  end
  if not args[1] then misuse(name, "a program expected at index 1") end
  if args[1] == "" then misuse(name, "the program is an empty string") end
  return args
end

-- The environment as a list, and its PATH; nil where nothing is changed.
local function make_environment(name, opts)
  local changes = check_type(name, opts, "env", "table")
  if changes == nil or next(changes) == nil then return nil end
  local list, set = {}, {}
  for key, value in pairs(changes) do
    if type(key) ~= "string" or key == "" or key:find("[=\0]") then
      misuse(name, "option 'env': names of variables expected, without '=' and NUL")
    end
    if value ~= false then set[key] = check_text(name, "env." .. key, value) end
  end
  for _, entry in ipairs(core.process_environment()) do
    if changes[entry:match("^[^=]*")] == nil then list[#list + 1] = entry end
  end
  for key, value in pairs(set) do list[#list + 1] = key .. "=" .. value end
  return list, changes.PATH == false and "/bin:/usr/bin" or set.PATH
end

-- The number of an open descriptor.
local function descriptor_of(name, option, value)
  if math.type(value) == "integer" and value >= 0 and value <= 0x7fffffff then return value end
  if io.type(value) == "file" then return core.process_descriptor(value) end
  local meta = getmetatable(value)
  local has_method = (type(value) == "userdata" or type(value) == "table" and meta ~= nil)
    and value.fileno ~= nil
  local number = has_method and value:fileno()
  if number then return number end
  if has_method or io.type(value) then misuse(name, "option '%s': it is closed", option) end
  expect(name, option, "a word, a file, a stream or the number of a descriptor", value)
end

-- What a standard stream is: "pipe", "null" or a number.
local function check_stream(name, opts, option, number, otherwise, words)
  local value = opts[option]
  if value == nil then return otherwise == "inherit" and number or otherwise end
  if type(value) ~= "string" then return descriptor_of(name, option, value) end
  if not words[value] then misuse(name, "option '%s': unknown word '%s'", option, value) end
  return value == "inherit" and number or value
end

local IN = { null = true, inherit = true, pipe = true }
local OUT = { null = true, inherit = true, pipe = true }
local ERR = { null = true, inherit = true, pipe = true, stdout = true }

-- The child's descriptors from 0; false for one that it has not.
local function make_descriptors(name, opts, stdout, stderr, stdin)
  local fds = {
    stdin or check_stream(name, opts, "stdin", 0, "null", IN),
    check_stream(name, opts, "stdout", 1, stdout, OUT),
    check_stream(name, opts, "stderr", 2, stderr, ERR),
  }
  for key, value in pairs(check_type(name, opts, "fds", "table") or {}) do
    if math.type(key) ~= "integer" or key < 3 or key > LAST_FD then
      misuse(name, "option 'fds': the keys are numbers from 3 to %d", LAST_FD)
    end
    for i = #fds + 1, key do fds[i] = false end
    fds[key + 1] = descriptor_of(name, ("fds[%d]"):format(key), value)
  end
  return fds
end

-- -- processes ------------------------------------------------------------------------------

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
local Process = { __name = "xio.Process" }
Process.__index = Process

local function check_self(self, name)
  if getmetatable(self) ~= Process then
    argument.bad_self("process:" .. name, "xio.Process", self)
  end
  return self._handle
end

-- Starts what was checked.
local function launch(name, opts, args, fds)
  local env, path = make_environment(name, opts)
  local grace = check_seconds(name, opts, "grace") or core.process_grace()
  local on_cancel = opts.on_cancel
  if on_cancel ~= nil and not argument.callable(on_cancel) then
    expect(name, "on_cancel", "function", on_cancel)
  end
  local handle, stdin, stdout, stderr = core.process_spawn {
    file = args[1], args = args, env = env, fds = fds,
    path = path or os.getenv "PATH" or "/bin:/usr/bin",
    cwd = opts.cwd ~= nil and check_text(name, "cwd", opts.cwd) or nil,
    session = check_type(name, opts, "group", "boolean") ~= false,
  }
  if not handle then return nil, stdin, stdout end
  return setmetatable({
    pid = handle:pid(), stdin = stdin, stdout = stdout, stderr = stderr,
    closed = false, _handle = handle, _grace = grace, _on_cancel = on_cancel,
  }, Process)
end

--- Starts a program. Raises where an option is none, or has a wrong type. Never waits.
---@param opts xio.process.Options
---@return xio.Process? process
---@return xio.Error? err where it cannot be started; `err.path` is the program or the `cwd`
---@return string? code
function process.spawn(opts)
  local name = "xio.process.spawn"
  core.enter(name)
  if type(opts) == "string" then opts = { opts } end
  if type(opts) ~= "table" then argument.fail(1, name, "table", opts) end
  local args = check_command(name, opts, SPAWN)
  return launch(name, opts, args, make_descriptors(name, opts, "pipe", "pipe"))
end

-- Keeps a pipe from getting full while nobody reads it: what comes is kept in the stream.
local function pull(stream, lock)
  local _first <close> = lock:acquire() -- of several that wait for the exit
  local number = stream:fileno()
  local fd <close> = number and core.fd(number)
  while fd and core.process_pull(stream) and fd:readable() do core.checkpoint() end
end

--- Waits until the process has exited; what it has started may live on, and its output need
--- not have been read: meanwhile output that no task reads is kept in memory, for later. Any
--- number of tasks may wait, and wait again. A checkpoint; cancelled, the process runs on.
---@param timeout? number seconds
---@return {code?: integer, signal?: string}? exit `signal` is the name of the one that
---  ended it, "TERM"; `code` is nil then
---@return xio.Error? err
---@return string? code "ETIMEDOUT"; "ECHILD" where another part of the program has reaped it
function Process:wait(timeout)
  local handle, stdout, stderr = check_self(self, "wait"), self.stdout, self.stderr
  if self._piped or self.closed or not (stdout or stderr) then return handle:wait(timeout) end
  core.enter("process:wait")
  self._pulling = self._pulling or { core.lock(), core.lock() }
  return core.group(function(group)
    if stdout then group:spawn({ daemon = true }, pull, stdout, self._pulling[1]) end
    if stderr then group:spawn({ daemon = true }, pull, stderr, self._pulling[2]) end
    return handle:wait(timeout)
  end)
end

--- Sends a signal to the process itself, not to what it has started. Not a checkpoint.
---@param signal? string "TERM" by default
---@return boolean? sent
---@return xio.Error? err
---@return string? code "ESRCH" where it has exited
function Process:kill(signal)
  local handle = check_self(self, "kill")
  if signal == nil then signal = "TERM" end
  if type(signal) ~= "string" then argument.fail(1, "process:kill", "name of a signal", signal) end
  if not core.signal_known(signal) then
    argument.misuse(("bad argument #1 to 'process:kill' (unknown signal '%s')"):format(signal))
  end
  return handle:kill(signal)
end

local function close_streams(self)
  if self.stdin then self.stdin:close() end
  if self.stdout then self.stdout:close() end
  if self.stderr then self.stderr:close() end
end

-- Ends the group, if anything lives of it, under a shield.
local function finish(self)
  local handle, on_cancel = self._handle, self._on_cancel
  local ok, err = true, nil
  if on_cancel and not handle:wait(0) then
    ok, err = pcall(on_cancel, self)
    handle:finish(nil, ok and self._grace or 0)
  else
    handle:finish("TERM", self._grace)
  end
  if not ok then error(err, 0) end
end

--- Ends the process and its group, if anything of it lives, and waits until it has gone; then
--- closes its streams. SIGTERM first, SIGKILL when the grace is over. Waits also where the task
--- is cancelled, with cancellation hidden; when shields are lifted, and where no task runs,
--- SIGKILL is sent at once. Raises what `on_cancel` raises. Not a checkpoint.
---@return boolean first false: it was closed already
function Process:close()
  local handle = check_self(self, "close")
  if self.closed then return false end
  self.closed = true
  local _streams <close> = setmetatable({}, { __close = function()
    close_streams(self)
    handle:release(true)
  end })
  if core.in_task() then core.shield(finish, self) end
  return true
end

Process.__close = Process.close

function Process:__tostring()
  return ("process %d%s"):format(self.pid, self.closed and " (closed)" or "")
end

-- -- running --------------------------------------------------------------------------------

local WORDS = { null = true, inherit = true, pipe = true }

-- What the program reads, where `run` writes it: a string, or a stream without descriptor.
local function input_of(name, opts)
  local input, stdin = check_type(name, opts, "input", "string"), opts.stdin
  if input and stdin ~= nil then
    misuse(name, "the options 'input' and 'stdin' contradict each other")
  elseif stdin == "pipe" then
    misuse(name, "option 'stdin': nobody could write to a pipe; use xio.process.spawn")
  elseif type(stdin) == "string" and not WORDS[stdin] then
    return stdin
  elseif type(stdin) == "table" and stdin.recv then
    if not stdin.fileno then return stdin end
    local number, _, code = stdin:fileno()
    if not number and code ~= "ECLOSED" then return stdin end
  end
  return input
end

-- Which outputs are captured.
local function check_capture(name, opts)
  local capture = opts.capture
  if capture == nil or capture == false then return false, false end
  if capture ~= true and capture ~= "stdout" and capture ~= "stderr" then
    misuse(name, "option 'capture': a boolean, \"stdout\" or \"stderr\" expected")
  end
  local out, err = capture ~= "stderr", capture ~= "stdout"
  if out and opts.stdout ~= nil then
    misuse(name, "the options 'capture' and 'stdout' contradict each other")
  end
  if err and opts.stderr ~= nil and not (capture == true and opts.stderr == "stdout") then
    misuse(name, "the options 'capture' and 'stderr' contradict each other")
  end
  return out, err and opts.stderr == nil
end

-- Reads to the end; what came is in `parts`, also where it is stopped before.
local function drain(stream, parts)
  while true do
    local bytes, err = stream:recv()
    if not bytes then return err end
    parts[#parts + 1] = bytes
  end
end

-- Writes all, or until the program does not read any more.
local function feed(stream, input)
  if type(input) == "string" then
    stream:write(input)
  else
    local bytes = input:recv()
    while bytes and stream:write(bytes) do bytes = input:recv() end
  end
  stream:close()
end

-- A task that reads or writes for the process, and that cancellation does not end: the end
-- of the process does.
local function pump(group, f, ...)
  local scope = core.new_scope()
  local task = group:spawn(core.shield, scope.run, scope, f, ...)
  return { scope = scope, task = task }
end

-- After the end of the process: what is left in its pipes is read; but one who has left its
-- group may keep them open.
local LINGER = 0.2
local pumps_type = {
  __close = function(pumps)
    core.shield(core.move_on_after, LINGER, function()
      for _, each in ipairs(pumps) do each.task:wait() end
    end)
    for _, each in ipairs(pumps) do each.scope:cancel("the process has ended") end
  end,
}

-- On a normal end, what the program has left in the background lives on.
local function release(self)
  self.closed = true
  close_streams(self)
  self._handle:release(false)
end

-- Returns when the process has exited, and its output has been read to the end.
local function communicate(self, input, parts)
  local _process <close> = self
  if not (input or parts.stdout or parts.stderr) then
    local exit, err, code = self:wait()
    release(self)
    return exit, err, code
  end
  self._piped = true
  return core.group(function(group)
    local pumps <close> = setmetatable({}, pumps_type)
    local _process_first <close> = self
    local feeding = input and pump(group, feed, self.stdin, input)
    if parts.stdout then pumps[1] = pump(group, drain, self.stdout, parts.stdout) end
    if parts.stderr then pumps[#pumps + 1] = pump(group, drain, self.stderr, parts.stderr) end
    pumps[#pumps + 1] = feeding or nil
    local exit, err, code = self:wait()
    if feeding then feeding.scope:cancel("the process has exited") end
    for _, each in ipairs(pumps) do each.task:wait() end
    release(self)
    return exit, err, code
  end)
end

local function describe_exit(args, exit, stderr)
  local how = exit.code and ("exit code %d"):format(exit.code)
    or ("ended by signal %s"):format(exit.signal)
  local said = stderr and stderr:match("([^\n]+)%s*$")
  return ("run %s: %s%s"):format(args[1], how, said and ": " .. said or "")
end

-- An xio.Error about the program, with what is known of its result.
local function refuse(args, code, message, result)
  return nil, setmetatable({ code = code, message = message, op = "run", path = args[1],
    result = result }, error_type), code
end

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
---@return xio.Error? err where it cannot be started, does not end in time, or (`check`) ends
---  badly; `err.result` is the result, or what there is of it
---@return string? code of the system; "ETIMEDOUT"; "EXIT" or "SIGNAL"
function process.run(opts)
  local name = "xio.process.run"
  core.enter(name)
  if type(opts) == "string" then opts = { opts } end
  if type(opts) ~= "table" then argument.fail(1, name, "table", opts) end
  local args = check_command(name, opts, RUN)
  local input = input_of(name, opts)
  local out, err_too = check_capture(name, opts)
  for _, option in ipairs { "stdout", "stderr" } do
    if opts[option] == "pipe" then
      misuse(name, "option '%s': nobody could read from a pipe; use 'capture'", option)
    end
  end
  local check, timeout = check_type(name, opts, "check", "boolean"), opts.timeout
  if timeout ~= nil then check_seconds(name, opts, "timeout") end
  local fds = make_descriptors(name, opts, out and "pipe" or "inherit",
    err_too and "pipe" or "inherit", input and "pipe")
  core.check() -- nothing is started for a task that is cancelled
  local self, err, code = launch(name, opts, args, fds)
  if not self then return nil, err, code end
  local parts = { stdout = out and {} or nil, stderr = err_too and {} or nil }
  local exit
  if timeout then
    local in_time
    in_time, exit, err, code = core.move_on_after(timeout, communicate, self, input, parts)
    if not in_time then exit, err = self._handle:wait(), "timeout" end
  else
    exit, err, code = communicate(self, input, parts)
  end
  if not exit then return nil, err, code end
  exit.stdout = parts.stdout and table.concat(parts.stdout)
  exit.stderr = parts.stderr and table.concat(parts.stderr)
  if err == "timeout" then
    return refuse(args, "ETIMEDOUT", ("run %s: timed out (ETIMEDOUT)"):format(args[1]), exit)
  elseif check and exit.code ~= 0 then
    return refuse(args, exit.code and "EXIT" or "SIGNAL",
      describe_exit(args, exit, exit.stderr), exit)
  end
  return exit
end

return process
