-- file_server: the files of a directory over HTTP/1.1, on plain sockets.
--
-- Serves GET and HEAD with keep-alive, sizes, types and 404s. A request has to come within
-- five seconds and may have at most 8 KiB of header; paths cannot leave the directory.
-- SIGTERM or Ctrl-C ends it: no more connections, those at work get two seconds.
--
-- Arguments: [DIRECTORY [PORT [COMMAND...]]]: the current one and any port; with a command
-- (in which URL stands for the server's address) it serves until that has ended.
--
-- Run: xio examples/file_server.lua examples 0 curl -s URL/none URL/file_server.lua | sed -n 1,2p
-- Output: Not Found
-- Output: -- file_server: the files of a directory over HTTP/1.1, on plain sockets.
local xio = require "xio"
local net, fs = xio.net, xio.fs

local root, port = arg[1] or ".", tonumber(arg[2] or 0)
local PATIENCE <const>, HEADER_MAX <const>, CHUNK <const> = 5, 8192, 65536

local TYPES <const> = { html = "text/html; charset=utf-8", css = "text/css", png = "image/png",
  js = "text/javascript", svg = "image/svg+xml", json = "application/json",
  txt = "text/plain; charset=utf-8", md = "text/plain; charset=utf-8",
  lua = "text/plain; charset=utf-8" }

local REASONS <const> = { [200] = "OK", [400] = "Bad Request", [403] = "Forbidden",
  [404] = "Not Found", [405] = "Method Not Allowed" }

local function head(stream, status, kind, size)
  return stream:write(("HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n")
    :format(status, REASONS[status], kind, size))
end

local function refuse(stream, status, method)
  local text = REASONS[status] .. "\n"
  return head(stream, status, TYPES.txt, #text) and (method == "HEAD" or stream:write(text))
end

-- The file that the target of a request means, or nil where it would leave the directory.
local function path_of(target)
  local path = target:gsub("[?#].*", ""):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end)
  for part in path:gmatch("[^/]+") do
    if part == ".." or part:find("\0", 1, true) then return nil end
  end
  return root .. path
end

local function send_file(stream, method, path)
  local file = fs.open(path, "r")
  if not file then return refuse(stream, 404, method) end
  local _file <close> = file
  local about = assert(file:stat())
  if about.type ~= "file" then return refuse(stream, 403, method) end
  local kind = TYPES[path:match("%.(%w+)$") or ""] or "application/octet-stream"
  if not head(stream, 200, kind, about.size) then return false end
  if method == "HEAD" then return true end
  for data in function() return file:recv(CHUNK) end do
    if not stream:write(data) then return false end -- the client has gone
  end
  return true
end

-- Answers one request; false: the connection is to be closed.
local function answer(stream)
  local in_time, text = xio.move_on_after(PATIENCE, stream.read_until, stream, "\r\n\r\n",
    HEADER_MAX)
  if not in_time or not text then return false end
  local method, target, version = text:match("^(%u+) (/%S*) HTTP/1%.(%d)")
  if not method then return refuse(stream, 400) and false end
  local path = path_of(target)
  local sent
  if method ~= "GET" and method ~= "HEAD" then
    return refuse(stream, 405, method) and false -- its body, if any, is not read
  elseif path then
    sent = send_file(stream, method, path)
  else
    sent = refuse(stream, 403, method)
  end
  return sent and version == "1" and not text:lower():find("\r\nconnection: *close")
end

local listener <close> = assert(net.listen("*", port))
local url = "http://127.0.0.1:" .. select(2, listener:name())
xio.group(function(group)
  group:spawn({ daemon = arg[3] ~= nil }, net.serve, listener, function(stream)
    while answer(stream) do xio.checkpoint() end
  end, { limit = 500, grace = 2, on_error = function(err) warn(tostring(err)) end })
  if not arg[3] then return print("serving " .. root .. " at " .. url) end
  local command = { capture = true }
  for i = 3, #arg do command[i - 2] = arg[i]:gsub("URL", url) end
  io.write(assert(xio.process.run(command)).stdout)
end)
