# xio-compile: how every target of this project is compiled and linked. Not exported.
add_library(xio-compile INTERFACE)
# the rockspec defines the same
target_compile_definitions(xio-compile INTERFACE _GNU_SOURCE $<$<BOOL:${XIO_DEV}>:XIO_DEV=1>)
target_compile_options(xio-compile INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
  $<$<BOOL:${XIO_WERROR}>:-Werror>)
# Optimized when linked or not, libxio.a is for every compiler and linker.
if(CMAKE_INTERPROCEDURAL_OPTIMIZATION AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(xio-compile INTERFACE -ffat-lto-objects)
endif()
if(XIO_SANITIZE)
  set(sanitize -fsanitize=${XIO_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_options(xio-compile INTERFACE ${sanitize})
  target_link_options(xio-compile INTERFACE ${sanitize})
endif()
