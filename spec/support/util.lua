-- Small tools that several specs share. Nothing here starts a task or waits.

local xio = require "xio"

local util = {}

--- A function that tells the seconds of this run's clock since `watch` was called,
--- rounded to whole microseconds so that sums of decimals compare equal.
function util.watch()
  local began = xio.now()
  return function()
    return math.floor((xio.now() - began) * 1e6 + 0.5) / 1e6
  end
end

--- Whether the text of `value` contains `part`, taken literally.
function util.contains(value, part)
  return tostring(value):find(part, 1, true) ~= nil
end

--- All that can be found out from `err`: it, its leaves, and what each of them suppressed.
function util.everything(err)
  local found = {}
  local function add(value)
    for leaf in xio.each_error(value) do
      found[leaf] = true
      for _, suppressed in ipairs(xio.suppressed(leaf) or {}) do
        found[suppressed] = true
      end
    end
    for _, suppressed in ipairs(xio.suppressed(value) or {}) do
      found[suppressed] = true
    end
  end
  add(err)
  return found
end

return util
