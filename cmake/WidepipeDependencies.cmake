# Finds what widepipe links. Included by the build and by an installed widepipeConfig.cmake, so
# that both look in the same way. Distributions name some targets differently: each gets one name.

include(CMakeFindDependencyMacro)
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(MPI REQUIRED COMPONENTS C)  # the C API; MPI's C++ bindings are gone since 3.0
find_package(fmt REQUIRED CONFIG)
find_package(hwy REQUIRED CONFIG)
find_package(CLI11 REQUIRED CONFIG)
find_package(nlohmann_json REQUIRED CONFIG)
find_package(tomlplusplus REQUIRED CONFIG)
find_package(Protobuf REQUIRED)
find_package(ONNX REQUIRED CONFIG)

set(HDF5_PREFER_PARALLEL OFF)
find_package(HDF5 REQUIRED COMPONENTS C)

# Users have it from its vendor: OpenVINO_DIR or CMAKE_PREFIX_PATH say where.
if(WIDEPIPE_WITH_OPENVINO STREQUAL "AUTO")
  find_package(OpenVINO QUIET CONFIG COMPONENTS Runtime)
elseif(WIDEPIPE_WITH_OPENVINO)
  find_package(OpenVINO REQUIRED CONFIG COMPONENTS Runtime)
endif()
if(OpenVINO_FOUND)
  # Its package defines this default for every source of ours; a compiler cache then shares nothing
  # with a build without it.
  remove_definitions(-D_GLIBCXX_USE_CXX11_ABI=${OpenVINO_GLIBCXX_USE_CXX11_ABI})
endif()

# widepipe_find_library(TARGET header library): for what has no usable package file. Debian's
# oneDNN has one, but it asks for OpenCL's development files, which nothing here needs.
function(widepipe_find_library target header library)
  if(TARGET ${target})
    return()
  endif()
  string(MAKE_C_IDENTIFIER "WIDEPIPE_${library}" prefix)
  find_path(${prefix}_INCLUDE_DIR ${header} REQUIRED)
  find_library(${prefix}_LIBRARY ${library} REQUIRED)
  add_library(${target} INTERFACE IMPORTED)
  set_target_properties(${target} PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${${prefix}_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "${${prefix}_LIBRARY}")
endfunction()

widepipe_find_library(DNNL::dnnl oneapi/dnnl/dnnl.hpp dnnl)
widepipe_find_library(xxHash::xxhash xxhash.h xxhash)

if(NOT TARGET widepipe_hdf5)
  add_library(widepipe_hdf5 INTERFACE IMPORTED)
  set_target_properties(widepipe_hdf5 PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${HDF5_C_INCLUDE_DIRS}"
    INTERFACE_LINK_LIBRARIES "${HDF5_C_LIBRARIES}")
endif()

if(NOT TARGET widepipe_onnx_proto)
  add_library(widepipe_onnx_proto INTERFACE IMPORTED)
  if(TARGET ONNX::onnx_proto)
    set(widepipe_onnx_target ONNX::onnx_proto)
  else()
    set(widepipe_onnx_target onnx_proto)
  endif()
  set_target_properties(widepipe_onnx_proto PROPERTIES
    INTERFACE_COMPILE_DEFINITIONS "ONNX_ML=1;ONNX_NAMESPACE=onnx"
    INTERFACE_LINK_LIBRARIES "${widepipe_onnx_target};protobuf::libprotobuf")
endif()
