#include "mpi_runtime/row_writer.h"

#include <set>
#include <utility>

#include "core/error.h"

namespace widepipe::mpi_runtime {
namespace {

RowRange rows_of(const DispatchWire& dispatch) { return {dispatch.first_row, dispatch.row_count}; }

void write_columns(dataset::RowSink& output, const RowsDone& done) {
  const RowRange all = rows_of(done.dispatch);
  for (const RowRange& rows : rows_between(all, done.failures)) {
    for (std::size_t column = 0; column < done.columns.size(); ++column) {
      const std::span<const std::byte> bytes = done.columns[column].span();
      const std::size_t per_row = bytes.size() / static_cast<std::size_t>(all.count);
      output.write_rows(column, rows,
                        bytes.subspan(static_cast<std::size_t>(rows.first - all.first) * per_row,
                                      static_cast<std::size_t>(rows.count) * per_row));
    }
  }
}

}  // namespace

RowWriter::RowWriter(Outputs outputs, std::function<void(RowsDone)> done,
                     const Surroundings& surroundings)
    : outputs_(std::move(outputs)), done_(std::move(done)), strand_(surroundings.make_strand()) {}

void RowWriter::write(RowsDone rows) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(rows));
  }
  strand_->post([this] { write_all(); });
}

void RowWriter::write_all() {
  std::deque<RowsDone> batches;
  {
    const std::lock_guard lock(mutex_);
    batches.swap(waiting_);
  }
  std::set<std::uint32_t> written;
  std::string error;
  try {
    for (const RowsDone& done : batches) {
      write_columns(*outputs_.at(done.dispatch.stream), done);
      written.insert(done.dispatch.stream);
    }
    for (const std::uint32_t stream : written) outputs_[stream]->sync();
  } catch (const RunError& failure) {
    error = failure.what();
  }
  for (RowsDone& done : batches) {
    done.columns.clear();
    if (!error.empty()) {
      done.state = ResultState::kBroken;
      done.error = error;
      done.failures.clear();
    }
    done_(std::move(done));
  }
}

}  // namespace widepipe::mpi_runtime
