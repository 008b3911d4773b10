-- xio.eyeballs: which address is tried when (RFC 8305), with attempts that need no network.

local xio = require "xio"
local eyeballs = require "xio.eyeballs"
local support = require "spec.support"

local it = support.it(it)
local run, catch = support.run, support.catch

-- What attempts on addresses do, by host: { after = seconds, ok = true or false }. Notes when
-- each began, and which connections are open.
local function network(plan)
  local net = { began = {}, open = {}, cancelled = {} }
  function net.attempt(address)
    local name, what = address.host, plan[address.host]
    net.began[#net.began + 1] = ("%s %.2f"):format(name, xio.now())
    local ok, err = pcall(function()
      if what.after > 0 then xio.sleep(what.after) end
    end)
    if not ok then
      net.cancelled[#net.cancelled + 1] = name
      error(err, 0)
    end
    if what.raise then error(what.raise, 0) end
    if not what.ok then return nil, "error of " .. name, "ECODE" end
    net.open[name] = true
    return { name = name, close = function() net.open[name] = nil end }
  end
  return net
end

local function addresses(...)
  local list = {}
  for i, host in ipairs { ... } do list[i] = { host = host, port = 1, family = "inet" } end
  return list
end

-- Connects; gives the network, the name of the connection, the time, and the failures.
local function connect(plan, list, delay)
  return run(function()
    local net, failures = network(plan), {}
    local connection = eyeballs.connect(list, net.attempt, delay or eyeballs.DELAY, failures)
    return net, connection and connection.name, xio.now(), failures
  end)
end

local SLOW, FAST = { after = 10, ok = true }, { after = 0.1, ok = true }
local REFUSED, LATE_REFUSED = { after = 0, ok = false }, { after = 0.1, ok = false }
local NEVER = { after = math.huge }

describe("xio.eyeballs", function()
  it("NET-05 takes the first address where that answers soon", function()
    local net, name, time = connect({ a = FAST, b = FAST }, addresses("a", "b"))
    assert.same({ "a 0.00" }, net.began)
    assert.equal("a", name)
    assert.equal(0.1, time)
    assert.same({ a = true }, net.open)
  end)

  it("NET-05 begins the next attempts 0.25 s apart and gives none up before", function()
    local net, name, time = connect({ a = NEVER, b = NEVER, c = NEVER, d = FAST },
      addresses("a", "b", "c", "d"))
    assert.same({ "a 0.00", "b 0.25", "c 0.50", "d 0.75" }, net.began)
    assert.equal("d", name)
    assert.equal(0.85, time)
    table.sort(net.cancelled)
    assert.same({ "a", "b", "c" }, net.cancelled)
    assert.same({ d = true }, net.open)
  end)

  it("NET-05 lets a slower attempt win that began before", function()
    local net, name, time = connect({ a = { after = 0.6, ok = true }, b = SLOW, c = SLOW },
      addresses("a", "b", "c"))
    assert.same({ "a 0.00", "b 0.25", "c 0.50" }, net.began)
    assert.equal("a", name)
    assert.equal(0.6, time)
    assert.same({ a = true }, net.open)
  end)

  it("NET-05 begins the next at once when one has failed", function()
    local net, name, time = connect({ a = REFUSED, b = LATE_REFUSED, c = NEVER, d = FAST },
      addresses("a", "b", "c", "d"))
    assert.same({ "a 0.00", "b 0.00", "c 0.10", "d 0.35" }, net.began)
    assert.equal("d", name)
    assert.equal(0.45, time)
  end)

  it("NET-05 does not hurry where an earlier one than the last fails", function()
    local net = connect({ a = { after = 0.3, ok = false }, b = NEVER, c = FAST },
      addresses("a", "b", "c"))
    assert.same({ "a 0.00", "b 0.25", "c 0.50" }, net.began)
  end)

  it("NET-05 gives nil and every error where all fail", function()
    local net, name, time, failures = connect({ a = REFUSED, b = LATE_REFUSED,
      c = { after = 2, ok = false } }, addresses("a", "b", "c"))
    assert.same({ "a 0.00", "b 0.00", "c 0.10" }, net.began)
    assert.is_nil(name)
    assert.equal(2.1, time)
    assert.same({ "error of a", "error of b", "error of c" }, failures)
  end)

  it("NET-05 closes all but one where several answer at the same time", function()
    local net, name, time = connect({ a = { after = 0.5, ok = true },
      b = { after = 0.25, ok = true }, c = { after = 0, ok = true } }, addresses("a", "b", "c"))
    assert.equal(0.5, time)
    assert.same({ [name] = true }, net.open)
  end)

  it("NET-05 leaves nothing open where it is cancelled", function()
    for _, at in ipairs { 0, 0.1, 0.25, 0.5, 0.6 } do
      run(function()
        local net = network { a = NEVER, b = SLOW, c = NEVER }
        local done = xio.move_on_after(at, eyeballs.connect, addresses("a", "b", "c"),
          net.attempt, 0.25, {})
        assert.is_false(done)
        assert.equal(at, xio.now())
        assert.same({}, net.open)
        assert.equal(#net.began, #net.cancelled)
      end)
    end
  end)

  it("NET-05 returns or leaves nothing open where the end comes with the cancellation", function()
    run(function()
      local net = network { a = NEVER, b = { after = 0.25, ok = true } }
      local done, connection = xio.move_on_after(0.5, eyeballs.connect, addresses("a", "b"),
        net.attempt, 0.25, {})
      assert.same(done and { [connection.name] = true } or {}, net.open)
    end)
  end)

  it("raises what an attempt raises, and leaves nothing open", function()
    run(function()
      local net = network { a = NEVER, b = { after = 0.1, raise = "broken" } }
      assert.equal("broken", catch(eyeballs.connect, addresses("a", "b"), net.attempt, 0.25, {}))
      assert.same({}, net.open)
      assert.same({ "a" }, net.cancelled)
    end)
  end)

  it("tries a single address without a task", function()
    run(function()
      local here = xio.current()
      local connection = eyeballs.connect(addresses("a"), function()
        assert.equal(here, xio.current())
        return "connection"
      end, 0.25, {})
      assert.equal("connection", connection)
      local failures = {}
      assert.is_nil(eyeballs.connect(addresses("a"), function() return nil, "no" end, 0.25,
        failures))
      assert.same({ "no" }, failures)
    end)
  end)

  it("takes another delay", function()
    local net = connect({ a = NEVER, b = NEVER, c = FAST }, addresses("a", "b", "c"), 1)
    assert.same({ "a 0.00", "b 1.00", "c 2.00" }, net.began)
    net = connect({ a = NEVER, b = FAST }, addresses("a", "b"), 0)
    assert.same({ "a 0.00", "b 0.00" }, net.began)
  end)

  it("lets the families take turns", function()
    local function order(...)
      local list, hosts = {}, {}
      for i, host in ipairs { ... } do
        list[i] = { host = host, family = host:find("^s") and "inet6" or "inet" }
      end
      for i, address in ipairs(eyeballs.interleave(list)) do hosts[i] = address.host end
      return table.concat(hosts, " ")
    end
    assert.equal("s1 f1 s2 f2 s3", order("s1", "s2", "s3", "f1", "f2"))
    assert.equal("f1 s1 f2 f3", order("f1", "f2", "s1", "f3"))
    assert.equal("f1 f2", order("f1", "f2"))
    assert.equal("s1", order("s1"))
    assert.equal("", order())
  end)
end)
