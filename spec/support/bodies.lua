-- What specs of groups spawn.

local xio = require "xio"
local support = require "spec.support"

local bodies = {}

--- The body of a task that sleeps until it is cancelled, and logs its name and what cancelled it.
function bodies.victim(log, name)
  return function()
    local why = support.catch(xio.sleep_forever)
    log(("%s %s"):format(name, xio.is_cancelled(why) and why.source))
    error(why, 0)
  end
end

--- The body of a task that fails with `value` after `seconds`.
function bodies.failing(value, seconds)
  return function()
    if seconds then xio.sleep(seconds) end
    error(value, 0)
  end
end

--- The body of a task whose cleanup takes `seconds` behind a shield and then fails with `value`.
function bodies.failing_late(value, seconds)
  return function()
    pcall(xio.sleep_forever)
    xio.shield(xio.sleep, seconds)
    error(value, 0)
  end
end

return bodies
