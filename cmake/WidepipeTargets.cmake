# Flags shared by all targets, and one function that makes the library of a folder.

add_library(widepipe_options INTERFACE)
target_compile_options(widepipe_options INTERFACE
  # Designated initializers leave out what has a default on purpose.
  -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers
  $<$<BOOL:${WIDEPIPE_WERROR}>:-Werror>)
# Kernels must round the same on every machine: no contraction but the FMAs that we write.
target_compile_options(widepipe_options INTERFACE -ffp-contract=off)

# The libraries are what is sanitized: the tests are compiled as for a release, so that a compiler
# cache gives them for nothing (but for threads: see there).
add_library(widepipe_sanitized INTERFACE)
if(WIDEPIPE_SANITIZE)
  target_compile_options(widepipe_sanitized INTERFACE
    -O1 -g1 -fsanitize=${WIDEPIPE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(widepipe_options INTERFACE -fsanitize=${WIDEPIPE_SANITIZE})
endif()
# widepipe_precompile(TARGET more...): the headers of others that nearly every source includes are
# read once; with them a source takes a second less to compile. Sources include what they use all
# the same: WIDEPIPE_PRECOMPILE=OFF shows what is missing.
function(widepipe_precompile target)
  if(NOT WIDEPIPE_PRECOMPILE)
    return()
  endif()
  target_precompile_headers(${target} PRIVATE
    <fmt/format.h> <algorithm> <functional> <memory> <optional> <span> <string> <vector> ${ARGN})
  # So that a compiler cache may be used, too.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endfunction()

# widepipe_library(NAME DIR folder [LINK public...] [PRIVATE private...])
# Makes widepipe::NAME of the sources in the folder. Names of sibling folders in LINK stand for
# their libraries.
function(widepipe_library name)
  cmake_parse_arguments(ARG "" "DIR" "LINK;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_DIR}/*.cc)
  add_library(widepipe_${name} STATIC ${sources})
  add_library(widepipe::${name} ALIAS widepipe_${name})
  set_target_properties(widepipe_${name} PROPERTIES EXPORT_NAME ${name}
                                                    POSITION_INDEPENDENT_CODE ON)
  target_include_directories(widepipe_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/widepipe>)
  target_compile_features(widepipe_${name} PUBLIC cxx_std_20)
  foreach(dependency IN LISTS ARG_LINK)
    if(TARGET widepipe_${dependency})
      target_link_libraries(widepipe_${name} PUBLIC widepipe_${dependency})
    else()
      target_link_libraries(widepipe_${name} PUBLIC ${dependency})
    endif()
  endforeach()
  target_link_libraries(widepipe_${name} PRIVATE ${ARG_PRIVATE} $<BUILD_INTERFACE:widepipe_options>)
  if(NOT name IN_LIST WIDEPIPE_NOT_SANITIZED)
    target_link_libraries(widepipe_${name} PRIVATE $<BUILD_INTERFACE:widepipe_sanitized>)
  endif()
  set_property(GLOBAL APPEND PROPERTY WIDEPIPE_LIBRARIES widepipe_${name})
endfunction()
