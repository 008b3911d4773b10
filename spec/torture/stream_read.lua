-- Streams: every way to read, with and without waiting.
local xio = ...
local core = require "xio.core"

return function()
  xio.run({ signals = false, clock = "virtual" }, function()
    local a <close>, b = core.pair()
    local reader <close> = b
    xio.group(function(group)
      group:spawn(function()
        assert(a:write("one\ntwo\n12 34;", ("x"):rep(3000), "\n"))
        xio.sleep(1)
        assert(a:write("late\nlast"))
        assert(a:shutdown())
      end)
      assert(reader:recv(4) == "one\n")
      assert(reader:read("l", "n") == "two")
      assert(reader:read_until(";") == " 34")
      assert(#reader:read_exactly(3001) == 3001)
      for line in reader:lines() do assert(line == "late" or line == "last") end
      assert(reader:recv() == nil)
    end)
    assert(reader:stats().read == 3024)
  end)
end
