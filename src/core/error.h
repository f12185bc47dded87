#pragma once
// The three kinds of error of widepipe:
//  - InputError: bad usage or bad input, thrown before any work starts; becomes exit code 2;
//  - a failed batch: a value that travels back with the results, never an exception;
//  - RunError: the machine failed us (disk full, lost file, MPI); the job ends, resumable.

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace widepipe {

/// Bad usage or bad input. The message says what, expected, found, where.
class InputError : public std::runtime_error {
 public:
  explicit InputError(const std::string& message) : std::runtime_error(message) {}
};

/// Good input that needs what this build does not have; another may.
class UnsupportedError : public InputError {
 public:
  using InputError::InputError;
};

/// The environment failed while the job ran. What the journal holds stays valid.
class RunError : public std::runtime_error {
 public:
  explicit RunError(const std::string& message) : std::runtime_error(message) {}
};

template <typename... Args>
[[noreturn]] void throw_input_error(fmt::format_string<Args...> format, Args&&... args) {
  throw InputError(fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
[[noreturn]] void throw_run_error(fmt::format_string<Args...> format, Args&&... args) {
  throw RunError(fmt::format(format, std::forward<Args>(args)...));
}

/// The text of the current errno, e.g. "No such file or directory".
std::string errno_text();

}  // namespace widepipe
