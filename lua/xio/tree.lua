--- tree: all tasks of a run, with what each waits for, as a table that prints as a drawing.

local core = require "xio.core"

local module = {}

local tree_type = { __name = "xio.Tree" }

local function line_of(node)
  local parts = { node.name, " (", node.status }
  if node.cancelled then parts[#parts + 1] = ", cancelled" end
  if node.daemon then parts[#parts + 1] = ", daemon" end
  parts[#parts + 1] = ")"
  if node.waits then
    parts[#parts + 1] = ": " .. node.waits
    if node.left then parts[#parts + 1] = (" %.3g s"):format(node.left) end
  end
  if node.where then parts[#parts + 1] = " at " .. node.where end
  return table.concat(parts)
end

-- The stack of a task, "\n\t" before each line. Of the running one, also that of the generator
-- in which it is.
local function stack_of(node)
  local stack = node.task:traceback():match("\n.*") or ""
  if node.status ~= "running" then return stack end
  local inner = core.stack()
  return inner == stack and stack or inner .. stack
end

local function draw(node, prefix, lines, with_stacks)
  for i, child in ipairs(node) do
    local last = i == #node
    lines[#lines + 1] = prefix .. (last and "└─ " or "├─ ") .. line_of(child)
    local below = prefix .. (last and "   " or "│  ")
    if with_stacks then
      local inset = below .. (#child > 0 and "│  " or "   ")
      for line in stack_of(child):gmatch("\n\t([^\n]*)") do lines[#lines + 1] = inset .. line end
    end
    draw(child, below, lines, with_stacks)
  end
end

--- The drawing as text; `with_stacks`: with the stack of each task below it.
function tree_type.draw(tree, with_stacks)
  local lines = { ("%s: %d task%s"):format(tree.name, tree.count,
    tree.count == 1 and "" or "s") }
  draw(tree, "", lines, with_stacks)
  return table.concat(lines, "\n")
end

function tree_type.__tostring(tree)
  return tree_type.draw(tree, false)
end

--- All live tasks, of the current run or of the runtime `rt`, at this moment.
---
--- The table has `name` (of the run) and `count`; its list part holds the tasks of the root
--- group, and each task's list part the tasks whose groups it has opened. A task has `task` (the
--- handle), `name`, `status`, `waits` (what it does: "sleep", "await" …), `left` (seconds until
--- its own time limit), `where` (file:line), `spawned` (file:line), `daemon` and `cancelled`.
--- Raises outside of a run when no runtime is given. Never waits.
---
--- ```lua
--- xio.spawn({ name = "nap" }, function() xio.sleep(5) end)
--- xio.sleep(1)
--- local nap = xio.tree()[2]
--- print(nap.name, nap.status, nap.waits, nap.left) --> nap  waiting  sleep  4.0
--- ```
---@param rt? table a runtime of xio.new
---@return table tree whose `tostring` is a drawing
function module.tree(rt)
  local tasks = core.tasks(rt)
  local tree = setmetatable({ name = tasks.name or "run", count = #tasks }, tree_type)
  local nodes = {}
  for _, task in ipairs(tasks) do nodes[task.id] = task end
  for _, task in ipairs(tasks) do
    local parent = nodes[task.parent] or tree
    parent[#parent + 1] = task
  end
  return tree
end

return module
