# Writes Lua modules as a C source: cmake -DOUTPUT=FILE -P embed_script.cmake -- NAME=PATH...
# Each module becomes a byte array (string literals have a length limit in C11); the table
# that lists them is declared in csrc/cli/embedded.h and ends with a NULL name.
cmake_minimum_required(VERSION 3.25)
set(arrays "")
set(rows "")
set(number 0)
set(in_list FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(index RANGE ${last})
  set(argument "${CMAKE_ARGV${index}}")
  if(in_list)
    string(REGEX MATCH "^([^=]+)=(.+)$" matched "${argument}")
    set(name "${CMAKE_MATCH_1}")
    file(READ "${CMAKE_MATCH_2}" hex HEX)
    # a final 0 keeps an empty file a valid array; it is not counted
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}00")
    string(APPEND arrays "static const unsigned char source_${number}[] = {${bytes}};\n")
    string(APPEND rows
      "    {\"${name}\", source_${number}, sizeof source_${number} - 1},\n")
    math(EXPR number "${number} + 1")
  elseif(argument STREQUAL "--")
    set(in_list TRUE)
  endif()
endforeach()
file(CONFIGURE OUTPUT "${OUTPUT}" @ONLY CONTENT
"/* Made by cmake/embed_script.cmake; do not edit. */
#include \"cli/embedded.h\"

@arrays@
const xio_embedded_module xio_embedded_modules[] = {
@rows@    {NULL, NULL, 0},
};
")
