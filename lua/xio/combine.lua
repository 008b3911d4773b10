--- combine: running several functions at once, and small helpers over groups and scopes.
--
-- Everything here stands on xio.group, xio.scope and xio.cleanup. Loop's thread.

local core = require "xio.core"

local combine = {}

local function callable(value)
  if type(value) == "function" then return true end
  local meta = getmetatable(value)
  return type(meta) == "table" and meta.__call ~= nil
end

local function check_callable(value, index, name)
  if callable(value) then return end
  error(("bad argument #%d to '%s' (function expected, got %s)")
    :format(index, name, type(value)), 3)
end

--- Runs `f(...)` as xio.run does, or simply calls it where a task is running already, so
--- that a script works under `lua` and under `xio`.
---
--- Errors: whatever `f` raises, unchanged. Not itself a checkpoint.
---@param f function
---@param ... any arguments for `f`
---@return any ... what `f` returns
function combine.main(f, ...)
  check_callable(f, 1, "xio.main")
  if core.in_task() then return f(...) end
  return core.run({ signals = true }, f, ...) -- `lua` has a handler of its own for SIGINT
end

-- One slot of a gather: calls `f` and keeps its first result.
local function keep_first(results, index, f)
  results[index] = (f())
end

local function run_all(functions, count, results)
  core.group(function(group)
    for i = 1, count do
      group:spawn(keep_first, results, i, functions[i])
    end
  end)
end

--- Runs all functions at once, each in a task of its own, and waits for all.
---
--- With functions as arguments, returns the first result of each, in order; with one list of
--- functions, returns one list of results, with their number as `n`; with nothing, returns
--- nothing. The first error cancels the others and is raised when all have ended; several
--- errors are raised as an xio.ErrorGroup. A checkpoint. Cancelled, it cancels all of them
--- and raises when they have ended.
---@param ... function|function[]
---@return any ...
function combine.gather(...)
  core.enter("xio.gather")
  local first = ...
  local count = select("#", ...)
  local as_list = count == 1 and type(first) == "table" and not callable(first)
  local functions = as_list and first or { ... }
  if as_list then count = #functions end
  for i = 1, count do
    if not callable(functions[i]) then
      error(("bad argument #%d to 'xio.gather' (function expected, got %s)")
        :format(i, type(functions[i])), 2)
    end
  end
  local results = { n = count }
  if count > 0 then run_all(functions, count, results) end
  if as_list then return results end
  return table.unpack(results, 1, count)
end

--- Runs `f(...)` in a group of its own, and turns its failure into a result.
---
--- Returns true and what `f` returns, or false and the error. A cancellation from outside is
--- no failure: it passes through. A checkpoint. `opts.errors` is as in xio.group.
---@param opts? {errors?: "auto"|"first"|"group", name?: string}
---@param f function
---@param ... any arguments for `f`
---@return boolean ok
---@return any ... the results, or the error
function combine.isolate(opts, f, ...)
  if type(opts) ~= "table" or callable(opts) then
    return combine.isolate({}, opts, f, ...)
  end
  check_callable(f, 1, "xio.isolate")
  core.enter("xio.isolate")
  return core.pcall(core.group, opts, function(_, ...) return f(...) end, ...)
end

--- Gives a `<close>` value that runs `f(...)` inside xio.cleanup when its block ends.
---
--- An error of `f` joins the one in flight: it is kept beside it as suppressed; without one
--- it is raised. A cancellation in flight gives way to it.
---@param f function
---@param ... any arguments for `f`
---@return table guard for `local guard <close> =`
function combine.defer(f, ...)
  check_callable(f, 1, "xio.defer")
  local arguments = table.pack(...)
  local done = false
  return setmetatable({}, {
    __name = "xio.Defer",
    __close = function(_, in_flight)
      if done then return end
      done = true
      local ok, err = core.pcall(core.cleanup, f, table.unpack(arguments, 1, arguments.n))
      if ok then return end
      if in_flight ~= nil and not core.is_cancelled(in_flight) then
        core.suppress(in_flight, err)
        core.rethrow(in_flight)
      end
      core.rethrow(err)
    end,
  })
end

return combine
