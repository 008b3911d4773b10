# Every source file of xio, one line each, sorted. The rockspec carries the same C sources
# and Lua modules; tools/check_sources compares the two and the tree.

set(XIO_BASE_SOURCES
  csrc/base/alloc.c
  csrc/base/base.c
  csrc/base/heap.c
  csrc/base/status.c
)

set(XIO_CORE_SOURCES
  csrc/core/barrier.c
  csrc/core/channel.c
  csrc/core/check.c
  csrc/core/clock.c
  csrc/core/condition.c
  csrc/core/event.c
  csrc/core/fd.c
  csrc/core/group.c
  csrc/core/lock.c
  csrc/core/loop.c
  csrc/core/runqueue.c
  csrc/core/sched.c
  csrc/core/scope.c
  csrc/core/semaphore.c
  csrc/core/settle.c
  csrc/core/signal.c
  csrc/core/start.c
  csrc/core/task.c
  csrc/core/wait.c
)

set(XIO_LUA_SOURCES
  csrc/lua/argument.c
  csrc/lua/barrier.c
  csrc/lua/cancel.c
  csrc/lua/census.c
  csrc/lua/channel.c
  csrc/lua/condition.c
  csrc/lua/coroutine.c
  csrc/lua/error.c
  csrc/lua/event.c
  csrc/lua/fd.c
  csrc/lua/future.c
  csrc/lua/generator.c
  csrc/lua/group.c
  csrc/lua/item.c
  csrc/lua/limiter.c
  csrc/lua/lock.c
  csrc/lua/open.c
  csrc/lua/protect.c
  csrc/lua/region.c
  csrc/lua/run.c
  csrc/lua/scope.c
  csrc/lua/select.c
  csrc/lua/semaphore.c
  csrc/lua/standin.c
  csrc/lua/sync.c
  csrc/lua/task.c
  csrc/lua/testing.c
  csrc/lua/wait.c
)

set(XIO_CLI_SOURCES
  csrc/cli/exit.c
  csrc/cli/library.c
  csrc/cli/main.c
  csrc/cli/options.c
  csrc/cli/program.c
  csrc/cli/report.c
  csrc/cli/setup.c
)

# Lua modules: lua/xio/init.lua is "xio", lua/xio/<name>.lua is "xio.<name>".
set(XIO_LUA_MODULES
  lua/xio/argument.lua
  lua/xio/async.lua
  lua/xio/callback.lua
  lua/xio/channel.lua
  lua/xio/combine.lua
  lua/xio/error.lua
  lua/xio/failure.lua
  lua/xio/gsub.lua
  lua/xio/init.lua
  lua/xio/map.lua
  lua/xio/memory_stream.lua
  lua/xio/repl.lua
  lua/xio/require.lua
  lua/xio/scope_group.lua
  lua/xio/sort.lua
  lua/xio/standin.lua
  lua/xio/testing.lua
  lua/xio/tree.lua
  lua/xio/var.lua
)

# Shared by all C tests: C tasks and other helpers.
set(XIO_TEST_SUPPORT_SOURCES
  csrc/test/support/counting.c
  csrc/test/support/ctask.c
  csrc/test/support/world.c
)

# One executable each: the core with C tasks, no Lua.
set(XIO_UNIT_TESTS
  csrc/test/unit/test_alloc.c
  csrc/test/unit/test_barrier.c
  csrc/test/unit/test_base.c
  csrc/test/unit/test_channel.c
  csrc/test/unit/test_check.c
  csrc/test/unit/test_clock.c
  csrc/test/unit/test_condition.c
  csrc/test/unit/test_event.c
  csrc/test/unit/test_fd.c
  csrc/test/unit/test_fd_io.c
  csrc/test/unit/test_group.c
  csrc/test/unit/test_heap.c
  csrc/test/unit/test_list.c
  csrc/test/unit/test_lock.c
  csrc/test/unit/test_loop.c
  csrc/test/unit/test_loop_uv.c
  csrc/test/unit/test_random.c
  csrc/test/unit/test_runqueue.c
  csrc/test/unit/test_sched.c
  csrc/test/unit/test_scope.c
  csrc/test/unit/test_semaphore.c
  csrc/test/unit/test_settle.c
  csrc/test/unit/test_start.c
  csrc/test/unit/test_status.c
  csrc/test/unit/test_task.c
  csrc/test/unit/test_wait.c
)

# One executable each: random programs with every invariant checked, no Lua.
set(XIO_SIM_TESTS
  csrc/test/sim/tree.c
)

# One executable each: the binding on a Lua state, with faults.
set(XIO_TORTURE_TESTS
  csrc/test/torture/core.c
  csrc/test/torture/lua.c
)
