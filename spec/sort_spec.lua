-- xio.sort against the stock table.sort: the same orders and errors, and it may wait.

local xio = require "xio"
local sort = require "xio.sort"
local support = require "spec.support"

local it = support.it(it)
local run = support.run

-- Runs a chunk in which table.sort is `f`; returns its results, or its error, as one text.
local function try(code, f)
  local library = setmetatable({ sort = f }, { __index = table })
  local env = setmetatable({ table = library }, { __index = _G })
  local got = table.pack(pcall(load(code, "=chunk", "t", env)))
  for i = 1, got.n do got[i] = tostring(got[i]) end
  return table.concat(got, " | ")
end

local function agree(code)
  assert.equal(try(code, table.sort), try(code, sort), code)
end

-- Numbers below `bound`, the same in every run.
local function numbers(count, bound, seed)
  local list, state = {}, seed
  for i = 1, count do
    state = (state * 1103515245 + 12345) & 0x7fffffff
    list[i] = (state >> 16) % bound
  end
  return list
end

local function copy(list)
  return table.move(list, 1, #list, 1, {})
end

local function less(a, b) return a < b end

describe("xio.sort", function()
  it("sorts as stock does, with and without a comparator", function()
    for count = 0, 70 do
      local given = numbers(count, count // 2 + 1, count)
      local expected, plain, compared = copy(given), copy(given), copy(given)
      table.sort(expected)
      sort(plain)
      sort(compared, less)
      assert.same(expected, plain)
      assert.same(expected, compared)
      table.sort(expected, function(a, b) return a > b end)
      sort(compared, function(a, b) return a > b end)
      assert.same(expected, compared)
    end
  end)

  it("sorts strings, and a large list", function()
    local words = { "pear", "Apple", "fig", "", "apple", "fig2" }
    sort(words)
    assert.same({ "", "Apple", "apple", "fig", "fig2", "pear" }, words)
    local given = numbers(5000, 1000, 3)
    local expected = copy(given)
    table.sort(expected)
    sort(given, less)
    assert.same(expected, given)
  end)

  it("is stable", function()
    for _, count in ipairs { 2, 9, 64, 65, 500 } do
      local list = {}
      for i, key in ipairs(numbers(count, 7, count)) do list[i] = { key = key, place = i } end
      sort(list, function(a, b) return a.key < b.key end)
      for i = 2, count do
        local a, b = list[i - 1], list[i]
        assert.is_true(a.key < b.key or a.key == b.key and a.place < b.place)
      end
    end
  end)

  it("asks little about a sorted list, and never about nil", function()
    local asked = 0
    sort({ 1, 2, 3, 4, 5, 6, 7, 8 }, function(a, b)
      asked = asked + 1
      assert(a and b)
      return a < b
    end)
    assert.equal(8, asked) -- and once whether the comparator says yes to everything
  end)

  it("takes a comparator that holds equals for less, as stock mostly does", function()
    local list = numbers(40, 10, 5)
    local expected = copy(list)
    table.sort(expected)
    sort(list, function(a, b) return a <= b end)
    assert.same(expected, list)
  end)

  it("sorts objects by __lt, and what only looks like a table", function()
    local meta = { __lt = function(a, b) return a.n < b.n end }
    local function object(n) return setmetatable({ n = n }, meta) end
    local list = { object(3), object(1), object(2) }
    sort(list)
    assert.same({ 1, 2, 3 }, { list[1].n, list[2].n, list[3].n })

    local behind = { 3, 1, 2 }
    local proxy = setmetatable({}, {
      __len = function() return #behind end,
      __index = function(_, i) return behind[i] end,
      __newindex = function(_, i, v) behind[i] = v end,
    })
    sort(proxy)
    assert.same({ 1, 2, 3 }, behind)
  end)

  it("raises the argument errors of stock", function()
    for _, code in ipairs {
      [[table.sort()]],
      [[table.sort(1)]],
      [[table.sort("x")]],
      [[table.sort({ 1, 2, 3 }, 1)]],
      [[table.sort({ 1, 2, 3 }, {})]],
      [[table.sort({ 1 }, 1)]],
      [[table.sort({ 1, 2 }, nil)]],
      [[local f = table.sort f({ 1, 2 }, 5)]],
      [[table.sort(setmetatable({}, { __len = function() return math.maxinteger end }))]],
      [[table.sort(setmetatable({}, { __len = function() return 2.5 end }))]],
      [[table.sort(setmetatable({}, { __len = function() return -1 end }))]],
      [[return select("#", table.sort({ 2, 1 }))]],
    } do agree(code) end
  end)

  it("raises the comparison errors of stock", function()
    for _, code in ipairs {
      [[table.sort({ 1, {} })]],
      [[table.sort({ print, print })]],
      [[table.sort({ 1, "x" })]],
      [[table.sort({ 3, 2, nil, 1 })]],
      [[table.sort({ setmetatable({}, { __name = "My" }), 1 })]],
      [[table.sort({ 1, 2 }, setmetatable)]],
      [[table.sort({ 1, 2 }, error)]],
      [[table.sort({ 1, 2 }, function() error("mine") end)]],
    } do agree(code) end
  end)

  it("refuses a comparator that says yes to everything, as stock does", function()
    for count = 2, 12 do
      local list = ("%d, "):rep(count):gsub("%%d", "1")
      agree(("table.sort({ %s }, function() return true end)"):format(list))
    end
  end)

  it("leaves the table as it was when the comparator fails", function()
    local list, calls, value = numbers(30, 30, 9), 0, {}
    local before = copy(list)
    assert.equal(value, support.catch(sort, list, function(a, b)
      calls = calls + 1
      if calls == 40 then error(value) end
      return a < b
    end))
    assert.same(before, list)
  end)

  it("T10 waits in the comparator while other tasks run", function()
    run(function()
      local ticks = 0
      xio.spawn({ daemon = true }, function()
        while true do
          xio.sleep(1)
          ticks = ticks + 1
        end
      end)
      local list, calls = numbers(20, 20, 4), 0
      local expected = copy(list)
      table.sort(expected)
      sort(list, function(a, b)
        calls = calls + 1
        xio.sleep(1)
        return a < b
      end)
      assert.same(expected, list)
      assert.is_true(math.abs(calls - ticks) <= 1)
    end)
  end)

  it("T10 waits in __lt", function()
    run(function()
      local meta = {}
      function meta.__lt(a, b)
        xio.sleep(1)
        return a.n < b.n
      end
      local list = { setmetatable({ n = 2 }, meta), setmetatable({ n = 1 }, meta) }
      sort(list)
      assert.equal(1, list[1].n)
      assert.equal(1, xio.now())
    end)
  end)

  it("C3 has no effect when it is cancelled", function()
    run(function()
      local list = numbers(20, 20, 6)
      local before = copy(list)
      local completed = xio.move_on_after(10, sort, list, function(a, b)
        xio.sleep(1)
        return a < b
      end)
      assert.is_false(completed)
      assert.same(before, list)
    end)
  end)
end)
