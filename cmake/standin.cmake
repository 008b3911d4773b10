# What runs on the stand-in for libuv and the system. Linked without libuv, so that a call
# of that without a stand-in is an error of the linker.
add_library(xio-standin OBJECT ${XIO_STANDIN_SOURCES})
target_link_libraries(xio-standin PRIVATE xio-compile)
target_include_directories(xio-standin SYSTEM PUBLIC
  $<TARGET_PROPERTY:PkgConfig::XIO_UV,INTERFACE_INCLUDE_DIRECTORIES>)
foreach(file IN LISTS XIO_STANDIN_SOURCES)
  file(STRINGS ${file} stand_ins REGEX "^SYSTEM\\(")
  foreach(line IN LISTS stand_ins)
    string(REGEX REPLACE "^SYSTEM\\([^,]*, ([a-z_0-9]+),.*" "\\1" name "${line}")
    target_link_options(xio-standin INTERFACE "LINKER:--wrap=${name}")
  endforeach()
endforeach()
set_property(SOURCE ${XIO_WORLD_SOURCES} ${XIO_FIDELITY_SOURCES}
  APPEND PROPERTY COMPILE_OPTIONS -U_FORTIFY_SOURCE)

# Random programs on the core.
add_executable(sim_world ${XIO_WORLD_SOURCES} $<TARGET_OBJECTS:xio-test-objects>)
target_link_libraries(sim_world PRIVATE
  xio-compile xio-standin $<TARGET_FILE:xio-core>)
add_dependencies(sim_world xio-core)
set_target_properties(sim_world PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/test")
xio_add_test(sim.world "sim;slow" 300 COMMAND sim_world)

# What both must say the same of: the stand-in, and libuv with the kernel.
add_executable(fidelity_real ${XIO_FIDELITY_SOURCES})
target_link_libraries(fidelity_real PRIVATE xio-compile PkgConfig::XIO_UV)
add_executable(fidelity_standin ${XIO_FIDELITY_SOURCES})
target_link_libraries(fidelity_standin PRIVATE xio-compile xio-standin)
target_compile_definitions(fidelity_standin PRIVATE XIO_STANDIN=1)
set_target_properties(fidelity_real fidelity_standin PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/test")
xio_add_test(sim.fidelity "sim" 60
  COMMAND fidelity_standin $<TARGET_FILE:fidelity_real>)
