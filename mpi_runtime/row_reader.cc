#include "mpi_runtime/row_reader.h"

#include <exception>
#include <new>
#include <utility>

#include "device/device.h"

namespace widepipe::mpi_runtime {

RowReader::RowReader(std::vector<StreamSource> streams, std::function<void(RowsRead)> done,
                     const Surroundings& surroundings)
    : streams_(std::move(streams)), done_(std::move(done)), strand_(surroundings.make_strand()) {}

void RowReader::request(const DispatchWire& dispatch) {
  strand_->post([this, dispatch] { done_(read(dispatch)); });
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
