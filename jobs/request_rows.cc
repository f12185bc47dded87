#include "jobs/request_rows.h"

#include <utility>

namespace widepipe::jobs {

RequestRows::RequestRows(std::vector<std::size_t> data_of,
                         std::vector<std::vector<RowRange>> wanted)
    : data_of_(std::move(data_of)), wanted_(std::move(wanted)), next_(wanted_.size()) {}

void RequestRows::hand_in(schedule::StreamId stream) {
  const std::size_t data = data_of_[stream];
  const std::vector<RowRange>& ranges = wanted_[data];
  Place& next = next_[data];
  hand_in(stream, ranges[next.range].first + next.row);
  if (++next.row < ranges[next.range].count) return;
  next = {.range = (next.range + 1) % ranges.size(), .row = 0};
}

}  // namespace widepipe::jobs
