--- The prompt of the interpreter: reads lines from standard input, runs them and prints
--- their results, as `lua -i` does.
---
--- A line is tried as an expression first; a chunk that is not complete asks for more
--- lines. Reading waits as a task, so other tasks go on meanwhile. Each chunk runs isolated:
--- its error is reported and the session continues; the error of a task in the background
--- ends the run, and the interpreter calls this again in a new one. The end of the input
--- ends the session and cancels the tasks that still run. The session takes no byte beyond
--- the line at hand unless a terminal gave it, so that chunks may read the next line
--- themselves (the interpreter unbuffers `io.stdin`).
---
--- On a terminal lines are edited, with a history and completion, where the interpreter has
--- an editor; results are printed with what is in tables; and SIGINT cancels the chunk that
--- runs, or drops the lines of one that is being typed. The environment variable XIO_EDIT=0
--- turns editing off, and XIO_HISTORY names the file of the history, or empty turns that off.

local xio = require "xio"

local ipairs, load, os, select, string, table, tostring =
  ipairs, load, os, select, string, table, tostring
local stdout, stderr, print = io.stdout, io.stderr, print
local globals = _ENV

local STDIN = 0
local CHUNK_NAME = "=stdin"

---@class xio.ReplHost  what the interpreter offers
---@field is_terminal boolean  whether standard input is a terminal
---@field describe fun(err: any): string  makes the report of an uncaught error
---@field editor? table  edits lines; see csrc/cli/edit.h
---@field interrupt table  see csrc/cli/interrupt.h
---@field load fun(name: string): any  gives a module of the interpreter's own
---@field history? string  the file to keep the history in

local host
local has_editor   -- it could be opened
local rest = ""    -- what was read after the last line
local reading      -- the scope in which the next line is waited for, on a terminal
local running      -- the scope of the chunk that runs, on a terminal

-- A terminal gives at most one line a read; from a pipe or a file we take single bytes.
local function read_size()
  return host.is_terminal and 4096 or 1
end

local function complain(text)
  stdout:flush()
  stderr:write(text, "\n"):flush()
end

-- Waits for a line and returns it without its end, or nil at the end of the input. A
-- failing read is reported and counts as the end; a cancelled one keeps what it has.
local function read_plain(prompt)
  stdout:write(prompt):flush()
  local size = read_size()
  local from = 1
  while true do
    local stop = string.find(rest, "\n", from, true)
    if stop then
      local line = string.sub(rest, 1, stop - 1)
      rest = string.sub(rest, stop + 1)
      return line
    end
    from = #rest + 1
    local bytes, err = xio.read(STDIN, size)
    if err then complain(tostring(err)) end
    if not bytes then
      local last = rest
      rest = ""
      return last ~= "" and last or nil
    end
    rest = rest .. bytes
  end
end

-- The same with an editor, which shows the prompt and takes one key at a time.
local function read_edited(prompt)
  local editor = host.editor
  editor.begin(prompt)
  local input <close> = xio.fd(STDIN)
  while input:readable() do
    local line, over = editor.feed()
    if line then
      editor.remember(line)
      return line
    end
    if over then return nil end
  end
end

-- Reads a line. On a terminal SIGINT drops it: then false.
local function read_line(variable, default)
  local prompt = globals[variable]
  prompt = prompt == nil and default or tostring(prompt)
  if not host.is_terminal then return read_plain(prompt) end
  reading = xio.new_scope()
  local completed, line = reading:run(host.editor and read_edited or read_plain, prompt)
  reading = nil
  if host.editor then host.editor.stop() end
  if completed then return line end
  stdout:write("\n"):flush()
  return false
end

-- Reads lines until they are a chunk or cannot become one. Returns the chunk, or nil and
-- the message; nothing at the end of the input; false where they were dropped.
local function read_chunk()
  local text = read_line("_PROMPT", "> ")
  if not text then return text end
  text = string.gsub(text, "^=", "return ")
  local chunk = load("return " .. text, CHUNK_NAME, "t")
  if chunk then return chunk end
  while true do
    local err
    chunk, err = load(text, CHUNK_NAME, "t")
    if chunk or not string.find(err, "<eof>$") then return chunk, err end
    local more = read_line("_PROMPT2", ">> ")
    if more == false then return false end
    if not more then return nil, err end
    text = text .. "\n" .. more
  end
end

-- Prints values as `print` does, with what is in them.
local function print_pretty(...)
  local pretty = host.load "xio.pretty"
  local texts = {}
  for i = 1, select("#", ...) do texts[i] = pretty((select(i, ...))) end
  stdout:write(table.concat(texts, "\t"), "\n")
end

-- Prints what a chunk returned, or reports its error.
local function show(ok, ...)
  if not ok then
    complain(host.describe((...)))
  elseif select("#", ...) > 0 then
    local is_pretty = host.is_terminal and globals.print == print
    local printed, err = xio.pcall(is_pretty and print_pretty or globals.print, ...)
    if not printed then complain("error calling 'print' (" .. tostring(err) .. ")") end
  end
end

local function show_unless_interrupted(completed, ...)
  running = nil
  if completed then return show(...) end
  complain("interrupted")
end

-- What SIGINT does.
local function interrupt()
  local scope = running or reading
  if scope then scope:cancel("interrupted") end
end

local function run_chunk(chunk)
  if not host.is_terminal then return show(xio.isolate(chunk)) end
  host.interrupt.open(interrupt)
  running = xio.new_scope()
  show_unless_interrupted(running:run(xio.isolate, chunk))
end

local function cancel_others()
  local main = xio.current()
  for _, node in ipairs(xio.tree()) do
    if node.task ~= main then node.task:cancel("the end of the session") end
  end
end

local function run_session()
  while true do
    local chunk, err = read_chunk()
    if chunk then
      run_chunk(chunk)
    elseif err then
      complain(err)
    elseif chunk == nil then
      break
    end
  end
  stdout:write("\n"):flush()
end

-- What SIGINT and a SIGCONT mean, as long as the session lasts.
local function obey_signals(listener)
  for name in listener do
    if name == "CONT" then
      if reading and host.editor then host.editor.resume() end
    elseif host.interrupt.meet() then -- else it stopped code that did not wait
      interrupt()
    end
  end
end

-- The listener is told of a signal after the code that it stopped: one that it is not told
-- of before it closes would end the run.
local function await_signals(listener)
  while listener:stats().buffered > 0 do xio.sleep(0) end
end

local function run_on_terminal()
  local listener <close> = xio.signal.listen("INT", "CONT")
  local _interrupt <close> = xio.defer(host.interrupt.close)
  host.interrupt.open(interrupt)
  xio.group(function(g)
    g:spawn({ daemon = true, name = "signals of the prompt" }, obey_signals, listener)
    run_session()
    await_signals(listener)
  end)
end

-- The file of the history, or nil: XIO_HISTORY, where that is set, or else a file in the
-- user's directory for state. Empty: none.
local function history_file()
  local file = os.getenv("XIO_HISTORY")
  if file then return file ~= "" and file or nil end
  local state, home = os.getenv("XDG_STATE_HOME"), os.getenv("HOME")
  if not state or string.sub(state, 1, 1) ~= "/" then
    state = home and home ~= "" and home .. "/.local/state"
  end
  if not state then return nil end
  xio.fs.mkdir(state .. "/xio", { parents = true })
  return state .. "/xio/history"
end

--- Runs a session until the end of standard input. ◊ Cancelling ends it.
---@param from xio.ReplHost
local function repl(from)
  local is_new = not host
  host = from
  reading, running = nil, nil
  if is_new and host.editor then
    local wanted = host.is_terminal and os.getenv("XIO_EDIT") ~= "0"
    has_editor = wanted and host.editor.open(history_file(), host.load "xio.complete")
  end
  if not has_editor then host.editor = nil end
  if host.is_terminal then run_on_terminal() else run_session() end
  cancel_others()
end

return repl
