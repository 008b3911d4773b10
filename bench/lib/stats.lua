--- Medians, and ratios within rounds.

local stats = {}

--- The median of a list; nil for an empty one. The list is left as it is.
---@param values number[]
---@return number?
function stats.median(values)
  local sorted = table.move(values, 1, #values, 1, {})
  table.sort(sorted)
  local n = #sorted
  if n == 0 then return nil end
  local upper = sorted[n // 2 + 1]
  return n % 2 == 1 and upper or (sorted[n // 2] + upper) / 2
end

--- The median of `a/b` taken round by round: what two programs have in common in a round, such as
--- a machine that is slow at that minute, cancels out.
---@param a table<integer, number> by round
---@param b table<integer, number> by round
---@return number? ratio nil where they share no round
function stats.ratio(a, b)
  local ratios = {}
  for round, value in pairs(a or {}) do
    local other = b and b[round]
    if other and other > 0 then ratios[#ratios + 1] = value / other end
  end
  return stats.median(ratios)
end

--- The values of a map by round as a list, in the order of the rounds.
---@param by_round table<integer, number>
---@param rounds integer
---@return number[]
function stats.list(by_round, rounds)
  local values = {}
  for round = 1, rounds do
    values[#values + 1] = by_round[round]
  end
  return values
end

return stats
