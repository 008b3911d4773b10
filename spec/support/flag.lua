-- A file that a thread makes to say that it has come so far, and a wait for that.

local xio = require "xio"

--- Gives the path of a file that is not there, and a function that waits until it is, and
--- removes it.
local function flag()
  local path = os.tmpname()
  os.remove(path)
  return path, function()
    for _ = 1, 2000 do
      local file = io.open(path)
      if file then
        file:close()
        os.remove(path)
        return
      end
      xio.sleep(0.002)
    end
    error("the thread never came so far: " .. path)
  end
end

return flag
