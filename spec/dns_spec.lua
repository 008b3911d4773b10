-- xio.net.resolve: names and addresses. What a resolver does that does not answer is in
-- csrc/test/unit/test_dns.c.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)
local run, misuse = support.run, support.misuse

local UNKNOWN = "no-such-host.invalid" -- a name that never exists (RFC 6761)

local function resolve(...)
  local net = xio.net
  return run(function(...) return net.resolve(...) end, nil, ...)
end

describe("xio.net.resolve", function()
  it("gives numeric addresses back without a lookup", function()
    assert.same({ { host = "127.0.0.1", port = 80, family = "inet" } },
      resolve("127.0.0.1", { port = 80 }))
    assert.same({ { host = "::1", port = 0, family = "inet6" } }, resolve("::1"))
    assert.same({ { host = "2001:db8::1", port = 0, family = "inet6" } },
      resolve("2001:DB8:0:0::0001", { family = "inet6" }))
  end)

  it("keeps the scope of an address", function()
    assert.equal("fe80::1%lo", resolve("fe80::1%lo")[1].host)
    assert.equal("fe80::1%lo", resolve("fe80::1%1")[1].host)
    local found, err, code = resolve("fe80::1%no-such-interface")
    assert.is_nil(found)
    assert.equal("fe80::1%no-such-interface", err.host)
    assert.equal(code, err.code)
  end)

  it("looks names up, each address once", function()
    local found = resolve("localhost", { port = 8080 })
    assert.is_true(#found >= 1)
    local seen = {}
    for _, address in ipairs(found) do
      assert.is_true(address.host == "127.0.0.1" or address.host == "::1")
      assert.equal(address.host == "::1" and "inet6" or "inet", address.family)
      assert.equal(8080, address.port)
      assert.is_nil(seen[address.host])
      seen[address.host] = true
    end
  end)

  it("knows services by name", function()
    assert.equal(80, resolve("127.0.0.1", { port = "http" })[1].port)
    assert.equal(8080, resolve("::1", { port = "8080" })[1].port)
    assert.equal(443, resolve("localhost", { port = "https" })[1].port)
    assert.equal(69, resolve("127.0.0.1", { port = "tftp", type = "datagram" })[1].port)
    local found, err, code = resolve("127.0.0.1", { port = "no such service" })
    assert.is_nil(found)
    assert.equal(err.code, code)
  end)

  it("gives only the family that is asked for", function()
    for _, address in ipairs(resolve("localhost", { family = "inet" })) do
      assert.equal("inet", address.family)
    end
    local found, err = resolve("127.0.0.1", { family = "inet6" })
    assert.is_nil(found)
    assert.equal("resolve", err.op)
  end)

  it("E4 gives nil, an error and a code for a name that does not exist", function()
    for _, host in ipairs { UNKNOWN, "a\0b", ("x"):rep(300) .. ".invalid", "" } do
      local found, err, code = resolve(host)
      assert.is_nil(found)
      assert.equal(code, err.code)
      assert.is_string(code)
      assert.equal("resolve", err.op)
      support.mentions(tostring(err), "resolve", code)
    end
    local _, err, code = resolve(UNKNOWN)
    assert.is_true(code == "EAI_NONAME" or code == "EAI_AGAIN") -- the second without a network
    assert.equal(UNKNOWN, err.host)
    assert.is_nil(err.port)
    support.mentions(tostring(err), UNKNOWN)
  end)

  it("E5 refuses wrong arguments", function()
    run(function()
      misuse(function() xio.net.resolve() end, "xio.net.resolve", "string")
      misuse(function() xio.net.resolve(1) end, "xio.net.resolve", "string")
      misuse(function() xio.net.resolve("a", { nonsense = 1 }) end, "nonsense")
      misuse(function() xio.net.resolve("a", { family = "ipx" }) end, "family")
      misuse(function() xio.net.resolve("a", { port = 65536 }) end, "port")
      misuse(function() xio.net.resolve("a", { port = -1 }) end, "port")
      misuse(function() xio.net.resolve("a", { timeout = 0 / 0 }) end, "timeout")
      misuse(function() xio.net.resolve("a", { type = "raw" }) end, "type")
    end)
    if not support.in_task() then
      misuse(function() xio.net.resolve("localhost") end, "xio.net.resolve", "xio.run")
    end
  end)

  it("C1 is a checkpoint, for names and numbers", function()
    run(function()
      for _, host in ipairs { "localhost", "127.0.0.1" } do
        local done, err = xio.move_on_after(0, xio.net.resolve, host)
        assert.is_false(done)
        assert.is_true(err ~= nil)
      end
    end)
  end)

  it("runs many lookups, one after the other", function()
    run(function()
      local hosts = {}
      for i = 1, 30 do hosts[i] = "localhost" end
      local results = xio.map(hosts, xio.net.resolve)
      assert.equal(30, #results)
      for _, found in ipairs(results) do
        assert.is_true(found[1].host == "127.0.0.1" or found[1].host == "::1")
      end
    end)
  end)

  it("C3 gives up at once where it is cancelled, in whatever state", function()
    run(function()
      for turns = 0, 4 do
        xio.group(function(group)
          for _ = 1, 10 do group:spawn(xio.net.resolve, "localhost") end
          for _ = 1, turns do xio.checkpoint() end
          group:cancel()
        end)
      end
      assert.is_true(#xio.net.resolve("localhost") > 0)
    end)
  end)

  it("E5 gives ETIMEDOUT after its timeout", function()
    run(function()
      xio.group(function(group)
        for _ = 1, 600 do group:spawn(xio.net.resolve, "localhost") end -- more than can work
        local found, err, code = group:spawn(xio.net.resolve, "localhost", { timeout = -1 }):await()
        assert.is_nil(found)
        assert.equal("ETIMEDOUT", code)
        assert.same({ "resolve", "localhost" }, { err.op, err.host })
        assert.is_true(xio.is_timeout(err))
        group:cancel()
      end)
    end)
  end)

  it("refuses names that are longer than names can be", function()
    local label = ("x"):rep(63) .. "."
    for _, host in ipairs { label:rep(4) .. "invalid", ("\u{4e00}"):rep(50) .. ".invalid",
      ("x"):rep(256), ("x"):rep(100000) } do
      local found, err, code = resolve(host)
      assert.is_nil(found)
      assert.equal("EAI_NONAME", code)
      assert.equal(host, err.host)
    end
    assert.is_nil((resolve(("\u{4e00}"):rep(10) .. ".invalid")))
    assert.is_nil((resolve("\xff\xfe.invalid")))
  end)
end)
