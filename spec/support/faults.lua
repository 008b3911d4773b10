-- For the scenarios of spec/faults, which hand on every refusal: an error then tells of the
-- call of the system that failed.

local faults = {}

--- Returns its arguments, or raises the second where the first is nil or false. An end that
-- nobody expected is an error too.
function faults.check(value, err, ...)
  if not value then error(err or "nothing came, and no error told why", 0) end
  return value, err, ...
end

--- The result of f(...), or raises where that refuses with anything but `code`.
function faults.expect_code(code, f, ...)
  local value, err, got = f(...)
  if value ~= nil or got ~= code then error(err or "it was not refused", 0) end
end

--- An empty folder, made without xio: what a run that failed has left in it is gone.
function faults.folder(name)
  local path = os.getenv "XIO_BUILD_DIR" .. "/faults-" .. name
  assert(os.execute("rm -rf '" .. path .. "' && mkdir '" .. path .. "'"))
  return path
end

return faults
