-- Two ends of a pair: every way to read and write, with waiting; half-close; the end.
local xio = ...
local check = require("spec.support.faults").check
local core = require "xio.core"

local LONG = ("long"):rep(100000)

return function()
  xio.run({ signals = false }, function()
    local a, err = core.pair()
    local near <close> = check(a, err)
    local far <close> = err
    xio.group(function(group)
      group:spawn(function()
        check(near:write("one\ntwo 3;", LONG))
        xio.sleep(0)
        check(near:write("tail\nrest"))
        check(near:shutdown())
      end)
      assert(check(far:read("l")) == "one")
      assert(check(far:read_until(";")) == "two 3")
      assert(check(far:read_exactly(#LONG)) == LONG)
      assert(check(far:read("L")) == "tail\n")
      assert(check(far:read("a")) == "rest")
      local none, reason = far:recv()
      if reason then error(reason, 0) end
      assert(none == nil)
      check(far:close())
    end)
  end)
end
