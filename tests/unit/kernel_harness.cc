#include "tests/unit/kernel_harness.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <stdexcept>
#include <utility>

#include "core/error.h"
#include "kernels/dtype_dispatch.h"
#include "kernels/registry.h"

namespace widepipe::kernels::testing {
namespace {

/// Where element (n, c, pixel) lies in a buffer of this layout.
std::size_t position(std::int64_t n, std::int64_t c, std::int64_t pixel, std::int64_t channels,
                     std::int64_t pixels, std::int64_t block) {
  const std::int64_t blocks = (channels + block - 1) / block;
  return static_cast<std::size_t>(((n * blocks + c / block) * pixels + pixel) * block + c % block);
}

template <typename F>
void for_each_element(const Shape& shape, std::int64_t block, const F& f) {
  const std::int64_t pixels = element_count(std::span(shape).subspan(2));
  std::size_t plain = 0;
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    for (std::int64_t c = 0; c < shape[1]; ++c) {
      for (std::int64_t p = 0; p < pixels; ++p)
        f(plain++, position(n, c, p, shape[1], pixels, block));
    }
  }
}

AlignedBuffer copy_of(std::span<const std::byte> bytes) {
  AlignedBuffer copy(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
  return copy;
}

/// Booleans are bytes of 0 and 1.
DType numeric(DType dtype) { return dtype == DType::kBool ? DType::kU8 : dtype; }

void set_numbers(Tensor& tensor, const std::vector<double>& numbers) {
  if (static_cast<std::int64_t>(numbers.size()) != tensor.count()) {
    throw std::invalid_argument(
        fmt::format("{} values for shape {}", numbers.size(), to_string(tensor.shape())));
  }
  dispatch_numeric(numeric(tensor.dtype()), [&]<typename T>() {
    std::transform(numbers.begin(), numbers.end(), tensor.as<T>().begin(),
                   [](double number) { return static_cast<T>(number); });
  });
}

/// Every byte set, so that what a kernel leaves out shows as NaN.
AlignedBuffer poisoned(std::size_t bytes) {
  AlignedBuffer buffer(bytes);
  if (bytes != 0) std::memset(buffer.data(), 0xFF, bytes);
  return buffer;
}

}  // namespace

CaseSpec with_rows(CaseSpec spec, std::int64_t rows) {
  for (InputSpec& input : spec.inputs) {
    if (input.constant || input.shape.empty()) continue;
    input.shape[0] = rows;
    input.values.clear();
  }
  spec.output[0] = rows;
  return spec;
}

std::vector<double> numbers_of(const Tensor& tensor) {
  std::vector<double> numbers;
  dispatch_numeric(numeric(tensor.dtype()), [&]<typename T>() {
    for (const T value : tensor.as<T>()) numbers.push_back(static_cast<double>(value));
  });
  return numbers;
}

CaseData::CaseData(CaseSpec spec, std::uint32_t seed) : spec_(std::move(spec)) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  for (const InputSpec& input : spec_.inputs) {
    if (input.dtype == DType::kUndefined) {
      inputs_.push_back(std::make_shared<Tensor>());
      continue;
    }
    inputs_.push_back(std::make_shared<Tensor>(input.dtype, input.shape));
    if (!input.values.empty()) {
      set_numbers(*inputs_.back(), input.values);
      continue;
    }
    if (input.dtype != DType::kF32) continue;
    for (float& value : inputs_.back()->as<float>()) value = uniform(generator);
  }
}

KernelCase CaseData::kernel_case(Layout arriving, int threads) const {
  KernelCase result;
  result.op = spec_.op;
  result.version = spec_.version;
  result.attributes = &spec_.attributes;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const InputSpec& input = spec_.inputs[i];
    const bool converted = !input.constant && input.shape.size() >= 3;
    result.inputs.push_back({input.dtype, input.shape, converted ? arriving : Layout::kPlain});
    result.constants.push_back(input.constant ? inputs_[i].get() : nullptr);
  }
  result.outputs = {{spec_.output_dtype, spec_.output, Layout::kPlain}};
  result.activation = spec_.activation;
  result.threads = threads;
  return result;
}

CaseData CaseData::rows(std::span<const std::int64_t> picked) const {
  CaseData result(*this);
  result.spec_ = with_rows(spec_, static_cast<std::int64_t>(picked.size()));
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const InputSpec& input = spec_.inputs[i];
    if (input.constant || input.shape.empty() || input.dtype == DType::kUndefined) continue;
    result.inputs_[i] = std::make_shared<Tensor>(input.dtype, result.spec_.inputs[i].shape);
    const std::size_t bytes = inputs_[i]->bytes() / static_cast<std::size_t>(input.shape[0]);
    for (std::size_t row = 0; row < picked.size(); ++row) {
      std::memcpy(result.inputs_[i]->data() + row * bytes,
                  inputs_[i]->data() + static_cast<std::size_t>(picked[row]) * bytes, bytes);
    }
  }
  return result;
}

const KernelEntry& entry_of(std::string_view kernel, std::string_view op) {
  for (const KernelEntry& entry : registry()) {
    if (entry.name == kernel && entry.op == op) return entry;
  }
  throw std::invalid_argument(fmt::format("no kernel {} for {}", kernel, op));
}

Support ask(const KernelEntry& entry, const KernelCase& kernel_case) {
  try {
    return entry.supports(kernel_case);
  } catch (const InputError& error) {
    return Support::declined(error.what());
  }
}

PreparedRun::PreparedRun(const KernelEntry& entry, const CaseData& data, WeightStore& weights,
                         Layout arriving, int threads)
    : case_(data.kernel_case(arriving, threads)) {
  omp_set_num_threads(threads);
  const Support support = ask(entry, case_);
  if (!support) {
    throw std::invalid_argument(
        fmt::format("{} declined {}: {}", entry.name, data.spec().name, support.reason()));
  }
  for (std::size_t i = 0; i < case_.inputs.size(); ++i) {
    case_.inputs[i].layout = support.input(i);
    inputs_.push_back(case_.inputs[i].present() ? to_layout(data.input(i), support.input(i))
                                                : AlignedBuffer());
  }
  case_.outputs[0].layout = support.output(0);
  kernel_ = entry.create(case_, weights);
  output_ = poisoned(case_.outputs[0].bytes());
  scratch_ = poisoned(kernel_->scratch_bytes());
}

void PreparedRun::run() {
  std::vector<const std::byte*> inputs;
  for (const AlignedBuffer& input : inputs_) inputs.push_back(input.data());
  std::byte* const output = output_.data();
  kernel_->run({.inputs = inputs, .outputs = {&output, 1}, .scratch = scratch_.data()});
}

Tensor PreparedRun::output() const { return from_layout(output_, case_.outputs[0]); }

bool PreparedRun::padding_is_zero() const {
  const TensorDesc& desc = case_.outputs[0];
  if (desc.layout == Layout::kPlain) return true;
  const auto* stored = reinterpret_cast<const float*>(output_.data());
  std::vector<bool> padding(output_.size() / sizeof(float), true);
  for_each_element(desc.shape, channel_block(desc.layout),
                   [&](std::size_t, std::size_t at) { padding[at] = false; });
  for (std::size_t i = 0; i < padding.size(); ++i) {
    if (padding[i] && stored[i] != 0.0F) return false;
  }
  return true;
}

Tensor run_once(const KernelEntry& entry, const CaseData& data, WeightStore& weights,
                Layout arriving, int threads) {
  PreparedRun prepared(entry, data, weights, arriving, threads);
  prepared.run();
  return prepared.output();
}

Tensor reference_output(const CaseData& data) {
  WeightStore weights;
  const Choice choice = choose_reference(data.kernel_case());
  if (choice.entry == nullptr) {
    throw std::invalid_argument(fmt::format("{}: no reference", data.spec().name));
  }
  return run_once(*choice.entry, data, weights);
}

double relative_error(const Tensor& expected, const Tensor& found) {
  double largest = 0.0;
  double difference = 0.0;
  const auto a = expected.as<float>();
  const auto b = found.as<float>();
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) != std::isnan(b[i])) return std::numeric_limits<double>::infinity();
    if (std::isnan(a[i]) || a[i] == b[i]) continue;
    largest = std::max<double>(largest, std::abs(a[i]));
    difference = std::max<double>(difference, std::abs(static_cast<double>(a[i]) - b[i]));
  }
  for (const float value : a) {
    if (std::isfinite(value)) largest = std::max<double>(largest, std::abs(value));
  }
  return difference == 0.0 ? 0.0 : difference / std::max(largest, 1e-30);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.bytes() == b.bytes() &&
         std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

AlignedBuffer to_layout(const Tensor& plain, Layout layout) {
  if (layout == Layout::kPlain) return copy_of({plain.data(), plain.bytes()});
  const TensorDesc desc{plain.dtype(), plain.shape(), layout};
  AlignedBuffer buffer(desc.bytes());
  std::memset(buffer.data(), 0, buffer.size());
  auto* to = reinterpret_cast<float*>(buffer.data());
  for_each_element(plain.shape(), channel_block(layout),
                   [&](std::size_t from, std::size_t at) { to[at] = plain.as<float>()[from]; });
  return buffer;
}

Tensor from_layout(const AlignedBuffer& buffer, const TensorDesc& desc) {
  Tensor plain(desc.dtype, desc.shape);
  if (desc.layout == Layout::kPlain) {
    if (plain.bytes() != 0) std::memcpy(plain.data(), buffer.data(), plain.bytes());
    return plain;
  }
  const auto* from = reinterpret_cast<const float*>(buffer.data());
  for_each_element(desc.shape, channel_block(desc.layout),
                   [&](std::size_t to, std::size_t at) { plain.as<float>()[to] = from[at]; });
  return plain;
}

}  // namespace widepipe::kernels::testing
