-- So many values that the stack has to grow: results of tasks, futures and
-- groups, and what a task has started with.
local xio = ...
-- table.unpack would say that they are too many
local unpacked = load("return " .. ("1, "):rep(200) .. "1")

return function()
  xio.run({ clock = "virtual" }, function()
    local task, future = xio.spawn(unpacked), xio.future()
    future:set(unpacked())
    xio.group(function(group)
      group:spawn(function() assert(select("#", task:await()) == 201) end)
      group:spawn(function() assert(select("#", future:await()) == 201) end)
      group:spawn(function() assert(select("#", xio.group(unpacked)) == 201) end)
      group:spawn(function()
        local function body(started) started(unpacked()) end
        assert(select("#", xio.group(function(inner) return inner:start(body) end)) == 201)
      end)
    end)
  end)
end
