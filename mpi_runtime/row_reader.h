#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/surroundings.h"
#include "dataset/row_source.h"
#include "mpi_runtime/wire.h"

namespace widepipe::mpi_runtime {

/// Where the rows of one model input come from.
struct PortSource {
  std::shared_ptr<const dataset::RowSource> dataset;
  DType dtype = DType::kUndefined;  ///< what the model wants
  std::size_t bytes_per_row = 0;    ///< in that type
};

/// The inputs of a stream, in the order of the model's ports.
using StreamSource = std::vector<PortSource>;

/// The rows of a dispatch, or why they could not be read.
struct RowsRead {
  DispatchWire dispatch;
  std::vector<AlignedBuffer> inputs;
  std::string error;
  bool no_memory = false;  ///< the error is one that fewer rows may not have
};

/// Reads rows ahead, on a strand of its own, so that neither the MPI thread nor a device waits for
/// a disk.
class RowReader {
 public:
  /// `done` is called on the strand, in the order of request().
  RowReader(std::vector<StreamSource> streams, std::function<void(RowsRead)> done,
            const Surroundings& surroundings);
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;

  /// Any thread; returns at once.
  void request(const DispatchWire& dispatch);

 private:
  RowsRead read(const DispatchWire& dispatch) const;

  const std::vector<StreamSource> streams_;
  const std::function<void(RowsRead)> done_;
  const std::unique_ptr<Strand> strand_;  // last: its tasks use the others
};

}  // namespace widepipe::mpi_runtime
