-- A service whose function fails: who waits for it is told, and so is the run.
local xio = ...

local function crash(service)
  service:started()
  error({ "crash" }, 0)
end

return function()
  local ok, err = pcall(xio.run, function()
    local service = xio.service { name = "crashes", run = crash }:start()
    local joined, raised = pcall(service.join, service)
    if joined then error("no error", 0) end
    if type(raised) ~= "table" or raised[1] ~= "crash" then error(raised, 0) end
    local called
    called, raised = pcall(service.call_sync, service, print)
    if called then error("it was called", 0) end
    if type(raised) ~= "table" then error(raised, 0) end
  end)
  if not ok then error(err, 0) end
end
