rockspec_format = "3.0"
package = "xio"
version = "scm-1"
source = {
  url = ".", -- for `luarocks make` in a checkout; a release names its archive here
}
description = {
  summary = "Structured concurrency for Lua 5.4 on libuv",
  detailed = [[
    Tasks, groups and scopes with cancellation and deadlines, on a C core. Any function
    called in a task may wait: there is no async and no await to sprinkle.
  ]],
  license = "MIT",
}
dependencies = {
  "lua ~> 5.4", -- 5.4.4 at least; the module checks it
}
external_dependencies = {
  LIBUV = { header = "uv.h", library = "uv" },
}
build = {
  type = "builtin",
  -- the same files as in cmake/sources.cmake; tools/check_sources compares the two
  modules = {
    ["xio.argument"] = "lua/xio/argument.lua",
    ["xio.async"] = "lua/xio/async.lua",
    ["xio.callback"] = "lua/xio/callback.lua",
    ["xio.channel"] = "lua/xio/channel.lua",
    ["xio.combine"] = "lua/xio/combine.lua",
    ["xio.error"] = "lua/xio/error.lua",
    ["xio.failure"] = "lua/xio/failure.lua",
    ["xio.gsub"] = "lua/xio/gsub.lua",
    ["xio"] = "lua/xio/init.lua",
    ["xio.map"] = "lua/xio/map.lua",
    ["xio.memory_stream"] = "lua/xio/memory_stream.lua",
    ["xio.repl"] = "lua/xio/repl.lua",
    ["xio.require"] = "lua/xio/require.lua",
    ["xio.scope_group"] = "lua/xio/scope_group.lua",
    ["xio.sort"] = "lua/xio/sort.lua",
    ["xio.standin"] = "lua/xio/standin.lua",
    ["xio.testing"] = "lua/xio/testing.lua",
    ["xio.tree"] = "lua/xio/tree.lua",
    ["xio.var"] = "lua/xio/var.lua",
    ["xio.core"] = {
      sources = {
        "csrc/base/alloc.c",
        "csrc/base/base.c",
        "csrc/base/heap.c",
        "csrc/base/status.c",
        "csrc/core/barrier.c",
        "csrc/core/channel.c",
        "csrc/core/check.c",
        "csrc/core/clock.c",
        "csrc/core/condition.c",
        "csrc/core/event.c",
        "csrc/core/fd.c",
        "csrc/core/group.c",
        "csrc/core/lock.c",
        "csrc/core/loop.c",
        "csrc/core/runqueue.c",
        "csrc/core/sched.c",
        "csrc/core/scope.c",
        "csrc/core/semaphore.c",
        "csrc/core/settle.c",
        "csrc/core/signal.c",
        "csrc/core/start.c",
        "csrc/core/task.c",
        "csrc/core/wait.c",
        "csrc/lua/argument.c",
        "csrc/lua/barrier.c",
        "csrc/lua/cancel.c",
        "csrc/lua/census.c",
        "csrc/lua/channel.c",
        "csrc/lua/condition.c",
        "csrc/lua/coroutine.c",
        "csrc/lua/error.c",
        "csrc/lua/event.c",
        "csrc/lua/fd.c",
        "csrc/lua/future.c",
        "csrc/lua/generator.c",
        "csrc/lua/group.c",
        "csrc/lua/item.c",
        "csrc/lua/limiter.c",
        "csrc/lua/lock.c",
        "csrc/lua/open.c",
        "csrc/lua/protect.c",
        "csrc/lua/region.c",
        "csrc/lua/run.c",
        "csrc/lua/scope.c",
        "csrc/lua/select.c",
        "csrc/lua/semaphore.c",
        "csrc/lua/standin.c",
        "csrc/lua/sync.c",
        "csrc/lua/task.c",
        "csrc/lua/testing.c",
        "csrc/lua/wait.c",
      },
      defines = { "_GNU_SOURCE" },
      incdirs = { "csrc/include", "$(LIBUV_INCDIR)" },
      libdirs = { "$(LIBUV_LIBDIR)" },
      libraries = { "uv" },
    },
  },
  install = {
    bin = { xio = "bin/xio" },
  },
}
test = {
  type = "command",
  command = "tools/test",
}
