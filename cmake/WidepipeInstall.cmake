# `cmake --install`: the command, the libraries with their public headers, and a package that
# find_package(widepipe) finds.

include(CMakePackageConfigHelpers)
get_property(libraries GLOBAL PROPERTY WIDEPIPE_LIBRARIES)
install(TARGETS ${libraries} EXPORT widepipeTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS widepipe_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY src/core src/model src/device src/schedule src/dataset src/report kernels
                  mpi_runtime jobs
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/widepipe FILES_MATCHING PATTERN "*.h")
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/widepipe)
install(EXPORT widepipeTargets NAMESPACE widepipe:: DESTINATION ${config_dir})
configure_package_config_file(cmake/widepipeConfig.cmake.in
  ${CMAKE_BINARY_DIR}/widepipeConfig.cmake INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/widepipeConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/widepipeConfig.cmake
              ${CMAKE_BINARY_DIR}/widepipeConfigVersion.cmake
              cmake/WidepipeDependencies.cmake
        DESTINATION ${config_dir})
