# `cmake --install`: the command, the libraries with their public headers, and a package that
# find_package(widepipe) finds.

include(CMakePackageConfigHelpers)
get_property(libraries GLOBAL PROPERTY WIDEPIPE_LIBRARIES)
install(TARGETS ${libraries} EXPORT widepipeTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS widepipe_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# Made by the command itself, of what --help prints.
add_custom_command(TARGET widepipe_command POST_BUILD
  COMMAND widepipe_command manual > ${CMAKE_BINARY_DIR}/widepipe.1
  COMMAND widepipe_command completion bash > ${CMAKE_BINARY_DIR}/widepipe.bash
  COMMAND widepipe_command completion zsh > ${CMAKE_BINARY_DIR}/_widepipe
  VERBATIM)
install(FILES ${CMAKE_BINARY_DIR}/widepipe.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${CMAKE_BINARY_DIR}/widepipe.bash
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME widepipe)
install(FILES ${CMAKE_BINARY_DIR}/_widepipe
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES docs/report.schema.json DESTINATION ${CMAKE_INSTALL_DATADIR}/widepipe)
install(DIRECTORY src/core src/model src/npu_model src/device src/schedule src/dataset src/report kernels
                  mpi_runtime rl jobs
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
