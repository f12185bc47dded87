#pragma once
// The numbers of a run, for machines (--report, JSON; field by field in docs/report.md) and for
// people (the table at the end).

#include <cstdint>
#include <string>
#include <vector>

#include "core/row_range.h"
#include "schedule/run_stats.h"

namespace widepipe::report {

/// Neighbouring rows that failed for one reason.
struct FailedRange {
  RowRange rows;
  std::string reason;
};

struct StreamReport {
  std::string name;
  std::string model;
  std::string model_hash;
  std::string input;
  std::string output;
  std::int64_t rows_total = 0;
  std::int64_t rows_before = 0;     ///< done by earlier runs
  std::int64_t rows_done = 0;       ///< by this run
  std::int64_t rows_failed = 0;     ///< in all
  std::vector<FailedRange> failed;  ///< likewise, ascending
  std::vector<schedule::BatchTiming> batches;
};

struct DeviceReport {
  int rank = 0;
  std::string host;
  std::string kind;
  std::string isa;
  int instances = 0;
  int cores_per_instance = 0;
  std::string left_out;  ///< why it got no work, or none any more; empty if it did
  schedule::DeviceStats stats;
};

struct RunReport {
  std::string verb;
  std::string status;  ///< "done", "failed-rows", "stopped"
  int exit_code = 0;
  double seconds = 0;        ///< from the first dispatch to the last row on disk
  double seconds_setup = 0;  ///< before that: checks, imports, files
  int ranks = 0;
  bool dedicated_scheduler = false;
  std::string policy;
  std::string rows_via;
  std::string write_via;  ///< "gather" or "ranks"
  std::string isa;
  std::string libraries;
  double round_period_seconds = 0;
  std::uint32_t rounds = 0;
  double mean_round_seconds = 0;
  std::vector<StreamReport> streams;
  std::vector<DeviceReport> devices;

  std::int64_t rows_total() const;
  std::int64_t rows_before() const;
  std::int64_t rows_done() const;
  std::int64_t rows_failed() const;
  /// Rows of this run by its seconds.
  double rows_per_second() const;
};

/// Pretty-printed JSON.
std::string to_json(const RunReport& report);

/// Writes the text to a file, whole or not at all. Throws RunError.
void write_report(const std::string& json, const std::string& path);

/// The table of devices, that of streams if there are several, and the closing line.
std::string summary_text(const RunReport& report);

}  // namespace widepipe::report
