# libuv and Lua 5.4, found by pkg-config: XIO_UV_*, XIO_LUA_*, XIO_LUA_ARCHIVE.
find_package(PkgConfig REQUIRED)
# Global: a project that has added xio's directory links them through xio::xio.
pkg_check_modules(XIO_UV REQUIRED IMPORTED_TARGET GLOBAL libuv>=1.44)
pkg_search_module(XIO_LUA REQUIRED IMPORTED_TARGET GLOBAL
  lua5.4>=5.4.4 lua-5.4>=5.4.4 lua54>=5.4.4 lua>=5.4.4)

# The interpreter needs Lua as an archive: it must export all of it and depend on none.
find_library(XIO_LUA_ARCHIVE NAMES liblua5.4.a liblua-5.4.a liblua54.a liblua.a
  HINTS ${XIO_LUA_LIBRARY_DIRS} ${XIO_LUA_LIBDIR} REQUIRED)
