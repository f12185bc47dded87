#include "schedule/cost_table.h"

#include <cmath>
#include <stdexcept>
#include <utility>

namespace widepipe::schedule {

NetworkCosts::NetworkCosts(std::string name, std::vector<int> core_choices, int max_batch,
                           std::vector<Cell> cells)
    : name_(std::move(name)),
      core_choices_(std::move(core_choices)),
      max_batch_(max_batch),
      cells_(std::move(cells)) {
  if (cells_.size() != core_choices_.size() * static_cast<std::size_t>(max_batch_)) {
    throw std::logic_error("a cost table has a cell for each choice of cores and each batch size");
  }
}

double shared_rate(double speed, double demand) {
  const double contention = speed * demand;
  return speed / std::sqrt(1 + contention * contention);
}

}  // namespace widepipe::schedule
