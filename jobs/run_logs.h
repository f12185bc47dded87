#pragma once
// What a scheduler did, line by line: comma-separated, its columns named in the first one.

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "rl/workload.h"
#include "schedule/request_dispatcher.h"
#include "schedule/request_policy.h"

namespace widepipe::jobs {

class LogFile {
 public:
  /// Throws InputError if it cannot be made.
  LogFile(const std::string& path, const std::string& header);

  void put(const std::string& line);
  /// Throws RunError if any of it could not be written.
  void finish();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  bool failed_ = false;
};

/// Closed batches.
class BatchLogFile {
 public:
  /// As of LogFile. `streams`: for their names.
  BatchLogFile(const std::string& path, std::vector<rl::WorkloadStream> streams);

  void add(const schedule::ClosedBatch& batch);
  void finish() { file_.finish(); }

 private:
  LogFile file_;
  const std::vector<rl::WorkloadStream> streams_;
};

/// A policy's plans, stream by stream.
class PlanLogFile {
 public:
  /// Likewise.
  PlanLogFile(const std::string& path, std::vector<rl::WorkloadStream> streams);

  /// A policy whose plans are written; this outlives it. One at a time.
  std::unique_ptr<schedule::RequestPolicy> logged(std::unique_ptr<schedule::RequestPolicy> policy);
  void finish() { file_.finish(); }

 private:
  LogFile file_;
  const std::vector<rl::WorkloadStream> streams_;
};

/// A policy that says on stderr when its guard falls back.
std::unique_ptr<schedule::RequestPolicy> told_of_fallbacks(
    std::unique_ptr<schedule::RequestPolicy> policy);

}  // namespace widepipe::jobs
