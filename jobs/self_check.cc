#include "jobs/self_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "core/error.h"
#include "device/instance.h"

namespace widepipe::jobs {
namespace {

std::vector<AlignedBuffer> read_row(const mpi_runtime::StreamSource& source, std::int64_t row) {
  std::vector<AlignedBuffer> inputs;
  for (const mpi_runtime::PortSource& port : source) {
    port.dataset->read_rows(row, 1, port.dtype, inputs.emplace_back(port.bytes_per_row).span());
  }
  return inputs;
}

std::vector<AlignedBuffer> compute(device::ModelInstance& instance, const model::Model& model,
                                   std::span<const AlignedBuffer> inputs) {
  std::vector<const std::byte*> from;
  for (const AlignedBuffer& input : inputs) from.push_back(input.data());
  std::vector<AlignedBuffer> outputs;
  std::vector<std::byte*> to;
  for (const model::Port& port : model.outputs()) {
    to.push_back(outputs.emplace_back(port.bytes_per_row).data());
  }
  instance.run(1, from, to);
  return outputs;
}

std::optional<KnownRow> first_known(device::ModelInstance& instance, const model::Model& model,
                                    const mpi_runtime::StreamSource& source) {
  const std::int64_t rows = source.front().dataset->rows();
  for (const std::int64_t row : std::set<std::int64_t>{0, rows / 2, rows - 1}) {
    try {
      KnownRow known{.inputs = read_row(source, row), .outputs = {}};
      known.outputs = compute(instance, model, known.inputs);
      return known;
    } catch (const RunError&) {  // a bad row; perhaps the next one
    }
  }
  return std::nullopt;
}

template <typename T>
std::string why_far(std::span<const std::byte> expected, std::span<const std::byte> found,
                    double tolerance) {
  const std::size_t count = expected.size() / sizeof(T);
  double largest = 0;
  double farthest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    T wanted, got;
    std::memcpy(&wanted, expected.data() + i * sizeof(T), sizeof(T));
    std::memcpy(&got, found.data() + i * sizeof(T), sizeof(T));
    const auto a = static_cast<double>(wanted);
    const auto b = static_cast<double>(got);
    if (std::isnan(a) || std::isinf(a)) continue;
    if (std::isnan(b)) return fmt::format("element {} is not a number, expected {}", i, a);
    largest = std::max(largest, std::abs(a));
    farthest = std::max(farthest, std::abs(a - b));
  }
  if (farthest <= tolerance * largest) return "";
  return fmt::format("elements differ by up to {:.3g}, the largest is {:.3g}", farthest, largest);
}

std::string why_other_bits(std::span<const std::byte> expected, std::span<const std::byte> found) {
  std::size_t differing = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) differing += expected[i] != found[i] ? 1 : 0;
  return differing == 0
             ? ""
             : fmt::format("{} of {} bytes differ, expected none", differing, expected.size());
}

}  // namespace

std::optional<KnownRow> known_row(const std::shared_ptr<const model::Model>& model,
                                  const mpi_runtime::StreamSource& source) {
  if (source.front().dataset->rows() == 0 || !model->why_no_graph().empty()) return std::nullopt;
  std::optional<KnownRow> found;
  try {
    // As the built-in device computes it, rows with NaN included.
    device::ModelInstance instance({.model = model, .micro_batch = 1}, 1);
    found = first_known(instance, *model, source);
  } catch (const InputError&) {  // an operator without a kernel for these types
  }
  // If another device will run the model, what was packed here need not stay.
  if (!model->onnx().empty()) model->packed_weights()->clear();
  return found;
}

std::vector<std::byte> pack(const KnownRow& row) {
  std::vector<std::byte> bytes;
  for (const auto* buffers : {&row.inputs, &row.outputs}) {
    for (const AlignedBuffer& buffer : *buffers) {
      bytes.insert(bytes.end(), buffer.data(), buffer.data() + buffer.size());
    }
  }
  return bytes;
}

KnownRow unpack(const model::Model& model, std::span<const std::byte> bytes) {
  KnownRow row;
  const auto take = [&bytes](const model::Port& port) {
    AlignedBuffer buffer(port.bytes_per_row);
    std::memcpy(buffer.data(), bytes.data(), buffer.size());
    bytes = bytes.subspan(buffer.size());
    return buffer;
  };
  for (const model::Port& port : model.inputs()) row.inputs.push_back(take(port));
  for (const model::Port& port : model.outputs()) row.outputs.push_back(take(port));
  return row;
}

std::string why_wrong(const model::Model& model, std::span<const AlignedBuffer> expected,
                      std::span<const AlignedBuffer> found, double tolerance) {
  if (found.size() != expected.size()) {
    return fmt::format("it has {} outputs, expected {}", found.size(), expected.size());
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const model::Port& port = model.outputs()[i];
    if (found[i].size() != expected[i].size()) {
      return fmt::format("output '{}' has {} bytes, expected {}", port.name, found[i].size(),
                         expected[i].size());
    }
    std::string why;
    if (tolerance == 0) {
      why = why_other_bits(expected[i].span(), found[i].span());
    } else if (port.dtype == DType::kF32) {
      why = why_far<float>(expected[i].span(), found[i].span(), tolerance);
    } else if (port.dtype == DType::kF64) {
      why = why_far<double>(expected[i].span(), found[i].span(), tolerance);
    }
    if (!why.empty()) return fmt::format("output '{}': {}", port.name, why);
  }
  return "";
}

}  // namespace widepipe::jobs
