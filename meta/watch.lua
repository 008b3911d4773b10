---@meta
--- Watches of folders and files, made by xio.fs.watch.

---@class xio.WatchEvent
---@field name? string of the entry in the folder, or of the file that is watched
---@field kind "change"|"rename"|"lost" contents or attributes; it came, went or has another
--- name; or more happened than was kept (4096 events): look at everything

--- Events in the order in which they came. `for event in watch do` ends when it is closed.
--- Closed by `<close>` too. It belongs to the run in which it was made.
---
--- ```lua
--- local dir = assert(xio.fs.mkdtemp())
--- local watch <close> = assert(xio.fs.watch(dir))
--- assert(xio.fs.writefile(dir .. "/new", "text"))
--- print(watch:recv().name, watch:stats().waiting) --> new  0
--- xio.fs.rmtree(dir)
--- print(watch:close())                      --> true
--- ```
---@class xio.Watch
---@operator call: xio.WatchEvent?
---@field closed boolean whether it was closed, by `close` or `<close>`
local Watch = {}

--- Waits for the next event. One task at a time. A checkpoint; cancelled, it raises, and no
--- event is lost.
---@return xio.WatchEvent? event
---@return xio.Error? err
---@return string? code "ECLOSED"
function Watch:recv() end

--- Ends the watch, and wakes who waits with the code "ECLOSED"; what nobody took is lost. Never
--- waits. It cannot fail.
---@return boolean first whether it was open
function Watch:close() end

--- How many tasks wait, and how many events. Never waits or fails.
---@return {waiting: integer, buffered: integer}
function Watch:stats() end
