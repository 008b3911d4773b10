--- callback: waiting for functions that take a callback.
--
-- The callback settles a future; whoever calls it (a library on the same thread, another
-- task, the function itself) is not held up. Loop's thread.

local core = require "xio.core"
local argument = require "xio.argument"

local module = {}

-- A call that waits: `called` once the callback was called, `over` once nobody waits.
local function new_callback(call, name)
  return function(...)
    if call.over and not call.called then return end
    if call.called then
      argument.misuse(name .. ": the callback is called a second time; it may be once")
    end
    call.called = true
    call.future:set(...)
  end
end

local call_type = {
  __close = function(call) call.over = true end,
}

-- Calls f with a callback at the argument `position` (nil: behind the last).
local function await_at(name, position, f, ...)
  core.enter(name)
  if core.cancelled() then core.checkpoint() end
  local call = setmetatable({ future = core.future(), called = false }, call_type)
  local arguments = table.pack(...)
  position = position or arguments.n + 1
  for i = arguments.n, position, -1 do arguments[i + 1] = arguments[i] end
  arguments[position] = new_callback(call, name)
  local _call <close> = call
  f(table.unpack(arguments, 1, math.max(arguments.n + 1, position)))
  -- what was called back at once took effect: cancelled or not, it returns
  if call.called then return core.shield(call.future.await, call.future) end
  return call.future:await()
end

--- Calls `f(..., callback)` and waits until `callback` is called; returns what that was
--- given. The results of `f` are left out.
---
--- The callback may be called at once, by `f`, or later by anybody in the same Lua state, in
--- a task or outside of all; for a second call it raises. Errors of `f` are raised; if the
--- callback is never called, the deadlock report tells. A checkpoint. Cancelled before
--- `f` is called, it raises and does not call it; cancelled while it waits, it raises, and a
--- late callback is ignored.
---
--- ```lua
--- local function fetch(key, callback) callback("value of " .. key) end
--- print(xio.await_callback(fetch, "a"))     --> value of a
--- ```
---@param f function
---@param ... any arguments for `f`
---@return any ... what the callback was given
function module.await_callback(f, ...)
  argument.check_callable(f, 1, "xio.await_callback")
  return await_at("xio.await_callback", nil, f, ...)
end

--- Makes of `f`, which takes a callback, a function that waits, as xio.await_callback does. Never
--- waits. Raises where `f` cannot be called.
---
--- ```lua
--- local function fetch(key, callback) callback("value of " .. key) end
--- local get = xio.wrap(fetch)               -- waits, and returns
--- print(get("a"))                           --> value of a
--- ```
---@param f function
---@param position? integer at which argument `f` takes the callback, 1 being the first; by
--- default behind all that it is given
---@return fun(...: any): any
function module.wrap(f, position)
  argument.check_callable(f, 1, "xio.wrap")
  if position ~= nil and (math.type(position) ~= "integer" or position < 1
      or position > 250) then
    argument.misuse(("bad argument #2 to 'xio.wrap' (integer from 1 to 250 expected, got %s)")
      :format(tostring(position)))
  end
  return function(...)
    return await_at("a function made by xio.wrap", position, f, ...)
  end
end

return module
