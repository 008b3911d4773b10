-- What is typed at the prompt: the lines of a session, completion of each of their beginnings, and
-- how values are shown. Nothing that was typed is run.

local function read_source(name)
  local file <close> = assert(io.open("lua/xio/" .. name .. ".lua"))
  return file:read "a"
end

local REPL, COMPLETE = read_source "repl", read_source "complete"
local pretty = require "xio.pretty"

local sink = {}
function sink:write() return self end
function sink:flush() return self end

-- A session on `input`, in globals of its own. Returns the chunks that it would have run; raises
-- where it takes a byte twice, or loads anything but texts.
local function run_session(input)
  local at, chunks = 1, {}
  local globals = setmetatable({ _PROMPT = "? " }, { __index = _G })
  local xio = {
    read = function(_, size)
      local bytes = input:sub(at, at + size - 1)
      at = at + #bytes
      return bytes ~= "" and bytes or nil
    end,
    isolate = function(chunk)
      chunks[#chunks + 1] = chunk
      return true
    end,
    pcall = pcall,
    current = function() end,
    tree = function() return {} end,
  }
  globals.require = function() return xio end
  globals.io = { stdout = sink, stderr = sink }
  globals.print = function() end
  globals.load = function(text, name, mode)
    assert(mode == "t" and name == "=stdin" and type(text) == "string")
    local chunk, err = load(text, name, mode, globals)
    assert(chunk or type(err) == "string")
    return chunk and function() return chunk end, err
  end
  local repl = assert(load(REPL, "@repl", "t", globals))()
  repl { is_terminal = false, describe = tostring }
  assert(at == #input + 1, "not all was read")
  return chunks
end

-- Whether each name goes on as the line does, and what is inserted is what all have in common.
local function check_completion(line, complete)
  local insert, names = complete(line)
  assert(type(insert) == "string" and type(names) == "table")
  local word = line:match "[%w_]*$"
  for i, name in ipairs(names) do
    assert(i == 1 or names[i - 1] < name, "not sorted")
    assert(name:sub(1, #word + #insert) == word .. insert, "not what was typed")
  end
  if #names == 1 then assert(word .. insert == names[1]) end
end

-- A value made of bytes: tables in tables, with the rest as strings, numbers and references.
local function make_value(input)
  local at = 0
  local made = {}
  local function take()
    at = at + 1
    return input:byte(at) or 0
  end
  local function make(depth)
    local kind = take() % 8
    if kind <= 2 and depth < 6 then
      local value = {}
      made[#made + 1] = value
      for _ = 1, take() % 6 do
        local key = take() % 3 == 0 and make(depth + 1)
        if type(key) == "boolean" or key ~= key then key = nil end
        value[key or #value + 1] = make(depth + 1)
      end
      return value
    elseif kind == 3 and #made > 0 then
      return made[take() % #made + 1]
    elseif kind == 4 then
      return string.unpack("n", (input .. ("\0"):rep(8)):sub(at + 1, at + 8))
    elseif kind == 5 then
      return string.unpack("j", (input .. ("\0"):rep(8)):sub(at + 1, at + 8))
    end
    local size = take() % 20
    at = at + size
    return input:sub(at - size + 1, at)
  end
  return make(0)
end

return function(input)
  local chunks = run_session(input)
  local _, lines = input:gsub("\n", "")
  assert(#chunks <= lines + 1)
  local globals = setmetatable({ tx = { send = print, self = { a = {} } }, t1 = {} },
    { __index = { inherited = 1 } })
  local complete = assert(load(COMPLETE, "@complete", "t",
    setmetatable(globals, { __index = _G })))()
  for stop = 0, math.min(#input, 40) do check_completion(input:sub(1, stop), complete) end
  check_completion(input, complete)
  local value = make_value(input)
  local text = pretty(value)
  assert(type(text) == "string")
  if type(value) == "table" then
    assert(not text:find "[%z\1-\9\11-\31\127]", "a control character is shown")
  end
  local again = load("return " .. pretty { input })
  assert(again and again()[1] == input, "a text is not shown as it is")
end
