--- require with loaders that may wait. The interpreter installs it.
---
--- Lua cannot suspend a coroutine inside the C function require, so a module's main chunk
--- could not wait. This one does in Lua what the stock function does, with the same
--- results and errors. One thing is added: while a task loads a module, other tasks of
--- the same run that require it wait for the end of that load instead of loading it
--- again.

local core = require "xio.core"
local standin = require "xio.standin"

local error, math, pcall, rawget, setmetatable, string, type =
  error, math, pcall, rawget, setmetatable, string, type
local package, loaded = package, package.loaded
local stock = require

-- A lock is the load of one module under way: `owner` is the task that loads, `waiters`
-- the list of those that wait for it. `locks` finds it by the module's name; `awaited`
-- tells which lock a task waits for.
local locks = {}
local awaited = setmetatable({}, { __mode = "k" })

local Lock = {}
function Lock:__close()
  if locks[self.name] == self then locks[self.name] = nil end
  core.wake_all(self.waiters)
end

local Waiting = {}
function Waiting:__close()
  awaited[self.task] = nil
end

-- Whether whoever holds `lock` is this task, or waits for a module that this task loads.
local function is_circular(lock, task)
  while lock do
    if lock.owner == task then return true end
    lock = awaited[lock.owner]
  end
  return false
end

local function wait_for(lock, task)
  awaited[task] = lock
  local _waiting <close> = setmetatable({ task = task }, Waiting)
  core.wait_in(lock.waiters)
end

-- The lock of a module, if it is held in the run of the caller. A task of the run around
-- it stands still meanwhile and cannot be waited for; one that is gone never lets go.
local function lock_of(name)
  local lock = locks[name]
  return lock and core.lives_here(lock.owner) and lock
end

-- Takes the lock of a module that is not loaded, waiting while another task has it.
-- Returns nil where there is nothing to lock: outside tasks, when the wait has seen it
-- loaded, and in a circle of requires, which then goes on as with the stock function.
local function acquire(name)
  if not core.in_task() then return nil end
  local task = core.current()
  local lock = lock_of(name)
  while lock do
    if is_circular(lock, task) then return nil end
    wait_for(lock, task)
    if loaded[name] then return nil end
    lock = lock_of(name)
  end
  lock = setmetatable({ name = name, owner = task, waiters = core.waitlist() }, Lock)
  locks[name] = lock
  return lock
end

-- The loader of a module and its data, or nil and the reason. Searchers and loaders are
-- called by core.call, a C function: their errors see it as their caller, as with stock.
local function find_loader(name)
  local searchers = package.searchers
  if type(searchers) ~= "table" then return nil, "'package.searchers' must be a table" end
  local tried = ""
  for i = 1, math.huge do
    local searcher = rawget(searchers, i)
    if searcher == nil then break end
    local loader, data = core.call(searcher, name)
    if type(loader) == "function" then return loader, data end
    if type(loader) == "string" or type(loader) == "number" then
      tried = tried .. "\n\t" .. loader
    end
  end
  return nil, string.format("module '%s' not found:%s", name, tried)
end

--- As the stock require, but searchers and loaders may wait. May wait itself where
--- another task loads the same module; cancelling that wait leaves the other's load
--- alone.
--- @param ... string  the module's name
--- @return any module
--- @return any data  what the searcher gave beside the loader; nothing if it was loaded
local function require(...)
  local name = ...
  if type(name) == "number" then
    name = name .. ""
  elseif type(name) ~= "string" then
    local _, err = pcall(stock, ...)
    standin.raise(err)
  end
  if loaded[name] then return loaded[name] end

  local _lock <close> = acquire(name)
  if loaded[name] then return loaded[name] end
  local loader, data = find_loader(name)
  if not loader then error(data, 2) end
  local value = core.call(loader, name, data)
  if value ~= nil then loaded[name] = value end
  if loaded[name] == nil then loaded[name] = true end
  return loaded[name], data
end

return standin.register(require)
