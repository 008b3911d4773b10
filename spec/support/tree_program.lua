-- Random programs for spec/random_tree_spec.lua: a seed gives a tree of operations, which
-- tree_run.lua runs. A block is a list of operations; an operation is a table with `op`, its
-- name, and what it needs. Names from 1 to NAMES stand for tasks, groups and scopes that an
-- operation met before. Times are multiples of 0.5 s, so that sums of them are exact.

local program = {}

local NAMES = 6
local OPERATIONS_MAX, DEPTH_MAX = 100, 7

--- A function that gives integers from 1 to n, by seed.
local function random_by(seed)
  local state = seed * 0x9E3779B97F4A7C15 + 0x1234567
  return function(n)
    state = state ~ (state << 13)
    state = state ~ (state >> 7)
    state = state ~ (state << 17)
    return 1 + (state >> 33) % n
  end
end

-- How often each operation is chosen, in parts of the sum.
local WEIGHTS = {
  sleep = 16, checkpoint = 6, yield = 2, forever = 2, check = 1, fail = 3,
  cancel = 7, deadline = 3, set_shield = 3, await = 4, wait = 2,
  spawn = 24, start = 6, group = 8, gather = 2, scope = 5, new_scope = 3, move_on = 5,
  fail_after = 4, shield = 3, cleanup = 2, protect = 5, isolate = 3, generator = 4, close = 6,
}

local NO_BODY = {
  sleep = true, checkpoint = true, yield = true, forever = true, check = true, fail = true,
  cancel = true, deadline = true, set_shield = true, await = true, wait = true,
}

-- What may be chosen, with the sums of the weights so far.
local function table_of(filter)
  local list, sum = {}, 0
  local names = {}
  for name in pairs(WEIGHTS) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    if filter == nil or filter[name] then
      sum = sum + WEIGHTS[name]
      list[#list + 1] = { name = name, sum = sum }
    end
  end
  return list
end

local ANY, LEAF = table_of(), table_of(NO_BODY)

local function choose(random, list)
  local at = random(list[#list].sum)
  for _, entry in ipairs(list) do
    if at <= entry.sum then return entry.name end
  end
end

local fill = {} -- name -> function(maker, operation, depth): sets the operation's fields

local Maker = {}
Maker.__index = Maker

function Maker:chance(percent) return self.random(100) <= percent end
function Maker:time(most) return self.random(2 * most) / 2 end
function Maker:name() return self.random(NAMES) end

function Maker:operation(depth)
  self.left = self.left - 1
  local leaf = depth >= DEPTH_MAX or self.left <= 0
  local operation = { op = choose(self.random, leaf and LEAF or ANY) }
  if not NO_BODY[operation.op] then operation.body = self:block(depth + 1) end
  if fill[operation.op] then fill[operation.op](self, operation, depth) end
  return operation
end

function Maker:block(depth)
  local block = {}
  for i = 1, self.random(depth <= 2 and 6 or 4) do block[i] = self:operation(depth) end
  return block
end

function fill.sleep(maker, operation)
  operation.time = maker:chance(10) and 0 or maker:time(6)
end

function fill.cancel(maker, operation)
  operation.what = ({ "task", "task", "group", "scope" })[maker.random(4)]
  operation.name = maker:name()
end

function fill.deadline(maker, operation)
  operation.name = maker:name()
  operation.time = not maker:chance(20) and maker:time(8) - 1 or nil
end

function fill.set_shield(maker, operation)
  operation.name, operation.value = maker:name(), maker:chance(50)
end

function fill.await(maker, operation) operation.name = maker:name() end
function fill.wait(maker, operation) operation.name = maker:name() end

function fill.spawn(maker, operation)
  operation.name = maker:name()
  operation.daemon = maker:chance(10)
  -- into which group: the innermost, one met before, or the root's
  operation.into = ({ "named", "named", "root" })[maker.random(14)] or "innermost"
  operation.group = maker:name()
end

function fill.start(maker, operation, depth)
  operation.name = maker:name()
  operation.starts = not maker:chance(15)
  operation.rest = maker:block(depth + 1)
end

function fill.group(maker, operation)
  operation.name = maker:name()
  operation.limit = maker:chance(20) and maker.random(3) or nil
  operation.errors = ({ "auto", "auto", "auto", "first", "group" })[maker.random(5)]
end

function fill.gather(maker, operation, depth)
  operation.others = {}
  for i = 1, maker.random(2) do operation.others[i] = maker:block(depth + 1) end
end

function fill.scope(maker, operation)
  operation.name = maker:name()
  operation.timeout = maker:chance(50) and maker:time(8) or nil
  operation.shield = maker:chance(20)
end

function fill.new_scope(maker, operation)
  operation.name = maker:name()
  operation.time = maker:chance(50) and maker:time(8) or nil
  operation.before = maker:operation(DEPTH_MAX)
end

function fill.move_on(maker, operation)
  operation.time = maker:time(6) - 0.5
  operation.absolute = maker:chance(30)
end

fill.fail_after = fill.move_on

function fill.protect(maker, operation)
  operation.with = ({ "pcall", "xio.pcall", "xio.xpcall" })[maker.random(3)]
  operation.swallows = maker:chance(30)
end

function fill.generator(maker, operation, depth)
  operation.steps = { maker:block(depth + 1), maker:block(depth + 1) }
end

function fill.close(maker, operation, depth)
  operation.handler = maker:block(math.max(depth + 2, DEPTH_MAX - 1))
  operation.shielded = maker:chance(50)
end

-- The main task: groups that mostly keep their errors to themselves, with something between.
local function main_block(maker)
  local block = {}
  for i = 1, 2 + maker.random(6) do
    maker.left = maker.random(OPERATIONS_MAX)
    local group = { op = "group", body = maker:block(1) }
    fill.group(maker, group)
    if maker:chance(90) then
      block[#block + 1] = { op = "isolate", body = { group } }
    else
      block[#block + 1] = group
    end
    if maker:chance(30) then block[#block + 1] = maker:operation(DEPTH_MAX - 1) end
    block[#block + 1] = i % 2 == 0 and { op = "sleep", time = maker:time(3) } or nil
  end
  return block
end

--- The program of `seed`.
-- @treturn table `body`, a block for the main task, and `options` for xio.run
function program.make(seed)
  local random = random_by(seed)
  local maker = setmetatable({ random = random, left = 0 }, Maker)
  local options = { clock = "virtual", signals = false, grace = maker:time(4) }
  if maker:chance(50) then options.seed = seed end
  options.errors = ({ "auto", "auto", "first", "group" })[random(4)]
  return { body = main_block(maker), options = options }
end

return program
