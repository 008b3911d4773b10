-- generator: generators that wait for input.
--
-- `lines` is an ordinary coroutine that yields lines to its consumer. It reads them with
-- xio.read, which waits; then the whole task waits, and neither the loop that consumes the
-- generator nor the generator on top of it sees anything of that. Other tasks go on. There
-- is nothing to declare and nothing to await.
--
-- Run: (printf 'name: Ada\nyear: 18'; sleep 0.5; echo 15) | xio examples/generator.lua
-- Output: Ada was born in 1815
-- Output: meanwhile another task has run
local xio = require "xio"

-- The lines of `f`, which may come in pieces of any size.
local function lines(f)
  return coroutine.wrap(function()
    local buffer = ""
    while true do
      local bytes, err = xio.read(f, 4096)
      if err then error(err) end
      if not bytes then break end
      local from = 1
      buffer = buffer .. bytes
      for line, next_from in buffer:gmatch("([^\n]*)\n()") do
        coroutine.yield(line)
        from = next_from
      end
      buffer = buffer:sub(from)
    end
    if buffer ~= "" then coroutine.yield(buffer) end
  end)
end

-- A generator on top of a generator: tables of the fields between empty lines.
local function records(next_line)
  return coroutine.wrap(function()
    local record = {}
    for line in next_line do
      local key, value = line:match("^(%w+): (.*)$")
      if key then
        record[key] = value
      elseif next(record) then
        coroutine.yield(record)
        record = {}
      end
    end
    if next(record) then coroutine.yield(record) end
  end)
end

xio.main(function()
  local ticks = 0
  xio.group(function(group)
    group:spawn({ daemon = true }, function()
      while true do
        xio.sleep(0.01)
        ticks = ticks + 1
      end
    end)
    for person in records(lines(io.stdin)) do
      print(("%s was born in %s"):format(person.name, person.year))
    end
  end)
  print(("meanwhile another task has %s"):format(ticks > 1 and "run" or "starved"))
end)
