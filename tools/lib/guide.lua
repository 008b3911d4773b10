-- guide: reads the pages of the documentation as lists of blocks, and compares what a block
-- prints with what its page shows. Pure functions; tools/check_guide runs what they give.
local guide = {}

-- What a comment in front of a block may say: a word, or a word and a text behind a colon.
local DIRECTIVES = {
  fragment = true,           -- Lua that is parsed, not run
  shown = true,              -- a text that no block of the page prints
  ["numbers differ"] = true, -- each number of the output stands for any number
  ["not run"] = true,        -- a console session that is only shown
  before = true,             -- code in front of the block, not shown
  after = true,              -- the same behind it
}

-- Languages of blocks that are neither run nor parsed.
guide.OTHERS = { python = true, go = true, javascript = true, json = true, cmake = true }

-- -- reading ------------------------------------------------------------------------------

-- Reads the comment that begins in lines[at]; gives its text and the line behind it.
local function read_comment(lines, at)
  local parts, line = {}, lines[at]:match("^<!%-%-(.*)$")
  while line do
    local last = line:match("^(.-)%-%->%s*$")
    table.insert(parts, last or line)
    at = at + 1
    if last then break end
    line = lines[at]
  end
  return table.concat(parts, "\n"):match("^%s*(.-)%s*$"), at
end

-- Reads the block that begins in lines[at]; gives it and the line behind it.
local function read_block(lines, at)
  local block = { line = at, lang = lines[at]:match("^```(%S*)"), directives = {} }
  local parts = {}
  at = at + 1
  while lines[at] and not lines[at]:find("^```%s*$") do
    table.insert(parts, lines[at])
    at = at + 1
  end
  block.closed = lines[at] ~= nil
  block.text = table.concat(parts, "\n") .. "\n"
  return block, at + 1
end

local function add_directive(page, directives, comment, line)
  local word, text = comment:match("^([%l ]+):%s*(.*)$")
  word = word or comment
  if DIRECTIVES[word] then
    directives[word] = text or true
  else
    table.insert(page.problems, { line, "no such comment: " .. comment })
  end
end

-- A page as {blocks = {...}, prose = {[line] = text}, problems = {{line, text}...}, lines = N}.
-- A block is {lang, text, line, directives, follows}; `follows` is the block right above it.
function guide.read(text)
  local lines = {}
  for line in (text:gsub("\n$", "") .. "\n"):gmatch("([^\n]*)\n") do table.insert(lines, line) end
  local page = { blocks = {}, prose = {}, problems = {}, lines = #lines }
  local at, directives, last = 1, {}, nil
  while lines[at] do
    local line = lines[at]
    if line:find("^<!%-%-") then
      local comment
      comment, at = read_comment(lines, at)
      add_directive(page, directives, comment, at - 1)
    elseif line:find("^```") then
      local block
      block, at = read_block(lines, at)
      block.directives, block.follows = directives, last
      table.insert(page.blocks, block)
      if not block.closed then table.insert(page.problems, { block.line, "no end" }) end
      directives, last = {}, block
    else
      if line:find("%S") then
        page.prose[at] = line
        if next(directives) then
          table.insert(page.problems, { at, "a comment with no block behind it" })
        end
        directives, last = {}, nil
      end
      at = at + 1
    end
  end
  return page
end

-- The name of the file that a Lua block is, from a comment that ends its first line.
function guide.file_of(block)
  return block.text:match("^[^\n]-%-%-%s*([%w_][%w_./-]*%.lua)[ \t]*\n")
end

-- The block with what comments put before and behind it, on its first and last line, so that
-- its lines keep their numbers.
function guide.whole(block)
  local function one_line(text) return text and text:gsub("%s*\n%s*", " ") or "" end
  local before, after = one_line(block.directives.before), one_line(block.directives.after)
  return before .. (before ~= "" and " " or "") .. block.text:gsub("\n$", "") ..
    (after ~= "" and " " or "") .. after .. "\n"
end

-- The commands of a console session, as {{command, output}...}; `\` at the end of a command's
-- line continues it.
function guide.session(block)
  local steps, open = {}, false
  for line in block.text:gmatch("([^\n]*)\n") do
    local command = line:match("^%$ (.*)$")
    if command then
      table.insert(steps, { command, "" })
    elseif open then
      steps[#steps][1] = steps[#steps][1] .. "\n" .. line
    elseif #steps == 0 then
      return nil, "a session begins with a command: $ ..."
    else
      steps[#steps][2] = steps[#steps][2] .. line .. "\n"
    end
    open = (command or open and line or ""):find("\\$") ~= nil
  end
  return steps
end

-- -- comparing ----------------------------------------------------------------------------

local function lines_of(text)
  local result = {}
  for line in text:gmatch("([^\n]*)\n") do table.insert(result, line) end
  local rest = text:match("[^\n]+$")
  if rest then table.insert(result, rest) end
  return result
end

-- The pattern of a line that is shown: `...` stands for any text.
local function pattern_of(line, numbers)
  local pattern = line:gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0"):gsub("%%%.%%%.%%%.", ".*")
  if numbers then
    pattern = pattern:gsub("%d+%%%.%d+", "%%d+%%.?%%d*"):gsub("%f[%w%%]%d+", "%%d+")
  end
  return "^" .. pattern .. "$"
end

local function match_from(expected, i, lines, j, numbers)
  while expected[i] do
    if expected[i] == "..." then
      for first = j, #lines + 1 do
        if match_from(expected, i + 1, lines, first, numbers) then return true end
      end
      return false
    end
    if not lines[j] or not lines[j]:find(pattern_of(expected[i], numbers)) then return false end
    i, j = i + 1, j + 1
  end
  return lines[j] == nil
end

-- Whether `printed` is what `shown` says. A line `...` stands for any number of lines, and `...`
-- in a line for any text; with `numbers`, a number for any number.
function guide.matches(shown, printed, numbers)
  return match_from(lines_of(shown), 1, lines_of(printed), 1, numbers)
end

-- -- prose --------------------------------------------------------------------------------

-- The anchors of the headings of a page, and those that it has set itself.
function guide.anchors(page)
  local anchors = {}
  for _, line in pairs(page.prose) do
    local title = line:match("^#+%s+(.*)$")
    if title then
      local anchor = title:gsub("%[(.-)%]%(.-%)", "%1"):lower():gsub("[^%w%s_-]", "")
      anchors[(anchor:gsub("%s", "-"))] = true
    end
    for id in line:gmatch('<a id="([^"]*)">') do anchors[id] = true end
  end
  return anchors
end

-- Calls `f(code)` for each piece of code in a line of prose.
function guide.each_code(line, f)
  line = line:gsub("``(.-)``", function(code) f((code:gsub("^ (.*) $", "%1"))) return "" end)
  for code in line:gmatch("`([^`]+)`") do f(code) end
end

-- Calls `f(path, anchor)` for each relative link in a line of prose; "" is the page itself.
function guide.each_link(line, f)
  for target in line:gsub("`[^`]*`", ""):gmatch("%]%(([^%s)]+)%)") do
    if not target:find("^%a+:") then f(target:match("^([^#]*)#?(.*)$")) end
  end
end

-- Whether `code` is Lua: statements or an expression.
function guide.is_lua(code)
  return (load("return " .. code) or load(code)) ~= nil
end

-- Calls `f(line, code)` for each piece of code in the last column of the tables whose last
-- column is headed "xio" or "here ...".
function guide.each_cell(page, f)
  local inside = false
  for at = 1, page.lines do
    local line = page.prose[at] or ""
    local last = line:match("^|.*|([^|]*)|%s*$")
    if not last then
      inside = false
    elseif last:find("^ ?xio ?$") then
      inside = true
    elseif inside then
      guide.each_code(last, function(code) f(at, code) end)
    end
  end
end

return guide
