--- combine: running several functions at once, and small helpers over groups and scopes.
--
-- Everything here stands on xio.group, xio.scope and xio.cleanup. Loop's thread.

local core = require "xio.core"
local argument = require "xio.argument"
local failure = require "xio.failure"
local new_error_group = require("xio.error").ErrorGroup

local check_callable, name_of = argument.check_callable, argument.name_of

local combine = {}

--- Runs `f(...)` as xio.run does, or simply calls it where a task is running already, so
--- that a script works under `lua` and under `xio`.
---
--- Errors: whatever `f` raises, unchanged. Not itself a checkpoint.
---
--- ```lua
--- xio.main(function(name) print("hello, " .. name) end, "Ada") --> hello, Ada
--- ```
---@param f function
---@param ... any arguments for `f`
---@return any ... what `f` returns
function combine.main(f, ...)
  check_callable(f, 1, "xio.main")
  if core.in_task() then return f(...) end
  return core.run(f, ...)
end

-- -- all of them ------------------------------------------------------------------------

--- Runs all functions at once, each in a task of its own, and waits for all.
---
--- With functions as arguments, returns the first result of each, in order; with one list of
--- functions, returns one list of results, with their number as `n`; with nothing, returns
--- nothing. The first error cancels the others and is raised when all have ended; several
--- errors are raised as an xio.ErrorGroup. A checkpoint. Cancelled, it cancels all of them
--- and raises when they have ended.
---
--- ```lua
--- local a, b = xio.gather(
---   function() xio.sleep(2); return "slow" end,
---   function() return "fast" end)
--- print(a, b)                               --> slow  fast
--- ```
---@param ... function|function[]
---@return any ...
function combine.gather(...)
  core.enter("xio.gather")
  local functions, count, as_list = argument.functions("xio.gather", ...)
  local tasks = {}
  core.group(function(group)
    for i = 1, count do tasks[i] = group:spawn(functions[i]) end
  end)
  local results = { n = count }
  for i = 1, count do
    local done, value = tasks[i]:result()
    if done then results[i] = value end
  end
  if as_list then return results end
  return table.unpack(results, 1, count)
end

-- -- one of them ------------------------------------------------------------------------

-- Runs `contender(contest, index, f)` for each function in a group that `contest.winner`, an
-- index, may end. What cancels from outside once there is a winner cuts nothing short.
local function compete(contest, options, contender, functions, count)
  local ok, err = pcall(core.group, options, function(group)
    contest.group = group
    for i = 1, count do
      group:spawn({ name = name_of(functions[i]) }, contender, contest, i, functions[i])
    end
  end)
  if ok or (contest.winner and core.is_cancelled(err)) then return end
  core.rethrow(err)
end

local function win(contest, index, results)
  if contest.winner then return end
  contest.winner, contest.results = index, results
  contest.group:cancel()
end

-- The functions that are to compete; there must be one.
local function competitors(name, ...)
  core.enter(name)
  local functions, count = argument.functions(name, ...)
  if count == 0 then
    argument.misuse(("bad argument #1 to '%s' (at least one function expected)"):format(name))
  end
  return functions, count
end

local function raise_no_winner(name)
  argument.misuse(name .. ": every function was cancelled by itself")
end

local function run_to_end(contest, index, f)
  win(contest, index, table.pack(f()))
end

--- Runs all functions at once, each in a task of its own, and returns when the first has
--- ended: its index and its results. The others are cancelled, and have ended before it
--- returns.
---
--- Errors: where the first to end has failed, its error, unchanged. An error with which
--- another one ends after that, or after the first was cancelled, is not lost: it is kept
--- beside the first error (xio.suppressed), or raised where there was none. A checkpoint.
--- Cancelled before one has ended, it cancels all and raises when they have ended.
---
--- ```lua
--- print(xio.race(
---   function() xio.sleep(2); return "slow" end,
---   function() xio.sleep(1); return "fast" end)) --> 2  fast
--- ```
---@param ... function|function[] at least one
---@return integer index
---@return any ... what that function returned
function combine.race(...)
  local functions, count = competitors("xio.race", ...)
  local contest = {}
  compete(contest, { errors = "first" }, run_to_end, functions, count)
  if not contest.winner then raise_no_winner("xio.race") end
  return contest.winner, table.unpack(contest.results, 1, contest.results.n)
end

-- Calls `f`; false and the error where it fails. A boundary of xio, which keeps the trace.
local function attempt(f)
  return core.pcall(core.move_on_at, nil, f)
end

local function try(contest, index, f)
  local outcome = table.pack(attempt(f)) -- true, true, results … or false, error
  if outcome[1] then
    win(contest, index, outcome)
  else
    table.insert(contest.errors, outcome[2])
  end
end

--- Runs all functions at once, each in a task of its own, and returns when the first has
--- succeeded: its index and its results. The others are cancelled, and have ended before it
--- returns; that they fail does not matter.
---
--- Errors: where all have failed, an xio.ErrorGroup of their errors, in the order in which
--- they failed. A checkpoint. Cancelled before one has succeeded, it cancels all and raises
--- when they have ended.
---
--- ```lua
--- print(xio.any(
---   function() error("broken") end,
---   function() xio.sleep(1); return "works" end)) --> 2  works
--- ```
---@param ... function|function[] at least one
---@return integer index
---@return any ... what that function returned
function combine.any(...)
  local functions, count = competitors("xio.any", ...)
  local contest = { errors = {} }
  compete(contest, {}, try, functions, count)
  if contest.winner then
    return contest.winner, table.unpack(contest.results, 3, contest.results.n)
  end
  if #contest.errors == 0 then raise_no_winner("xio.any") end
  error(new_error_group(contest.errors), 0)
end

-- -- failures ---------------------------------------------------------------------------

local ISOLATE_OPTIONS = { errors = "string", name = "string" }

local function isolate(opts, f, ...)
  core.enter("xio.isolate")
  return core.pcall(core.group, opts or {}, function(_, ...) return f(...) end, ...)
end

--- Runs `f(...)` in a group of its own, and turns its failure into a result.
---
--- Returns true and what `f` returns, or false and the error. A checkpoint. Cancelled from
--- outside, it cancels `f` and its children and raises when they have ended: that is no failure.
--- `opts.errors` is as in xio.group. Raises for wrong options.
---
--- ```lua
--- local ok, err = xio.isolate(function()
---   error("failed", 0)
--- end)
--- print(ok, err)                            --> false  failed
--- ```
---@param opts? {errors?: "auto"|"first"|"group", name?: string}
---@param f function
---@param ... any arguments for `f`
---@return boolean ok
---@return any ... the results, or the error
function combine.isolate(opts, f, ...)
  if type(opts) ~= "table" or argument.callable(opts) then
    check_callable(opts, 1, "xio.isolate")
    return isolate(nil, opts, f, ...)
  end
  argument.check_options(opts, ISOLATE_OPTIONS, 1, "xio.isolate")
  check_callable(f, 2, "xio.isolate")
  return isolate(opts, f, ...)
end

--- Gives a `<close>` value that runs `f(...)` inside xio.cleanup when its block ends.
---
--- An error of `f` joins the one in flight: it is kept beside it as suppressed; without one it is
--- raised. A cancellation in flight gives way to it. Never waits itself. Raises where `f` cannot
--- be called.
---
--- ```lua
--- do
---   local _ <close> = xio.defer(function() xio.sleep(1); print("closed") end)
---   print("works")                          --> works
--- end                                       --> closed
--- ```
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
      if not ok then failure.join(in_flight, err) end
    end,
  })
end

return combine
