#include "mpi_runtime/row_reader.h"

#include <exception>
#include <new>
#include <utility>

#include "device/device.h"

namespace widepipe::mpi_runtime {

RowReader::RowReader(std::vector<StreamSource> streams, std::function<void(RowsRead)> done)
    : streams_(std::move(streams)),
      done_(std::move(done)),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

RowReader::~RowReader() = default;

void RowReader::request(const DispatchWire& dispatch) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(dispatch);
  }
  arrived_.notify_one();
}

void RowReader::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (arrived_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
    if (stop.stop_requested()) return;
    const DispatchWire dispatch = waiting_.front();
    waiting_.pop_front();
    lock.unlock();
    done_(read(dispatch));
    lock.lock();
  }
}

RowsRead RowReader::read(const DispatchWire& dispatch) const {
  RowsRead rows{.dispatch = dispatch};
  try {
    for (const PortSource& port : streams_.at(dispatch.stream)) {
      AlignedBuffer buffer(static_cast<std::size_t>(dispatch.row_count) * port.bytes_per_row);
      port.dataset->read_rows(dispatch.first_row, dispatch.row_count, port.dtype, buffer.span());
      rows.inputs.push_back(std::move(buffer));
    }
  } catch (const std::bad_alloc&) {
    rows.error = device::no_memory_text(dispatch.row_count);
    rows.no_memory = true;
  } catch (const std::exception& error) {
    rows.error = error.what();
  }
  return rows;
}

}  // namespace widepipe::mpi_runtime
