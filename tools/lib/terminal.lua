-- terminal: what a program has printed, in colours and with the lines of trees, as SVG.
--
-- The lines are drawn, since no two fonts join them, and each text is as wide as its cells.
local terminal = {}

local CELL <const>, LINE <const>, SIZE <const> = 8.2, 22, 13.6 -- pixels
local LEFT <const>, TOP <const> = 20, 18

local STYLE <const> = [[
<style>
text { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: 13.6px; fill: #1f2430; white-space: pre; }
.ground { fill: #f7f8fa; stroke: #c4ccd8; } .tree { stroke: #98a2b3; fill: none; }
.bold { font-weight: 600; } .dim { fill: #667085; } .red { fill: #b3261e; }
.green { fill: #1a7f37; } .yellow { fill: #8f5a00; } .cyan { fill: #0b6a82; }
@media (prefers-color-scheme: dark) {
text { fill: #e4e8ef; } .ground { fill: #14181f; stroke: #3c4757; } .tree { stroke: #67748a; }
.dim { fill: #98a2b3; } .red { fill: #f0837b; } .green { fill: #6cc483; }
.yellow { fill: #e3b75c; } .cyan { fill: #6fc8de; }
}
</style>]]

local KINDS <const> = { ["1"] = "bold", ["2"] = "dim", ["31"] = "red", ["32"] = "green",
  ["33"] = "yellow", ["36"] = "cyan" }

-- What stands in a cell of a tree: lines from its middle to these sides.
local LINES <const> = {
  ["│"] = "up down", ["├"] = "up down right", ["└"] = "up right", ["─"] = "left right",
}

local function escape(text)
  return (text:gsub("&", "&amp;"):gsub("<", "&lt;"):gsub(">", "&gt;"))
end

-- Parts of equal colour: an iterator of text, and kind if it has one.
local function parts(line)
  local at, kind = 1, nil
  return function()
    while at <= #line do
      local code, behind = line:match("^\27%[(%d*)m()", at)
      if code then
        kind, at = KINDS[code], behind
        assert(kind or code == "0", "a colour that is not known: " .. code)
      else
        local text, next_at = line:match("^([^\27]+)()", at)
        at = next_at
        return text, kind
      end
    end
  end
end

local function draw_cell(out, sides, column, y)
  local x, middle = LEFT + (column + 0.5) * CELL, y + LINE / 2
  for side, dx, dy in ("up:0:-1 down:0:1 left:-1:0 right:1:0"):gmatch("(%a+):(%S-):(%S+)") do
    if sides:find(side) then
      out[#out + 1] = ('<path class="tree" d="M%g %gl%g %g"/>')
        :format(x, middle, dx * CELL / 2, dy * LINE / 2)
    end
  end
end

-- Texts that begin and end without spaces, each with its place, so that none is squeezed.
local function draw_text(out, kind, text, column, y)
  local spaces, word = text:match("^( *)(.-) *$")
  if word == "" then return end
  local width = utf8.len(word)
  out[#out + 1] = ('<text x="%g" y="%g" textLength="%g"%s>%s</text>'):format(
    LEFT + (column + #spaces) * CELL, y + LINE / 2 + SIZE * 0.35, width * CELL,
    kind and (' class="%s"'):format(kind) or "", escape(word))
end

local function draw_line(out, line, y)
  local column = 0
  for text, kind in parts(line) do
    local begin, word = column, ""
    for _, code in utf8.codes(text) do
      local letter = utf8.char(code)
      if LINES[letter] then
        draw_cell(out, LINES[letter], column, y)
        letter = " "
      end
      word, column = word .. letter, column + 1
    end
    draw_text(out, kind, word, begin, y)
  end
  return column
end

-- The text of an SVG file that shows `printed`.
function terminal.draw(printed, title)
  local out, y, widest = {}, TOP, 0
  for line in printed:gmatch("([^\n]*)\n") do
    widest = math.max(widest, draw_line(out, line, y))
    y = y + LINE
  end
  local width, height = (2 * LEFT + widest * CELL) // 1, y + TOP
  return table.concat({
    ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" '
      .. 'role="img">'):format(width, height, width, height),
    ("<title>%s</title>"):format(escape(title)), STYLE,
    ('<rect class="ground" x="0.5" y="0.5" width="%d" height="%d" rx="8"/>')
      :format(width - 1, height - 1),
    table.concat(out, "\n"), "</svg>\n",
  }, "\n")
end

return terminal
