#include "kernels/ref_recurrent.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "kernels/checks.h"
#include "kernels/recurrent_attributes.h"

namespace widepipe::kernels {
namespace {

/// Inputs, in ONNX's order.
enum Input : std::size_t { kX, kW, kR, kB, kLengths, kInitialH, kInitialC, kPeepholes };
/// Outputs, likewise.
enum Output : std::size_t { kY, kLastH, kLastC };

struct Sizes {
  std::int64_t steps;
  std::int64_t batch;
  std::int64_t input;
  std::int64_t gates;
  RecurrentAttributes how;

  std::int64_t hidden() const { return how.hidden; }
  /// Where the elements of one row start: of X, of Y, and of a state.
  std::int64_t x_at(std::int64_t step, std::int64_t row) const {
    return (how.batch_first ? row * steps + step : step * batch + row) * input;
  }
  std::int64_t y_at(std::int64_t step, std::int64_t direction, std::int64_t row) const {
    const std::int64_t unit = how.batch_first ? (row * steps + step) * how.directions + direction
                                              : (step * how.directions + direction) * batch + row;
    return unit * how.hidden;
  }
  std::int64_t state_at(std::int64_t direction, std::int64_t row) const {
    return (how.batch_first ? row * how.directions + direction : direction * batch + row) *
           how.hidden;
  }

  Shape x() const {
    return how.batch_first ? Shape{batch, steps, input} : Shape{steps, batch, input};
  }
  Shape y() const {
    return how.batch_first ? Shape{batch, steps, how.directions, how.hidden}
                           : Shape{steps, how.directions, batch, how.hidden};
  }
  Shape state() const {
    return how.batch_first ? Shape{batch, how.directions, how.hidden}
                           : Shape{how.directions, batch, how.hidden};
  }
};

Sizes sizes_of(const KernelCase& kernel_case) {
  const RecurrentAttributes how = recurrent_attributes(kernel_case.op, *kernel_case.attributes);
  const Shape& x = kernel_case.inputs[kX].shape;
  if (x.size() != 3) throw_input_error("X: expected 3 axes, found {}", to_string(x));
  return {.steps = x[how.batch_first ? 1 : 0],
          .batch = x[how.batch_first ? 0 : 1],
          .input = x[2],
          .gates = kernel_case.op == "LSTM" ? 4 : 3,
          .how = how};
}

/// Summed in lanes, so that the compiler can use vectors, in an order that depends on `count` only.
float dot(const float* a, const float* b, std::int64_t count) {
  constexpr std::int64_t kLanes = 16;
  std::array<float, kLanes> lanes{};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      lanes[static_cast<std::size_t>(lane)] += a[i + lane] * b[i + lane];
    }
  }
  float sum = 0.0F;
  for (; i < count; ++i) sum += a[i] * b[i];
  for (const float lane : lanes) sum += lane;
  return sum;
}

float sigmoid(float x) { return 1.0F / (1.0F + std::exp(-x)); }

/// The weights of one direction.
struct Direction {
  const float* w;          ///< [gates * hidden, input]
  const float* r;          ///< [gates * hidden, hidden]
  const float* b;          ///< [2 * gates * hidden]: of w, then of r; may be null
  const float* peepholes;  ///< [3 * hidden]; may be null
};

/// What a step works on; all [hidden] but the sums.
struct State {
  float* h;
  float* c;       ///< LSTM only
  float* from_x;  ///< [gates * hidden]: sums over X, with its bias
  float* from_h;  ///< [gates * hidden]: sums over h, with its bias
};

class RefRecurrent : public Kernel {
 public:
  explicit RefRecurrent(const KernelCase& kernel_case) : sizes_(sizes_of(kernel_case)) {}

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(2 * (1 + sizes_.gates) * sizes_.hidden()) * sizeof(float);
  }

  void run(const KernelArgs& args) override {
    const std::int64_t rows = sizes_.gates * sizes_.hidden();
    auto* scratch = as<float>(args.scratch);
    const State state = {.h = scratch,
                         .c = scratch + sizes_.hidden(),
                         .from_x = scratch + 2 * sizes_.hidden(),
                         .from_h = scratch + 2 * sizes_.hidden() + rows};
    const float* b = input(args, kB);
    const float* peepholes = input(args, kPeepholes);
    for (std::int64_t d = 0; d < sizes_.how.directions; ++d) {
      const Direction direction = {
          .w = input(args, kW) + d * rows * sizes_.input,
          .r = input(args, kR) + d * rows * sizes_.hidden(),
          .b = b == nullptr ? nullptr : b + d * 2 * rows,
          .peepholes = peepholes == nullptr ? nullptr : peepholes + d * 3 * sizes_.hidden()};
      for (std::int64_t row = 0; row < sizes_.batch; ++row) run_row(args, d, row, direction, state);
    }
  }

 protected:
  /// Makes the next h (and c) of the sums.
  virtual void step(const Direction& direction, const State& state) const = 0;

  Sizes sizes_;

 private:
  static const float* input(const KernelArgs& args, std::size_t i) {
    return i < args.inputs.size() ? as<float>(args.inputs[i]) : nullptr;
  }
  static float* output(const KernelArgs& args, std::size_t i) {
    return i < args.outputs.size() ? as<float>(args.outputs[i]) : nullptr;
  }

  void load(float* state, const float* initial, std::int64_t at) const {
    if (initial == nullptr) {
      std::fill_n(state, sizes_.hidden(), 0.0F);
    } else {
      std::copy_n(initial + at, sizes_.hidden(), state);
    }
  }

  void run_row(const KernelArgs& args, std::int64_t d, std::int64_t row, const Direction& direction,
               const State& state) const {
    std::int64_t length = sizes_.steps;
    if (input(args, kLengths) != nullptr) {
      length = std::clamp<std::int64_t>(as<std::int32_t>(args.inputs[kLengths])[row], 0, length);
    }
    const std::int64_t at = sizes_.state_at(d, row);
    load(state.h, input(args, kInitialH), at);
    load(state.c, input(args, kInitialC), at);
    const bool reversed = sizes_.how.reversed || d == 1;
    float* y = output(args, kY);
    for (std::int64_t i = 0; i < length; ++i) {
      const std::int64_t t = reversed ? length - 1 - i : i;
      const float* bias = direction.b;
      const std::int64_t rows = sizes_.gates * sizes_.hidden();
      multiply(direction.w, input(args, kX) + sizes_.x_at(t, row), sizes_.input, bias,
               state.from_x);
      multiply(direction.r, state.h, sizes_.hidden(), bias == nullptr ? nullptr : bias + rows,
               state.from_h);
      step(direction, state);
      if (y != nullptr) std::copy_n(state.h, sizes_.hidden(), y + sizes_.y_at(t, d, row));
    }
    for (std::int64_t t = length; y != nullptr && t < sizes_.steps; ++t) {
      std::fill_n(y + sizes_.y_at(t, d, row), sizes_.hidden(), 0.0F);
    }
    if (float* last = output(args, kLastH)) std::copy_n(state.h, sizes_.hidden(), last + at);
    if (float* last = output(args, kLastC)) std::copy_n(state.c, sizes_.hidden(), last + at);
  }

  void multiply(const float* weights, const float* x, std::int64_t count, const float* bias,
                float* to) const {
    for (std::int64_t i = 0; i < sizes_.gates * sizes_.hidden(); ++i) {
      to[i] = dot(weights + i * count, x, count) + (bias == nullptr ? 0.0F : bias[i]);
    }
  }
};

class RefLstm final : public RefRecurrent {
 public:
  using RefRecurrent::RefRecurrent;

 private:
  /// The gates are input, output, forget, cell; peepholes are input, output, forget.
  void step(const Direction& direction, const State& state) const override {
    const std::int64_t hidden = sizes_.hidden();
    const auto sum = [&](std::int64_t gate, std::int64_t i) {
      return state.from_x[gate * hidden + i] + state.from_h[gate * hidden + i];
    };
    const auto peephole = [&](std::int64_t gate, std::int64_t i, float c) {
      return direction.peepholes == nullptr ? 0.0F : direction.peepholes[gate * hidden + i] * c;
    };
    for (std::int64_t i = 0; i < hidden; ++i) {
      const float before = state.c[i];
      const float in = sigmoid(sum(0, i) + peephole(0, i, before));
      const float forget = sigmoid(sum(2, i) + peephole(2, i, before));
      const float cell = forget * before + in * std::tanh(sum(3, i));
      state.c[i] = cell;
      state.h[i] = sigmoid(sum(1, i) + peephole(1, i, cell)) * std::tanh(cell);
    }
  }
};

class RefGru final : public RefRecurrent {
 public:
  using RefRecurrent::RefRecurrent;

 private:
  /// The gates are update, reset, hidden.
  void step(const Direction& direction, const State& state) const override {
    const std::int64_t hidden = sizes_.hidden();
    float* update = state.from_x;
    float* reset = state.from_x + hidden;
    float* candidate = state.from_x + 2 * hidden;
    const float* from_h = state.from_h + 2 * hidden;
    for (std::int64_t i = 0; i < 2 * hidden; ++i) {
      state.from_x[i] = sigmoid(state.from_x[i] + state.from_h[i]);
    }
    if (sizes_.how.linear_before_reset) {
      for (std::int64_t i = 0; i < hidden; ++i) candidate[i] += reset[i] * from_h[i];
    } else {
      // What was summed over h as it is, is summed again over what is left of it.
      const float* r = direction.r + 2 * hidden * hidden;
      const float* bias = direction.b == nullptr ? nullptr : direction.b + 5 * hidden;
      for (std::int64_t i = 0; i < hidden; ++i) reset[i] *= state.h[i];
      for (std::int64_t i = 0; i < hidden; ++i) {
        candidate[i] += dot(r + i * hidden, reset, hidden) + (bias == nullptr ? 0.0F : bias[i]);
      }
    }
    for (std::int64_t i = 0; i < hidden; ++i) {
      state.h[i] = (1.0F - update[i]) * std::tanh(candidate[i]) + update[i] * state.h[i];
    }
  }
};

Support supports(const KernelCase& kernel_case, std::size_t inputs, std::size_t outputs) {
  Checks checks(kernel_case);
  checks.inputs(3, inputs).no_activation();
  checks.require(kernel_case.outputs.size() <= outputs, "expected at most {} outputs, found {}",
                 outputs, kernel_case.outputs.size());
  if (!checks.ok()) return checks.plain();
  const Sizes sizes = sizes_of(kernel_case);
  const std::int64_t directions = sizes.how.directions;
  const std::int64_t rows = sizes.gates * sizes.hidden();
  const std::array<Shape, 8> expected = {sizes.x(),
                                         Shape{directions, rows, sizes.input},
                                         Shape{directions, rows, sizes.hidden()},
                                         Shape{directions, 2 * rows},
                                         Shape{sizes.batch},
                                         sizes.state(),
                                         sizes.state(),
                                         Shape{directions, 3 * sizes.hidden()}};
  const auto check = [&](const TensorDesc& desc, const char* what, std::size_t i, DType dtype,
                         const Shape& shape) {
    checks.require(!desc.present() || (desc.dtype == dtype && desc.shape == shape),
                   "{} {}: expected {} {}, found {} {}", what, i, name_of(dtype), to_string(shape),
                   name_of(desc.dtype), to_string(desc.shape));
  };
  for (std::size_t i = 0; i < kernel_case.inputs.size(); ++i) {
    check(kernel_case.inputs[i], "input", i, i == kLengths ? DType::kI32 : DType::kF32,
          expected[i]);
  }
  for (std::size_t i = 0; i < kernel_case.outputs.size(); ++i) {
    check(kernel_case.outputs[i], "output", i, DType::kF32, i == kY ? sizes.y() : sizes.state());
  }
  return checks.plain();
}

}  // namespace

Support ref_lstm_supports(const KernelCase& kernel_case) { return supports(kernel_case, 8, 3); }

std::unique_ptr<Kernel> ref_lstm_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<RefLstm>(kernel_case);
}

Support ref_gru_supports(const KernelCase& kernel_case) { return supports(kernel_case, 6, 2); }

std::unique_ptr<Kernel> ref_gru_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<RefGru>(kernel_case);
}

}  // namespace widepipe::kernels
