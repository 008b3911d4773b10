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

local xio = require "xio"

local ipairs, load, select, string, tostring = ipairs, load, select, string, tostring
local stdout, stderr = io.stdout, io.stderr
local globals = _ENV

local STDIN = 0
local CHUNK_NAME = "=stdin"

-- A terminal gives at most one line a read; from a pipe or a file we take single bytes.
local function read_size(is_terminal)
  return is_terminal and 4096 or 1
end

local rest = "" -- what was read after the last line

local function complain(text)
  stdout:flush()
  stderr:write(text, "\n"):flush()
end

-- Waits for a line and returns it without its end, or nil at the end of the input. A
-- failing read is reported and counts as the end; a cancelled one keeps what it has.
local function read_line(is_terminal)
  local size = read_size(is_terminal)
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

local function show_prompt(variable, default)
  local prompt = globals[variable]
  stdout:write(prompt == nil and default or tostring(prompt)):flush()
end

-- Reads lines until they are a chunk or cannot become one. Returns the chunk, or nil and
-- the message; nothing at the end of the input.
local function read_chunk(is_terminal)
  show_prompt("_PROMPT", "> ")
  local text = read_line(is_terminal)
  if not text then return end
  text = string.gsub(text, "^=", "return ")
  local chunk = load("return " .. text, CHUNK_NAME)
  if chunk then return chunk end
  while true do
    local err
    chunk, err = load(text, CHUNK_NAME)
    if chunk or not string.find(err, "<eof>$") then return chunk, err end
    show_prompt("_PROMPT2", ">> ")
    local more = read_line(is_terminal)
    if not more then return nil, err end
    text = text .. "\n" .. more
  end
end

-- Prints what a chunk returned, or reports its error.
local function show(describe, ok, ...)
  if not ok then
    complain(describe((...)))
  elseif select("#", ...) > 0 then
    local printed, err = xio.pcall(globals.print, ...)
    if not printed then complain("error calling 'print' (" .. tostring(err) .. ")") end
  end
end

local function cancel_others()
  local main = xio.current()
  for _, node in ipairs(xio.tree()) do
    if node.task ~= main then node.task:cancel("the end of the session") end
  end
end

--- Runs a session until the end of standard input. ◊ Cancelling ends it.
--- @param is_terminal boolean  whether standard input is a terminal
--- @param describe fun(err: any): string  makes the report of an uncaught error
local function repl(is_terminal, describe)
  while true do
    local chunk, err = read_chunk(is_terminal)
    if chunk then
      show(describe, xio.isolate(chunk))
    elseif err then
      complain(err)
    else
      break
    end
  end
  stdout:write("\n"):flush()
  cancel_others()
end

return repl
