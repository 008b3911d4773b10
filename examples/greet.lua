-- greet: reads two names and greets both at once, with a timeout around all of it.
--
-- Each greeting is a task of the group and waits for nobody; the group ends when both have
-- been said. The scope around it ends everything, the reading too, after ten seconds.
--
-- Run: printf 'Ada\nBob\n' | xio examples/greet.lua
-- Output: Who is there? Two names, please.
-- Output: Hello, Ada.
-- Output: Hello, Bob.
-- Output: How are you, Ada?
-- Output: How are you, Bob?
local xio = require "xio"

-- An iterator over the lines of `f`: it waits for each, and other tasks go on meanwhile.
local function lines(f)
  local buffer, ended = "", false
  return function()
    while not ended and not buffer:find("\n", 1, true) do
      local bytes, err = xio.read(f, 4096)
      if err then error(err) end
      ended = not bytes
      buffer = buffer .. (bytes or "")
    end
    local line, rest = buffer:match("^([^\n]*)\n?(.*)$")
    if ended and buffer == "" then return nil end
    buffer = rest
    return line
  end
end

local function greet(name)
  print(("Hello, %s."):format(name))
  xio.sleep(0.2)
  print(("How are you, %s?"):format(name))
end

local function greet_two()
  print("Who is there? Two names, please.")
  xio.group(function(group)
    local next_name = lines(io.stdin)
    for _ = 1, 2 do
      group:spawn(greet, next_name() or "stranger")
    end
  end)
end

xio.main(function()
  local in_time = xio.move_on_after(10, greet_two)
  if not in_time then print("I have to go. Goodbye!") end
end)
