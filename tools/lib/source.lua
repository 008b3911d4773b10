-- source: a small reader of C and Lua text: enough for the floor check, no preprocessor.
-- Every function keeps positions on their lines.
local source = {}

-- A function that gives the line of a position; positions must not go back.
function source.line_counter(text)
  local at, line = 1, 1
  return function(position)
    while true do
      local newline = text:find("\n", at, true)
      if not newline or newline >= position then return line end
      at, line = newline + 1, line + 1
    end
  end
end

local function blank(text)
  return (text:gsub("[^\n]", " "))
end

-- Where the literal ends that opens with the quote at `start`; at the latest with its line.
local function literal_end(text, start)
  local mark, stop = text:sub(start, start), start
  while true do
    stop = text:find("[" .. mark .. "\\\n]", stop + 1) or #text
    if text:sub(stop, stop) ~= "\\" then return stop end
    stop = stop + 1
  end
end

-- Replaces by spaces what find_piece(text, start) calls a piece. It is asked at each place
-- that matches `pattern` and gives the end of the piece, or nil, and whether to blank it.
local function replace(text, pattern, find_piece)
  local parts, at = {}, 1
  while true do
    local start = text:find(pattern, at)
    if not start then break end
    local stop, is_blank = find_piece(text, start)
    parts[#parts + 1] = text:sub(at, start - 1)
    local piece = text:sub(start, stop or start)
    parts[#parts + 1] = stop and is_blank and blank(piece) or piece
    at = (stop or start) + 1
  end
  parts[#parts + 1] = text:sub(at)
  return table.concat(parts)
end

-- C text with comments replaced by spaces, and string and character literals if asked.
function source.strip_c(text, literals)
  return replace(text, "[\"'/]", function(_, start)
    local open = text:sub(start, start + 1)
    if open == "/*" then
      return select(2, text:find("*/", start + 2, true)) or #text, true
    elseif open == "//" then
      return (text:find("\n", start, true) or #text + 1) - 1, true
    elseif open:sub(1, 1) ~= "/" then
      return literal_end(text, start), literals
    end
  end)
end

-- Lua text with comments and long strings replaced by spaces, and short ones if asked.
function source.strip_lua(text, literals)
  return replace(text, "[-\"'%[]", function(_, start)
    local comment = text:find("^%-%-", start) ~= nil
    local level = text:match("^%[(=*)%[", comment and start + 2 or start)
    if level then
      return select(2, text:find("]" .. level .. "]", start, true)) or #text, true
    elseif comment then
      return (text:find("\n", start, true) or #text + 1) - 1, true
    elseif text:find("^[\"']", start) then
      return literal_end(text, start), literals
    end
  end)
end

-- C text without preprocessor lines, also where one goes on in the next line.
function source.without_directives(text)
  local out, inside = {}, false
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    inside = inside or line:find("^%s*#") ~= nil
    out[#out + 1] = inside and "" or line
    inside = inside and line:sub(-1) == "\\"
  end
  return table.concat(out, "\n")
end

-- Calls visit(kind, name, head, first, last) for each function that C text, stripped and
-- without directives, declares ("decl") or defines ("def") at file level: its name, the
-- text before its parameters, its lines.
function source.each_function(text, visit)
  local line_of = source.line_counter(text)
  local at, depth, parens = 1, 0, 0
  local first, name, head, body
  local function finish(kind, position)
    if kind then visit(kind, name, head, first, line_of(position)) end
    first, name, body = nil, nil, false
  end
  for position, char in text:gmatch("()([{}();])") do
    local at_top = depth == 0 and parens == 0
    if at_top and not first then
      first, head = line_of(text:find("%S", at)), ""
    end
    if at_top and not name then
      head = head .. text:sub(at, position)
      local word = char == "(" and head:match("([%a_][%w_]*)%s*%($")
      -- macros in front of a declaration are in capitals
      if word and word ~= "__attribute__" and word:find("%l") then name = word end
    end
    at = position + 1
    if char == "(" then
      parens = parens + 1
    elseif char == ")" then
      parens = parens - 1
    elseif char == "{" then
      -- a macro in capitals, with its parameters, in the place of a function's head
      if depth == 0 and not name then name = head:match("^%s*(%u[%u_]*)%s*%(") end
      if depth == 0 then body = name and not head:find("=", 1, true) end
      depth = depth + 1
    elseif char == "}" then
      depth = depth - 1
      if depth == 0 and body then finish("def", position) end
    elseif at_top then
      local is_function = name and not head:find("%f[%w_]typedef%f[^%w_]")
        and not head:find("=", 1, true)
      finish(is_function and "decl", position)
    end
  end
end

return source
