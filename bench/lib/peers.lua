--- The runtimes that bench/run compares with: how to find each and how to call it.

---@class bench.peer
---@field name string
---@field package string Debian's package
---@field probe string shell command that succeeds where the peer is present, and prints its version
---@field argv string[] words of the command; $BENCH, $BUILD and $PYTHON are replaced
---@field count_max integer? the most tasks it can have at once
---@field sleep_factor number? how much longer its sleepers sleep, so that none wakes too early
---@field slow boolean? measures heavy workloads in one round only

---@type bench.peer[]
return {
  {
    name = "luv",
    package = "lua-luv",
    probe = [[lua5.4 -e 'print(require("luv").version_string())']],
    argv = { "lua5.4", "$BENCH/peers/luv.lua" },
  },
  {
    name = "cqueues",
    package = "lua-cqueues",
    probe = [[lua5.4 -e 'print(require("cqueues").VERSION)']],
    argv = { "lua5.4", "$BENCH/peers/cqueues.lua" },
  },
  {
    name = "go",
    package = "golang-go",
    probe = "test -x $BUILD/peer-go && go version | cut -d' ' -f3",
    argv = { "$BUILD/peer-go" },
  },
  {
    name = "node",
    package = "nodejs",
    probe = "node --version",
    argv = { "node", "$BENCH/peers/node.mjs" },
  },
  {
    name = "asyncio",
    package = "python3-uvloop",
    probe = [[$PYTHON -c 'import asyncio, uvloop, platform
asyncio.TaskGroup
print(platform.python_version() + ", uvloop " + uvloop.__version__)']],
    argv = { "$PYTHON", "$BENCH/peers/asyncio_uvloop.py" },
    sleep_factor = 4,
    slow = true,
  },
  {
    name = "trio",
    package = "python3-trio",
    probe = "$PYTHON -c 'import trio; print(trio.__version__)'",
    argv = { "$PYTHON", "$BENCH/peers/trio_peer.py" },
    sleep_factor = 7,
    slow = true,
  },
  {
    name = "tarantool",
    package = "tarantool",
    probe = "tarantool --version | head -n 1 | cut -d' ' -f2",
    argv = { "tarantool", "$BENCH/peers/tarantool.lua" },
    -- A fiber's stack and its guard page are two mappings; Linux allows 65,530 in a process.
    count_max = 20000,
  },
}
