# Install rules, the pkg-config file, the CMake package, and the target `uninstall`.
# Everything goes below CMAKE_INSTALL_PREFIX and honours DESTDIR.
include(CMakePackageConfigHelpers)

set(XIO_INSTALL_LUADIR "${CMAKE_INSTALL_DATADIR}/lua/5.4" CACHE STRING
  "Where Lua modules go, relative to the prefix")
set(XIO_INSTALL_LUACDIR "lib/lua/5.4" CACHE STRING
  "Where C modules for Lua go, relative to the prefix")
set(cmakedir "${CMAKE_INSTALL_LIBDIR}/cmake/xio")
set(pkgconfigdir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

# Components are for packages (cmake/package.cmake); without one everything is installed.
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME interpreter)
install(TARGETS xio RUNTIME)
install(TARGETS xio-shared xio-static EXPORT xio
  LIBRARY COMPONENT library NAMELINK_COMPONENT development
  ARCHIVE COMPONENT development)
install(TARGETS xio_module LIBRARY DESTINATION "${XIO_INSTALL_LUACDIR}/xio" COMPONENT lua)
foreach(file IN LISTS XIO_LUA_MODULES)
  string(REGEX REPLACE "^lua/" "" path "${file}")
  cmake_path(GET path PARENT_PATH parent)
  install(FILES "${file}" DESTINATION "${XIO_INSTALL_LUADIR}/${parent}" COMPONENT lua)
endforeach()
# Debian wants its pages compressed, without a time in them; man reads both kinds.
find_program(XIO_GZIP_PROGRAM gzip)
set(man_page man/xio.1)
if(XIO_GZIP_PROGRAM)
  set(man_page "${PROJECT_BINARY_DIR}/generated/xio.1.gz")
  file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/generated")
  execute_process(COMMAND "${XIO_GZIP_PROGRAM}" -9nc "${PROJECT_SOURCE_DIR}/man/xio.1"
    OUTPUT_FILE "${man_page}" COMMAND_ERROR_IS_FATAL ANY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS man/xio.1)
endif()
install(FILES "${man_page}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT interpreter)
install(DIRECTORY types DESTINATION "${CMAKE_INSTALL_DATADIR}/xio" COMPONENT lua)
install(FILES completions/xio.bash RENAME xio COMPONENT interpreter
  DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
install(FILES completions/_xio COMPONENT interpreter
  DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions")
install(DIRECTORY csrc/include/ TYPE INCLUDE COMPONENT development
  FILES_MATCHING PATTERN "*.h")

# xio.pc finds its prefix from its own place.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX
  BASE_DIRECTORY "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" OUTPUT_VARIABLE XIO_PC_TO_PREFIX)
configure_file(cmake/xio.pc.in "${PROJECT_BINARY_DIR}/generated/xio.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/generated/xio.pc" DESTINATION "${pkgconfigdir}"
  COMPONENT development)

configure_package_config_file(cmake/xioConfig.cmake.in
  "${PROJECT_BINARY_DIR}/generated/xioConfig.cmake" INSTALL_DESTINATION "${cmakedir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/generated/xioConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/generated/xioConfig.cmake"
  "${PROJECT_BINARY_DIR}/generated/xioConfigVersion.cmake" DESTINATION "${cmakedir}"
  COMPONENT development)
install(EXPORT xio NAMESPACE xio:: FILE xioTargets.cmake DESTINATION "${cmakedir}"
  COMPONENT development)

if(PROJECT_IS_TOP_LEVEL)
  include(cmake/package.cmake)
  add_custom_target(uninstall
    COMMAND "${CMAKE_COMMAND}" "-DMANIFEST=${PROJECT_BINARY_DIR}/install_manifest.txt"
            -P "${PROJECT_SOURCE_DIR}/cmake/uninstall_script.cmake"
    COMMENT "Removing what was installed" VERBATIM)
endif()
