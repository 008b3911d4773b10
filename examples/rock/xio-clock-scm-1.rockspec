-- A rock whose program needs xio; see bin/xio-clock.
rockspec_format = "3.0"
package = "xio-clock"
version = "scm-1"
source = { url = "." }
description = { summary = "A program on xio, as a rock", license = "MIT" }
dependencies = { "lua ~> 5.4", "xio" }
build = { type = "none", install = { bin = { ["xio-clock"] = "bin/xio-clock" } } }
