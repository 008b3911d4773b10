-- counter_server: a service that counts, for anybody who asks.
--
-- The counter lives in a thread of its own, with a Lua state of its own: nobody else can touch
-- it. What is asked for goes into the service's mailbox, as a table with a number; who asks
-- waits for the answer under that number in a registry, from whichever thread it comes. An
-- operation that fails in the service raises its error at the one who asked, and the service
-- goes on. Stopped, it closes the registry on its way out: everybody who still waits is woken,
-- and who asks later is told at once.
--
-- Output: add 5: 5
-- Output: add 7: 12
-- Output: get: 12
-- Output: halve: unknown operation 'halve'
-- Output: four at once: 13 14 15 16
-- Output: get: 16
-- Output: waiter 1: the counter was stopped (enough)
-- Output: waiter 2: the counter was stopped (enough)
-- Output: later: the counter was stopped (enough)
local xio = require "xio"

-- The function of the service; all of it runs in the thread.
local function serve(service, registry)
  local value, waiters = 0, {}

  -- Answers those who wait for a value that has been reached.
  local function answer_waiters()
    for number, least in pairs(waiters) do
      if value >= least and registry:resolve(number, value) then waiters[number] = nil end
    end
  end

  local operations = {
    add = function(request)
      value = value + request.n
      registry:resolve(request.number, value)
      answer_waiters()
    end,
    get = function(request) registry:resolve(request.number, value) end,
    reach = function(request)
      waiters[request.number] = request.n
      answer_waiters()
    end,
  }

  local _closing <close> = xio.defer(function()
    registry:close(("the counter was stopped (%s)"):format(service.close_scope.reason))
  end)
  local mailbox = xio.mailbox()
  service:started(mailbox)
  for request in mailbox do
    local operation = operations[request.operation]
    if operation then
      operation(request)
    else
      registry:fail(request.number, ("unknown operation '%s'"):format(request.operation))
    end
  end
end

xio.main(function()
  local registry = xio.registry()
  local service = xio.service { name = "counter", run = serve, args = { registry } }
  local mailbox = service:start():wait_started()

  local last = 0
  local function ask(operation, n)
    last = last + 1
    return registry:request(last, function(number)
      mailbox:submit { number = number, operation = operation, n = n }
    end)
  end

  local function show(title, ...)
    local ok, result = xio.pcall(...)
    print(("%s: %s"):format(title, result))
    return ok
  end

  show("add 5", ask, "add", 5)
  show("add 7", ask, "add", 7)
  show("get", ask, "get")
  show("halve", ask, "halve")

  local results = xio.map({ 1, 1, 1, 1 }, function(n) return ask("add", n) end)
  table.sort(results)
  print("four at once: " .. table.concat(results, " "))

  xio.group(function(group)
    for i = 1, 2 do
      group:spawn(show, "waiter " .. i, ask, "reach", 1000 * i)
    end
    show("get", ask, "get")
    service:stop("enough")
  end)
  service:join()
  show("later", ask, "get")
end)
