-- reference: reads the LuaCATS comments of lua/xio and writes the pages of the reference.
--
-- A documented thing is a block of `---` lines and the line behind it. Prose comes first, tags
-- (`---@param` …) after it; a `--- ` line behind a tag goes on with that. A class belongs to the
-- `local` behind it, and what is defined on that local to the class.
local files = require("files")

local reference = {}

-- What stands on which page. `in_module` is the public name of a file that returns a table which
-- has no class of its own; META files name theirs.
local META = "meta/"
reference.PAGES = {
  { name = "xio", title = "The module", META .. "xio.lua" },
  { name = "run", title = "Runs", META .. "run.lua" },
  { name = "task", title = "Tasks", META .. "task.lua", { "lua/xio/tree.lua", "xio" } },
  { name = "group", title = "Groups", META .. "group.lua" },
  { name = "scope", title = "Scopes", META .. "scope.lua", { "lua/xio/scope_group.lua", "xio" },
    META .. "scope_group.lua" },
  { name = "time", title = "Time and checkpoints", META .. "time.lua" },
  { name = "error", title = "Errors", { "lua/xio/error.lua", "xio" }, META .. "error.lua" },
  { name = "combine", title = "Several at once", { "lua/xio/combine.lua", "xio" },
    { "lua/xio/map.lua", "xio" } },
  { name = "select", title = "Select", META .. "select.lua" },
  { name = "channel", title = "Channels", META .. "channel.lua", { "lua/xio/channel.lua", "xio" } },
  { name = "service", title = "Services", { "lua/xio/service.lua", "xio" },
    { "lua/xio/service_group.lua", "xio" } },
  { name = "mailbox", title = "Mailboxes and actors", { "lua/xio/mailbox.lua", "xio" },
    { "lua/xio/actor.lua", "xio" } },
  { name = "registry", title = "Registries of requests", { "lua/xio/registry.lua", "xio" },
    META .. "registry.lua" },
  { name = "thread", title = "Threads", { "lua/xio/thread.lua", "xio.thread" } },
  { name = "thread_channel", title = "Channels between threads", META .. "thread_channel.lua" },
  { name = "portal", title = "Portals", { "lua/xio/portal.lua", "xio" }, META .. "portal.lua" },
  { name = "reply", title = "Replies", META .. "reply.lua" },
  { name = "close_scope", title = "Close scopes and work trackers", META .. "close_scope.lua" },
  { name = "event", title = "Events", META .. "event.lua" },
  { name = "future", title = "Futures", META .. "future.lua" },
  { name = "lock", title = "Locks", META .. "lock.lua" },
  { name = "semaphore", title = "Semaphores", META .. "semaphore.lua" },
  { name = "limiter", title = "Limiters", META .. "limiter.lua" },
  { name = "condition", title = "Conditions", META .. "condition.lua" },
  { name = "barrier", title = "Barriers", META .. "barrier.lua" },
  { name = "async", title = "Lazy calls and callbacks", { "lua/xio/async.lua", "xio" },
    { "lua/xio/callback.lua", "xio" } },
  { name = "var", title = "Task-local values", { "lua/xio/var.lua", "xio" } },
  { name = "stream", title = "Streams", META .. "stream.lua",
    { "lua/xio/stream.lua", "xio.stream" } },
  { name = "fd", title = "Files and descriptors of others", META .. "fd.lua" },
  { name = "net", title = "xio.net", { "lua/xio/net.lua", "xio.net" },
    { "lua/xio/serve.lua", "xio.net" }, META .. "listener.lua", META .. "udp.lua" },
  { name = "fs", title = "xio.fs", { "lua/xio/fs.lua", "xio.fs" }, META .. "file.lua",
    META .. "watch.lua" },
  { name = "process", title = "xio.process", { "lua/xio/process.lua", "xio.process" } },
  { name = "signal", title = "xio.signal", { "lua/xio/signal.lua", "xio.signal" },
    META .. "signal.lua" },
  { name = "testing", title = "xio.testing", { "lua/xio/testing.lua", "xio.testing" },
    { "lua/xio/memory_stream.lua" } },
}

-- Pages whose examples run on the real clock.
local REAL = {}
for name in ([[thread thread_channel portal reply close_scope service mailbox registry stream fd net
  fs process signal error]]):gmatch("%S+") do REAL[name] = true end

-- -- reading ------------------------------------------------------------------------------

-- Splits `text` behind the type that it begins with.
local function split_type(text)
  local depth, quoted = 0, false
  for i = 1, #text do
    local c = text:sub(i, i)
    if c == '"' then quoted = not quoted end
    if not quoted then
      if c:find("[%(%[{<]") then depth = depth + 1 end
      if c:find("[%)%]}>]") then depth = depth - 1 end
      if c == " " and depth == 0 and not text:sub(i - 1, i - 1):find("[:,|]") then
        return text:sub(1, i - 1), text:sub(i + 1)
      end
    end
  end
  return text, ""
end

-- A block of `---` lines as {text =, tags = {{tag, rest}}}.
local function read_block(lines)
  local text, tags = {}, {}
  for _, line in ipairs(lines) do
    local tag, rest = line:match("^%-%-%-@(%w+)%s*(.*)$")
    local content = line:gsub("^%-%-%-? ?", "")
    if tag then
      tags[#tags + 1] = { tag, rest }
    elseif #tags == 0 then
      text[#text + 1] = content
    else
      local last = tags[#tags]
      last[2] = last[2] .. " " .. content:gsub("^%s+", "")
    end
  end
  return { text = table.concat(text, "\n"), tags = tags }
end

local function read_class(block, item)
  for _, pair in ipairs(block.tags) do
    local tag, rest = pair[1], pair[2]
    if tag == "class" then
      item.kind = "class"
      item.name, item.parent = rest:match("^([%w_.]+)%s*:?%s*([%w_.]*)")
    elseif tag == "field" then
      local name, optional, more = rest:match("^(%[?[%w_]+%]?)(%??)%s+(.*)$")
      if name == "package" or name == "private" then goto next end
      local kind, text = split_type(more)
      if kind:find("%?$") then kind, optional = kind:sub(1, -2), "?" end
      item.fields[#item.fields + 1] = { name = name, optional = optional == "?", type = kind,
        text = text }
    elseif tag == "operator" then
      item.operators[rest:match("^%w+")] = true
    elseif tag == "alias" then
      item.kind, item.name, item.type = "alias", rest:match("^([%w_.]+)%s+(.*)$")
    end
    ::next::
  end
  return item.kind and item
end

local function read_function(block, item, code)
  item.kind, item.params, item.returns = "function", {}, {}
  for _, pair in ipairs(block.tags) do
    local tag, rest = pair[1], pair[2]
    if tag == "param" then
      local name, optional, more = rest:match("^([%w_.]+)(%??)%s*(.*)$")
      local kind, text = split_type(more)
      item.params[#item.params + 1] = { name = name, optional = optional == "?", type = kind,
        text = text }
    elseif tag == "return" then
      local kind, text = split_type(rest)
      item.returns[#item.returns + 1] = { type = kind, text = text }
    end
  end
  local arguments = code:match("%((.-)%)%s*") or ""
  if code:find("^function") then
    item.arguments = {}
    for name in arguments:gmatch("[%w_.]+") do table.insert(item.arguments, name) end
  end
  return item
end

-- Reads a file: {header =, items =}, the documented things in order, each with its full `name`,
-- and `owner`, the class, where it is a method.
function reference.read(root, path, in_module)
  local text = files.read(root .. "/" .. path)
  local lines, file = {}, { header = "", items = {}, path = path }
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  local first = lines[1] == "---@meta" and 2 or 1
  local i = first
  while lines[i] and lines[i]:find("^%-%-") do i = i + 1 end
  file.header = read_block({ table.unpack(lines, first, i - 1) }).text
  local owners = { [text:match("\nreturn ([%w_]+)%s*$") or ""] = in_module }
  file.in_module = in_module
  local pending = {}
  for number = i, #lines do
    local line = lines[number]
    if line:find("^%-%-%-") then
      pending[#pending + 1] = line
    else
      local block = #pending > 0 and read_block(pending)
      if not block then pending = {} end
      if block then
        local item = { text = block.text, fields = {}, operators = {}, path = path, line = number,
          comment = pending }
        pending = {}
        local owner, sep, name = line:match("^function ([%w_]+)([.:])([%w_]+)")
        if not owner then owner, sep, name = line:match("^([%w_]+)(%.)([%w_]+) =") end
        if read_class(block, item) then
          local variable = line:match("^local ([%w_]+)")
          if item.kind == "class" and variable then owners[variable] = item.name end
        elseif owner and owners[owner] and not name:find("^__") then
          read_function(block, item, line)
          item.method = sep == ":" or owners[owner]:find("%.%u") ~= nil
          item.owner, item.short = owners[owner], name
          item.name = owners[owner] .. (item.method and ":" or ".") .. name
        end
        if item.kind then table.insert(file.items, item) end
      end
    end
  end
  return file
end

-- All pages with their files read.
function reference.load(root)
  local pages = {}
  for _, page in ipairs(reference.PAGES) do
    local loaded = { name = page.name, title = page.title, real = REAL[page.name], files = {} }
    for _, source in ipairs(page) do
      local path, in_module = source, nil
      if type(source) == "table" then path, in_module = source[1], source[2] end
      table.insert(loaded.files, reference.read(root, path, in_module))
    end
    pages[#pages + 1] = loaded
  end
  return pages
end

-- -- what a text must tell ----------------------------------------------------------------

-- What tells the unit of a number, or what it counts.
local UNITS = { "second", "byte", "xio.now", "math.huge", "how many", "number", "count", "items",
  "tasks", "tokens", "permits", "descriptor", "index", "from 0", "from 1", "from 3", "port", "hops",
  "permissions", "place", "position", "at once", "connections", "requests", "size", "case",
  "argument", "by default 1", "1 by default", "at least", "at most", "seed", "come", "processors",
  "children", "ends", "point", "errors", "leaves", "mode", "descriptors", "lost", "same" }

local function tells_unit(text)
  for _, unit in ipairs(UNITS) do
    if text:find(unit, 1, true) then return true end
  end
  return false
end

-- A type in which a bare number is the value, and not inside a table or a function; where it may
-- be a string or a file too it is data, a port or a descriptor.
local function is_number(type)
  if type:find("%f[%w]string%f[%W]") or type:find("file*", 1, true) then return false end
  local plain = type:gsub("%b()", ""):gsub("%b{}", ""):gsub("%b[]", "")
  for word in plain:gmatch("[^|?%s]+") do
    if word == "number" or word == "integer" or word == "xio.Limit" then return true end
  end
  return false
end

-- Whether a call of the function is in an example of `text`.
local function is_shown(item, text)
  local name = item.short:gsub("%p", "%%%0")
  for code in ("\n" .. text):gmatch("\n```lua\n(.-)\n```") do
    if code:find("[:.]" .. name .. "%f[^%w_]") then return true end
  end
  return false
end

-- Finds the text of whatever shows the function: its own, that of its class, or of its page.
local function shown_by(page, item)
  if is_shown(item, item.text) then return item end
  local any
  for _, file in ipairs(page.files) do
    for _, other in ipairs(file.items) do
      if is_shown(item, other.text) and other.name == item.owner then return other end
      if is_shown(item, other.text) and not item.method then any = any or other end
    end
  end
  return any
end

-- Words that tell of errors, in lower case.
local ERRORS = { "%f[%a]raises?%f[%A]", "errors?%f[%A]", "or fails%f[%A]", "cannot fail",
  "does nothing", "as of the lock" }

local function tells_errors(item, text)
  for _, value in ipairs(item.returns) do
    if value.type:find("xio.Error", 1, true) then return true end
  end
  for _, pattern in ipairs(ERRORS) do
    if text:find(pattern) then return true end
  end
  return false
end

-- What the text of a function on a page does not tell, as a list of words.
function reference.lacks(page, file, item)
  local lacks = {}
  local function need(ok, what) if not ok then table.insert(lacks, what) end end
  local text = item.text:gsub("%s+", " "):lower()
  local all = file.header:find("Every function here is a checkpoint", 1, true) ~= nil
    and not item.method
  need(all or text:find("checkpoint") or text:find("never waits") or text:find("never resched"),
    "whether it is a checkpoint")
  need(tells_errors(item, text), "its errors")
  need(all or not reference.is_checkpoint(file, item) or text:find("cancelled"),
    "what cancelling does")
  for _, param in ipairs(item.params) do
    need(param.type ~= "", "the type of " .. param.name)
    need(not is_number(param.type) or tells_unit(param.text), "the unit of " .. param.name)
  end
  for _, value in ipairs(item.returns) do
    need(not is_number(value.type) or tells_unit(value.text), "the unit of a result")
  end
  need(shown_by(page, item), "an example")
  return lacks
end

-- -- writing ------------------------------------------------------------------------------

-- Whether a function is a checkpoint, by its text, or by that of its file.
function reference.is_checkpoint(file, item)
  if item.text:find("%f[%w]A%s+checkpoint") then return true end
  return file.header:find("Every function here is a checkpoint", 1, true) ~= nil
    and not item.method and not item.text:find("checkpoint", 1, true)
end

-- How methods of a class are written: of xio.ScopeGroup, `scope_group`.
local function receiver(class)
  return (class:match("([%w_]+)$"):gsub("(%l)(%u)", "%1_%2"):lower())
end

-- `xio.run([options,] f, ...)`
function reference.signature(item)
  local last_required = 0
  for i, param in ipairs(item.params) do
    if not param.optional and param.name ~= "..." then last_required = i end
  end
  local text, separator, brackets = "", "", 0
  for i, param in ipairs(item.params) do
    if not param.optional then
      text, separator = text .. separator .. param.name, ", "
    elseif i < last_required then
      text, separator = text .. separator .. "[" .. param.name .. ",]", " "
    else
      text, brackets = text .. (i == 1 and "[" or " [, ") .. param.name, brackets + 1
    end
  end
  local name = item.method and receiver(item.owner) .. ":" .. item.short or item.name
  return ("%s(%s%s)"):format(name, text, ("]"):rep(brackets))
end

local function write_entry(out, kind, name, text)
  text = text ~= "" and " " .. text or ""
  table.insert(out, ("- %s`%s`%s"):format(name, kind, text))
end

-- The name of the place of a thing on its page, whatever a viewer makes of its heading.
local function anchor(item)
  return (item.name:gsub("[^%w_]", "-"))
end

-- The heading of a function or class.
local function heading(file, item)
  if item.kind ~= "function" then return item.name end
  local mark = reference.is_checkpoint(file, item) and " ◊" or ""
  return ("`%s`%s"):format(reference.signature(item), mark)
end

-- Where a function that has no example of its own is shown.
local function write_example(out, page, item)
  local shown = shown_by(page, item)
  if not shown or shown == item then return end
  table.insert(out, ("Example: [%s](#%s)\n"):format(shown.name, anchor(shown)))
end

local function write_function(out, page, file, item)
  table.insert(out, ('<a id="%s"></a>\n\n%s %s\n\n%s\n'):format(anchor(item),
    item.method and "###" or "##", heading(file, item), item.text))
  if #item.params > 0 then
    for _, param in ipairs(item.params) do
      local kind = param.type .. (param.optional and "?" or "")
      write_entry(out, kind, "`" .. param.name .. "`: ", param.text)
    end
    table.insert(out, "")
  end
  if #item.returns > 0 then
    table.insert(out, "Returns:\n")
    for _, value in ipairs(item.returns) do
      local word, rest = value.text:match("^([%w_.]+)(.*)$")
      write_entry(out, value.type, "", word and ("*%s*%s"):format(word, rest) or value.text)
    end
    table.insert(out, "")
  else
    table.insert(out, "Returns nothing.\n")
  end
  write_example(out, page, item)
end

local function write_class(out, item)
  if item.name == "xio" and #item.fields == 0 then return end
  table.insert(out, ('<a id="%s"></a>\n\n## %s\n'):format(anchor(item), item.name))
  if item.parent ~= "" then table.insert(out, ("Has all of `%s`.\n"):format(item.parent)) end
  if item.text ~= "" then table.insert(out, item.text .. "\n") end
  for _, field in ipairs(item.fields) do
    write_entry(out, field.type .. (field.optional and "?" or ""), "`" .. field.name .. "`: ",
      field.text)
  end
  if #item.fields > 0 then table.insert(out, "") end
end

local function write_page(page)
  local out = { ("# %s\n"):format(page.title) }
  for _, file in ipairs(page.files) do
    table.insert(out, (file.header:gsub("^[%w_]+: (%l)", string.upper)) .. "\n")
    for _, item in ipairs(file.items) do
      if item.kind == "function" then
        write_function(out, page, file, item)
      elseif item.kind == "class" then
        write_class(out, item)
      else
        table.insert(out, ("## %s\n\n`%s`\n"):format(item.name, item.type))
      end
    end
  end
  return table.concat(out, "\n")
end

local INTRODUCTION <const> = [[
# Reference

◊ marks a checkpoint: a function that may suspend its task, and raises where the task is cancelled.
A function without the mark does not wait, unless its text says when. Times are in seconds, sizes in
bytes. What the outside world refuses is nil, an xio.Error and its code; what a program does wrong
raises, and so do arguments of a wrong type, everywhere. `…` in a list of codes means that there are
others of the system.

Examples are the body of a task, and `xio` is `require "xio"`; `-->` shows what is printed. Those
about time run on a virtual clock (`xio.run{ clock = "virtual" }`).

| page | functions and classes |
| --- | --- |
]]

-- The pages as a table of file name to text.
function reference.write(pages)
  local written, index = {}, { INTRODUCTION }
  for _, page in ipairs(pages) do
    local names, seen = {}, {}
    for _, file in ipairs(page.files) do
      for _, item in ipairs(file.items) do
        local public = item.kind == "function" and not item.method
          or item.kind == "class" and item.name:find("%.%u") and not item.name:find("Options$")
        if public and not seen[item.name] then
          names[#names + 1] = ("[`%s`](%s.md#%s)"):format(item.name, page.name, anchor(item))
          seen[item.name] = true
        end
      end
    end
    table.insert(index, ("| [%s](%s.md) | %s |\n"):format(page.title, page.name,
      table.concat(names, " ")))
    written[page.name .. ".md"] = write_page(page)
  end
  written["README.md"] = table.concat(index)
  return written
end

return reference
