--- eyeballs: connecting to the first of several addresses that answers (RFC 8305).
--
-- The attempts begin one after the other, a short delay apart, or as soon as the one before
-- has failed; none is given up before another has succeeded. How an attempt is made is the
-- caller's: tests bring one that needs no network. Loop's thread.

local core = require "xio.core"

local eyeballs = {
  DELAY = 0.25, -- seconds between two attempts, as RFC 8305 recommends
}

--- The same addresses in the order in which to try them: the families take turns, the first
--- address's family first; within a family the order stays.
---@param addresses {host: string, port: integer, family: string}[]
---@return table[] ordered
function eyeballs.interleave(addresses)
  local first, other = {}, {}
  for _, address in ipairs(addresses) do
    local list = address.family == addresses[1].family and first or other
    list[#list + 1] = address
  end
  local ordered = {}
  for i = 1, math.max(#first, #other) do
    ordered[#ordered + 1] = first[i]
    ordered[#ordered + 1] = other[i]
  end
  return ordered
end

-- One attempt. The first that succeeds ends the others; one that succeeds at the same time
-- is closed.
local function try(group, race, index, failed)
  local connection, err = race.attempt(race.addresses[index])
  if not connection then
    race.failures[index] = err
    failed:set()
  elseif race.winner then
    connection:close()
  else
    race.winner = connection
    group:cancel("another address answered first")
  end
end

local function begin_all(group, race)
  for index = 1, #race.addresses do
    local failed = core.event()
    race.failures[index] = false
    group:spawn({ name = "connect to " .. race.addresses[index].host }, try, group, race, index,
      failed)
    if index < #race.addresses then failed:wait(race.delay) end
  end
end

--- Tries `addresses` in order until `attempt(address)` has given a connection.
---
--- Returns nil where all have failed: `failures[i]` then is what attempt i returned as its
--- error, and false where it has begun and not ended. An error that an attempt raises ends
--- all. A checkpoint; cancelled, every connection is closed and every attempt has ended.
---@param addresses {host: string, port: integer}[]
---@param attempt fun(address: table): any, any a connection, which has `close`; or nil, err
---@param delay number seconds until the next attempt
---@param failures table is filled
---@return any connection
function eyeballs.connect(addresses, attempt, delay, failures)
  if #addresses == 1 then
    failures[1] = false
    local connection, err = attempt(addresses[1])
    if connection then return connection end
    failures[1] = err
    return nil
  end
  local race = { addresses = addresses, attempt = attempt, delay = delay, failures = failures,
    winner = false }
  local ok, err = pcall(core.group, begin_all, race)
  if ok then return race.winner or nil end
  if race.winner then race.winner:close() end
  return core.rethrow(err)
end

return eyeballs
