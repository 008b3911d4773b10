-- xio.gsub against the stock string.gsub: the same results and errors, and it may wait.

local xio = require "xio"
local gsub = require "xio.gsub"
local support = require "spec.support"

local it = support.it(it)
local run = support.run

-- Runs a chunk in which string.gsub is `f`; returns its results, or its error, as one text.
local function try(code, f)
  local library = setmetatable({ gsub = f }, { __index = string })
  local env = setmetatable({ string = library }, { __index = _G })
  local got = table.pack(pcall(load(code, "=chunk", "t", env)))
  for i = 1, got.n do got[i] = tostring(got[i]) end
  return table.concat(got, " | ")
end

local function agree(code)
  assert.equal(try(code, string.gsub), try(code, gsub), code)
end

describe("xio.gsub", function()
  it("gives what the stock gsub gives for strings and tables", function()
    agree [[return (string.gsub("hello", "l", "L"))]]
    agree [[local t, n = string.gsub("hello", "", "-") return t, n]]
    agree [[local t, n = string.gsub("abc", "%w", "%0%0") return t, n]]
    agree [[local t, n = string.gsub("abc", "%w", { a = 1, b = false }) return t, n]]
    agree [[local t, n = string.gsub(1213, 1, "x", 1) return t, n]]
    agree [[local t, n = string.gsub("abc", "%w", "x", "2") return t, n]]
  end)

  it("calls a function with the captures, in order", function()
    local seen = {}
    local text, count = gsub("k1=v1; k2=v2", "(%w+)=(%w+)()", function(...)
      seen[#seen + 1] = table.pack(...)
      return nil
    end)
    assert.equal("k1=v1; k2=v2", text)
    assert.equal(2, count)
    assert.same({ { n = 3, "k1", "v1", 6 }, { n = 3, "k2", "v2", 13 } }, seen)
  end)

  it("takes strings and numbers, and keeps the match for nil and false", function()
    local results = { "x", 7, false, 1.5 }
    local i = 0
    local text, count = gsub("abcde", ".", function()
      i = i + 1
      return results[i]
    end)
    assert.equal("x7c1.5e", text)
    assert.equal(5, count)
  end)

  it("looks a table with __index up by the first capture", function()
    local asked = {}
    local squares = setmetatable({ ["2"] = "two" }, {
      __index = function(_, key)
        asked[#asked + 1] = key
        return key ~= "x" and key * key
      end,
    })
    assert.equal("two 9 x", (gsub("2 3 x", "(%w)()", squares)))
    assert.same({ "3", "x" }, asked)
  end)

  it("agrees with stock on generated subjects, patterns and limits", function()
    local patterns = {
      "", ".", "a", "b*", "(a)(b)", "()", "()a()", "^a", "^", "$", "a$", "(a*(.)%w(%s*))",
      "%f[%w]%w+", "(%w)(%w*)", "[^a]", "a-b", "a?b", "%b()", "(.)%1", "((a)(b?))", ".-",
      "^(.-)$", "(x*)",
    }
    local letters = { "a", "b", "x", " ", "(", ")", "\0" }
    local random = 1
    local function pick(n) -- a small generator of its own: the same cases in every run
      random = (random * 1103515245 + 12345) & 0x7fffffff
      return (random >> 16) % n + 1
    end
    local function recorder(log)
      local calls = 0
      return function(...)
        calls = calls + 1
        log[calls] = table.concat({ select("#", ...), ... }, ",")
        return ({ "<" .. ... .. ">", calls, false, "" })[calls % 5]
      end
    end
    for _ = 1, 5000 do
      local subject = {}
      for i = 1, pick(12) - 1 do subject[i] = letters[pick(#letters)] end
      subject = table.concat(subject)
      local pattern, limit = patterns[pick(#patterns)], ({ -1, 0, 1, 2, 3 })[pick(10)]
      local stock_log, log = {}, {}
      local expected = { string.gsub(subject, pattern, recorder(stock_log), limit) }
      local got = { gsub(subject, pattern, recorder(log), limit) }
      assert.same(expected, got)
      assert.same(stock_log, log)
    end
  end)

  it("raises the argument errors of stock", function()
    for _, code in ipairs {
      [[local t = string.gsub()]],
      [[local t = string.gsub("a")]],
      [[local t = string.gsub("a", {})]],
      [[local t = string.gsub("a", "a")]],
      [[local t = string.gsub("a", "a", nil)]],
      [[local t = string.gsub("a", "a", true)]],
      [[local t = string.gsub("a", "a", "a", "a")]],
      [[local t = string.gsub("a", "a", print, 1.5)]],
      [[local t = string.gsub({}, "a", print)]],
      [[local f = string.gsub local t = f("a", {}, print)]],
      [[local s = setmetatable({}, { __index = string }) local t = s:gsub("a", "b")]],
      [[local s = setmetatable({}, { __index = string }) local t = s:gsub({}, print)]],
    } do agree(code) end
  end)

  it("raises the pattern and replacement errors of stock", function()
    for _, code in ipairs {
      [[local t = string.gsub("a", "(a", "b")]],
      [[local t = string.gsub("a", "(a", function() end)]],
      [[local t = string.gsub("a", "[a", function() end)]],
      [[local t = string.gsub("a", "%", function() end)]],
      [[local t = string.gsub("a", "a", "%2")]],
      [[local t = string.gsub("a", "a", "%x")]],
      [[local t = string.gsub("a", "a", { a = {} })]],
      [[local t = string.gsub("a", "a", function() return {} end)]],
      [[local t = string.gsub("a", "a", function() return true end)]],
      [[local t = string.gsub("a", "a", setmetatable)]],
      [[local t = string.gsub("a", "a", function() error("mine") end)]],
      [[local t = string.gsub("a", "a", function() error("mine", 0) end)]],
    } do agree(code) end
  end)

  it("passes the identical error value on", function()
    local value = {}
    assert.equal(value, support.catch(gsub, "a", "a", function() error(value) end))
  end)

  it("nests", function()
    local function reverse(text)
      return (gsub(text, "(.)(.+)", function(first, rest) return reverse(rest) .. first end))
    end
    assert.equal("987654321", reverse "123456789")
    assert.equal(("x"):rep(300), reverse(("x"):rep(300)))
  end)

  it("T10 waits in the function while other tasks run", function()
    run(function()
      local ticks = 0
      xio.spawn({ daemon = true }, function()
        while true do
          xio.sleep(1)
          ticks = ticks + 1
        end
      end)
      local text, count = gsub("a b c", "%a", function(letter)
        xio.sleep(2.25)
        return letter:upper()
      end)
      assert.equal("A B C", text)
      assert.equal(3, count)
      assert.equal(6, ticks)
    end)
  end)

  it("T10 waits in __index of a table, and in a C function", function()
    run(function()
      local slow = setmetatable({}, {
        __index = function(_, key)
          xio.sleep(1)
          return key .. key
        end,
      })
      assert.equal("aabb", (gsub("ab", ".", slow)))
      assert.equal(2, xio.now())
      assert.equal("ab", (gsub("ab", ".", xio.checkpoint)))
    end)
  end)

  it("C3 lets a cancellation in the function pass through", function()
    run(function()
      local calls = 0
      local completed = xio.move_on_after(1.5, gsub, "abc", ".", function()
        calls = calls + 1
        xio.sleep(1)
      end)
      assert.is_false(completed)
      assert.equal(2, calls)
      assert.equal(1.5, xio.now())
    end)
  end)
end)
