-- luacheck 1.1
std = "lua54"
cache = false
codes = true
max_line_length = 100
exclude_files = { "build/", ".luarocks/", "lua_modules/" }

-- names that begin with _ are there for their <close> or for their place
ignore = { "211/_.*", "212/_.*", "213/_.*", "221/_.*" }

-- what is declared there is neither run nor used
files["meta/"] = { ignore = { "211", "212", "241" } }
files["types/"] = { ignore = { "211", "212", "241" }, max_line_length = false }
files["spec/"] = { std = "+busted" }
files["*.rockspec"] = { std = "+rockspec" }
files[".luacheckrc"] = { std = "+luacheckrc" }
