-- Random programs of combinators, nested, cancelled at random, under many seeds. The oracle:
-- when a combinator has returned or raised, every function that it ran has ended, and just
-- now; at the end no task is left but main.

local xio = require "xio"
local support = require "spec.support"

local it = support.it(it)

local SEEDS = tonumber(os.getenv("XIO_TEST_SEEDS")) or 1000

--- Makes the functions of one random program; `random(n)` gives 1 … n.
local function new_program(random)
  local program = { running = 0 }
  local make

  -- A leaf sleeps, perhaps fails, and perhaps needs time to clean up.
  local function leaf()
    local seconds, kind, cleanup = random(6) - 1, random(8), random(3) - 1
    return function()
      program.running = program.running + 1
      local _ended <close> = support.closing(function()
        if cleanup > 0 then xio.shield(xio.sleep, cleanup) end
        program.running = program.running - 1
      end)
      if kind == 1 then
        error({ "wanted" })
      elseif kind == 2 then
        pcall(xio.sleep, seconds)
      end
      xio.sleep(seconds)
      return seconds
    end
  end

  local function some(depth)
    local list = {}
    for i = 1, random(4) do list[i] = make(depth - 1) end
    return list
  end

  local function limit()
    return { limit = random(3) }
  end

  local kinds = {
    function(list) xio.gather(table.unpack(list)) end,
    function(list) xio.race(list) end,
    function(list) xio.any(list) end,
    function(list) xio.map(list, function(f) f() end, limit()) end,
    function(list) xio.map(list, function(f) f() end) end,
    function(list)
      local next_item = table.pack(ipairs(list))
      xio.each(next_item, function(_, f) f() end, limit())
    end,
    function(list)
      local leave = random(3)
      local count = 0
      for _ in xio.as_completed(list) do
        count = count + 1
        if count == leave then break end
      end
    end,
    function(list)
      for _ in xio.as_completed(list) do xio.checkpoint() end
    end,
    function(list)
      local calls = {}
      for i, f in ipairs(list) do calls[i] = xio.async(f)() end
      xio.await(calls)
      for i = 1, #calls do xio.await(calls[i]) end
    end,
    function(list)
      xio.group(function()
        local shared = xio.async(list[1])()
        if random(2) == 1 then xio.background(shared) end
        xio.gather(shared, shared, function()
          xio.move_on_after(1, xio.await, shared)
        end)
      end)
    end,
  }

  -- Runs `list` in one of the ways above, and checks what must hold when that is over.
  local function branch(depth)
    local list, run_all = some(depth), kinds[random(#kinds)]
    local seconds = random(12)
    local function checked()
      local mine, last_end = 0, nil
      local counted = {}
      for i, f in ipairs(list) do
        counted[i] = function()
          mine = mine + 1
          local _less <close> = support.closing(function()
            mine = mine - 1
            last_end = xio.now()
          end)
          return f()
        end
      end
      local ok, err = pcall(run_all, counted)
      if mine ~= 0 then program.wrong = "functions still run" end
      if last_end and xio.now() ~= last_end then program.wrong = "the end comes late" end
      if not ok then error(err, 0) end
    end
    return function() xio.move_on_after(seconds, checked) end
  end

  function make(depth)
    if depth == 0 or random(4) == 1 then return leaf() end
    return branch(depth)
  end

  program.main = make(3)
  return program
end

--- Whether an error is one of those that the programs raise, and not of the combinators.
local function is_wanted(err)
  for _, leaf in ipairs(support.leaves(err)) do
    local wanted = type(leaf) == "table"
      and (leaf[1] == "wanted" or leaf.code == "ECANCELED")
    if not wanted then return false end
  end
  return true
end

local function run_program(seed)
  local state = seed
  local function random(n)
    state = (state * 6364136223846793005 + 1442695040888963407)
    return (state >> 33) % n + 1
  end
  local program = new_program(random)
  support.run(function()
    local outer = random(20)
    local ok, err = pcall(xio.move_on_after, outer, function()
      xio.isolate(program.main)
    end)
    assert.is_true(ok, err)
    ok, err = xio.isolate(program.main)
    if not ok and not is_wanted(err) then error(xio.traceback(err), 0) end
    assert.is_nil(program.wrong)
    assert.equal(0, program.running)
    assert.equal(1, #xio.tree())
  end, { seed = seed })
end

describe("random programs of combinators", function()
  it("leave nothing behind", function()
    for seed = 1, SEEDS do
      local ok, err = pcall(run_program, seed)
      if not ok then error(("seed %d: %s"):format(seed, tostring(err)), 0) end
    end
  end)
end)
