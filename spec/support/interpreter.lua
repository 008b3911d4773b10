-- Runs command lines of the interpreter that was built, in a folder of their own, from specs
-- under either host. Real time passes; what hangs is ended after 30 seconds (status 124).

local lfs = require "lfs"
local support = require "spec.support"

local interpreter = {}

local function absolute(path)
  return path:sub(1, 1) == "/" and path or lfs.currentdir() .. "/" .. path
end

--- The program that was built.
interpreter.path = absolute((os.getenv("XIO_BUILD_DIR") or "build/dev") .. "/xio")

--- The text as one word of a shell.
function interpreter.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function write_file(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

--- The whole content of a file; nil where there is none.
function interpreter.read_file(path)
  local file = io.open(path, "rb")
  local text = file and file:read("a")
  if file then file:close() end
  return text
end

--- Calls `body` with the path of a new folder that has `files` (name to text), and removes it.
function interpreter.in_folder(files, body)
  local folder = os.tmpname()
  os.remove(folder)
  assert(lfs.mkdir(folder))
  local _clean <close> = support.closing(function()
    os.execute("rm -rf " .. interpreter.quote(folder))
  end)
  for name, text in pairs(files) do write_file(folder .. "/" .. name, text) end
  return body(folder)
end

local BARE = "env --default-signal=INT,TERM,QUIT -u LUA_INIT -u LUA_INIT_5_4 -u LUA_PATH"
  .. " -u LUA_PATH_5_4 -u LUA_CPATH -u LUA_CPATH_5_4 "

--- Runs a shell script in `folder`, in which $XIO and $LUA are the interpreters; returns both
--- outputs and the status (128 + n after signal n).
function interpreter.shell(folder, script, lua)
  write_file(folder .. "/.script", script)
  local pipe = assert(io.popen(
    -- the shell's own remarks ("Terminated") are not the program's output
    ("cd %s; exec 2>/dev/null; XIO=%s LUA=%s %s timeout -k 1 30 sh ./.script "
      .. "</dev/null >.out 2>.err; echo $?"):format(interpreter.quote(folder),
      interpreter.quote(interpreter.path), lua or "lua5.4", BARE)))
  local status = tonumber(pipe:read("a"))
  pipe:close()
  return interpreter.read_file(folder .. "/.out"), interpreter.read_file(folder .. "/.err"), status
end

--- Runs a Lua script as `xio OPTIONS script.lua`; returns both outputs and the status. opts:
--- `options` (shell words), `arguments` (shell words), `files`, `stdin` (a shell command whose
--- output it reads), `after` (a function that gets the folder, before that is removed).
function interpreter.run(script, opts)
  opts = opts or {}
  return interpreter.in_folder(opts.files or {}, function(folder)
    write_file(folder .. "/script.lua", script)
    local command = ("exec \"$XIO\" %s script.lua %s"):format(opts.options or "",
      opts.arguments or "")
    if opts.stdin then command = ("{ %s; } | %s"):format(opts.stdin, command:gsub("^exec ", "")) end
    local out, err, status = interpreter.shell(folder, command)
    if opts.after then opts.after(folder) end
    return out, err, status
  end)
end

return interpreter
