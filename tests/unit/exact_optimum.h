#pragma once

#include <vector>

namespace widepipe {

/// One model on a device that runs one batch at a time, for exact_optimum().
struct OptimumModel {
  std::vector<double> arrivals;     ///< ascending
  double slo = 0;                   ///< from arrival to answer
  std::vector<double> batch_times;  ///< of batches of 1, 2, ...
};

/// A batch of an optimal schedule.
struct OptimumBatch {
  std::size_t model = 0;
  std::size_t first = 0;  ///< of its requests, which follow each other
  std::size_t size = 0;
  double start = 0;
  double end = 0;
};

/// The most requests that anybody could answer in time who knew all arrivals in advance, and how:
/// the batches that do, in the order of their starts.
///
/// Dynamic programming over how many requests of each model are settled, served or given up, and
/// how many were served in all: the earliest time at which the device can then be free. Earlier is
/// never worse. Within a model deadlines are in the order of arrivals, so requests can change
/// places until those served are in that order and those of a batch follow each other; each batch
/// starts as soon as the device is free and its last request there. One or two models.
std::vector<OptimumBatch> exact_optimum(const std::vector<OptimumModel>& models);

/// The requests in them.
std::size_t served_by(const std::vector<OptimumBatch>& batches);

}  // namespace widepipe
