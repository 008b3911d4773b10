-- soak: what tools/soak runs.
--
--   xio soak.lua SECONDS SEED
--
-- One run after the other, each of a few hundred tasks that do one job of every kind: servers
-- and clients, child processes, files, threads, trees of groups, channels and locks. Some are
-- cancelled at a random moment. After each run its objects must be gone; after the first ones,
-- which fill pools and caches, memory must stay what it is.

local xio = require "xio"
local core = require "xio.core"
package.path = arg[0]:match "^(.*/)" .. "?.lua;" .. package.path
local counting = require "counting"
local fs, net, process = xio.fs, xio.net, xio.process

local SECONDS = tonumber(arg[1]) or error "soak.lua: how many seconds?"
math.randomseed(math.tointeger(tonumber(arg[2])) or error "soak.lua: which seed?")

local WARM_ROUNDS <const>, LINE_EVERY <const>, JOBS <const> = 100, 10, 60
local GROWTH_MAX <const> = 1.25 -- of what the process holds after the warm rounds

local folder = os.tmpname() .. ".d"
local counts = {}

-- -- counting -----------------------------------------------------------------------------

-- -- jobs ---------------------------------------------------------------------------------

local function random_bytes(most)
  return ("%c"):format(math.random(0, 255)):rep(math.random(1, most))
end

local jobs = {}

function jobs.echo(server)
  local conn <close> = assert(net.connect(server.host, server.port))
  for _ = 1, math.random(5) do
    local sent = random_bytes(100000)
    xio.group(function(group)
      group:spawn(function() assert(conn:write(sent)) end)
      assert(assert(conn:read_exactly(#sent)) == sent, "the echo is another")
    end)
  end
end

function jobs.child()
  local text = random_bytes(200000)
  local result = assert(process.run { "cat", stdin = text, capture = true })
  assert(result.code == 0 and result.stdout == text, "cat gave another text")
end

function jobs.slow_child()
  local result, _, code = process.run { "sleep", "30", timeout = math.random() / 50 }
  assert(result == nil and code == "ETIMEDOUT", "sleep was not ended")
end

function jobs.file()
  local path = ("%s/%d"):format(folder, math.random(20))
  local text = random_bytes(300000)
  assert(fs.writefile(path, text, { atomic = true }))
  local got = assert(fs.readfile(path))
  assert(got:byte(1) == got:byte(-1), "a file was half written")
end

function jobs.tree()
  local function branch(depth)
    xio.group(function(group)
      for _ = 1, depth > 0 and 3 or 0 do group:spawn(branch, depth - 1) end
      xio.sleep(math.random() / 100)
      if depth == 0 and math.random(20) == 1 then error("a leaf fails", 0) end
    end)
  end
  local ok, err = xio.isolate(branch, 3)
  assert(ok or err == "a leaf fails" or err.errors, err)
end

function jobs.channel()
  local sender, receiver = xio.channel(math.random(0, 5))
  local lock, sum = xio.lock(), 0
  xio.group(function(group)
    for _ = 1, 3 do
      local own = sender:clone()
      group:spawn(function()
        for i = 1, 100 do own:send(i) end
        own:close()
      end)
    end
    sender:close()
    for _ = 1, 2 do
      group:spawn(function()
        for value in receiver do
          local _guard <close> = lock:acquire()
          sum = sum + value
        end
      end)
    end
  end)
  assert(sum == 3 * 5050, "items were lost")
end

function jobs.thread()
  local sum = xio.thread.run(function(count)
    local total = 0
    for i = 1, count do total = total + i end
    return total
  end, 100000)
  assert(sum == 5000050000, "the thread gave another sum")
end

function jobs.endless_thread()
  assert(not xio.move_on_after(math.random() / 50, xio.thread.run, function()
    while true do end
  end))
end

function jobs.thread_channel()
  local sender, receiver = xio.thread.channel(8)
  xio.group(function(group)
    group:spawn(function()
      xio.thread.run(function(own)
        for i = 1, 200 do own:send { number = i } end
        own:close()
      end, sender)
      sender:close()
    end)
    local last = 0
    for item in receiver do
      assert(item.number == last + 1, "items came in another order")
      last = item.number
    end
    assert(last == 200, "items were lost")
  end)
end

function jobs.garbage()
  local list = {}
  for i = 1, 2000 do list[i] = { i, tostring(i) } end
  collectgarbage "step"
  xio.checkpoint()
  assert(list[2000][2] == "2000", "a table was collected")
end

local names = {}
for name in pairs(jobs) do names[#names + 1] = name end
table.sort(names)

-- -- rounds -------------------------------------------------------------------------------

-- One job, which in a third of the cases is cut short; a job that was not must succeed.
local function work(name, server)
  local limit = math.random(3) == 1 and math.random() / 20 or math.huge
  xio.move_on_after(limit, jobs[name], server)
  counts[name] = (counts[name] or 0) + 1
end

local function round()
  local listener <close> = assert(net.listen("127.0.0.1", 0))
  local host, port = listener:name()
  local server = { host = host, port = port }
  xio.group(function(group)
    group:spawn({ daemon = true }, net.serve, listener, function(conn)
      local piece = conn:recv()
      while piece and conn:write(piece) do piece = conn:recv() end
    end, { limit = 20 })
    xio.group({ limit = 20 }, function(workers)
      for _ = 1, JOBS do
        workers:spawn(work, names[math.random(#names)], server)
      end
    end)
  end)
end

local function census_problem(before)
  collectgarbage()
  collectgarbage()
  for noun, count in pairs(core.census()) do
    if count > before[noun] then
      return ("%d %s, %d before"):format(count, noun, before[noun])
    end
  end
end

assert(os.execute("mkdir " .. folder))
local _folder <close> = setmetatable({}, {
  __close = function() os.execute("rm -rf '" .. folder .. "' '" .. folder:sub(1, -3) .. "'") end,
})
local census = core.census()
local began, next_line = os.time(), 0
local rounds, memory, descriptors = 0, nil, nil
repeat
  xio.run({ signals = false }, round)
  rounds = rounds + 1
  local problem = census_problem(census)
  if problem then error("soak: left behind: " .. problem, 0) end
  local open, kb = counting.descriptors(), counting.resident()
  if rounds == WARM_ROUNDS then memory, descriptors = kb, open end
  if memory and (open > descriptors or kb > memory * GROWTH_MAX + 4096) then
    error(("soak: %d descriptors and %d KB, %d and %d after the first rounds"):format(
      open, kb, descriptors, memory), 0)
  end
  if counting.children() > 0 then error("soak: child processes are left", 0) end
  if os.time() - began >= next_line then
    print(("%6d s %7d rounds %8d jobs %5d descriptors %8d KB"):format(os.time() - began,
      rounds, rounds * JOBS, open, kb))
    next_line = next_line + LINE_EVERY
  end
until os.time() - began >= SECONDS and rounds > WARM_ROUNDS

for _, name in ipairs(names) do print(("%-16s %8d"):format(name, counts[name] or 0)) end
print(("%d rounds, %d jobs; nothing is left, and nothing grew"):format(rounds, rounds * JOBS))
