#include "tests/unit/operator_case.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/dtype_dispatch.h"
#include "kernels/registry.h"

namespace widepipe::kernels::testing {
namespace {

DType stored_as(DType dtype) { return dtype == DType::kBool ? DType::kU8 : dtype; }

Tensor tensor_of(const Numbers& numbers) {
  Tensor tensor(numbers.dtype, numbers.shape);
  dispatch_numeric(stored_as(numbers.dtype), [&]<typename T>() {
    std::transform(numbers.values.begin(), numbers.values.end(), tensor.as<T>().begin(),
                   [](double value) { return static_cast<T>(value); });
  });
  return tensor;
}

std::vector<double> values_of(const Tensor& tensor) {
  return dispatch_numeric(stored_as(tensor.dtype()), [&]<typename T>() {
    return std::vector<double>(tensor.as<T>().begin(), tensor.as<T>().end());
  });
}

/// A case and the tensors it points at.
struct Prepared {
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
  KernelCase kernel_case;

  explicit Prepared(const OperatorCase& from) {
    kernel_case.op = from.op;
    kernel_case.version = from.version;
    kernel_case.attributes = &from.attributes;
    for (const Numbers& input : from.inputs) {
      inputs.push_back(tensor_of(input));
      kernel_case.inputs.push_back({input.dtype, input.shape, Layout::kPlain});
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      kernel_case.constants.push_back(i == 0 ? nullptr : &inputs[i]);
    }
    for (const Numbers& output : from.expected) {
      outputs.emplace_back(output.dtype, output.shape);
      // So that what a kernel leaves out shows.
      std::memset(outputs.back().data(), 0xA5, outputs.back().bytes());
      kernel_case.outputs.push_back({output.dtype, output.shape, Layout::kPlain});
    }
  }
};

bool agree(double expected, double found, bool real) {
  if (expected == found || (std::isnan(expected) && std::isnan(found))) return true;
  return real && std::abs(expected - found) <= 1e-6 * std::max(1.0, std::abs(expected));
}

}  // namespace

Attributes with(std::initializer_list<std::pair<std::string, Attributes::Value>> values) {
  Attributes attributes;
  for (const auto& [name, value] : values) attributes.set(name, value);
  return attributes;
}

void expect_outputs(const OperatorCase& operator_case) {
  SCOPED_TRACE(fmt::format("{} {}", operator_case.op, operator_case.name));
  Prepared prepared(operator_case);
  const Choice choice = choose_reference(prepared.kernel_case);
  ASSERT_NE(choice.entry, nullptr) << decline_of(operator_case);
  WeightStore weights;
  const auto kernel = choice.entry->create(prepared.kernel_case, weights);
  std::vector<const std::byte*> sources;
  for (const Tensor& input : prepared.inputs) sources.push_back(input.data());
  std::vector<std::byte*> targets;
  for (Tensor& output : prepared.outputs) targets.push_back(output.data());
  AlignedBuffer scratch(kernel->scratch_bytes());
  kernel->run({.inputs = sources, .outputs = targets, .scratch = scratch.data()});
  for (std::size_t i = 0; i < prepared.outputs.size(); ++i) {
    const Numbers& expected = operator_case.expected[i];
    const std::vector<double> found = values_of(prepared.outputs[i]);
    ASSERT_EQ(found.size(), expected.values.size());
    const bool real = expected.dtype == DType::kF32 || expected.dtype == DType::kF64;
    for (std::size_t j = 0; j < found.size(); ++j) {
      EXPECT_TRUE(agree(expected.values[j], found[j], real))
          << "output " << i << " element " << j << ": expected " << expected.values[j] << ", found "
          << found[j];
    }
  }
}

std::string decline_of(const OperatorCase& operator_case) {
  const Choice choice = choose_reference(Prepared(operator_case).kernel_case);
  return choice.entry != nullptr || choice.declined.empty() ? "" : choice.declined.back().reason;
}

}  // namespace widepipe::kernels::testing
