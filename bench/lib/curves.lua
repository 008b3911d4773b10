--- Draws curves as an SVG, both scales logarithmic. Follows the reader's light or dark setting.

local curves = {}

local WIDTH <const>, HEIGHT <const> = 760, 420
local LEFT <const>, RIGHT <const>, TOP <const>, BOTTOM <const> = 64, 120, 48, 48

local STYLE <const> = [[
  <style>
    .page { fill: #ffffff } text { font: 12px system-ui, sans-serif; fill: #24292f }
    .head { font-size: 16px; font-weight: 600 } .note { fill: #57606a } .grid { stroke: #d8dee4 }
    .curve { fill: none; stroke-width: 2 }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117 } text { fill: #e6edf3 } .note { fill: #9da7b3 }
      .grid { stroke: #30363d }
    }
  </style>
]]

-- Readable on white and on black.
local COLOURS <const> = { "#cf4a12", "#1f77d0", "#2e9e4f", "#a35bd6", "#b58900", "#d6409f" }

local function decades(least, most)
  return math.floor(math.log(least, 10)), math.ceil(math.log(most, 10))
end

local function count_text(n)
  if n >= 1000000 then return ("%d M"):format(n // 1000000) end
  if n >= 1000 then return ("%d k"):format(n // 1000) end
  return ("%d"):format(n)
end

--- The picture.
---@param heading string above it
---@param note string below the axis of the counts
---@param lines { name: string, [integer]: number[] }[] each with its points: a count, and a value
---@return string
function curves.draw(heading, note, lines)
  local least, most, count_most = math.huge, 0, 0
  for _, line in ipairs(lines) do
    for _, point in ipairs(line) do
      least, most = math.min(least, point[2]), math.max(most, point[2])
      count_most = math.max(count_most, point[1])
    end
  end
  local low, high = decades(least, most)
  local right = math.log(count_most, 10)
  local function x_of(count)
    return LEFT + (WIDTH - LEFT - RIGHT) * (math.log(count, 10) - 1) / math.max(right - 1, 1)
  end
  local function y_of(value)
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (math.log(value, 10) - low) / (high - low)
  end
  local out = {}
  local function add(...) out[#out + 1] = string.format(...) end
  add('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img">', WIDTH, HEIGHT)
  add("  <title>%s</title>\n%s", heading, STYLE)
  add('  <rect class="page" width="%d" height="%d"/>', WIDTH, HEIGHT)
  add('  <text class="head" x="20" y="28">%s</text>', heading)
  for decade = low, high do
    local y = y_of(10.0 ^ decade)
    add('  <line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>', LEFT, WIDTH - RIGHT, y, y)
    add('  <text class="note" x="%d" y="%.1f" text-anchor="end">%s</text>', LEFT - 8, y + 4,
      count_text(math.tointeger(10 ^ decade) or 0))
  end
  for decade = 1, math.floor(right + 0.01) do
    local x = x_of(10.0 ^ decade)
    add('  <line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>', x, x, TOP, HEIGHT - BOTTOM)
    add('  <text class="note" x="%.1f" y="%d" text-anchor="middle">%s</text>', x,
      HEIGHT - BOTTOM + 18, count_text(math.tointeger(10 ^ decade)))
  end
  add('  <text class="note" x="%d" y="%d" text-anchor="middle">%s</text>',
    (LEFT + WIDTH - RIGHT) // 2, HEIGHT - 10, note)
  -- names beside the last points, none over another
  local names = {}
  for i, line in ipairs(lines) do
    local points = {}
    for _, point in ipairs(line) do
      points[#points + 1] = ("%.1f,%.1f"):format(x_of(point[1]), y_of(point[2]))
    end
    local colour = COLOURS[(i - 1) % #COLOURS + 1]
    add('  <polyline class="curve" stroke="%s" points="%s"/>', colour, table.concat(points, " "))
    local last = line[#line]
    names[i] = { line.name, x_of(last[1]), y_of(last[2]), colour }
  end
  table.sort(names, function(a, b) return a[3] < b[3] end)
  local above = -math.huge
  for _, name in ipairs(names) do
    above = math.max(name[3], above + 15)
    add('  <text x="%.1f" y="%.1f" style="fill: %s">%s</text>', name[2] + 8, above + 4, name[4],
      name[1])
  end
  out[#out + 1] = "</svg>\n"
  return table.concat(out, "\n")
end

return curves
