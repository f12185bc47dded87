#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "schedule/types.h"

namespace widepipe::schedule {

using ModelId = std::uint32_t;  ///< index of a model: of weights that instances hold

/// What one network takes on one kind of device, measured or computed: by cores of an instance and
/// size of a batch, in tables that dispatch reads at full speed. Immutable.
class NetworkCosts {
 public:
  struct Cell {
    Seconds solo = 0;   ///< of a batch alone on a device of speed 1
    double demand = 0;  ///< part of the memory's bandwidth that it then takes
  };

  /// `cells` has, for each of `core_choices` (ascending), batches of 1 to `max_batch`.
  NetworkCosts(std::string name, std::vector<int> core_choices, int max_batch,
               std::vector<Cell> cells);

  const std::string& name() const { return name_; }
  const std::vector<int>& core_choices() const { return core_choices_; }
  int max_batch() const { return max_batch_; }
  /// `choice` is an index into core_choices(), `batch` 1 to max_batch().
  const Cell& at(std::size_t choice, int batch) const {
    return cells_[choice * static_cast<std::size_t>(max_batch_) +
                  static_cast<std::size_t>(batch - 1)];
  }

  double weight_bytes = 0;      ///< of an instance, whatever its batches
  double bytes_per_sample = 0;  ///< of an instance, for each sample of its largest batch
  Seconds load = 0;             ///< of an instance, until it can run batches; 0: unknown
  double instance_bytes(int batch) const { return weight_bytes + bytes_per_sample * batch; }

 private:
  std::string name_;
  std::vector<int> core_choices_;
  int max_batch_;
  std::vector<Cell> cells_;
};

/// How fast the batches of a device advance, 1 being solo at speed 1, when demands of bandwidth add
/// up to `demand`: they share the memory.
double shared_rate(double speed, double demand);

}  // namespace widepipe::schedule
