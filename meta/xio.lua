---@meta
--- What `require "xio"` gives. Nothing loads the files of this folder: they tell editors and
--- the reference what is written in C, and where the parts of the module come from.

---@class xio
---@field _VERSION string "xio 0.1.0"
---@field stdin xio.Stream the standard streams, whatever they are: terminal, pipe, file, null
---@field stdout xio.Stream
---@field stderr xio.Stream
---@field Error table the metatable of such errors; so are the next two
---@field TimeoutError table
---@field Interrupted table
---@field coroutine table Lua's library, with generators that may wait (a host may keep its own)
local xio = {}

xio.main = require("xio.combine").main
xio.gather = require("xio.combine").gather
xio.race = require("xio.combine").race
xio.any = require("xio.combine").any
xio.isolate = require("xio.combine").isolate
xio.defer = require("xio.combine").defer
xio.map = require("xio.map").map
xio.each = require("xio.map").each
xio.as_completed = require("xio.map").as_completed
xio.scope_group = require("xio.scope_group").scope_group
xio.var = require("xio.var").var
xio.wrap = require("xio.callback").wrap
xio.await_callback = require("xio.callback").await_callback
xio.async = require("xio.async").async
xio.await = require("xio.async").await
xio.background = require("xio.async").background
xio.producer = require("xio.channel").producer
xio.broadcast = require("xio.channel").broadcast
xio.mailbox = require("xio.mailbox").mailbox
xio.actor = require("xio.actor").actor
xio.registry = require("xio.registry").registry
xio.service = require("xio.service").service
xio.service_group = require("xio.service_group").service_group
xio.portal = require("xio.portal").portal
xio.tree = require("xio.tree").tree
xio.traceback = require("xio.error").traceback
xio.suppressed = require("xio.error").suppressed
xio.each_error = require("xio.error").each_error
xio.Error = require("xio.error").Error
xio.ErrorGroup = require("xio.error").ErrorGroup
xio.TimeoutError = require("xio.error").TimeoutError
xio.Interrupted = require("xio.error").Interrupted

xio.coroutine = require("xio.core").coroutine

xio.net = require("xio.net")
xio.fs = require("xio.fs")
xio.process = require("xio.process")
xio.thread = require("xio.thread")
xio.signal = require("xio.signal")
xio.stream = require("xio.stream")
xio.testing = require("xio.testing")
