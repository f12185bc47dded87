#pragma once

#include <cstddef>
#include <limits>
#include <stdexcept>

#include "mpi_runtime/mpi_call.h"

namespace widepipe::mpi_runtime {

inline int to_count(std::size_t bytes) {
  if (bytes > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw std::logic_error(fmt::format("{} bytes in one MPI operation: counts are int", bytes));
  }
  return static_cast<int>(bytes);
}

/// One MPI request and its test.
class Request {
 public:
  Request() = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  MPI_Request* get() { return &request_; }
  /// True also if nothing has been started.
  bool test() {
    int done = 0;
    WIDEPIPE_MPI(MPI_Test(&request_, &done, MPI_STATUS_IGNORE));
    return done != 0;
  }

 private:
  MPI_Request request_ = MPI_REQUEST_NULL;
};

}  // namespace widepipe::mpi_runtime
