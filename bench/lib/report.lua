--- Turns rows of samples into the table, the JSON file and the plot.

local grid = require "grid"
local json = require "json"
local stats = require "stats"
local svg = require "svg"

local report = {}

local UNSTEADY <const> = 1.5 -- slowest round over the fastest

--- The name of a row.
---@param row bench.row
---@param count integer tasks at once
---@return string
function report.title(row, count)
  return (row.metric.title:gsub("%%s", (grid.commas(count))))
end

local function median(row, name, rounds)
  return stats.median(stats.list(row.samples[name] or {}, rounds))
end

local function times(ratio)
  return ratio and grid.number(ratio) .. "x" or "-"
end

--- How many times better ours is than that of a peer, in the median of the rounds.
local function advantage(row, ours, peer)
  if row.metric.more then return stats.ratio(ours, peer) end
  return stats.ratio(peer, ours)
end

--- The table: workload, limit, xio, xio/limit, and for each peer its value and how many times
--- better xio's is.
---@param rows bench.row[]
---@param peers string[] names, in the order of the columns
---@param rounds integer
---@param count integer tasks at once
---@return string
function report.table(rows, peers, rounds, count)
  local head = { "workload", "unit", "limit", "xio", "xio/limit" }
  local lines = { table.move(peers, 1, #peers, #head + 1, head) }
  for _, row in ipairs(rows) do
    local ours = row.samples.xio
    local line = {
      report.title(row, count),
      row.metric.unit,
      grid.number(median(row, "limit", rounds)),
      grid.number(median(row, "xio", rounds)),
      times(stats.ratio(ours, row.samples.limit)),
    }
    for _, peer in ipairs(peers) do
      local ratio = ours and advantage(row, ours, row.samples[peer])
      line[#line + 1] = grid.number(median(row, peer, rounds))
        .. (ratio and " (" .. times(ratio) .. ")" or "")
    end
    lines[#lines + 1] = line
  end
  return grid.render(lines)
end

--- How rates are to be read; "" where there are none.
---@param rows bench.row[]
---@return string
function report.rates(rows)
  for _, row in ipairs(rows) do
    if row.metric.more then
      return "Units per second are rates: more is better, for xio/limit too.\n"
    end
  end
  return ""
end

--- What each limit is, and the limits that have no column: a line for each row.
---@param rows bench.row[]
---@param rounds integer
---@param count integer tasks at once
---@return string
function report.limits(rows, rounds, count)
  local lines = { "Limits:" }
  for _, row in ipairs(rows) do
    local parts = {}
    for i, limit in ipairs(row.workload.limits) do
      local name = i == 1 and "limit" or limit.name
      local value = median(row, name, rounds)
      if value then
        parts[#parts + 1] = ("%s %s %s"):format(limit.name, grid.number(value), row.metric.unit)
      end
    end
    if #parts > 0 then
      lines[#lines + 1] = ("  %s: %s"):format(report.title(row, count), table.concat(parts, "; "))
    end
  end
  return #lines > 1 and table.concat(lines, "\n") .. "\n" or ""
end

--- Which values of xio and the limits swung between the rounds, a line for each; "" for none.
---@param rows bench.row[]
---@param rounds integer
---@param count integer tasks at once
---@return string
function report.unsteady(rows, rounds, count)
  local lines = {}
  for _, row in ipairs(rows) do
    for _, name in ipairs { "limit", "xio" } do
      local values = stats.list(row.samples[name] or {}, rounds)
      table.sort(values)
      local least, most = values[1], values[#values]
      if least and most > UNSTEADY * least then
        lines[#lines + 1] = ("  %s, %s: %s to %s %s"):format(report.title(row, count), name,
          grid.number(least), grid.number(most), row.metric.unit)
      end
    end
  end
  if #lines == 0 then return "" end
  return "Unsteady, measure again on a quiet machine:\n" .. table.concat(lines, "\n") .. "\n"
end

--- All samples as JSON.
---@param rows bench.row[]
---@param setting {rounds: integer, count: integer, about: table} `about` is written as it is
---@return string
function report.json(rows, setting)
  local results = {}
  for i, row in ipairs(rows) do
    local samples, medians, to_limit, to_xio = {}, {}, {}, {}
    for name, by_round in pairs(row.samples) do
      samples[name] = stats.list(by_round, setting.rounds)
      medians[name] = stats.median(samples[name])
      to_limit[name] = stats.ratio(by_round, row.samples.limit)
      to_xio[name] = stats.ratio(by_round, row.samples.xio)
    end
    local limit = row.workload.limits[1]
    results[i] = {
      workload = row.workload.key,
      title = report.title(row, setting.count),
      unit = row.metric.unit,
      more_is_better = row.metric.more or false,
      limit = limit and limit.name,
      samples = samples,
      medians = medians,
      ratios_to_limit = to_limit,
      ratios_to_xio = to_xio,
    }
  end
  return json.encode { format = 1, about = setting.about, results = results }
end

--- The plot.
---@param rows bench.row[]
---@param setting {rounds: integer, count: integer, note: string}
---@return string
function report.svg(rows, setting)
  local panels = {}
  for i, row in ipairs(rows) do
    local values = {}
    for name, by_round in pairs(row.samples) do
      values[name] = stats.median(stats.list(by_round, setting.rounds))
    end
    -- Limits without a column are left out of the plot too.
    for j = 2, #row.workload.limits do
      values[row.workload.limits[j].name] = nil
    end
    panels[i] = {
      title = report.title(row, setting.count), unit = row.metric.unit, values = values,
      more = row.metric.more,
    }
  end
  return svg.draw("xio, its limits and its peers", setting.note, panels)
end

return report
