--- The command line of bench/run.

local options = {}

options.USAGE = [[
usage: bench/run [options]

Measures xio beside limits (C on bare liblua) and peers, and prints one table.

  --quick           smaller and shorter: about two minutes instead of under ten
  --only LIST       these workloads only, separated by commas (--list names them)
  --peers LIST      none, all (default), or names separated by commas
  --rounds N        rounds; the table shows medians over them (default 5, quick 3)
  --xio PATH        the interpreter to measure (default build/release/xio), or a lua5.4 that
                    finds the module xio by LUA_PATH_5_4 and LUA_CPATH_5_4
  --json FILE       write all samples
  --svg FILE        draw a plot
  --build DIR       where limits are compiled (default build/bench)
  --core N          the core to run on (default: the last one allowed); the clients of
                    servers run on another one
  --list            name the workloads and peers
  --help            this text
]]

---@class bench.options
---@field quick boolean
---@field only string[]? keys of workloads
---@field peers string[]? names of peers; nil for all
---@field rounds integer
---@field xio string?
---@field json string?
---@field svg string?
---@field build string?
---@field core integer?
---@field action "measure"|"list"|"help"

local with_value = {
  only = true, peers = true, rounds = true, xio = true, json = true, svg = true, build = true,
  core = true,
}

local function fail(text)
  error({ usage = text }, 0)
end

local function split(list)
  local items = {}
  for item in list:gmatch("[^,%s]+") do
    items[#items + 1] = item
  end
  return items
end

local function whole_number(name, text, least)
  local n = math.tointeger(tonumber(text))
  if not n or n < least then fail("--" .. name .. " takes a whole number from " .. least) end
  return n
end

--- Reads the arguments. Raises `{usage = text}` on wrong ones.
---@param args string[]
---@return bench.options
function options.parse(args)
  local raw, flags, i = {}, {}, 1
  while i <= #args do
    local name, value = args[i]:match("^%-%-([%w-]+)=?(.*)$")
    if name and with_value[name] then
      if not args[i]:find("=", 1, true) then
        i = i + 1
        value = args[i] or fail("--" .. name .. " needs a value")
      end
      raw[name] = value
    elseif args[i] == "-h" then
      flags.help = true
    elseif name == "quick" or name == "list" or name == "help" then
      flags[name] = true
    else
      fail("unknown argument " .. args[i])
    end
    i = i + 1
  end
  local peers = raw.peers ~= "all" and raw.peers or nil
  return {
    quick = flags.quick or false,
    action = flags.help and "help" or flags.list and "list" or "measure",
    only = raw.only and split(raw.only),
    peers = peers and (peers == "none" and {} or split(peers)),
    rounds = raw.rounds and whole_number("rounds", raw.rounds, 1) or (flags.quick and 3 or 5),
    core = raw.core and whole_number("core", raw.core, 0),
    xio = raw.xio,
    json = raw.json,
    svg = raw.svg,
    build = raw.build,
  }
end

return options
