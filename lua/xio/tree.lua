--- tree: all tasks of a run, with what each waits for, as a table that prints as a drawing.

local core = require "xio.core"
local argument = require "xio.argument"

local module = {}

--- All live tasks, drawn by `tostring` and `draw`. Its list part holds the tasks of the root group,
--- and each task's list part the tasks whose groups it has opened.
---
--- ```lua
--- xio.spawn({ name = "nap" }, function() xio.sleep(5) end)
--- xio.sleep(1)
--- print((xio.tree():draw { colours = false }:match("[^\n]*"))) --> run: 2 tasks
--- ```
---@class xio.Tree
---@field name string of the run
---@field count integer number of tasks
local tree_type = { __name = "xio.Tree" }
tree_type.__index = tree_type

-- What the parts of a line look like on a terminal.
local STYLES <const> = {
  lines = "2", -- dim
  name = "1", -- bold
  waits = "36", -- cyan
  where = "2", age = "2",
  ready = "32", running = "32", -- green
  waiting = "33", -- yellow
  cancelled = "31", failed = "31", -- red
}

local function plain(_, text) return text end

local function coloured(style, text)
  local code = text ~= "" and STYLES[style]
  return code and ("\27[%sm%s\27[0m"):format(code, text) or text
end

-- How long a task lives; nothing where that is less than a second.
local function age_of(node)
  local seconds = node.age
  if seconds < 1 then return "" end
  if seconds < 120 then return (", %d s"):format(seconds // 1) end
  if seconds < 7200 then return (", %d min"):format(seconds // 60) end
  return (", %d h"):format(seconds // 3600)
end

local function line_of(node, paint)
  local parts = { paint("name", node.name), " (", paint(node.status, node.status) }
  if node.cancelled then parts[#parts + 1] = ", " .. paint("cancelled", "cancelled") end
  if node.daemon then parts[#parts + 1] = ", daemon" end
  parts[#parts + 1] = paint("age", age_of(node))
  parts[#parts + 1] = ")"
  if node.waits then
    parts[#parts + 1] = ": " .. paint("waits", node.waits)
    if node.left then parts[#parts + 1] = (" %.3g s"):format(node.left) end
  end
  if node.where then parts[#parts + 1] = paint("where", " at " .. node.where) end
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

local function draw(node, prefix, lines, with_stacks, paint)
  for i, child in ipairs(node) do
    local last = i == #node
    local branch = paint("lines", prefix .. (last and "└─ " or "├─ "))
    lines[#lines + 1] = branch .. line_of(child, paint)
    local below = prefix .. (last and "   " or "│  ")
    if with_stacks then
      local inset = below .. (#child > 0 and "│  " or "   ")
      for line in stack_of(child):gmatch("\n\t([^\n]*)") do
        lines[#lines + 1] = paint("lines", inset .. line)
      end
    end
    draw(child, below, lines, with_stacks, paint)
  end
end

-- Whether what is written to a descriptor is seen by somebody who likes colours.
local function wants_colours(descriptor)
  local refused = os.getenv("NO_COLOR")
  return core.is_terminal(descriptor) and (refused == nil or refused == "")
    and os.getenv("TERM") ~= "dumb"
end

local OPTIONS <const> = { stacks = "boolean", colours = "boolean", descriptor = "integer" }

--- The drawing: a line for each task, with its state, its age where that is a second or more, what
--- it waits for and where, and the time that is left until its own limit.
---
--- `stacks`: with the stack of each task below it. `colours`: with colours; by default where
--- `descriptor` (1: standard output) is a terminal, unless NO_COLOR is set. Never waits. Raises for
--- wrong options.
---@param options? {stacks?: boolean, colours?: boolean, descriptor?: integer}
---@return string text
function tree_type:draw(options)
  if debug.getmetatable(self) ~= tree_type then
    argument.bad_self("tree:draw", "xio.Tree", self)
  end
  argument.check_options(options, OPTIONS, 1, "tree:draw")
  options = options or {}
  local colours = options.colours
  if colours == nil then colours = wants_colours(options.descriptor or 1) end
  local lines = { ("%s: %d task%s"):format(self.name, self.count,
    self.count == 1 and "" or "s") }
  draw(self, "", lines, options.stacks, colours and coloured or plain)
  return table.concat(lines, "\n")
end

-- Without colours, since nobody knows where it goes.
function tree_type.__tostring(tree)
  return tree_type.draw(tree, { colours = false })
end

--- All live tasks, of the current run or of the runtime `rt`, at this moment.
---
--- The list part of the table holds the tasks of the root group, and each task's list part the
--- tasks whose groups it has opened. A task has `task` (the handle), `name`, `status`, `waits`
--- (what it does: "sleep", "await" …), `left` (seconds until its own time limit), `age` (seconds
--- since it was spawned, by the run's clock; at the least, since that is noted when the loop
--- waits), `where` (file:line), `spawned` (file:line), `daemon` and `cancelled`. Raises outside of
--- a run when no runtime is given. Never waits.
---
--- ```lua
--- xio.spawn({ name = "nap" }, function() xio.sleep(5) end)
--- xio.sleep(1)
--- local nap = xio.tree()[2]
--- print(nap.name, nap.status, nap.waits, nap.left) --> nap  waiting  sleep  4.0
--- ```
---@param rt? table a runtime of xio.new
---@return xio.Tree tree
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
