#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/aligned_buffer.h"
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

/// A thread that reads rows ahead, so that neither the MPI thread nor a device waits for a disk.
class RowReader {
 public:
  /// `done` is called on the reader's thread, in the order of request().
  RowReader(std::vector<StreamSource> streams, std::function<void(RowsRead)> done);
  ~RowReader();
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;

  /// Any thread; returns at once.
  void request(const DispatchWire& dispatch);

 private:
  void work(const std::stop_token& stop);
  RowsRead read(const DispatchWire& dispatch) const;

  const std::vector<StreamSource> streams_;
  const std::function<void(RowsRead)> done_;
  std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::deque<DispatchWire> waiting_;
  std::jthread thread_;  // last: joined before what it uses goes
};

}  // namespace widepipe::mpi_runtime
