--- What the specs share: a run on the virtual clock, recorders, error catchers, and the exit check.
--
-- Every spec file opens with
--
--     local support = require "spec.support"
--     local it = support.it(it)
--
-- so that each `it` fails when it leaves a descriptor, a task, a loop, a scope, a group or any
-- other object that the core counts behind. A body that fails is reported as it is: the exit check
-- only speaks about bodies that passed. `support.exit_check()` at the top of a `describe` does the
-- same by hooks, for specs that have hooks of their own.
--
-- The helpers hold no state that specs could see. They work under `lua5.4 busted` and inside the
-- `xio` interpreter, where every body already is inside a task and `run` nests.

local lfs = require "lfs"
local xio = require "xio"

local support = {}

-- ---------------------------------------------------------------------------------- exit check

local function count_descriptors()
  if not lfs.attributes("/proc/self/fd") then return 0 end
  local count = 0
  for entry in lfs.dir("/proc/self/fd") do
    if entry:match("^%d+$") then count = count + 1 end
  end
  return count
end

local function count_children()
  local file = io.open("/proc/thread-self/children")
  if not file then return 0 end
  local count = 0
  for _ in file:read("a"):gmatch("%d+") do count = count + 1 end
  file:close()
  return count
end

-- Inside the interpreter, the first wait for a descriptor, and the first for another thread, open
-- what its loop keeps from then on: before anything is counted.
do
  local pipe = io.popen "true"
  local in_task, fd = pcall(xio.fd, pipe)
  if in_task then
    fd:close()
    local scope = xio.close_scope()
    scope:close()
    scope:wait()
  end
  pipe:close()
end

-- What is counted now, garbage too: open descriptors, child processes, and the core's own census.
local function count_alive()
  local counts = { descriptors = count_descriptors(), children = count_children() }
  local census = require "xio.core".census
  if census then
    for noun, count in pairs(census()) do
      if math.type(count) == "integer" then counts[noun] = count end
    end
  end
  return counts
end

--- Counts what is alive now, after two full collections (the second frees what finalizers held).
-- @treturn {[string]=integer} open descriptors, child processes, and the core's own census
function support.census()
  collectgarbage()
  collectgarbage()
  return count_alive()
end

local function list_grown(before, now)
  local grown = {}
  for noun, count in pairs(now) do
    local was = before[noun] or 0
    if count > was then
      grown[#grown + 1] = ("%s %d -> %d"):format(noun, was, count)
    end
  end
  table.sort(grown)
  return grown
end

--- Raises when anything counted has grown since `before`. Collecting takes long where all specs
-- are loaded, and so is done only if garbage counted in would make a difference.
-- @tparam {[string]=integer} before what `support.census` gave
function support.check_exit(before)
  if #list_grown(before, count_alive()) == 0 then return end
  local grown = list_grown(before, support.census())
  if #grown > 0 then error("left behind: " .. table.concat(grown, ", "), 0) end
end

--- Wraps busted's `it` so that the exit check follows each body. All bodies of a file are
-- compared with what was alive before the first of them.
-- @tparam function it busted's own
-- @treturn function the same with the check
function support.it(it)
  local before
  return function(title, body)
    return it(title, function()
      local from = before or support.census()
      before = nil -- where this one fails, the next begins with what it left
      body()
      support.check_exit(from)
      before = from
    end)
  end
end

--- Adds the check to each `it` of the `describe` that this is called in.
function support.exit_check()
  local busted = require "busted"
  local before
  busted.before_each(function() before = support.census() end)
  busted.after_each(function() support.check_exit(before) end)
end

-- -------------------------------------------------------------------------------------- running

--- `xio.run` on the virtual clock, with signals left alone.
-- @tparam function f the main task
-- @tparam[opt] table opts options that override or add to these
-- @param ... arguments of `f`
-- @return what `xio.run` returns
function support.run(f, opts, ...)
  local all = { clock = "virtual", signals = false }
  for key, value in pairs(opts or {}) do all[key] = value end
  return xio.run(all, f, ...)
end

--- Tells whether a task of xio is running now: so it is everywhere in the `xio` interpreter.
function support.in_task()
  local ok, task = pcall(xio.current)
  return ok and task ~= nil
end

--- Runs `f(...)` and tells how long it took on the clock of the run, in seconds.
-- An error of `f` passes through.
function support.elapsed(f, ...)
  local began = xio.now()
  f(...)
  return xio.now() - began
end

-- ------------------------------------------------------------------------------------ recording

--- Makes a recorder.
-- @treturn function `log(entry)`, which appends
-- @treturn table the entries so far, in order
function support.recorder()
  local seen = {}
  return function(entry) seen[#seen + 1] = entry end, seen
end

--- A value whose `<close>` calls `f` with the error in flight, if there is one.
function support.closing(f)
  return setmetatable({}, { __close = function(_, err) f(err) end })
end

--- The caller's place as traces show it, without its folder: "name_spec.lua:12".
-- @tparam[opt=0] integer below how many lines further down
function support.here(below)
  local info = debug.getinfo(2, "Sl")
  return ("%s:%d"):format(info.short_src:match("[^/]*$"), info.currentline + (below or 0))
end

-- --------------------------------------------------------------------------------------- errors

--- Runs `f(...)`, which has to raise, and gives what it raised.
function support.catch(f, ...)
  local result = table.pack(pcall(f, ...))
  if result[1] then
    error(("an error was expected, but there were %d results"):format(result.n - 1), 2)
  end
  return result[2]
end

--- Raises unless `text` contains each word. A word of letters must stand alone; a table of words
-- asks for any one of them.
-- @tparam string text
-- @param ... strings, or lists of strings of which one is enough
function support.mentions(text, ...)
  local function has(word)
    if word:find("^[%w_]+$") then
      return text:find("%f[%w_]" .. word .. "%f[^%w_]") ~= nil
    end
    return text:find(word, 1, true) ~= nil
  end
  for _, wanted in ipairs { ... } do
    local words = type(wanted) == "table" and wanted or { wanted }
    local found = false
    for _, word in ipairs(words) do found = found or has(word) end
    if not found then
      error(("'%s' is missing in:\n%s"):format(table.concat(words, "' or '"), text), 2)
    end
  end
end

--- Runs `f`, which has to raise a usage error that begins with a place in the file of `f` and
-- mentions each of the words (see `mentions`) after it.
-- @treturn string the message
function support.misuse(f, ...)
  local file = debug.getinfo(f, "S").short_src:match("[^/]*$")
  local ok, err = pcall(f)
  if ok then error("a usage error was expected, but the call returned", 2) end
  local message = tostring(err)
  local place, rest = message:match("^([^\n]-:%d+: )(.*)$")
  if not place or not place:find(file, 1, true) then
    error(("the place in %s is missing in:\n%s"):format(file, message), 2)
  end
  support.mentions(rest, ...)
  return message
end

--- Tells whether a value is an error group.
function support.is_group(err)
  local kind = type(err)
  return (kind == "table" or kind == "userdata") and type(err.errors) == "table"
end

--- The leaves of an error, in order, as a list.
function support.leaves(err)
  local list = {}
  for leaf in xio.each_error(err) do list[#list + 1] = leaf end
  return list
end

-- libuv and xio keep a few descriptors per process from the first loop on: they are opened here, so
-- that no spec is blamed for them.
xio.run(function() xio.sleep(0) end)

return support
