--- error: the values that xio raises and returns, and reports about raised values.
--
-- The metatables come from the C module, which makes the values; here they get their
-- methods. What is known of the latest raise of a value (traceback, where its task was
-- spawned, what it suppressed) is kept beside it by the C module: see core.trace.

local core = require "xio.core"

local types = core.types
local error_type, group_type = types.Error, types.ErrorGroup
local timeout_type, interrupted_type = types.TimeoutError, types.Interrupted

local module = {}

--- A failure that the outside world may cause. Prints as one line and concatenates like a
--- string.
---
--- ```lua
--- local stream, err, code = xio.net.connect_unix("/nowhere/socket")
--- print(stream, code, err.code, err.op)     --> nil  ENOENT  ENOENT  connect
--- ```
---@class xio.Error
---@operator concat(string): string
---@field code string its name: "ECONNREFUSED"
---@field message string the line that it prints as
---@field op string? what was tried: "connect"
---@field path string? what it was about: the file or the unix socket
---@field host string? the name or the address
---@field port? integer|string the number of the port, or the name of the service
---@field fd integer? the number of the descriptor
---@field attempts xio.Error[]? of xio.net.connect: what each of several addresses met
---@field result table? of xio.process.run: what it would have returned otherwise

error_type.__index = error_type

function error_type.__tostring(err)
  return tostring(rawget(err, "message") or rawget(err, "code") or "xio.Error")
end

local function concat(a, b)
  return tostring(a) .. tostring(b)
end
error_type.__concat = concat

--- Raised by fail_after, fail_at and timeout when their own deadline passed.
---
--- ```lua
--- local ok, err = pcall(xio.fail_after, { 0.01, name = "answer" }, xio.sleep_forever)
--- print(err.name, xio.is_timeout(err))      --> answer  true
--- ```
---@class xio.TimeoutError
---@operator concat(string): string
---@field message string
---@field name string? of the limit

timeout_type.__index = timeout_type

function timeout_type.__tostring(err)
  return tostring(rawget(err, "message") or "timed out")
end
timeout_type.__concat = concat

--- Raised by xio.run when main ended by the cancellation that a signal caused.
---
--- ```lua
--- local ok, err = pcall(error, "an ordinary error")
--- print(xio.is_interrupted(err))            --> false
--- ```
---@class xio.Interrupted
---@field signal string "INT" or "TERM"

interrupted_type.__index = interrupted_type

function interrupted_type.__tostring(err)
  return ("interrupted by SIG%s"):format(rawget(err, "signal") or "?")
end
interrupted_type.__concat = concat

--- Several errors at once. `#err` is their number, `err.errors` the list; each may be an
--- xio.ErrorGroup again.
---
--- ```lua
--- local ok, err = xio.isolate({ errors = "group" }, function()
---   xio.gather(function() error("first", 0) end, function() error("second", 0) end)
--- end)
--- print(#err:leaves(), err:find(function(e) return e == "second" end)) --> 2  second
--- local matching, rest = err:split(function(e) return e == "first" end)
--- print(#matching, rest:leaves()[1])        --> 1  second
--- for e in xio.each_error(err) do print(e) end --> first
---                                           --> second
--- print(#xio.ErrorGroup { "one", "two" })   --> 2
--- ```
---@class xio.ErrorGroup
---@operator concat(string): string
---@operator len: integer
---@field errors any[] the errors, the first one first
local methods = {}

local function is_group(value)
  return type(value) == "table" and getmetatable(value) == group_type
end

--- The errors that are no groups, in order, at any depth. Never waits or fails.
---@return any[] leaves
function methods:leaves()
  local found = {}
  local function walk(group)
    for _, err in ipairs(group.errors) do
      if is_group(err) then walk(err) else found[#found + 1] = err end
    end
  end
  walk(self)
  return found
end

local function check_predicate(pred, name)
  if type(pred) ~= "function" then
    error(("bad argument #1 to '%s' (function expected, got %s)"):format(name, type(pred)), 3)
  end
end

--- The first leaf of which `pred(leaf)` is true, or nil. Errors of `pred` pass through. Never
--- waits, unless `pred` does.
---@param pred fun(err: any): any
---@return any leaf
function methods:find(pred)
  check_predicate(pred, "ErrorGroup:find")
  for _, err in ipairs(self:leaves()) do
    if pred(err) then return err end
  end
  return nil
end

local function new_group(errors)
  return setmetatable({ errors = errors }, group_type)
end

--- Splits into those leaves of which `pred(leaf)` is true and the others, both with the structure
--- of this group; nil for a side without any. Errors of `pred` pass through. Never waits, unless
--- `pred` does.
---@param pred fun(err: any): any
---@return xio.ErrorGroup? matching
---@return xio.ErrorGroup? rest
function methods:split(pred)
  check_predicate(pred, "ErrorGroup:split")
  local yes, no = {}, {}
  for _, err in ipairs(self.errors) do
    if is_group(err) then
      local inner_yes, inner_no = err:split(pred)
      yes[#yes + 1] = inner_yes
      no[#no + 1] = inner_no
    elseif pred(err) then
      yes[#yes + 1] = err
    else
      no[#no + 1] = err
    end
  end
  return yes[1] ~= nil and new_group(yes) or nil, no[1] ~= nil and new_group(no) or nil
end

group_type.__index = methods
group_type.__len = function(group) return #group.errors end
group_type.__concat = concat

-- Cancellations are taken out of a group by the scope that catches them: nil where nothing
-- is left, the one error where one is.
core.hook("strip", function(group)
  if methods.find(group, core.is_cancelled) == nil then return group end
  local _, rest = methods.split(group, core.is_cancelled)
  if rest ~= nil and #rest.errors == 1 then return rest.errors[1] end
  return rest
end)

-- -- reports ----------------------------------------------------------------------------

local function printed(err)
  local ok, text = pcall(tostring, err)
  return ok and text or ("(error object is a %s value whose __tostring fails)"):format(type(err))
end

local function text_of(err)
  if type(err) == "string" then return err end
  local meta = getmetatable(err)
  if type(err) == "number" or type(err) == "boolean" then
    return tostring(err)
  elseif type(meta) == "table" and (meta.__tostring or meta.__name) then
    return printed(err)
  end
  return ("(error object is a %s value)"):format(type(err))
end

local function indent(text, by)
  return (text:gsub("\n", "\n" .. by))
end

local describe

local function describe_trace(record, lines)
  if record.traceback and record.traceback ~= "" then
    lines[#lines + 1] = "stack traceback:" .. record.traceback
  end
  for i, task in ipairs(record.spawned or {}) do
    local how = task.how or task.place and "spawned"
    lines[#lines + 1] = ("%s task '%s'%s%s"):format(i == 1 and "in" or "of", task.name,
      how and ", " .. how or "", task.place and " at " .. task.place or "")
  end
end

local function describe_suppressed(record, lines, seen)
  for _, other in ipairs(record.suppressed or {}) do
    lines[#lines + 1] = "suppressed: " .. indent(describe(other, seen), "  ")
  end
end

local function count_of(err)
  local count = #err.errors
  return ("%d error%s"):format(count, count == 1 and "" or "s")
end

local function describe_group(err, lines, seen)
  local count = #err.errors
  lines[1] = count_of(err) .. ":"
  for i, inner in ipairs(err.errors) do
    local last = i == count
    lines[#lines + 1] = (last and "└─ " or "├─ ")
      .. indent(describe(inner, seen), last and "   " or "│  ")
  end
end

function describe(err, seen)
  local lines = {}
  if seen[err] then -- a group may have been suppressed by one of its own errors
    return (is_group(err) and count_of(err) or text_of(err)) .. " (shown above)"
  end
  if type(err) == "table" or type(err) == "userdata" then seen[err] = true end
  local record = core.trace(err)
  if is_group(err) then
    describe_group(err, lines, seen)
  else
    lines[1] = text_of(err)
    if record then describe_trace(record, lines) end
  end
  if record then describe_suppressed(record, lines, seen) end
  return table.concat(lines, "\n")
end

-- A group prints as a tree of its errors with their traces.
function group_type.__tostring(group)
  return describe(group, {})
end

--- The report on an error: the error, the traceback of the task that raised it without frames of
--- xio, where that task and each one above it was spawned, and the errors that were suppressed on
--- the way. It tells of the latest raise of that value. Never waits or fails.
---
--- ```lua
--- local ok, err = pcall(error, "no such user", 0)
--- print((xio.traceback(err):match("[^\n]*"))) --> no such user
--- ```
---@param err any
---@return string report
function module.traceback(err)
  return describe(err, { [false] = nil })
end

--- The errors that were met while `err` unwound, in order; an empty list when there are none.
--- Never waits or fails.
---
--- ```lua
--- local ok, err = pcall(function()
---   local _ <close> = xio.defer(error, "cleanup failed", 0)
---   error("the cause", 0)
--- end)
--- print(err, xio.suppressed(err)[1])        --> the cause  cleanup failed
--- ```
---@param err any
---@return any[] errors
function module.suppressed(err)
  local record = err ~= nil and core.trace(err) or nil
  local list = {}
  for i, other in ipairs(record and record.suppressed or {}) do list[i] = other end
  return list
end

--- Iterates over the leaves of an xio.ErrorGroup, or over the one error. Never waits or fails.
---@param err any
---@return fun(): any
function module.each_error(err)
  local list = is_group(err) and methods.leaves(err) or { err }
  local i = 0
  return function()
    i = i + 1
    return list[i]
  end
end

--- Makes a group of errors: `xio.ErrorGroup{e1, e2}`. Its class, for comparisons of metatables,
--- is `xio.ErrorGroup.type`. Never waits.
---@param errors any[] at least one
---@return xio.ErrorGroup
module.ErrorGroup = setmetatable({ type = group_type }, {
  __call = function(_, errors)
    if type(errors) ~= "table" or #errors == 0 then
      error("bad argument #1 to 'xio.ErrorGroup' (non-empty list of errors expected)", 2)
    end
    return new_group(table.move(errors, 1, #errors, 1, {}))
  end,
})

module.Error = error_type
module.TimeoutError = timeout_type
module.Interrupted = interrupted_type

-- The list of tasks that a deadlock error ends with.
core.hook("deadlock", function(tasks)
  local names, lines = {}, {}
  for _, task in ipairs(tasks) do names[task.id] = task.name end
  for _, task in ipairs(tasks) do
    local waits = task.waits or task.status
    if task.awaits and names[task.awaits] then
      waits = ("%s of task '%s'"):format(waits, names[task.awaits])
    end
    lines[#lines + 1] = ("\n  task '%s' waits: %s%s"):format(task.name, waits,
      task.where and " at " .. task.where or "")
  end
  return table.concat(lines)
end)

return module
