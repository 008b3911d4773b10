# Packages by `cpack` in the build folder: an archive anywhere, and for Debian four packages
# below /usr: xio (the interpreter), lua-xio (the modules for a plain Lua 5.4), libxio0 and
# libxio-dev. tools/package makes and checks them.
set(CPACK_PACKAGE_NAME xio)
set(CPACK_PACKAGE_VENDOR "the xio authors")
set(CPACK_PACKAGE_CONTACT "the xio authors <xio@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each package has its own below
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# What CPack calls components are Debian's packages.
set(CPACK_COMPONENTS_ALL interpreter lua library development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION interpreters)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
set(soname_package "libxio${PROJECT_VERSION_MAJOR}")

set(CPACK_DEBIAN_INTERPRETER_PACKAGE_NAME xio)
set(CPACK_DEBIAN_INTERPRETER_DESCRIPTION "interpreter of Lua 5.4 with structured concurrency
Runs a Lua script as the main task of a loop: any function may wait, for time, sockets,
files, processes and other tasks, and every task belongs to a group.")
set(CPACK_DEBIAN_INTERPRETER_PACKAGE_RECOMMENDS libedit2) # it edits lines at the prompt
set(CPACK_DEBIAN_LUA_PACKAGE_NAME lua-xio)
set(CPACK_DEBIAN_LUA_PACKAGE_RECOMMENDS lua5.4)
set(CPACK_DEBIAN_LUA_DESCRIPTION "structured concurrency for Lua 5.4 on libuv
Tasks, groups and scopes with cancellation and deadlines, sockets, files, processes and
threads, as the module xio for a plain Lua 5.4.")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME "${soname_package}")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/cmake/triggers")
set(CPACK_DEBIAN_LIBRARY_DESCRIPTION "structured concurrency for Lua in C programs
Runs tasks of Lua and of C inside a program that has a Lua 5.4 state of its own, on a
loop of libuv or of the program.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libxio-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
  "${soname_package} (= ${PROJECT_VERSION}), liblua5.4-dev, libuv1-dev")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "structured concurrency for Lua in C programs: header
The header, the static library, the pkg-config file and the CMake package of libxio.")

# Debian wants the licence beside each.
foreach(entry IN ITEMS interpreter:xio lua:lua-xio library:${soname_package} development:libxio-dev)
  string(REPLACE ":" ";" entry "${entry}")
  list(GET entry 0 component)
  list(GET entry 1 package)
  install(FILES LICENSE DESTINATION "share/doc/${package}" RENAME copyright
    COMPONENT ${component} EXCLUDE_FROM_ALL)
endforeach()
include(CPack)
