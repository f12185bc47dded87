#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/broadcast.h"
#include "kernels/checks.h"

namespace widepipe::kernels {

/// Drops axes of size 1 and joins neighbours that all operands step through evenly. `strides` has
/// one list for each operand, as long as `shape`.
void join_axes(Shape& shape, std::span<std::vector<std::int64_t>> strides);

/// Walks along a tensor and the operands that are broadcast to it, in runs of elements between
/// which each operand moves by a step of its own.
template <std::size_t kOperands>
class BroadcastLoop {
 public:
  using Offsets = std::array<std::int64_t, kOperands>;

  /// Throws InputError if an operand cannot be broadcast to `to`.
  BroadcastLoop(const Shape& to, const std::array<Shape, kOperands>& operands) : outer_(to) {
    const std::int64_t count = element_count(to);
    for (std::size_t i = 0; i < kOperands; ++i) strides_[i] = broadcast_strides(operands[i], to);
    join_axes(outer_, strides_);
    if (!outer_.empty()) {
      length_ = outer_.back();
      outer_.pop_back();
      for (std::size_t i = 0; i < kOperands; ++i) {
        steps_[i] = strides_[i].back();
        strides_[i].pop_back();
      }
    }
    runs_ = count == 0 ? 0 : count / length_;
  }

  /// Elements of a run.
  std::int64_t length() const { return length_; }
  /// From one element of a run to the next.
  const Offsets& steps() const { return steps_; }

  std::int64_t runs() const { return runs_; }
  /// Where the operands are at the first element of a run.
  Offsets offsets(std::int64_t run) const {
    Offsets result;
    for (std::size_t i = 0; i < kOperands; ++i) result[i] = offset_at(run, outer_, strides_[i]);
    return result;
  }

  /// Calls f(first, offsets) for each run: the positions of its first element in the tensor and
  /// in the operands.
  template <typename F>
  void for_each_run(const F& f) const {
    for (std::int64_t run = 0; run < runs_; ++run) f(run * length_, offsets(run));
  }

 private:
  Shape outer_;  ///< the axes that the runs are on
  std::array<std::vector<std::int64_t>, kOperands> strides_;
  std::int64_t length_ = 1;
  Offsets steps_ = {};
  std::int64_t runs_ = 0;
};

/// y = f(a, b), element by element.
template <typename A, typename B, typename Y, typename F>
class BroadcastBinary final : public Kernel {
 public:
  BroadcastBinary(const Shape& a, const Shape& b, const Shape& y, F f) : loop_(y, {a, b}), f_(f) {}

  void run(const KernelArgs& args) override {
    const auto [a_step, b_step] = loop_.steps();
    const std::int64_t length = loop_.length();
    loop_.for_each_run(
        [&, a_step = a_step, b_step = b_step](std::int64_t first, const auto& offsets) {
          const A* a = as<A>(args.inputs[0]) + offsets[0];
          const B* b = as<B>(args.inputs[1]) + offsets[1];
          Y* y = as<Y>(args.outputs[0]) + first;
          for (std::int64_t i = 0; i < length; ++i) y[i] = f_(a[i * a_step], b[i * b_step]);
        });
  }

 private:
  BroadcastLoop<2> loop_;
  F f_;
};

}  // namespace widepipe::kernels
