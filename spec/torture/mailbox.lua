-- A mailbox with all options and many items; actors, one at a time and concurrent.
local xio = ...

local function key(item) return item % 7 end

return function()
  xio.run({ clock = "virtual" }, function()
    local mailbox = xio.mailbox { key = key, floor = 1, gate = function(i) return i ~= 5 end }
    xio.group(function(group)
      group:spawn(function()
        local _mailbox <close> = mailbox
        for i = 1, 40 do
          mailbox:submit(i)
          if i % 10 == 0 then xio.sleep(1) end
        end
      end)
      local sum = mailbox:recv()
      mailbox.floor = 0
      for _, item in ipairs(mailbox:drain(3)) do sum = sum + item end
      for item in mailbox do sum = sum + item end
      assert(sum == 815 and mailbox:stats().received == 39)
    end)
    for _, concurrent in ipairs { false, true } do
      local sum = 0
      local actor = xio.actor(function(item, release)
        if release then release() end
        xio.checkpoint()
        sum = sum + item
      end, { concurrent = concurrent })
      for i = 1, 4 do actor:submit(i) end
      actor:close()
      actor:wait()
      if sum ~= 10 then xio.checkpoint() end -- it has failed, and the run is cancelled
      assert(sum == 10)
    end
  end)
end
