--- failure: making an xio.Error, and raising an error where another one may be in flight.

local core = require "xio.core"

local failure = {}

--- Makes an xio.Error.
---@param code string "ECANCELED" …
---@param message string
---@param op string what was to be done
---@return xio.Error
function failure.make(code, message, op)
  return setmetatable({ code = code, message = message, op = op }, core.types.Error)
end

--- For the end of a `<close>` handler that met `err`: it is kept beside the error in flight,
--- which goes on; where there is none, or only a cancellation, `err` is raised.
---@param in_flight any the second argument of the handler
---@param err any
function failure.join(in_flight, err)
  if in_flight ~= nil and not core.is_cancelled(in_flight) then
    core.suppress(in_flight, err)
    core.rethrow(in_flight)
  end
  core.rethrow(err)
end

return failure
