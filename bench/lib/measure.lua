--- The measuring loop of the bench programs in Lua (Lua 5.4 and LuaJIT).
--
-- A program measures itself: a warm-up of one batch and of a fifth of the time, then batches
-- until the time is spent. The result is the mean over all of them, so that the work of the
-- collector is in it; bench/run takes the median over several processes.

local measure = {}

--- Reads the arguments of a bench program: WORKLOAD SECONDS N.
---@param args table the script's `arg`
---@return string workload
---@return number seconds how long to measure, or how long to sleep
---@return integer count how many tasks, where the workload leaves that open
function measure.arguments(args)
  return args[1], tonumber(args[2] or 0.3), tonumber(args[3] or 100000)
end

--- Prints one result.
---@param metric string "ns", "us", "kb", "rate"
---@param value number
function measure.report(metric, value)
  io.stdout:write(string.format("%s %.4f\n", metric, value))
end

--- Repeats a batch and prints the mean nanoseconds per operation. Waits where the batch waits.
---@param seconds number time to spend
---@param batch fun(): number, integer does a batch; returns the seconds it took, and the operations
function measure.repeated(seconds, batch)
  local total, done = 0, 0
  repeat
    total = total + batch()
  until total >= seconds / 5
  total = 0
  repeat
    local elapsed, ops = batch()
    total, done = total + elapsed, done + ops
  until total >= seconds
  measure.report("ns", total / done * 1e9)
end

--- Like `repeated`, for a function all of whose time counts.
---@param seconds number time to spend
---@param now fun(): number the monotonic clock in seconds, read when called
---@param ops integer operations in one call of `f`
---@param f fun()
function measure.whole(seconds, now, ops, f)
  measure.repeated(seconds, function()
    local start = now()
    f()
    return now() - start, ops
  end)
end

--- Repeats a function and prints how many GB per second it got through. Waits where `f` waits.
---@param seconds number time to spend
---@param now fun(): number the monotonic clock in seconds, read when called
---@param f fun(): integer returns how many bytes
function measure.rate(seconds, now, f)
  f()
  local start, stop, done = now(), now(), 0
  while stop - start < seconds do
    done = done + f()
    stop = now()
  end
  measure.report("rate", done / (stop - start) / 1e9)
end

--- The file to read, which bench/run has made.
---@return string path
function measure.file()
  return os.getenv("BENCH_FILE") or error("no file in $BENCH_FILE", 0)
end

--- Tells the client where this server listens.
---@param port integer
function measure.listening(port)
  io.stdout:write(string.format("port %d\n", port))
  io.stdout:flush()
end

--- Resident memory of this process in KB (0 where the system does not tell).
---@return number
function measure.resident_kb()
  local file = io.open("/proc/self/status")
  if not file then return 0 end
  local kb = file:read("*a"):match("VmRSS:%s*(%d+)")
  file:close()
  return tonumber(kb) or 0
end

--- How long sleeper number `i` of `count` sleeps: from `seconds` to half as long again, in an order
--- unlike that of their start, the same in every program.
---@param seconds number
---@param i integer
---@param count integer
---@return number seconds
function measure.pause(seconds, i, count)
  return seconds * (1 + 0.5 * (i * 7919 % count) / count)
end

--- Ends the process: this program has no such workload.
function measure.unknown()
  os.exit(77)
end

return measure
