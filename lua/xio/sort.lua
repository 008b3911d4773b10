--- table.sort with a comparator that may wait. The interpreter installs it.
---
--- Lua cannot suspend a coroutine inside the C function table.sort. This is a merge sort:
--- the elements are copied, sorted, and written back at the end, so that an error or a
--- cancellation in the comparator leaves the table as it was. Unlike the stock function
--- it is stable. Argument errors are those of the stock function.

local debug, error, math, pcall, rawget, setmetatable, table, type =
  debug, error, math, pcall, rawget, setmetatable, table, type
local standin = require "xio.standin"

local stock = table.sort
local callee, raise = standin.callee, standin.raise

local RUN = 8 -- runs up to this length are sorted by insertion
local LENGTH_MAX = 0x7fffffff -- the stock function refuses this many and more

-- Comparators are called as `less(a, b)`: the callee is an expression, so that a C
-- function's error names it as the stock sort's does.

-- Sorts a[first..last], both included, by insertion.
local function sort_run(a, first, last, less)
  for i = first + 1, last do
    local item, j = a[i], i - 1
    while j >= first and less(item, a[j]) do
      a[j + 1] = a[j]
      j = j - 1
    end
    a[j + 1] = item
  end
end

-- Merges the sorted from[first..middle] and from[middle+1..last] into to[first..last].
local function merge(from, to, first, middle, last, less)
  local i, j = first, middle + 1
  if j > last or not less(from[j], from[middle]) then
    table.move(from, first, last, first, to)
    return
  end
  local left, right = from[i], from[j]
  for k = first, last do
    if less(right, left) then
      to[k] = right
      j = j + 1
      if j > last then
        table.move(from, i, middle, k + 1, to)
        return
      end
      right = from[j]
    else
      to[k] = left
      i = i + 1
      if i > middle then
        table.move(from, j, last, k + 1, to)
        return
      end
      left = from[i]
    end
  end
end

-- Sorts a[1..n]; returns the table that holds the result, which may be another one.
local function merge_sort(a, n, less)
  for first = 1, n, RUN do
    sort_run(a, first, math.min(first + RUN - 1, n), less)
  end
  local b, width = {}, RUN
  while width < n do
    for first = 1, n, 2 * width do
      local middle = math.min(first + width - 1, n)
      merge(a, b, first, middle, math.min(middle + width, n), less)
    end
    a, b, width = b, a, 2 * width
  end
  return a
end

-- Whether the comparator holds every element for less than the one before it, the first
-- being after the last: it says yes to everything, and the stock function refuses it from
-- four elements on. Asks only once where the order makes sense.
local function says_always_yes(a, n, less)
  if n < 4 or not less(a[n], a[1]) then return false end
  for i = 2, n do
    if not less(a[i], a[i - 1]) then return false end
  end
  return true
end

local function has_order(value)
  local meta = debug.getmetatable(value)
  return type(meta) == "table" and rawget(meta, "__lt") ~= nil
end

local PAIR = { __len = function() return 2 end }

-- The order of the operator `<`, with metamethods that may wait.
local function default_less(a, b)
  local kind = type(a)
  if kind == type(b) and (kind == "number" or kind == "string") then return a < b end
  if has_order(a) or has_order(b) then return a < b end
  stock(setmetatable({ b, a }, PAIR)) -- raises: these two cannot be compared
end

-- Whether the stock function can sort a[1..n] by `<` without running Lua code.
local function is_plain(a, n)
  local kind = type(a[1])
  if kind ~= "number" and kind ~= "string" then return false end
  for i = 2, n do
    if type(a[i]) ~= kind then return false end
  end
  return true
end

-- Whether the stock function takes `value` as the table to sort.
local function is_sortable(value)
  if type(value) == "table" then return true end
  local meta = debug.getmetatable(value)
  return type(meta) == "table" and rawget(meta, "__index") ~= nil
    and rawget(meta, "__newindex") ~= nil and rawget(meta, "__len") ~= nil
end

--- As table.sort, but the comparator, and `__lt` metamethods, may wait. Changes made to
--- the table meanwhile are overwritten. Cancelling leaves the table as it was.
--- @param ... any  the table, and the function that tells whether its first argument
---   comes before its second
local function sort(...)
  local list, less = ...
  local n = is_sortable(list) and math.tointeger(#list)
  if not n or n >= LENGTH_MAX or (less ~= nil and type(less) ~= "function") then
    local ok, err = pcall(stock, ...)
    if not ok then raise(err) end
    return
  end
  local a = {}
  for i = 1, n do a[i] = list[i] end
  if less == nil and is_plain(a, n) then
    stock(a)
  else
    less = less and callee(less) or default_less
    a = merge_sort(a, n, less)
    if says_always_yes(a, n, less) then error("invalid order function for sorting", 2) end
  end
  for i = 1, n do list[i] = a[i] end
end

return standin.register(sort)
