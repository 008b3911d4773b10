-- Random programs of tasks, groups, scopes and generators, by seed, against a model.
--
-- What is checked stands in spec/support/tree_run.lua; each seed runs twice, and both runs
-- must log the same. Environment: XIO_TREE_SEEDS, how many seeds (2000); XIO_TREE_SEED, the
-- first (1). With XIO_TREE_SEED alone only that seed runs, and a failure shows its log.

local program = require "spec.support.tree_program"
local support = require "spec.support"
local tree = require "spec.support.tree_run"
local xio = require "xio"

local it = support.it(it)

local only = os.getenv("XIO_TREE_SEED")
local count = tonumber(os.getenv("XIO_TREE_SEEDS") or only and 1 or 2000)
local first = tonumber(only or 1)

local BATCH = 500

--- What is wrong with a seed, or nil; and its log.
local function check(seed)
  local wrong, log = tree.run(program.make(seed))
  if wrong then return wrong, log end
  local _, again = tree.run(program.make(seed))
  for i = 1, math.max(#log, #again) do
    if log[i] ~= again[i] then
      return ("two runs differ: %s / %s"):format(log[i], again[i]), log
    end
  end
  return nil, log
end

--- xio keeps what it knows of the last 64 strings that were raised, and with that objects
-- which they suppressed: here it forgets them.
local function forget()
  support.run(function()
    for i = 1, 64 do xio.isolate(error, "text " .. i) end
  end)
end

describe("a random tree", function()
  for from = first, first + count - 1, BATCH do
    local to = math.min(from + BATCH, first + count) - 1
    it(("keeps every promise, seeds %d to %d"):format(from, to), function()
      local events = 0
      for seed = from, to do
        local wrong, log = check(seed)
        if wrong then
          error(("seed %d: %s\nrepeat it: XIO_TREE_SEED=%d tools/with_module build/dev "
            .. "lua5.4 /usr/bin/busted spec/random_tree_spec.lua%s"):format(seed, wrong, seed,
            only and "\n" .. table.concat(log, "\n") or ""), 0)
        end
        events = events + #log
      end
      assert.is_true(events > 5 * (to - from), "the programs do too little")
      forget()
    end)
  end
end)
