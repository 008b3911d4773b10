-- picture: drawings of boxes, texts and arrows as SVG, readable on light and dark grounds.
--
-- Coordinates are in pixels, from the left top. A picture is a list of shapes, drawn in order:
--   { "box", x, y, w, h, kind }             kind: floor, noun, soft, mark, life, shield
--   { "text", x, y, text, kind }            kind: title, label, small, code; anchored by `at`
--   { "arrow", x1, y1, x2, y2, kind }       kind: call, up
--   { "line", x1, y1, x2, y2 }
local picture = {}

local STYLE <const> = [[
<style>
text { font-family: system-ui, sans-serif; font-size: 14px; fill: #1f2430; }
.title { font-weight: 600; font-size: 15px; }
.small { font-size: 12.5px; fill: #5b6472; }
.code { font-family: ui-monospace, monospace; font-size: 12.5px; }
.number { font-weight: 600; font-size: 12px; fill: #ffffff; }
.floor { fill: #eef1f6; stroke: #c4ccd8; }
.noun { fill: #ffffff; stroke: #8a94a6; }
.soft { fill: #f7f8fa; stroke: #c4ccd8; stroke-dasharray: 4 3; }
.mark { fill: #b3261e; stroke: none; }
.life { fill: #cfe3d4; stroke: #4d8a5c; }
.shield { fill: #f6e3b4; stroke: #b08a2e; }
.cut { fill: #f3c9c5; stroke: #b3261e; }
.call { stroke: #5b6472; stroke-width: 1.5; fill: none; }
.up { stroke: #b3261e; stroke-width: 1.5; fill: none; }
.lane { stroke: #c4ccd8; stroke-width: 1; stroke-dasharray: 3 4; }
.head-call { fill: #5b6472; } .head-up { fill: #b3261e; }
@media (prefers-color-scheme: dark) {
text { fill: #e4e8ef; } .small { fill: #a4adbb; } .ground { fill: #14181f; }
.floor { fill: #1e2530; stroke: #3c4757; } .noun { fill: #283140; stroke: #67748a; }
.soft { fill: #1a2029; stroke: #3c4757; } .life { fill: #234530; stroke: #5fa873; }
.shield { fill: #4d3f17; stroke: #c9a23f; } .cut { fill: #55211d; stroke: #e0685f; }
.call { stroke: #a4adbb; } .up { stroke: #e0685f; } .lane { stroke: #3c4757; }
.mark { fill: #c94d44; } .head-call { fill: #a4adbb; } .head-up { fill: #e0685f; }
}
</style>
]]

local function escape(text)
  return (text:gsub("&", "&amp;"):gsub("<", "&lt;"):gsub(">", "&gt;"))
end

local write = {}

function write.box(s)
  return ('<rect x="%g" y="%g" width="%g" height="%g" rx="6" class="%s"/>')
    :format(s[2], s[3], s[4], s[5], s[6] or "noun")
end

function write.text(s)
  return ('<text x="%g" y="%g" class="%s" text-anchor="%s">%s</text>')
    :format(s[2], s[3], s[5] or "label", s.at or "start", escape(s[4]))
end

function write.arrow(s)
  local kind = s[6] or "call"
  return ('<line x1="%g" y1="%g" x2="%g" y2="%g" class="%s" marker-end="url(#%s)"/>')
    :format(s[2], s[3], s[4], s[5], kind, kind)
end

function write.line(s)
  return ('<line x1="%g" y1="%g" x2="%g" y2="%g" class="lane"/>'):format(s[2], s[3], s[4], s[5])
end

function write.number(s)
  return ('<circle cx="%g" cy="%g" r="10" class="mark"/>'):format(s[2], s[3])
    .. ('<text x="%g" y="%g" class="number" text-anchor="middle">%d</text>')
    :format(s[2], s[3] + 4, s[4])
end

local function marker(kind)
  return ('<marker id="%s" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
    .. 'markerHeight="8" orient="auto"><path d="M0 0 L8 4 L0 8 z" class="head-%s"/></marker>')
    :format(kind, kind)
end

-- The text of an SVG file of that size and title.
function picture.write(shapes, width, height, title)
  local out = {
    ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" '
      .. 'role="img">'):format(width, height, width, height),
    ("<title>%s</title>"):format(escape(title)), STYLE,
    "<defs>" .. marker("call") .. marker("up") .. "</defs>",
    ('<rect class="ground" width="%d" height="%d" fill="#ffffff"/>'):format(width, height),
  }
  for _, shape in ipairs(shapes) do out[#out + 1] = write[shape[1]](shape) end
  out[#out + 1] = "</svg>\n"
  return table.concat(out, "\n")
end

return picture
