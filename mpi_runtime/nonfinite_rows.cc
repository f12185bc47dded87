#include "mpi_runtime/nonfinite_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "device/instance.h"

namespace widepipe::mpi_runtime {
namespace {

template <typename T>
bool any_nan(std::span<const std::byte> bytes) {
  const std::span values(reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T));
  return std::any_of(values.begin(), values.end(), [](T value) { return std::isnan(value); });
}

}  // namespace

std::vector<RowFailure> nonfinite_rows(const model::Model& model,
                                       std::span<const AlignedBuffer> outputs, RowRange rows) {
  std::vector<RowFailure> failures;
  bool any = false;
  for (std::size_t output = 0; output < outputs.size(); ++output) {
    any = any || device::any_non_finite(outputs[output].span(), model.outputs()[output].dtype);
  }
  if (!any) return failures;  // nearly always: one pass over long arrays
  for (std::int64_t i = 0; i < rows.count; ++i) {
    for (std::size_t output = 0; output < outputs.size(); ++output) {
      const model::Port& port = model.outputs()[output];
      const auto row = outputs[output].span().subspan(
          static_cast<std::size_t>(i) * port.bytes_per_row, port.bytes_per_row);
      if (!device::any_non_finite(row, port.dtype)) continue;
      const bool nan = port.dtype == DType::kF64 ? any_nan<double>(row) : any_nan<float>(row);
      std::string reason =
          fmt::format("output '{}' holds {}", port.name, nan ? "NaN" : "an infinity");
      if (!failures.empty() && failures.back().rows.end() == rows.first + i &&
          failures.back().reason == reason) {
        ++failures.back().rows.count;
      } else {
        failures.push_back({{rows.first + i, 1}, std::move(reason)});
      }
      break;
    }
  }
  return failures;
}

}  // namespace widepipe::mpi_runtime
