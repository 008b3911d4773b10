-- figures: the table of the README against that of bench/README.md, of which it is a part.
local files = require("files")

local figures = {}

-- The cells of a row, without the spaces around them; nil where the line is none.
local function cells(line)
  if not line:find("^|.*|$") then return nil end
  local row = {}
  for cell in line:sub(2):gmatch("%s*(.-)%s*|") do row[#row + 1] = cell end
  return row
end

-- The rows of a page's tables that have such a head, by their first cell.
local function table_of(text, ...)
  local heads, rows, columns = { ... }, {}, nil
  for line in text:gmatch("[^\n]*") do
    local row = cells(line)
    if not row then
      columns = nil
    elseif columns then
      local found = {}
      for i, head in ipairs(columns) do found[head] = row[i] end
      rows[row[1]] = found
    else
      columns = row
      for _, head in ipairs(heads) do
        if not table.concat(row, "|"):find(head, 1, true) then columns = nil break end
      end
    end
  end
  return rows
end

-- The ratio in a cell, as text: `296 (2.17x)`, `4.88x`.
local function ratio(cell) return cell:match("%(([%d.]+)x%)") or cell:match("^([%d.]+)x$") end

-- Whether `short` is `long`, with fewer digits.
local function is_rounded(short, long)
  local behind = #(short:match("%.(%d+)$") or "")
  return math.abs(tonumber(short) - tonumber(long)) <= 0.5 * 10.0 ^ -behind + 1e-9
end

-- What the README's table says otherwise than that of bench/README.md, as a list.
function figures.check(root)
  local short = table_of(files.read(root .. "/README.md"), "workload", "xio/limit", "Go")
  local long = table_of(files.read(root .. "/bench/README.md"), "workload", "xio/limit", "go")
  local wrong, count = {}, 0
  for name, row in pairs(short) do
    if not name:find("^%-") then
      count = count + 1
      local measured = long[name]
      for head, column in pairs({ ["xio/limit"] = "xio/limit", Go = "go", node = "node" }) do
        local shown, value = ratio(row[head]), measured and ratio(measured[column])
        if not measured or (shown == nil) ~= (value == nil)
          or shown and not is_rounded(shown, value) then
          wrong[#wrong + 1] = ("%s, %s: %s; bench/README.md: %s"):format(name, head, row[head],
            measured and measured[column] or "no such row")
        end
      end
    end
  end
  if count == 0 then wrong[1] = "there is no table of workloads" end
  table.sort(wrong)
  return wrong
end

return figures
