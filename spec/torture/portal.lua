-- A portal used at home: results, errors, cancelling, a post, and what the end cuts off.
local xio = ...

return function()
  local late
  xio.run({ clock = "virtual" }, function()
    local portal = xio.portal()
    local reply = portal:spawn(function(a, b) return a + b, { a } end, 1, 2)
    local sum, list = reply:await()
    assert(sum == 3 and list[1] == 1)
    reply = portal:spawn(function() error({ "bad" }) end)
    local ok, err = xio.pcall(reply.await, reply)
    if ok or type(err) ~= "table" or err[1] ~= "bad" then error(err, 0) end
    reply = portal:spawn(function() require "xio".sleep_forever() end)
    reply:cancel("enough")
    ok, err = xio.pcall(reply.await, reply)
    if ok or err.code ~= "ECANCELED" then error(err, 0) end
    portal:post(function() end)
    late = portal
  end)
  local ok, err = pcall(late.spawn, late, print)
  if ok or type(err) ~= "table" or err.code ~= "ECLOSED" then error(err, 0) end
end
