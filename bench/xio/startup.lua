--- Nothing: what a process costs that loads xio and runs an empty main task. For --xio lua5.4;
--- the interpreter is measured with `-e ''`.
require "xio".main(function() end)
