#pragma once
// `widepipe inspect`: what widepipe thinks of a model, a data file, an output or this machine.
// Never starts MPI, so it runs on login nodes.

#include <cstdint>
#include <string>
#include <vector>

namespace widepipe::jobs {

struct InspectOptions {
  std::string target;  ///< a .onnx file, an HDF5 file, FILE:/path, or "devices"
  std::vector<std::int64_t> batches = {1, 8, 64};  ///< sizes to plan the memory for
  std::string isa;                                 ///< instruction set to pin, or empty
  std::vector<std::string> shapes;                 ///< [NAME=]3x224x224: a row of an input
  std::vector<std::string> values;                 ///< NAME=NUMBER,...: a constant input
  bool kernels = false;                            ///< list the kernel of each node
};

/// Prints to standard output. Throws InputError when the target cannot be used, after printing
/// what could be learnt.
int run_inspect(const InspectOptions& options);

}  // namespace widepipe::jobs
