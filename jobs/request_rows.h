#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/row_range.h"
#include "schedule/request_types.h"

namespace widepipe::jobs {

/// Which row of which data each request of a replay is for. Ids of requests count from 0, in the
/// order in which they are handed in.
class RequestRows {
 public:
  /// `data_of`: which data, by schedule::StreamId. `wanted`: of each data, the rows that requests
  /// are for, one after the other, over and over; none is empty.
  RequestRows(std::vector<std::size_t> data_of, std::vector<std::vector<RowRange>> wanted);

  /// The next request is of this stream; for the row that it asks for, or for the next one.
  void hand_in(schedule::StreamId stream);
  void hand_in(schedule::StreamId stream, std::int64_t row) {
    of_.push_back({data_of_[stream], row});
  }

  std::size_t data_of(schedule::RequestId request) const { return of_.at(request).data; }
  std::int64_t row_of(schedule::RequestId request) const { return of_.at(request).row; }

 private:
  struct Of {
    std::size_t data;
    std::int64_t row;
  };
  struct Place {
    std::size_t range = 0;
    std::int64_t row = 0;  ///< in the range
  };

  const std::vector<std::size_t> data_of_;
  const std::vector<std::vector<RowRange>> wanted_;
  std::vector<Place> next_;  ///< by data
  std::vector<Of> of_;       ///< by request
};

}  // namespace widepipe::jobs
