# Fuzzers: one program for each parser of outside data (tools/fuzz builds and runs them).
# Needs clang. Beginnings of their corpora are in csrc/test/fuzz/corpus.
add_custom_target(fuzzers)

# Adds the fuzzer `name` of the files that follow.
function(xio_add_fuzzer name)
  add_executable(fuzz_${name} ${ARGN})
  add_dependencies(fuzzers fuzz_${name})
  target_link_libraries(fuzz_${name} PRIVATE xio-compile xio-core)
  target_include_directories(fuzz_${name} PRIVATE csrc csrc/include)
  target_include_directories(fuzz_${name} SYSTEM PRIVATE ${XIO_LUA_INCLUDE_DIRS})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(fuzz_${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz")
endfunction()

# The same where it has the binding and a Lua state.
function(xio_add_state_fuzzer name)
  xio_add_fuzzer(${name} ${ARGN} csrc/test/fuzz/state.c $<TARGET_OBJECTS:xio-binding>)
  target_link_libraries(fuzz_${name} PRIVATE ${XIO_LUA_ARCHIVE} m ${CMAKE_DL_LIBS})
endfunction()

xio_add_fuzzer(address csrc/test/fuzz/address.c)
xio_add_state_fuzzer(options csrc/test/fuzz/options.c csrc/cli/options.c)
xio_add_state_fuzzer(message csrc/test/fuzz/message.c)
foreach(script IN ITEMS prompt read report)
  xio_add_state_fuzzer(${script} csrc/test/fuzz/script.c)
  target_compile_definitions(fuzz_${script} PRIVATE "FUZZ_SCRIPT=\"${script}\"")
endforeach()
