-- floors_selftest: check_floors on a sound tree (no finding) and on trees that each break
-- one rule (exactly the expected finding). Prints TAP.
local files = require("files")

local SOUND = {
  ["csrc/base/list.h"] = [[
/* xio_not_a_function(); #include "lua.h" */
#include <stddef.h>
typedef void (*xio_fn)(void *context);
typedef struct xio_list {
  struct xio_list *next;
} xio_list;
__attribute__((cold)) int xio_list_count(const xio_list *list);
static inline void xio_list_init(xio_list *list) {
  list->next = list;
}
]],
  ["csrc/base/list.c"] = [[
#include "list.h"
#define XIO_MACRO(x) \
  if (x) { abort; }
static const char text[] = "malloc(1) // \" abort()";
int xio_list_count(const xio_list *list) {
  xio_list_init((xio_list *)list);
  return text[0] == '"' ? 0 : 1; /* abort() */
}
]],
  ["csrc/core/clock.h"] = '#include "../base/list.h"\n',
  ["csrc/core/wait.h"] = '#include "clock.h"\n#include <uv.h>\n',
  ["csrc/core/wait.c"] = '#include "wait.h"\nint x(struct o *o) { return o->free(o); }\n',
  ["csrc/lua/open.c"] = '#include <lua.h>\n#include "../core/wait.h"\n',
  ["csrc/cli/main.c"] = 'int main(void) { return xio_list_count(NULL); }\n',
  ["csrc/test/unit/test_list.c"] = "#include <cmocka.h>\nvoid t(void) { abort(); }\n",
  ["lua/xio/init.lua"] = 'local core = require("xio.core")\nreturn function()\n'
    .. '  return require "xio.error", core, "end" -- end\nend\n',
  ["lua/xio/error.lua"] = 'local xio = require "xio"\nreturn xio\n',
}

local LONG_BODY = ("  x();\n"):rep(60)

-- What is added to the sound tree (or replaces a file of it), and the finding.
local BROKEN = {
  { "an include that points up", "csrc/base/b.c", '#include "../core/clock.h"\n', 1,
    "must not see" },
  { "Lua in the core", "csrc/core/wait.c", "\n#include <lua.h>\n", 2, "includes lua%.h" },
  { "libuv in the base", "csrc/base/b.c", "#include <uv.h>\n", 1, "includes uv%.h" },
  { "a foreign library", "csrc/core/wait.c", "#include <curl/curl.h>\n", 1, "curl" },
  { "a header that includes one to its right", "csrc/core/clock.h", '#include "scope.h"\n', 1,
    "not to its left", ["csrc/core/scope.h"] = "" },
  { "a noun without a place", "csrc/core/thing.c", "\n", 1, "no place in CORE_ORDER" },
  { "a directory without a floor", "csrc/new/thing.c", "\n", 1, "stands on no floor" },
  { "a cycle of includes", "csrc/lua/a.h", '\n#include "b.h"\n', 1, "cycle",
    ["csrc/lua/b.h"] = '#include "a.h"\n', at = "csrc/lua/b.h" },
  { "an orphan", "csrc/core/wait.h", "\n/* it */\nint xio_wait_lost(void);\n", 3,
    "nothing uses xio_wait_lost", ["csrc/core/wait.c"] =
    '#include "wait.h"\nint xio_wait_lost(void) {\n  return 0;\n}\n' },
  { "an orphan in the header", "csrc/core/wait.h",
    "static inline int xio_wait_lost(void) {\n  return 0;\n}\n", 1, "xio_wait_lost" },
  { "a banned call", "csrc/core/wait.c", "void f(void) {\n  abort ();\n}\n", 2, "calls abort" },
  { "a banned call in a macro", "csrc/lua/task.c", "\n#define X() luaL_ref(L, 1)\n", 2,
    "calls luaL_ref" },
  { "a long function", "csrc/core/wait.c", "\nstatic int\nf(void) {\n" .. LONG_BODY .. "}\n", 2,
    "f has 63 lines" },
  { "a long comment", "csrc/core/wait.c", "\n/* " .. ("\u{2026}"):rep(85) .. " */\n", 2,
    "91 columns" },
  { "a long file", "csrc/core/wait.c", ("\n"):rep(601), 601, "601 lines" },
  { "a long spec", "spec/a_spec.lua", ("\n"):rep(901), 901, "901 lines" },
  { "a long example", "examples/a.lua", ("\n"):rep(601), 601, "601 lines" },
  { "a long Lua function", "lua/xio/a.lua", "return function()\n" .. LONG_BODY .. "end\n", 1,
    "a function of 62 lines" },
  { "a require of a stranger", "lua/xio/a.lua", '\nlocal lfs = require "lfs"\n', 2,
    "requires lfs" },
  { "a cycle of requires", "lua/xio/init.lua", '\nlocal e = require("xio.error")\n', 2, "cycle" },
}

local NM = "\nscope.c.o:\n                 U lua_gettop\n                 U uv_run\n"

local function write_tree(root, tree)
  for path, text in pairs(tree) do files.write(root .. "/" .. path, text) end
end

-- Whether `found` is the one finding that `case` expects.
local function is_expected(found, case)
  local one = found[1]
  return #found == 1 and one.file == (case.at or case[2])
    and one.line == case[4] and one.text:find(case[5]) ~= nil
end

local function broken_tree(case)
  local tree = { [case[2]] = case[3] }
  for path, text in pairs(SOUND) do tree[path] = tree[path] or text end
  for path, text in pairs(case) do
    if type(path) == "string" and path:find("/") then tree[path] = text end
  end
  return tree
end

return function(check, check_symbols)
  local base = os.tmpname()
  os.remove(base)
  local number, failed = 0, 0
  local function report(name, good, found)
    number = number + 1
    failed = failed + (good and 0 or 1)
    print(("%s %d - %s"):format(good and "ok" or "not ok", number, name))
    for _, one in ipairs(good and {} or found) do
      print(("# %s:%d: %s"):format(one.file, one.line, one.text))
    end
  end
  write_tree(base .. "/sound", SOUND)
  local found = check(base .. "/sound")
  report("a sound tree", #found == 0, found)
  for index, case in ipairs(BROKEN) do
    local root = base .. "/" .. index
    write_tree(root, broken_tree(case))
    found = check(root)
    report(case[1], is_expected(found, case), found)
  end
  found = check_symbols("core.a", NM)
  report("a Lua symbol in the archive", #found == 1 and found[1].text:find("scope.c.o"), found)
  assert(os.execute("rm -r " .. files.quote(base)))
  print("1.." .. number)
  return failed == 0
end
