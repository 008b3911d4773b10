-- Portals under random cancellation: threads call home, wait for replies and post, alone or in
-- tasks of runs of their own, while calls, callers, threads and the run at home are cancelled.
-- The oracle: a call that has come back is over at home, with the result that belongs to it; and
-- when the run has ended, so has everything that began in it. What is drawn follows a seed; when it
-- happens does not, since time here is real.

local xio = require "xio"
local support = require "spec.support"
local schedules = require "spec.support.schedules"

local it = support.it(it)

local SEEDS = tonumber(os.getenv "XIO_TEST_SEEDS") or 25
local THREADS <const>, CALLS <const> = 3, 12

-- What runs at home for a call: tells `tx` when it begins and when it ends. A copy: all it needs
-- are its arguments.
local function called(tx, id, kind, seconds)
  local xio = require "xio" -- luacheck: ignore
  local home = rawget(_G, "xio_spec_home")
  home.live = home.live + 1
  tx:try_send { id, 1 }
  local _ended <close> = setmetatable({}, { __close = function()
    if kind == 3 then xio.shield(xio.sleep, seconds) end
    tx:try_send { id, -1 }
    home.live = home.live - 1
  end })
  if kind == 1 then return id end
  xio.sleep(seconds)
  if kind == 2 then error({ id }) end
  return id
end

-- One thread: its calls, and in the end what went wrong, or nil.
local function caller(portal, random, inside, called) -- luacheck: ignore
  local xio = require "xio" -- luacheck: ignore
  local tx, rx = xio.thread.channel(math.huge)
  local live, wrong = {}, nil
  local draining, torn = false, false

  -- A thread is interrupted between any two instructions, here too: what was received is lost then.
  local function drain()
    torn = torn or draining
    draining = true
    for id, change in function() return table.unpack(rx:try_recv() or {}) end do
      live[id] = (live[id] or 0) + change
    end
    draining = false
  end

  local function judge(id, kind, reply, ok, value)
    drain()
    -- to wait for a reply no more leaves its function alone
    local left = reply and not ok and tostring(value):find "^cancelled"
    if (live[id] or 0) ~= 0 and not left and not torn then
      wrong = ("call %d came back too early: %s, %s"):format(id, ok, tostring(value))
    end
    local ended = not ok and (tostring(value):find "^cancelled" -- also one that is over by now
      or type(value) == "table" and (value.code == "ECANCELED" or value.code == "ECLOSED"))
    local failed = not ok and type(value) == "table" and value[1] == id and kind == 2
    if not (ok and value == id and kind ~= 2) and not ended and not failed then
      wrong = ("call %d: %s, %s"):format(id, ok, xio.traceback(value))
    end
  end

  local function one(id)
    local kind, seconds, way = random(4), random(4) / 2000, random(5)
    if way == 1 then
      pcall(portal.post, portal, called, tx, -id, 1, 0)
    elseif way == 2 then
      local ok, reply = pcall(portal.spawn, portal, called, tx, id, kind, seconds)
      if not ok then return judge(id, kind, nil, ok, reply) end
      if random(2) == 1 then reply:cancel() end
      judge(id, kind, reply, pcall(reply.await, reply))
    elseif way == 3 and inside then
      local ok, value
      xio.move_on_after(random(4) / 3000, function()
        ok, value = pcall(portal.call, portal, called, tx, id, kind, seconds)
        judge(id, kind, nil, ok, value)
      end)
    else
      judge(id, kind, nil, pcall(portal.call, portal, called, tx, id, kind, seconds))
    end
  end

  local function all(first)
    for id = first, first + CALLS - 1 do
      one(id)
      if inside then xio.checkpoint() end
    end
  end
  if inside then
    xio.run(function()
      xio.group(function(group)
        for i = 1, 3 do
          local task = group:spawn(all, i * 1000)
          if random(4) == 1 then
            group:spawn(function()
              xio.sleep(random(8) / 1000)
              task:cancel()
            end)
          end
        end
      end)
    end)
  else
    all(1)
  end
  return wrong
end

-- Whether an error is one that the program raises or that tells of its end.
local function is_wanted(err)
  for _, leaf in ipairs(support.leaves(err)) do
    if leaf ~= "the run fails" and not xio.is_cancelled(leaf)
      and not (type(leaf) == "table" and (leaf.code == "ECLOSED" or leaf.code == "ECANCELED")) then
      return false
    end
  end
  return true
end

local ON_CANCEL <const> = { "interrupt", "wait", "interrupt" }

local function run_program(random)
  local home = { live = 0 }
  rawset(_G, "xio_spec_home", home)
  local wrong
  local function program()
    local portal = xio.portal()
    xio.group(function(group)
      for _ = 1, THREADS do
        local options = { on_cancel = ON_CANCEL[random(3)] }
        local own, inside, ends = schedules.random(random(1 << 30)), random(2) == 1, random(3)
        local limit = ends == 1 and random(12) / 1000 or math.huge
        group:spawn(function()
          xio.move_on_after(limit, function()
            local said = xio.thread.run(options, caller, portal, own, inside, called)
            wrong = wrong or said
          end)
        end)
      end
      local fate = random(4)
      if fate <= 2 then xio.sleep(random(12) / 1000) end
      if fate == 1 then error("the run fails", 0) end
      if fate == 2 then group:cancel() end
    end)
  end
  local ok, err = pcall(xio.run, program)
  rawset(_G, "xio_spec_home", nil)
  if not ok and not is_wanted(err) then error(xio.traceback(err), 0) end
  assert.is_nil(wrong)
  assert.equal(0, home.live)
end

describe("portals under random cancellation", function()
  it("keep what is called within its call and its run", function()
    for seed = 1, schedules.most(SEEDS) do
      local ok, err = pcall(run_program, schedules.random(seed))
      if not ok then error(("seed %d: %s"):format(seed, tostring(err)), 0) end
    end
  end)
end)
