-- guide_selftest: check_guide on a sound page (no finding) and on pages that each have one fault
-- (exactly the expected finding).

-- In the pages below ''' stands for a fence.
local SOUND = [=[
# A page

After this page you can do nothing. See [the check](../../tools/check_guide) and [here](#a-page).

'''lua
local xio = require "xio"                            -- named.lua
return 7
'''
<!-- before: local seven = require "named" -->
'''lua
print("a", seven)
io.stderr:write("on the other output\n")
print(...)
'''
'''text
a	7
on the ... output

'''

'''lua
local silent = 1
'''

<!-- fragment -->
'''lua
local function incomplete(...) return ... end
'''

<!-- numbers differ -->
'''console
$ echo one; echo 2.25 s, 3
one
0.1 s, 17
$ false
$ echo $?; \
  echo two
1
two
$ sleep 60 &
$ xio named.lua && echo named
named
$ seq 5
1
...
5
'''
<!-- not run -->
'''console
$ rm -r /
'''
'''sh
make install
'''
<!-- before: int f(void) { -->
<!-- after: } -->
'''c
return 0;
'''
| there | xio |
| --- | --- |
| `nothing at all` | `xio.sleep(1)`, `task:cancel()` |

The names `xio.net.listen` and `xio.Task` are known.

Next: nothing.
]=]

local BEGIN, END = "# A page\n\nAfter this page you see.\n\n", "\n\nNext: nothing.\n"

-- What stands between begin and end of a page, and the finding.
local FAULTS = {
  { "prints another text", "'''lua\nprint(1)\n'''\n'''text\n2\n'''", "shown:\n2\nprinted:\n1" },
  { "prints more", "'''lua\nprint(1) print(2)\n'''\n'''text\n1\n'''", "printed:\n1\n2" },
  { "prints less", "'''lua\nprint(1)\n'''\n'''text\n1\n2\n'''", "shown:\n1\n2" },
  { "prints, and nothing is shown", "'''lua\nprint(1)\n'''", "printed:\n1" },
  { "raises", "'''lua\nerror('oh', 0)\n'''", "oh" },
  { "exits with a status", "'''lua\nos.exit(3)\n'''", "exit status 3" },
  { "does not parse", "<!-- fragment -->\n'''lua\nlocal x = = 1\n'''", "unexpected symbol" },
  { "keeps a file for nobody", "'''lua\nreturn 1 -- lost.lua\n'''",
    "no later block uses lost.lua" },
  { "keeps a file that does not parse", "'''lua\n= -- bad.lua\n'''\n'''console\n$ : bad.lua\n'''",
    "unexpected symbol" },
  { "has a command that prints another text", "'''console\n$ echo 1\n2\n'''", "echo 1\nshown:\n2" },
  { "has a command that is not there", "'''console\n$ no-such-command\n'''", "not found" },
  { "has a session that is cut off", "'''console\n$ exit 3\n$ echo\n\n'''", "exit status 3" },
  { "has a session without a command", "'''console\n1\n'''", "begins with a command" },
  { "matches too little", "'''console\n$ seq 3\n1\n...\n4\n'''", "seq 3" },
  { "has a text of nobody", "Text.\n\n'''text\n1\n'''", "no block prints" },
  { "has shell that does not parse", "'''sh\nif\n'''", "syntax error" },
  { "has C that does not compile", "'''c\nint f(void) { return x; }\n'''", "undeclared" },
  { "has a block of no language", "'''\n1\n'''", "no known language" },
  { "has a block with no end", "'''python\n1\n", "no end" },
  { "has an unknown comment", "<!-- fragmnet -->\n'''python\n'''", "no such comment" },
  { "has a comment for nothing", "<!-- fragment -->\nText.", "no block behind it" },
  { "has a link to nowhere", "[a](nowhere.md)", "a link to nowhere" },
  { "has a link to no heading", "[a](#nowhere)", "a link to no heading" },
  { "has a name that is none", "Call `xio.sloop(1)`.", "there is no xio.sloop" },
  { "has a cell that is no Lua", "| a | xio |\n| --- | --- |\n| a | `local x = =` |", "is no Lua" },
  { "has a cell with no method", "| a | xio |\n| --- | --- |\n| a | `t:cansel()` |", "no method" },
}

-- A page is what `check(path, text)` finds wrong with it, as check_page does.
local function findings_of(check, text)
  local wrong = {}
  for _, result in ipairs(check("docs/guide/self-test.md", (text:gsub("'''", "```")))) do
    if not result[1] then table.insert(wrong, result[3]) end
  end
  return wrong
end

return function(check)
  local results = {}
  local function expect(title, text, expected)
    local wrong = findings_of(check, text)
    local as_expected = #wrong == (expected and 1 or 0)
    if as_expected and expected then as_expected = wrong[1]:find(expected, 1, true) ~= nil end
    table.insert(results, { as_expected, "self-test: a page that " .. title,
      "found: " .. table.concat(wrong, "\n") })
  end
  expect("is sound", SOUND)
  for _, fault in ipairs(FAULTS) do
    local is_open = fault[1]:find("no end") ~= nil -- and goes on to the end of the page
    expect(fault[1], is_open and BEGIN .. END .. fault[2] or BEGIN .. fault[2] .. END, fault[3])
  end
  expect("does not end well", BEGIN .. "Text.", "what to read next")
  expect("does not begin well", "# A page" .. END, "what you can do after it")
  return results
end
