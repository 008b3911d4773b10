-- A watched folder: an event, a wait that is cancelled, a watch that is closed.
local xio = ...
local dir = os.getenv "XIO_BUILD_DIR" .. "/torture-watch"
os.execute("rm -rf '" .. dir .. "' && mkdir '" .. dir .. "'")

return function()
  xio.run(function()
    local watch, err = xio.fs.watch(dir)
    if not watch then error(err, 0) end
    local _watch <close> = watch
    assert(not xio.move_on_after(0.0001, watch.recv, watch))
    local made <close> = assert(io.open(dir .. "/file", "w"))
    local event = watch()
    assert(event.kind == "lost" or event.name == "file")
    local task = xio.spawn(function() return select(3, watch:recv()) end)
    while watch:stats().buffered > 0 do xio.checkpoint() end
    xio.checkpoint()
    watch:close()
    assert(task:await() == "ECLOSED" or made)
  end)
end
