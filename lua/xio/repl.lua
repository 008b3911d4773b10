--- The prompt of the interpreter: reads lines from standard input, runs them and prints
--- their results, as `lua -i` does.
---
--- A line is tried as an expression first; a chunk that is not complete asks for more lines.
--- Reading waits as a task, so other tasks go on meanwhile. Each chunk runs isolated: its
--- error is reported and the session continues; only cancellation ends it. The session owns
--- standard input: it takes no byte beyond the line at hand unless a terminal gave it, so
--- that chunks may read the next line themselves (the interpreter unbuffers `io.stdin`).

local xio = require "xio"

local error, load, select, string, table, tostring =
  error, load, select, string, table, tostring
local stdout, stderr = io.stdout, io.stderr
local globals = _ENV

local STDIN = 0
local CHUNK_NAME = "=stdin"

-- A terminal gives at most one line a read; from a pipe or a file we take single bytes.
local function read_size(is_terminal)
  return is_terminal and 4096 or 1
end

-- A function that waits for a line and returns it without its end, or nil at the end of
-- the input. A failing read ends the session with its error.
local function line_reader(is_terminal)
  local size = read_size(is_terminal)
  local rest = ""
  return function()
    local parts = { rest }
    while not string.find(parts[#parts], "\n", 1, true) do
      local bytes, err = xio.read(STDIN, size)
      if err then error(err, 0) end
      if not bytes then
        rest = ""
        local last = table.concat(parts)
        return last ~= "" and last or nil
      end
      parts[#parts + 1] = bytes
    end
    local line
    line, rest = string.match(table.concat(parts), "^(.-)\n(.*)$")
    return line
  end
end

local function show_prompt(variable, default)
  local prompt = globals[variable]
  stdout:write(prompt == nil and default or tostring(prompt)):flush()
end

-- Reads lines until they are a chunk or cannot become one. Returns the chunk, or nil and the
-- message; nothing at the end of the input.
local function read_chunk(read_line)
  show_prompt("_PROMPT", "> ")
  local text = read_line()
  if not text then return end
  text = string.gsub(text, "^=", "return ")
  local chunk = load("return " .. text, CHUNK_NAME)
  if chunk then return chunk end
  while true do
    local err
    chunk, err = load(text, CHUNK_NAME)
    if chunk or not string.find(err, "<eof>$") then return chunk, err end
    show_prompt("_PROMPT2", ">> ")
    local more = read_line()
    if not more then return nil, err end
    text = text .. "\n" .. more
  end
end

local function complain(text)
  stdout:flush()
  stderr:write(text, "\n"):flush()
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

--- Runs a session until the end of standard input. ◊ Cancelling ends it.
--- @param is_terminal boolean  whether standard input is a terminal
--- @param describe fun(err: any): string  makes the report of an uncaught error
local function repl(is_terminal, describe)
  local read_line = line_reader(is_terminal)
  while true do
    local chunk, err = read_chunk(read_line)
    if chunk then
      show(describe, xio.isolate(chunk))
    elseif err then
      complain(err)
    else
      break
    end
  end
  stdout:write("\n"):flush()
end

return repl
