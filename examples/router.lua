-- router: requests over one connection, answered in any order, as debug adapters and language
-- servers do it.
--
-- The connection belongs to a thread of its own. Its reader resolves what arrives under the
-- number that came with it, so that each caller gets its own answer, whatever came first; its
-- writer sends what callers put into a mailbox. Should the reader crash, as it does here when
-- the adapter says what nobody understands, then everybody who waits gets the very error with
-- its trace, and so does who asks later: nobody is left hanging.
--
-- Output: first: 3 (asked second)
-- Output: then: 42 (asked first)
-- Output: slow: gave up after 0.05 seconds
-- Output: waiter 1: protocol error: 'what?'
-- Output: waiter 2: protocol error: 'what?'
-- Output: raised in: parse
-- Output: later: protocol error: 'what?'
-- Output: the service: protocol error: 'what?'
local xio = require "xio"

-- -- the router: all of this runs in its thread -----------------------------------------

local function parse(line)
  local number, body = line:match "^(%d+) (.*)$"
  if not number then error({ text = ("protocol error: '%s'"):format(line) }) end
  return math.tointeger(number), body
end

local function read_answers(connection, registry)
  for line in connection:lines() do
    local number, body = parse(line)
    registry:resolve(number, body) -- false where the caller has given up
  end
end

-- Its <close> fails everybody who waits, with what ended the reader.
local function failing(registry)
  return setmetatable({}, { __close = function(_, err)
    if err == nil or xio.is_cancelled(err) then err = { text = "the router was stopped" } end
    registry:close(err)
  end })
end

local function route(service, registry, port)
  local connection <close> = assert(xio.net.connect("127.0.0.1", port))
  local outbox = xio.mailbox()
  xio.spawn({ daemon = true }, function()
    for line in outbox do assert(connection:write(line)) end
  end)
  service:started(outbox)
  local _failing <close> = failing(registry)
  read_answers(connection, registry)
end

-- -- an adapter to talk to --------------------------------------------------------------

local answers = {
  add = function(a, b) return math.tointeger(a + b) end,
  think = function(seconds, answer)
    xio.sleep(seconds)
    return math.tointeger(answer)
  end,
}

local function adapt(connection)
  xio.group(function(group)
    for line in connection:lines() do
      local number, name, a, b = line:match "^(%d+) (%a+) ?(%S*) ?(%S*)$"
      group:spawn(function()
        if name == "crash" then return connection:write "what?\n" end
        connection:write(("%s %s\n"):format(number, answers[name](tonumber(a), tonumber(b))))
      end)
    end
  end)
end

-- -- the program ------------------------------------------------------------------------

xio.main(function()
  local listener <close> = assert(xio.net.listen("127.0.0.1", 0))
  local _, port = listener:name()
  xio.spawn({ daemon = true }, xio.net.serve, listener, adapt)

  local registry = xio.registry()
  local service = xio.service { name = "router", run = route, args = { registry, port } }
  local outbox = service:start():wait_started()

  local last = 0
  local function ask(timeout, ...)
    local words = table.concat({ ... }, " ")
    last = last + 1
    return registry:request(last, function(number)
      outbox:submit(("%d %s\n"):format(number, words))
    end, timeout)
  end

  local step = "first"
  local function show(how, answer)
    print(("%s: %s (asked %s)"):format(step, answer, how))
    step = "then"
  end
  xio.gather(
    function() show("first", ask(5, "think", 0.3, 42)) end,
    function() show("second", ask(5, "add", 1, 2)) end)

  local _, _, code = ask(0.05, "think", 10, 1)
  if code == "ETIMEDOUT" then print "slow: gave up after 0.05 seconds" end

  xio.group(function(group)
    for i = 1, 2 do
      group:spawn(function()
        local ok, err = xio.pcall(ask, 5, "think", 10, i)
        if not ok then print(("waiter %d: %s"):format(i, err.text)) end
        if i == 2 then print("raised in: " .. xio.traceback(err):match "upvalue '(%a+)'") end
      end)
    end
    xio.sleep(0.01)
    xio.pcall(ask, 5, "crash")
  end)
  local _, err = xio.pcall(ask, 5, "add", 1, 1)
  print("later: " .. err.text)
  _, err = xio.pcall(service.join, service)
  print("the service: " .. err.text)
end)
