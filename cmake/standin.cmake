# The core without libuv: what it calls of that, and of the system, is a stand-in. Linked
# so that a call without one is an error of the linker, where it is one of libuv.
add_executable(sim_world ${XIO_WORLD_SOURCES} ${XIO_STANDIN_SOURCES}
  ${XIO_TEST_SUPPORT_SOURCES})
target_include_directories(sim_world SYSTEM PRIVATE
  $<TARGET_PROPERTY:PkgConfig::XIO_UV,INTERFACE_INCLUDE_DIRECTORIES>)
target_link_libraries(sim_world PRIVATE xio-compile $<TARGET_FILE:xio-core>)
add_dependencies(sim_world xio-core)
foreach(file IN LISTS XIO_STANDIN_SOURCES)
  file(STRINGS ${file} stand_ins REGEX "^SYSTEM\\(")
  foreach(line IN LISTS stand_ins)
    string(REGEX REPLACE "^SYSTEM\\([^,]*, ([a-z_0-9]+),.*" "\\1" name "${line}")
    target_link_options(sim_world PRIVATE "LINKER:--wrap=${name}")
  endforeach()
endforeach()
set_target_properties(sim_world PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/test")
xio_add_test(sim.world "sim;slow" 300 COMMAND sim_world)
