-- A program whose input and outputs are pipes; one that cannot be started.
local xio = ...

return function()
  xio.run({ signals = false }, function()
    local result = assert(xio.process.run { "cat", stdin = "text", capture = true })
    assert(result.code == 0 and result.stdout == "text")
    local missing, _, code = xio.process.run { "/no/such", env = { A = "b" }, capture = true }
    assert(missing == nil and code == "ENOENT")
  end)
end
