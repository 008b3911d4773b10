-- site: what tools/site does with pages beyond mkdocs.
--
--   lua5.4 site.lua DIRECTORY            puts README.md in place of links to folders
--   lua5.4 site.lua DIRECTORY --nav      prints the navigation for mkdocs.yml
--   lua5.4 site.lua DIRECTORY --check    the links in the finished pages lead somewhere
local here = arg[0]:match("^(.*/)") or "./"
package.path = here .. "?.lua;" .. package.path
local files = require("files")

local DIRECTORY, mode = arg[1], arg[2]

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

local function is_folder(path)
  return os.execute("test -d " .. files.quote(path)) == true
end

local function parent(path) return path:match("^(.*)/[^/]*$") or "." end

-- A link to a folder becomes one to its README.md, or just its text where there is none; so does
-- a link to what is no part of the site.
local function fix_links(path)
  local text = files.read(DIRECTORY .. "/" .. path)
  local fixed = text:gsub("%[([^%[%]]*)%]%(([^%s()]+)%)", function(label, target)
    local place, anchor = target:match("^([^#]*)(#?.*)$")
    if place == "" or place:find("^%a+:") then return nil end
    local at = DIRECTORY .. "/" .. parent(path) .. "/" .. place
    if is_folder(at) then
      if not exists(at .. "/README.md") then return label end
      return ("[%s](%s/README.md%s)"):format(label, (place:gsub("/$", "")), anchor)
    end
    if not exists(at) then return label end
    return nil
  end)
  if fixed ~= text then files.write(DIRECTORY .. "/" .. path, fixed) end
end

local function title_of(path)
  return files.read(DIRECTORY .. "/" .. path):match("^#%s+([^\n]*)") or path
end

local function print_nav()
  local function entry(indent, path, title)
    print(('%s- "%s": %s'):format(indent, (title or title_of(path)):gsub('["`]', ""), path))
  end
  -- The pages that a README names: first those in its tables, in their order.
  local function section(title, folder)
    print(('  - "%s":'):format(title))
    entry("    ", folder .. "/README.md", "Overview")
    local seen = { ["README.md"] = true }
    local index = files.read(DIRECTORY .. "/" .. folder .. "/README.md")
    local rows = {}
    for row in index:gmatch("%f[^\n]|[^\n]*") do rows[#rows + 1] = row end
    for name in (table.concat(rows) .. index):gmatch("%]%(([%w_-]+%.md)") do
      if not seen[name] then entry("    ", folder .. "/" .. name) end
      seen[name] = true
    end
  end
  entry("  ", "README.md", "xio")
  section("Guide", "docs/guide")
  section("Reference", "docs/reference")
  print('  - "More":')
  for _, path in ipairs(files.list(DIRECTORY, "docs", ".md")) do
    if path:find("^docs/[^/]+$") then entry("    ", path) end
  end
  entry("    ", "examples/README.md")
  if exists(DIRECTORY .. "/bench/README.md") then entry("    ", "bench/README.md") end
  entry("    ", "CONTRIBUTING.md")
  entry("    ", "CHANGELOG.md")
  section("Decisions", "docs/decisions")
end

local function check()
  local problems, count = 0, 0
  local ids = {}
  local function ids_of(path)
    if not ids[path] then
      local found = {}
      for id in files.read(path):gmatch('%sid="([^"]*)"') do found[id] = true end
      ids[path] = found
    end
    return ids[path]
  end
  for _, path in ipairs(files.list(DIRECTORY, ".", ".html")) do
    local page = DIRECTORY .. "/" .. path
    for target in files.read(page):gmatch('%s[hs][re][ce]f?="([^"]*)"') do
      local place, anchor = target:gsub("&amp;", "&"):match("^([^#?]*)[^#]*#?(.*)$")
      if not target:find("^%a+:") and not target:find("^//") and not path:find("404") then
        count = count + 1
        local at = place == "" and page or parent(page) .. "/" .. place
        local is_page = at:find("%.html$") and exists(at)
        if not exists(at) or is_page and anchor ~= "" and not ids_of(at)[anchor] then
          problems = problems + 1
          print(("%s: nothing is at %s"):format(path, target))
        end
      end
    end
  end
  print(("%d links, %d of them lead nowhere"):format(count, problems))
  return problems == 0
end

if mode == "--nav" then
  print_nav()
elseif mode == "--check" then
  os.exit(check())
else
  for _, path in ipairs(files.list(DIRECTORY, ".", ".md")) do fix_links((path:gsub("^%./", ""))) end
end
