# What ctest runs. Every test prints TAP, so that tools/test can count single tests.
# Labels: unit, sim, torture, faults, spec, example, load, check; `slow` as well where it takes seconds.
pkg_check_modules(XIO_CMOCKA REQUIRED IMPORTED_TARGET cmocka)
find_program(XIO_LUA_PROGRAM NAMES lua5.4 lua REQUIRED)
find_program(XIO_BUSTED_PROGRAM busted REQUIRED)
find_program(XIO_LUACHECK_PROGRAM luacheck REQUIRED)

set(test_environment
  "CMOCKA_MESSAGE_OUTPUT=TAP"
  "XIO_BUILD_DIR=${PROJECT_BINARY_DIR}"
  "ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1"
  "UBSAN_OPTIONS=print_stacktrace=1"
  "TSAN_OPTIONS=second_deadlock_stack=1:suppressions=${PROJECT_SOURCE_DIR}/csrc/test/tsan.supp")
# A plain Lua that loads the module must have the sanitizer's library from its start, and
# so have the shells that specs start, whose leaks are not ours: the interpreter's run of
# the same specs looks for leaks.
set(module_environment "")
if(XIO_SANITIZE)
  string(REGEX MATCH "address|thread" sanitizer "${XIO_SANITIZE}")
  string(SUBSTRING "${sanitizer}" 0 1 letter)
  execute_process(COMMAND "${CMAKE_C_COMPILER}" -print-file-name=lib${letter}san.so
    OUTPUT_VARIABLE XIO_SANITIZER_LIBRARY OUTPUT_STRIP_TRAILING_WHITESPACE)
  list(APPEND module_environment
    "LD_PRELOAD=${XIO_SANITIZER_LIBRARY}" "ASAN_OPTIONS=detect_leaks=0")
endif()

# Adds the test `name` with a label, environment and time limit (seconds).
function(xio_add_test name labels timeout)
  cmake_parse_arguments(PARSE_ARGV 3 arg "" "" "COMMAND;ENVIRONMENT")
  add_test(NAME ${name} COMMAND ${arg_COMMAND} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT ${timeout}
    ENVIRONMENT "${test_environment};${arg_ENVIRONMENT}")
  if(labels MATCHES "slow|example|load") # begins before what is short
    set_tests_properties(${name} PROPERTIES COST 50)
  endif()
endfunction()

# Builds one cmocka program per file; `test_heap.c` becomes the test `<label>.heap`.
function(xio_add_programs label labels timeout)
  foreach(file IN LISTS ARGN)
    cmake_path(GET file STEM stem)
    add_executable(${label}_${stem} ${file})
    target_link_libraries(${label}_${stem} PRIVATE
      xio-compile xio-test-support PkgConfig::XIO_CMOCKA)
    set_target_properties(${label}_${stem} PROPERTIES
      RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/test")
    string(REGEX REPLACE "^test_" "" noun "${stem}")
    if(NOT "${label}.${noun}" STREQUAL "torture.lua")
      xio_add_test(${label}.${noun} "${labels}" ${timeout} COMMAND ${label}_${stem})
    endif()
  endforeach()
endfunction()

# What tests share is compiled once; libraries of objects, since the linker takes from an
# archive only what is still missing.
add_library(xio-test-objects OBJECT ${XIO_TEST_SUPPORT_SOURCES})
target_link_libraries(xio-test-objects PRIVATE xio-compile xio-core)
add_library(xio-test-support INTERFACE)
target_sources(xio-test-support INTERFACE $<TARGET_OBJECTS:xio-test-objects>)
target_link_libraries(xio-test-support INTERFACE xio-core)
target_link_options(xio-test-support INTERFACE "LINKER:--wrap=xio_alloc_default")

# Calls of the system that can fail: the functions that wrap.c has a stand-in for.
add_library(xio-wrap-objects OBJECT csrc/test/faults/wrap.c)
target_link_libraries(xio-wrap-objects PRIVATE xio-compile)
add_library(xio-test-wrap INTERFACE)
target_sources(xio-test-wrap INTERFACE $<TARGET_OBJECTS:xio-wrap-objects>)
file(STRINGS csrc/test/faults/wrap.c stand_ins REGEX "^(STAND_IN.*\\(|[a-z].* __wrap_)[a-z_0-9]+")
foreach(line IN LISTS stand_ins)
  string(REGEX REPLACE "^STAND_IN[A-Z_]*\\(([^,]*, )?([a-z_0-9]+),.*" "\\2" name "${line}")
  string(REGEX REPLACE "^[a-z].* __wrap_([a-z_0-9]+).*" "\\1" name "${name}")
  target_link_options(xio-test-wrap INTERFACE "LINKER:--wrap=${name}")
endforeach()
set_property(SOURCE csrc/test/faults/wrap.c
  APPEND PROPERTY COMPILE_OPTIONS -U_FORTIFY_SOURCE)

xio_add_programs(unit "unit" 60 ${XIO_UNIT_TESTS})
foreach(file IN LISTS XIO_UNIT_TESTS)
  cmake_path(GET file STEM stem)
  target_link_libraries(unit_${stem} PRIVATE xio-test-wrap)
endforeach()
xio_add_programs(embed "unit" 60 ${XIO_EMBED_TESTS})
foreach(file IN LISTS XIO_EMBED_TESTS)
  cmake_path(GET file STEM stem)
  target_include_directories(embed_${stem} PRIVATE csrc/include)
  target_include_directories(embed_${stem} SYSTEM PRIVATE ${XIO_LUA_INCLUDE_DIRS})
  target_link_libraries(embed_${stem} PRIVATE xio-static ${XIO_LUA_ARCHIVE} ${CMAKE_DL_LIBS})
endforeach()
add_custom_target(unit_tests) # all of them, for tools/mutate
foreach(file IN LISTS XIO_UNIT_TESTS)
  cmake_path(GET file STEM stem)
  add_dependencies(unit_tests unit_${stem})
endforeach()
foreach(file IN LISTS XIO_EMBED_TESTS)
  cmake_path(GET file STEM stem)
  add_dependencies(unit_tests embed_${stem})
endforeach()
xio_add_programs(sim "sim;slow" 300 ${XIO_SIM_TESTS})
xio_add_programs(torture "torture;slow" 600 ${XIO_TORTURE_TESTS})
# the scenarios in Lua take longest: in two parts, so that two cores share them
foreach(part IN ITEMS 1 2)
  xio_add_test(torture.lua_${part} "torture;slow" 600 COMMAND torture_lua ${part}/2)
  set_tests_properties(torture.lua_${part} PROPERTIES COST 90)
endforeach()

# Gives `target` the binding, Lua, and what runs scenarios.
add_library(xio-scenario-objects OBJECT ${XIO_SCENARIO_SOURCES})
target_link_libraries(xio-scenario-objects PRIVATE xio-compile xio-core)
target_include_directories(xio-scenario-objects PRIVATE csrc/include)
target_include_directories(xio-scenario-objects SYSTEM PRIVATE ${XIO_LUA_INCLUDE_DIRS})
function(xio_add_scenarios target)
  target_sources(${target} PRIVATE
    $<TARGET_OBJECTS:xio-scenario-objects> $<TARGET_OBJECTS:xio-binding>)
  target_include_directories(${target} PRIVATE csrc/include)
  target_include_directories(${target} SYSTEM PRIVATE ${XIO_LUA_INCLUDE_DIRS})
  target_link_libraries(${target} PRIVATE ${XIO_LUA_ARCHIVE} m ${CMAKE_DL_LIBS})
endfunction()
foreach(file IN LISTS XIO_TORTURE_TESTS)
  cmake_path(GET file STEM stem)
  xio_add_scenarios(torture_${stem})
endforeach()
target_sources(torture_host PRIVATE $<TARGET_OBJECTS:xio-host> $<TARGET_OBJECTS:xio-text>)

# Every call of the system fails in turn.
list(REMOVE_ITEM XIO_FAULT_SOURCES csrc/test/faults/wrap.c) # xio-test-wrap has it
add_executable(faults_system ${XIO_FAULT_SOURCES})
target_link_libraries(faults_system PRIVATE xio-compile xio-test-support xio-test-wrap)
xio_add_scenarios(faults_system)
set_target_properties(faults_system PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/test")
xio_add_test(faults.system "faults;slow" 600 COMMAND faults_system)

include(cmake/standin.cmake)

# The specs twice: the module in a plain Lua, and inside the interpreter's main task. Each in
# parts of every so many-th file, which the cores share; they begin before what is short.
set(XIO_SPEC_PARTS 3)
file(GLOB spec_files CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}"
  "${PROJECT_SOURCE_DIR}/spec/*_spec.lua")
set(place 0)
foreach(file IN LISTS spec_files)
  math(EXPR part "${place} % ${XIO_SPEC_PARTS} + 1")
  math(EXPR place "${place} + 1")
  list(APPEND spec_files_${part} "${file}")
endforeach()
foreach(part RANGE 1 ${XIO_SPEC_PARTS})
  xio_add_test(spec.module_${part} "spec" 600
    COMMAND tools/with_module "${PROJECT_BINARY_DIR}"
            "${XIO_LUA_PROGRAM}" "${XIO_BUSTED_PROGRAM}" -o TAP ${spec_files_${part}}
    ENVIRONMENT ${module_environment})
  xio_add_test(spec.interpreter_${part} "spec" 600
    COMMAND xio "${XIO_BUSTED_PROGRAM}" -o TAP ${spec_files_${part}})
  set_tests_properties(spec.module_${part} spec.interpreter_${part} PROPERTIES COST 100)
endforeach()

xio_add_test(examples "example" 300
  COMMAND "${XIO_LUA_PROGRAM}" tools/run_examples $<TARGET_FILE:xio>)

xio_add_test(examples.service "example" 60
  COMMAND sh -c "cd examples/service && exec \"$0\" \"$1\" -o TAP spec" $<TARGET_FILE:xio>
          "${XIO_BUSTED_PROGRAM}")

xio_add_test(load "load" 60 COMMAND tools/load --fast $<TARGET_FILE:xio>)
xio_add_test(stress.threads "load" 60
  COMMAND tools/stress_threads $<TARGET_FILE:xio> 8 2000 64)

if(NOT XIO_SANITIZE)
  xio_add_test(check.floors_selftest "check" 60
    COMMAND "${XIO_LUA_PROGRAM}" tools/check_floors --self-test)
  xio_add_test(check.floors "check" 60
    COMMAND "${XIO_LUA_PROGRAM}" tools/check_floors --archive $<TARGET_FILE:xio-core>)
  xio_add_test(check.sources "check" 60
    COMMAND "${XIO_LUA_PROGRAM}" tools/check_sources)
  xio_add_test(check.abi "check" 60 COMMAND tools/check_abi $<TARGET_FILE:xio-shared>)
  xio_add_test(check.reference "check" 60
    COMMAND tools/with_module "${PROJECT_BINARY_DIR}"
            "${XIO_LUA_PROGRAM}" tools/check_reference)
  xio_add_test(check.reference_pages "check" 60
    COMMAND "${XIO_LUA_PROGRAM}" tools/reference --check)
  xio_add_test(check.types "check" 60
    COMMAND "${XIO_LUA_PROGRAM}" tools/types --check)
  xio_add_test(check.types_exist "check" 60
    COMMAND tools/with_module "${PROJECT_BINARY_DIR}"
            "${XIO_LUA_PROGRAM}" tools/check_reference --types)
  xio_add_test(check.calls "check" 60
    COMMAND "${XIO_LUA_PROGRAM}" tools/check_calls)
  xio_add_test(check.guide "check" 120 COMMAND xio tools/check_guide)
  xio_add_test(check.errors "check" 60
    COMMAND tools/with_module "${PROJECT_BINARY_DIR}" "${XIO_LUA_PROGRAM}" tools/errors --check)
  xio_add_test(check.pictures "check" 60 COMMAND "${XIO_LUA_PROGRAM}" tools/pictures $<TARGET_FILE:xio> --check)
  xio_add_test(check.luacheck "check" 180 COMMAND "${XIO_LUACHECK_PROGRAM}" -q --no-color
    . .busted .luacheckrc bin/xio tools/check_calls tools/check_floors tools/check_guide tools/check_reference
    tools/check_peers tools/check_sources tools/errors tools/pictures tools/reference tools/run_examples tools/types
    bench/count)
endif()

# A program in a terminal, for spec/repl_spec.lua.
add_executable(test_pty csrc/test/terminal/pty.c)
target_link_libraries(test_pty PRIVATE xio-compile)
set_target_properties(test_pty PROPERTIES OUTPUT_NAME pty
  RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/test")
