#pragma once

#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>

namespace widepipe::report {

/// Tells a person how far a job is: a bar that redraws itself on a terminal, plain lines, ever
/// more seldom, in a batch log. Time is the caller's, in seconds since the start.
class Progress {
 public:
  /// `already` rows were done before this run: they count as done, not for the rate.
  /// `end` is when the run must stop, done or not.
  Progress(std::FILE* out, bool terminal, std::int64_t total, std::int64_t already,
           double end = std::numeric_limits<double>::infinity());

  /// Cheap enough for every turn of a loop: prints when it is time to.
  void update(std::int64_t done, double now);
  /// Removes the bar, so that a table can follow.
  void finish();

  /// The line as it would be printed: "45 %  4,500 of 10,000 rows, 48,100 rows/s, 2 s left". With
  /// an end also whether that comes first: "(stops in 1 s, at about 70 %)".
  std::string line(std::int64_t done, double now) const;

 private:
  double recent_rate(std::int64_t done, double now) const;

  std::FILE* out_;
  bool terminal_;
  std::int64_t total_;
  std::int64_t already_;
  double end_;
  double next_print_;
  double interval_;
  // The rate is taken over the recent past: since the mark before the last.
  std::int64_t mark_done_[2];
  double mark_time_[2] = {0, 0};
};

}  // namespace widepipe::report
