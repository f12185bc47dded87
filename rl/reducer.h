#pragma once

#include <span>

namespace widepipe::rl {

/// The other ranks, as training sees them. [collective] All ranks make the same calls in the same
/// order.
class Reducer {
 public:
  virtual ~Reducer() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// [collective] Blocking: each value becomes its sum over all ranks, on all ranks. Where all but
  /// one rank have 0 the sum is exact.
  virtual void sum(std::span<double> values) = 0;
};

/// One process.
class SerialReducer final : public Reducer {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void sum(std::span<double> /*values*/) override {}
};

}  // namespace widepipe::rl
