-- mandelbrot: draws the Mandelbrot set on all processors.
--
-- Each row of the picture is computed by a function in a thread of a pool, in Lua code that
-- never waits. The rows come back as strings; the main task counts them, and shows how far it
-- is on a terminal. Ctrl-C interrupts the threads in the middle of their loops; then no picture
-- is written.
--
--   xio examples/mandelbrot.lua [FILE [WIDTH [DEPTH]]]
--
-- Run: p=/tmp/m.$$; xio examples/mandelbrot.lua $p 120 200; head -n 2 $p; wc -c <$p; rm $p
-- Match: 120 x 80 points on %d+ processors?
-- Output: P5
-- Output: 120 80
-- Match: %s*9614
local xio = require "xio"

local path = arg[1] or "mandelbrot.pgm"
local width = math.tointeger(arg[2] or 1200)
local depth = math.tointeger(arg[3] or 1000)
if not width or not depth or width < 3 or depth < 1 then
  io.stderr:write("usage: xio examples/mandelbrot.lua [FILE [WIDTH [DEPTH]]]\n")
  os.exit(2)
end
local height = width * 2 // 3

-- The grey values of one row, from the top at 0, as a string. Runs in a thread.
local function row(y)
  local ci = 2 * y / height - 1
  local greys = {}
  for x = 0, width - 1 do
    local cr = 3 * x / width - 2
    local zr, zi, steps = 0.0, 0.0, 0
    while steps < depth and zr * zr + zi * zi < 4 do
      zr, zi = zr * zr - zi * zi + cr, 2 * zr * zi + ci
      steps = steps + 1
    end
    greys[x + 1] = steps == depth and "\0" or string.char(255 - steps * 200 // depth)
  end
  return table.concat(greys)
end

local terminal = os.execute("test -t 2")

local function show(done)
  if terminal then io.stderr:write(("\r%3d %%"):format(done * 100 // height)) end
end

local function draw()
  local pool = xio.thread.pool()
  local rows, done = {}, 0
  xio.group({ limit = 2 * pool.size }, function(group)
    for y = 1, height do
      group:spawn(function()
        rows[y] = pool:run(row, y - 1)
        done = done + 1
        show(done)
      end)
    end
  end)
  if terminal then io.stderr:write("\r") end
  assert(xio.fs.writefile(path, ("P5\n%d %d\n255\n%s"):format(width, height,
    table.concat(rows)), { atomic = true }))
  print(("%d x %d points on %d processor%s"):format(width, height, pool.size,
    pool.size == 1 and "" or "s"))
end

xio.main(draw)
