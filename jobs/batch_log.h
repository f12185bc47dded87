#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "rl/workload.h"
#include "schedule/request_dispatcher.h"

namespace widepipe::jobs {

/// The log of closed batches: comma-separated, its columns named in the first line.
class BatchLogFile {
 public:
  /// Throws InputError if it cannot be made. `streams`: for their names.
  BatchLogFile(const std::string& path, std::vector<rl::WorkloadStream> streams);

  void add(const schedule::ClosedBatch& batch);
  /// Throws RunError if any of it could not be written.
  void finish();

 private:
  void put(const std::string& line);

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  const std::vector<rl::WorkloadStream> streams_;
  bool failed_ = false;
};

}  // namespace widepipe::jobs
