--- Prints results as an aligned Markdown table.

local grid = {}

--- A number with about three digits.
---@param value number?
---@return string
function grid.number(value)
  if not value then return "-" end
  if value >= 99.95 then return string.format("%.0f", value) end
  if value >= 9.995 then return string.format("%.1f", value) end
  return string.format("%.2f", value)
end

--- An integer with commas: 100,000.
---@param n integer
---@return string
function grid.commas(n)
  return (string.format("%d", n):reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", ""))
end

--- Lines of a Markdown table; the first column is left-aligned, the others right-aligned.
---@param rows string[][] the first is the heading
---@return string
function grid.render(rows)
  local widths = {}
  for _, row in ipairs(rows) do
    for column, cell in ipairs(row) do
      widths[column] = math.max(widths[column] or 3, utf8.len(cell))
    end
  end
  local lines = {}
  for _, row in ipairs(rows) do
    local cells = {}
    for column, cell in ipairs(row) do
      local fill = (" "):rep(widths[column] - utf8.len(cell))
      cells[column] = column == 1 and cell .. fill or fill .. cell
    end
    lines[#lines + 1] = "| " .. table.concat(cells, " | ") .. " |"
  end
  local rules = {}
  for column, width in ipairs(widths) do
    rules[column] = column == 1 and ("-"):rep(width) or ("-"):rep(width - 1) .. ":"
  end
  table.insert(lines, 2, "| " .. table.concat(rules, " | ") .. " |")
  return table.concat(lines, "\n") .. "\n"
end

return grid
