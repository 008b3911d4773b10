# The Lua modules of xio as C arrays inside the interpreter (XIO_EMBEDDED_SOURCE), and as
# links in the build tree. The arrays are declared in csrc/cli/embedded.h.

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

set(XIO_EMBEDDED_SOURCE "${PROJECT_BINARY_DIR}/generated/embedded.c")
set(embed_arguments "")
foreach(file IN LISTS XIO_LUA_MODULES)
  xio_module_name("${file}" name)
  list(APPEND embed_arguments "${name}=${PROJECT_SOURCE_DIR}/${file}")
endforeach()
list(TRANSFORM XIO_LUA_MODULES PREPEND "${PROJECT_SOURCE_DIR}/" OUTPUT_VARIABLE embed_depends)
add_custom_command(
  OUTPUT "${XIO_EMBEDDED_SOURCE}"
  COMMAND "${CMAKE_COMMAND}" "-DOUTPUT=${XIO_EMBEDDED_SOURCE}"
          -P "${PROJECT_SOURCE_DIR}/cmake/embed_script.cmake" -- ${embed_arguments}
  DEPENDS ${embed_depends} "${PROJECT_SOURCE_DIR}/cmake/embed_script.cmake"
  COMMENT "Embedding the Lua modules"
  VERBATIM)
