#include "dataset/file_series.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/hash.h"
#include "dataset/file_hash.h"

namespace widepipe::dataset {
namespace {

/// Readers walk from file to file; each open one may hold chunks in memory.
constexpr std::size_t kMostOpen = 4;

}  // namespace

FileSeries::FileSeries(std::string name, const std::string& path,
                       const std::vector<ListedFile>& files)
    : name_(std::move(name)), path_(path) {
  for (const ListedFile& file : files) {
    const DatasetRef ref{file.path, path};
    try {
      add(InputDataset(ref), ref);
    } catch (const InputError& error) {
      throw_input_error("{}{}", file.where, error.what());
    }
  }
}

void FileSeries::add(const InputDataset& data, const DatasetRef& ref) {
  if (parts_.empty()) {
    row_shape_ = data.row_shape();
    dtype_ = data.dtype();
    dtype_name_ = data.dtype_name();
    chunk_rows_ = data.chunk_rows();
  } else if (data.row_shape() != row_shape_ || data.dtype_name() != dtype_name_) {
    throw_input_error("{}: expected rows of {} {} as in {}, found {} {}", data.name(), dtype_name_,
                      to_string(row_shape_), to_string(parts_.front().ref), data.dtype_name(),
                      to_string(data.row_shape()));
  }
  // A grid that breaks anywhere is none.
  if (data.chunk_rows() != chunk_rows_ || (chunk_rows_ > 0 && rows_ % chunk_rows_ != 0)) {
    chunk_rows_ = 0;
  }
  parts_.push_back({ref, data.stamp(), rows_, data.rows()});
  rows_ += data.rows();
}

std::vector<std::string> FileSeries::files() const {
  std::vector<std::string> files;
  for (const Part& part : parts_) files.push_back(part.ref.file);
  return files;
}

void FileSeries::read_checked(RowRange rows, DType as, std::span<std::byte> out) const {
  const std::size_t row_bytes = static_cast<std::size_t>(elements_per_row()) * size_of(as);
  const auto after = std::upper_bound(
      parts_.begin(), parts_.end(), rows.first,
      [](std::int64_t row, const Part& candidate) { return row < candidate.first; });
  for (auto part = std::prev(after); rows.count > 0; ++part) {
    const std::int64_t first = rows.first - part->first;
    const std::int64_t now = std::min(rows.count, part->rows - first);
    const std::size_t bytes = static_cast<std::size_t>(now) * row_bytes;
    open(static_cast<std::size_t>(part - parts_.begin()))
        ->read_rows(first, now, as, out.first(bytes));
    out = out.subspan(bytes);
    rows = {rows.first + now, rows.count - now};
  }
}

std::shared_ptr<const InputDataset> FileSeries::open(std::size_t part) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(open_.begin(), open_.end(),
                                  [part](const OpenPart& open) { return open.part == part; });
  if (found != open_.end()) {
    open_.splice(open_.begin(), open_, found);
  } else {
    open_.push_front({part, std::make_shared<InputDataset>(reopen(parts_[part]))});
    if (open_.size() > kMostOpen) open_.pop_back();
  }
  return open_.front().data;
}

InputDataset FileSeries::reopen(const Part& part) const {
  try {
    InputDataset data(part.ref);
    if (data.stamp() == part.stamp) return data;
  } catch (const InputError& error) {
    throw_run_error("{}", error.what());  // it was good when the job began
  }
  throw_run_error("{}: the file changed since the job began", to_string(part.ref));
}

std::uint64_t FileSeries::total_bytes() const {
  std::uint64_t bytes = 0;
  for (const Part& part : parts_) bytes += part.stamp.bytes;
  return bytes;
}

InputIdentity FileSeries::identity() const {
  const HashBudget budget{.files = parts_.size(), .total_bytes = total_bytes()};
  std::string contents;
  std::string times;
  for (const Part& part : parts_) {
    const std::string& file = part.ref.file;
    const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) throw_run_error("{}: cannot be opened: {}", file, errno_text());
    contents += fmt::format("{} rows, {} bytes, {}\n", part.rows, part.stamp.bytes,
                            hash_file(fd.get(), file, part.stamp.bytes, budget));
    times += fmt::format("{}\n", part.stamp.mtime_ns);
  }
  return {.content = fmt::format("{} {} {} rows of {}, {} files of {} bytes, {} {}", path_,
                                 dtype_name_, rows_, to_string(row_shape_), parts_.size(),
                                 budget.total_bytes, budget.method(), hash_hex(contents)),
          .whole_file_hashed = budget.whole(),
          .time = fmt::format("xxh3 {}", hash_hex(times)),
          .file_bytes = budget.total_bytes};
}

StringFields FileSeries::describe() const {
  Shape shape{rows_};
  shape.insert(shape.end(), row_shape_.begin(), row_shape_.end());
  const auto [fewest, most] = std::minmax_element(
      parts_.begin(), parts_.end(), [](const Part& a, const Part& b) { return a.rows < b.rows; });
  return {{"type", dtype_name_},
          {"shape", to_string(shape)},
          {"files", fmt::format("{}, from {} to {}", parts_.size(), parts_.front().ref.file,
                                parts_.back().ref.file)},
          {"rows a file", fmt::format("{} to {}", fewest->rows, most->rows)},
          {"file bytes", fmt::format("{}", total_bytes())}};
}

}  // namespace widepipe::dataset
