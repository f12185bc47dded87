#pragma once
// A checked MPI call. An MPI failure is never bad input: it names the call and ends the job.

#include <mpi.h>

#include <fmt/format.h>

#include <array>
#include <stdexcept>

#define WIDEPIPE_MPI(call)                                                \
  do {                                                                    \
    const int widepipe_mpi_code = (call);                                 \
    if (widepipe_mpi_code != MPI_SUCCESS) {                               \
      ::widepipe::mpi_runtime::throw_mpi_error(#call, widepipe_mpi_code); \
    }                                                                     \
  } while (false)

namespace widepipe::mpi_runtime {

/// Collectives can no longer be trusted: the process must end with Session::abort().
class MpiError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

[[noreturn]] inline void throw_mpi_error(const char* call, int code) {
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw MpiError(fmt::format("{} failed: {}", call, text.data()));
}

}  // namespace widepipe::mpi_runtime
