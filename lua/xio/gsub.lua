--- string.gsub with a replacement function that may wait. The interpreter installs it.
---
--- Lua cannot suspend a coroutine inside the C function string.gsub. So this one lets the
--- stock function find all matches first, then calls the replacement for each of them in
--- order, and lets the stock function put the results in. Results and errors are those of
--- the stock function; one thing differs: all matching is done before the first call.

local debug, error, ipairs, pairs, pcall, rawget, select, string, table, type =
  debug, error, ipairs, pairs, pcall, rawget, select, string, table, type
local standin = require "xio.standin"

local stock = string.gsub
local callee, raise = standin.callee, standin.raise

local never_waits = { [tonumber] = true, [tostring] = true } -- the functions, as keys
for _, library in ipairs { math, os, string, utf8 } do
  for _, f in pairs(library) do
    if type(f) == "function" then never_waits[f] = true end
  end
end

-- Whether making a text out of `replacement` may run code that waits.
local function may_wait(replacement)
  local kind = type(replacement)
  if kind == "function" then return not never_waits[replacement] end
  if kind ~= "table" then return false end
  local meta = debug.getmetatable(replacement)
  return type(meta) == "table" and rawget(meta, "__index") ~= nil
end

-- Puts in each entry's place what the function makes of the captures.
local function call_each(found, count, replacement)
  for i = 1, count do
    local captures = found[i]
    if type(captures) == "table" then
      found[i] = replacement(table.unpack(captures, 1, captures.n)) or false
    else
      found[i] = replacement(captures) or false
    end
  end
end

-- Puts in each entry's place what the table holds for the first capture.
local function look_up_each(found, count, replacements)
  for i = 1, count do
    local captures = found[i]
    local key = type(captures) == "table" and captures[1] or captures
    found[i] = replacements[key] or false
  end
end

-- The first entry that is no legal replacement, or nil.
local function first_illegal(found, count)
  for i = 1, count do
    local kind = type(found[i])
    if found[i] and kind ~= "string" and kind ~= "number" then return kind end
  end
end

--- As string.gsub, but a replacement function, and an `__index` function of a replacement
--- table, may wait. Cancelling: what the replacement raises passes through.
--- @param ... any  subject, pattern, replacement, and the greatest number of replacements
--- @return string text
--- @return integer count
local function gsub(...)
  local subject, pattern, replacement, limit = ...
  if type(replacement) == "string" or not may_wait(replacement) then
    local ok, text, count = pcall(stock, ...)
    if ok then return text, count end
    raise(text)
  end

  local found, count = {}, 0
  local ok, err = pcall(stock, subject, pattern, function(...)
    count = count + 1
    found[count] = select("#", ...) == 1 and ... or table.pack(...)
  end, limit)
  if not ok then raise(err) end

  if type(replacement) == "function" then
    call_each(found, count, callee(replacement))
  else
    look_up_each(found, count, replacement)
  end
  local illegal = first_illegal(found, count)
  if illegal then error("invalid replacement value (a " .. illegal .. ")", 2) end

  local next_one = 0
  return stock(subject, pattern, function()
    next_one = next_one + 1
    return found[next_one]
  end, limit)
end

return standin.register(gsub)
