-- pipeline: producers, a bounded channel, workers, results in order, and progress.
--
-- Two producers read numbered documents from two slow sources and send them into a bounded
-- channel: when the workers do not keep up, the channel is full and the producers wait, so
-- memory stays small however long the sources are. Three workers count words, each at its own
-- pace, so results come out of order; the collector puts them back in order and prints each as
-- soon as all before it are there. A daemon tells the progress and ends with the group.
--
-- Every end is found by closing: a producer closes its own sender; the last one closes the
-- channel for the workers; the last worker closes the results for the collector. If any of
-- them fails, the group cancels the others. The clock is virtual.
--
-- Run: xio examples/pipeline.lua
-- Output: after 1 s: 0 of 8 done, 2 waiting
-- Output: document 1: 4 words
-- Output: document 2: 3 words
-- Output: after 2 s: 4 of 8 done, 0 waiting
-- Output: document 3: 6 words
-- Output: document 4: 1 words
-- Output: document 5: 2 words
-- Output: document 6: 5 words
-- Output: document 7: 2 words
-- Output: document 8: 1 words
-- Output: 24 words in 8 documents
local xio = require "xio"

local documents = {
  "tasks live in groups", "groups own tasks", "a group ends when all ended", "cancel",
  "close it", "errors are kept for you", "deadlines rule", "done",
}

-- Sends the documents first, first + 2, first + 4 …
local function produce(jobs, first)
  local _jobs <close> = jobs
  for number = first, #documents, 2 do
    xio.sleep(0.1) -- the source is slow
    assert(jobs:send { number = number, text = documents[number] })
  end
end

local function work(jobs, results)
  local _results <close> = results
  for job in jobs do
    local words = 0
    for _ in job.text:gmatch("%S+") do words = words + 1 end
    xio.sleep(0.3 * words) -- so much work for each word
    results:send { number = job.number, words = words }
  end
end

-- Prints the results in order; returns the number of all words.
local function collect(results, progress)
  local early, next_number, total = {}, 1, 0
  for result in results do
    progress.done = progress.done + 1
    early[result.number] = result.words
    while early[next_number] do
      local words = early[next_number]
      early[next_number] = nil
      print(("document %d: %d words"):format(next_number, words))
      next_number, total = next_number + 1, total + words
    end
  end
  return total
end

local function report(progress, jobs)
  local began = xio.now()
  while true do
    xio.sleep(1)
    print(("after %g s: %d of %d done, %d waiting"):format(xio.now() - began, progress.done,
      #documents, jobs:stats().buffered))
  end
end

xio.run({ clock = "virtual" }, function()
  local jobs, to_work = xio.channel(2)
  local results, to_collect = xio.channel(4)
  local progress = { done = 0 }
  local total = xio.group(function(group)
    for first = 1, 2 do
      group:spawn({ name = "producer " .. first }, produce, jobs:clone(), first)
    end
    jobs:close() -- each producer has its own
    for number = 1, 3 do
      group:spawn({ name = "worker " .. number }, work, to_work, results:clone())
    end
    results:close()
    group:spawn({ name = "progress", daemon = true }, report, progress, to_work)
    return collect(to_collect, progress)
  end)
  print(("%d words in %d documents"):format(total, #documents))
end)
