-- A service that is called, and one that fails: replies, errors, stopping, joining.
local xio = ...

local function serve(service, n)
  service:started(n)
  require "xio".sleep_forever()
end

return function()
  xio.run(function()
    local service = xio.service { name = "server", run = serve, args = { 3 } }:start()
    if service:wait_started() ~= 3 then error("another value", 0) end
    local sum = service:call_sync(function(a, b) return a + b end, 1, 2)
    if sum ~= 3 then error("wrong sum", 0) end
    local ok, err = pcall(service.call_sync, service, error, { code = 7 })
    if ok or type(err) ~= "table" or err.code ~= 7 then error(err, 0) end
    service:stop "enough"
    service:join()
  end)
end
