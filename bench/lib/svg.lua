--- Draws the results as an SVG: a panel for each row of the table, in it a line for each program,
--- the fastest on top, on a logarithmic scale. Follows the reader's light or dark setting.

local grid = require "grid"

local svg = {}

local WIDTH <const> = 960
local MARGIN <const> = 20
local GAP <const> = 28
local HEAD <const> = 56 -- above the panels
local TITLE <const> = 26 -- above the lines of a panel
local LINE <const> = 18
local NAME <const> = 72 -- left of the scale
local VALUE <const> = 48 -- right of the scale
local PANEL <const> = (WIDTH - 2 * MARGIN - GAP) / 2

local STYLE <const> = [[
  <style>
    .page { fill: #ffffff } text { font: 12px system-ui, sans-serif; fill: #24292f }
    .head { font-size: 16px; font-weight: 600 } .title { font-weight: 600 }
    .note, .peer-text { fill: #57606a } .grid { stroke: #d8dee4 }
    .peer { fill: #8c959f; stroke: #8c959f } .limit { fill: #1a7f37; stroke: #1a7f37 }
    .xio { fill: #cf4a12; stroke: #cf4a12 } .xio-text { fill: #cf4a12; font-weight: 600 }
    .limit-text { fill: #1a7f37 }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117 } text { fill: #e6edf3 } .note, .peer-text { fill: #9da7b3 }
      .grid { stroke: #30363d } .peer { fill: #7d8590; stroke: #7d8590 }
      .limit { fill: #3fb950; stroke: #3fb950 } .limit-text { fill: #3fb950 }
      .xio { fill: #ff9457; stroke: #ff9457 } .xio-text { fill: #ff9457 }
    }
  </style>
]]

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escape(s)
  return (s:gsub('[&<>"]', entities))
end

local function class_of(name)
  return (name == "xio" or name == "limit") and name or "peer"
end

--- The values of a row, the best first.
local function sorted_values(row)
  local values = {}
  for name, value in pairs(row.values) do
    values[#values + 1] = { name = name, value = value }
  end
  table.sort(values, function(a, b)
    if a.value ~= b.value then return (a.value < b.value) ~= (row.more or false) end
    return a.name < b.name
  end)
  return values
end

local function panel_height(row)
  local lines = 0
  for _ in pairs(row.values) do
    lines = lines + 1
  end
  return TITLE + lines * LINE
end

--- Draws one panel with its upper left corner at x, y.
local function draw_panel(out, row, x, y)
  local values = sorted_values(row)
  local function add(...) out[#out + 1] = string.format(...) end
  add('  <text class="title" x="%d" y="%d">%s<tspan class="note" dx="5">%s</tspan></text>\n',
    x, y + 14, escape(row.title), escape(row.unit))
  if #values == 0 then return end
  local left, right = x + NAME, x + PANEL - VALUE
  local first, last = values[1].value, values[#values].value
  local low = math.floor(math.log(math.min(first, last), 10) - 0.1)
  local high = math.ceil(math.log(math.max(first, last), 10))
  if high == low then high = low + 1 end
  local function place(value)
    return left + (right - left) * (math.log(value, 10) - low) / (high - low)
  end
  for power = low, high do
    local at = place(10 ^ power)
    add('  <line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>\n',
      at, at, y + TITLE - 4, y + TITLE + #values * LINE)
  end
  for i, item in ipairs(values) do
    local middle, class = y + TITLE + (i - 0.5) * LINE, class_of(item.name)
    local at = place(item.value)
    add('  <text class="%s-text" x="%d" y="%.1f" text-anchor="end">%s</text>\n',
      class, left - 8, middle + 4, escape(item.name))
    add('  <line class="%s" stroke-width="%d" x1="%d" x2="%.1f" y1="%.1f" y2="%.1f"/>\n',
      class, class == "xio" and 3 or 2, left, at, middle, middle)
    add('  <circle class="%s" cx="%.1f" cy="%.1f" r="%d"/>\n',
      class, at, middle, class == "xio" and 5 or 4)
    add('  <text class="%s-text" x="%.1f" y="%.1f">%s</text>\n',
      class, at + 9, middle + 4, grid.number(item.value))
  end
end

---@class bench.svg_row
---@field title string
---@field unit string
---@field values table<string, number> median by program
---@field more boolean? more is better

--- Returns the drawing.
---@param heading string
---@param note string one line under it
---@param rows bench.svg_row[]
---@return string
function svg.draw(heading, note, rows)
  local out, y = {}, HEAD
  for i = 1, #rows, 2 do
    local right = rows[i + 1]
    draw_panel(out, rows[i], MARGIN, y)
    if right then draw_panel(out, right, MARGIN + PANEL + GAP, y) end
    y = y + math.max(panel_height(rows[i]), right and panel_height(right) or 0) + GAP
  end
  local height = y - GAP + MARGIN
  return table.concat({
    string.format('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" '
      .. 'height="%d" role="img">\n', WIDTH, height, WIDTH, height),
    "  <title>", escape(heading), "</title>\n", STYLE,
    '  <rect class="page" width="100%" height="100%"/>\n',
    string.format('  <text class="head" x="%d" y="26">%s</text>\n', MARGIN, escape(heading)),
    string.format('  <text class="note" x="%d" y="44">%s</text>\n', MARGIN, escape(note)),
    table.concat(out), "</svg>\n",
  })
end

return svg
