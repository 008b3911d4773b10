# The Lua modules of xio in C arrays: as bytecode for the interpreter
# (XIO_EMBEDDED_BYTECODE), as source text for libxio (XIO_EMBEDDED_TEXT); and as links in the
# build tree. The arrays are declared in csrc/lua/preload.h and written by tools/embed.c,
# which runs while building.

# Module name of a file under lua/: lua/xio/init.lua is xio, lua/xio/a.lua is xio.a.
function(xio_module_name file result)
  string(REGEX REPLACE "^lua/" "" name "${file}")
  string(REGEX REPLACE "(/init)?\\.lua$" "" name "${name}")
  string(REPLACE "/" "." name "${name}")
  set(${result} "${name}" PARENT_SCOPE)
endfunction()

# Links every Lua module below `directory`, so that an edit needs no build.
function(xio_link_lua_modules directory)
  file(GLOB_RECURSE stale "${directory}/*.lua")
  if(stale)
    file(REMOVE ${stale})
  endif()
  foreach(file IN LISTS XIO_LUA_MODULES)
    string(REGEX REPLACE "^lua/" "" path "${file}")
    cmake_path(GET path PARENT_PATH parent)
    file(MAKE_DIRECTORY "${directory}/${parent}")
    file(CREATE_LINK "${PROJECT_SOURCE_DIR}/${file}" "${directory}/${path}" SYMBOLIC)
  endforeach()
endfunction()

set(XIO_EMBEDDED_BYTECODE "${PROJECT_BINARY_DIR}/generated/bytecode.c")
set(XIO_EMBEDDED_TEXT "${PROJECT_BINARY_DIR}/generated/text.c")
set(embed_arguments "")
foreach(file IN LISTS XIO_LUA_MODULES)
  xio_module_name("${file}" name)
  list(APPEND embed_arguments "${name}=${PROJECT_SOURCE_DIR}/${file}")
endforeach()
list(TRANSFORM XIO_LUA_MODULES PREPEND "${PROJECT_SOURCE_DIR}/" OUTPUT_VARIABLE embed_depends)
add_executable(xio-embed tools/embed.c)
target_link_libraries(xio-embed PRIVATE xio-compile "${XIO_LUA_ARCHIVE}" m ${CMAKE_DL_LIBS})
target_include_directories(xio-embed PRIVATE csrc)
target_include_directories(xio-embed SYSTEM PRIVATE ${XIO_LUA_INCLUDE_DIRS})
set_target_properties(xio-embed PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/generated")

add_custom_command(
  OUTPUT "${XIO_EMBEDDED_BYTECODE}" "${XIO_EMBEDDED_TEXT}"
  COMMAND xio-embed "${XIO_EMBEDDED_BYTECODE}" "${XIO_EMBEDDED_TEXT}" ${embed_arguments}
  DEPENDS xio-embed ${embed_depends}
  COMMENT "Embedding the Lua modules"
  VERBATIM)
# Several targets compile these: they wait for one command that makes them.
add_custom_target(xio-embedded DEPENDS "${XIO_EMBEDDED_BYTECODE}" "${XIO_EMBEDDED_TEXT}")
