-- isolate: a failure that is turned into a result, so that the others go on.
--
-- In a group the first error ends all tasks. Where one job has nothing to do with the next,
-- xio.isolate draws a border: what fails inside it, with all the tasks that it has started,
-- comes out as `false, error`. A cancellation from outside still passes through it.
--
-- Run: xio examples/isolate.lua
-- Output: the tasks of job 2 are stopped
-- Output: job 1: 110
-- Output: job 2: failed: examples/isolate.lua:25: no such number
-- Output: job 3: 330
local xio = require "xio"

-- A job with two tasks of its own; the answer is the sum of theirs.
local function work(number)
  local a, b = xio.gather(
    function()
      local _ <close> = xio.defer(function()
        if number == 2 then print("the tasks of job 2 are stopped") end
      end)
      xio.sleep(number / 20)
      return number * 10
    end,
    function()
      if number == 2 then error("no such number") end
      xio.sleep(number / 10)
      return number * 100
    end)
  return a + b
end

xio.main(function()
  local answers = {}
  xio.group(function(group)
    for number = 1, 3 do
      group:spawn(function()
        local ok, answer = xio.isolate(work, number)
        answers[number] = ok and answer or "failed: " .. tostring(answer)
      end)
    end
  end)
  for number, answer in ipairs(answers) do
    print(("job %d: %s"):format(number, answer))
  end
end)
