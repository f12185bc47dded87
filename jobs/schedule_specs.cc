#include "jobs/schedule_specs.h"

#include <algorithm>
#include <numeric>

#include "mpi_runtime/worker.h"

namespace widepipe::jobs {
namespace {

/// Of the input with the longest chunks. Rank 0, when it reads for all, reads in order anyhow.
std::int64_t chunk_rows(const StreamSetup& setup, const JobSettings& settings) {
  std::int64_t rows = 0;
  if (settings.scatter_rows) return rows;
  for (const mpi_runtime::PortSource& port : setup.source()) {
    rows = std::max(rows, port.dataset->chunk_rows());
  }
  return rows;
}

}  // namespace

std::vector<schedule::DeviceSpec> device_specs(const Fleet& fleet) {
  std::vector<schedule::DeviceSpec> specs;
  for (std::size_t rank = fleet.dedicated_scheduler ? 1 : 0; rank < fleet.devices.size(); ++rank) {
    if (!fleet.left_out[rank].empty()) continue;
    const device::DeviceConfig& config = fleet.devices[rank];
    specs.push_back({static_cast<int>(rank), config.instances, config.cores_per_instance});
  }
  return specs;
}

schedule::StreamSpec stream_spec(const StreamSetup& setup, const JobSettings& settings) {
  const std::vector<std::size_t> columns =
      mpi_runtime::column_bytes(setup.model(), setup.outputs());
  const std::size_t bytes_out = std::accumulate(columns.begin(), columns.end(), std::size_t{0});
  return {
      .name = setup.stream().name,
      .bytes_in_per_row = static_cast<std::int64_t>(model::bytes_per_row(setup.model().inputs())),
      .bytes_out_per_row = static_cast<std::int64_t>(bytes_out),
      .batch_rows = setup.stream().batch_rows.value_or(settings.batch_rows),
      .chunk_rows = chunk_rows(setup, settings)};
}

}  // namespace widepipe::jobs
