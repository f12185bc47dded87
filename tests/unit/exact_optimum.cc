#include "exact_optimum.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace widepipe {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

/// The earliest time at which the device is free, and the step that led there.
struct State {
  double free = kNever;
  std::size_t model = 0;
  std::size_t settled = 0;  ///< requests of that model, by the step
  bool served = false;
};

class Table {
 public:
  Table(std::size_t first, std::size_t second)
      : second_(second + 1), most_(first + second + 1), states_((first + 1) * second_ * most_) {}
  State& at(std::size_t first, std::size_t second, std::size_t served) {
    return states_[(first * second_ + second) * most_ + served];
  }

 private:
  std::size_t second_;
  std::size_t most_;
  std::vector<State> states_;
};

}  // namespace

std::vector<OptimumBatch> exact_optimum(const std::vector<OptimumModel>& models) {
  if (models.empty() || models.size() > 2) throw std::logic_error("one or two models");
  const std::size_t n[2] = {models[0].arrivals.size(),
                            models.size() > 1 ? models[1].arrivals.size() : 0};
  Table table(n[0], n[1]);
  table.at(0, 0, 0).free = 0;
  for (std::size_t i = 0; i <= n[0]; ++i) {
    for (std::size_t j = 0; j <= n[1]; ++j) {
      for (std::size_t served = 0; served <= i + j; ++served) {
        const double free = table.at(i, j, served).free;
        if (free == kNever) continue;
        for (std::size_t m = 0; m < models.size(); ++m) {
          const std::size_t done = m == 0 ? i : j;
          const auto reach = [&](std::size_t settled, bool serve, double end) {
            State& next = table.at(i + (m == 0 ? settled : 0), j + (m == 1 ? settled : 0),
                                   served + (serve ? settled : 0));
            if (end < next.free) next = {end, m, settled, serve};
          };
          if (done < n[m]) reach(1, false, free);
          const OptimumModel& model = models[m];
          const std::size_t most = std::min(model.batch_times.size(), n[m] - done);
          for (std::size_t size = 1; size <= most; ++size) {
            const double start = std::max(free, model.arrivals[done + size - 1]);
            const double end = start + model.batch_times[size - 1];
            if (end <= model.arrivals[done] + model.slo) reach(size, true, end);
          }
        }
      }
    }
  }
  std::size_t left[2] = {n[0], n[1]};
  std::size_t served = n[0] + n[1];
  while (table.at(left[0], left[1], served).free == kNever) --served;
  std::vector<OptimumBatch> batches;
  while (left[0] + left[1] > 0) {
    const State step = table.at(left[0], left[1], served);
    left[step.model] -= step.settled;
    if (!step.served) continue;
    served -= step.settled;
    batches.push_back({step.model, left[step.model], step.settled,
                       step.free - models[step.model].batch_times[step.settled - 1], step.free});
  }
  std::reverse(batches.begin(), batches.end());
  return batches;
}

std::size_t served_by(const std::vector<OptimumBatch>& batches) {
  std::size_t served = 0;
  for (const OptimumBatch& batch : batches) served += batch.size;
  return served;
}

}  // namespace widepipe
