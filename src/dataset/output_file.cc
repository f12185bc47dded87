#include "dataset/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "core/error.h"
#include "dataset/disk.h"
#include "dataset/hdf5_handle.h"
#include "dataset/hdf5_types.h"

namespace widepipe::dataset {
namespace {

/// Columns begin on pages, so that rows of two columns never share one.
constexpr hsize_t kAlignment = 4096;
constexpr const char* kStatusMeaning = "0: not done, 1: done, 2: failed";

void write_string_attribute(hid_t object, const std::string& name, const std::string& value) {
  // Of variable length, because h5py reads those as str and fixed ones as bytes.
  const Hdf5Type type("H5Tcopy", H5Tcopy(H5T_C_S1));
  checked("H5Tset_size", H5Tset_size(type.get(), H5T_VARIABLE));
  checked("H5Tset_cset", H5Tset_cset(type.get(), H5T_CSET_UTF8));
  const Hdf5Space scalar("H5Screate", H5Screate(H5S_SCALAR));
  const Hdf5Attribute attribute("H5Acreate2", H5Acreate2(object, name.c_str(), type.get(),
                                                         scalar.get(), H5P_DEFAULT, H5P_DEFAULT));
  const char* text = value.c_str();
  checked("H5Awrite", H5Awrite(attribute.get(), type.get(), &text));
}

Hdf5Dataset create_dataset(hid_t file, const std::string& path, hid_t type,
                           const std::vector<hsize_t>& dims) {
  const Hdf5Properties links = make_properties(H5P_LINK_CREATE);
  checked("H5Pset_create_intermediate_group", H5Pset_create_intermediate_group(links.get(), 1));
  const Hdf5Properties properties = make_properties(H5P_DATASET_CREATE);
  // Times would make two runs differ.
  checked("H5Pset_obj_track_times", H5Pset_obj_track_times(properties.get(), false));
  checked("H5Pset_layout", H5Pset_layout(properties.get(), H5D_CONTIGUOUS));
  checked("H5Pset_alloc_time", H5Pset_alloc_time(properties.get(), H5D_ALLOC_TIME_EARLY));
  checked("H5Pset_fill_time", H5Pset_fill_time(properties.get(), H5D_FILL_TIME_NEVER));
  const Hdf5Space space("H5Screate_simple",
                        H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr));
  return {"H5Dcreate2", H5Dcreate2(file, path.c_str(), type, space.get(), links.get(),
                                   properties.get(), H5P_DEFAULT)};
}

/// Makes data sets and attributes; gives the first byte of raw data.
haddr_t write_objects(const OutputSpec& spec, hid_t file) {
  haddr_t first_raw = HADDR_UNDEF;  // the greatest address
  const auto add = [&](const std::string& path, DType dtype, const Shape& row_shape) {
    std::vector<hsize_t> dims{static_cast<hsize_t>(spec.rows)};
    dims.insert(dims.end(), row_shape.begin(), row_shape.end());
    const Hdf5Type type = output_type(dtype);
    Hdf5Dataset dataset = create_dataset(file, path, type.get(), dims);
    first_raw = std::min(first_raw, H5Dget_offset(dataset.get()));
    return dataset;
  };
  for (const OutputColumn& column : spec.columns) add(column.path, column.dtype, column.row_shape);
  const Hdf5Dataset status = add(spec.status_path, DType::kU8, {});
  write_string_attribute(status.get(), "meaning", kStatusMeaning);

  const Hdf5Object root("H5Oopen", H5Oopen(file, "/", H5P_DEFAULT));
  write_string_attribute(root.get(), kMarkerName, kMarkerValue);
  for (const auto& [name, value] : spec.attributes) write_string_attribute(root.get(), name, value);
  return first_raw;
}

/// Makes the file; gives the first byte of raw data.
haddr_t write_structure(const OutputSpec& spec, const std::string& part) {
  const Hdf5Session session;
  const Hdf5Properties access = make_properties(H5P_FILE_ACCESS);
  set_file_locking(access, false);  // widepipe's lock file guards it, on any file system
  checked("H5Pset_alignment", H5Pset_alignment(access.get(), kAlignment, kAlignment));
  const Hdf5Properties creation = make_properties(H5P_FILE_CREATE);
  checked("H5Pset_obj_track_times", H5Pset_obj_track_times(creation.get(), false));
  Hdf5File file("H5Fcreate", H5Fcreate(part.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()));

  const haddr_t first_raw = write_objects(spec, file.get());
  checked("H5Fflush", H5Fflush(file.get(), H5F_SCOPE_LOCAL));
  file.close_checked("H5Fclose");
  return first_raw;
}

/// HDF5's early allocation only extends the file; this takes the disk blocks.
void reserve_and_sync(const OutputSpec& spec, const std::string& part, haddr_t first_raw) {
  const UniqueFd fd(::open(part.c_str(), O_RDWR | O_CLOEXEC));
  struct stat status {};
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0) {
    throw_input_error("{}: cannot be opened: {}", part, errno_text());
  }
  int error = EINTR;
  while (error == EINTR) {
    error = ::posix_fallocate(fd.get(), static_cast<off_t>(first_raw),
                              status.st_size - static_cast<off_t>(first_raw));
  }
  // EOPNOTSUPP: a file system that cannot reserve; a full disk will show up while writing.
  if (error != 0 && error != EOPNOTSUPP && error != EINVAL) {
    errno = error;
    throw_input_error("{}: cannot reserve {} for its data: {}", spec.target.file,
                      format_bytes(raw_bytes(spec)), errno_text());
  }
  if (!sync_file(fd.get())) throw_input_error("{}: cannot be synced: {}", part, errno_text());
}

}  // namespace

void create_output(const OutputSpec& spec) {
  const std::string part = spec.target.file + ".part";
  try {
    const haddr_t first_raw = write_structure(spec, part);
    reserve_and_sync(spec, part, first_raw);
    rename_part(spec.target.file);
  } catch (const InputError&) {
    ::unlink(part.c_str());
    throw;
  } catch (const RunError& error) {
    ::unlink(part.c_str());
    throw_input_error("{}: cannot be created: {}", spec.target.file, error.what());
  }
}

OutputFile::OutputFile(OutputSpec spec) : spec_(std::move(spec)) {
  const std::string& file = spec_.target.file;
  const ExistingOutput existing = inspect_existing(file);
  switch (existing.state) {
    case OutputState::kAbsent:
      throw_input_error("{}: no such file", file);
    case OutputState::kForeign:
      refuse_foreign(file, existing);
    case OutputState::kDamaged:
      throw_input_error("{}: is damaged: {}", file, existing.problem);
    case OutputState::kOurs:
      break;
  }
  placement_ = locate(existing, spec_);
  fd_ = UniqueFd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  const auto stamp = fd_.valid() ? stamp_of(fd_.get()) : std::nullopt;
  if (!stamp) throw_input_error("{}: cannot be opened for writing: {}", file, errno_text());
  bytes_ = stamp->bytes;
}

void OutputFile::write_rows(std::size_t column, RowRange rows, std::span<const std::byte> bytes) {
  const OutputColumn& target = spec_.columns.at(column);
  const std::int64_t per_row = row_bytes(target);
  check_range(target.path, rows);
  if (bytes.size() != static_cast<std::size_t>(rows.count * per_row)) {
    throw_run_error("{}:{}: {} rows of {} bytes expected, got {} bytes", spec_.target.file,
                    target.path, rows.count, per_row, bytes.size());
  }
  check_whole();  // first: writing makes a file that was cut long again
  const std::uint64_t offset =
      placement_.column_offsets[column] + static_cast<std::uint64_t>(rows.first * per_row);
  if (!write_at(fd_.get(), offset, bytes)) fail_to_write(target.path, rows);
}

void OutputFile::write_status(RowRange rows, RowStatus status) {
  check_range(spec_.status_path, rows);
  check_whole();
  std::array<std::byte, 4096> marks;
  marks.fill(static_cast<std::byte>(status));
  for (std::int64_t first = rows.first; first < rows.end();) {
    const std::int64_t now =
        std::min<std::int64_t>(rows.end() - first, static_cast<std::int64_t>(marks.size()));
    const std::uint64_t offset = placement_.status_offset + static_cast<std::uint64_t>(first);
    if (!write_at(fd_.get(), offset, std::span(marks).first(static_cast<std::size_t>(now)))) {
      fail_to_write(spec_.status_path, rows);
    }
    first += now;
  }
}

void OutputFile::check_range(const std::string& path, RowRange rows) const {
  if (rows.first < 0 || rows.count < 0 || rows.count > spec_.rows - rows.first) {
    throw_run_error("{}:{}: {} rows from row {} are not inside its {} rows", spec_.target.file,
                    path, rows.count, rows.first, spec_.rows);
  }
}

void OutputFile::fail_to_write(const std::string& path, RowRange rows) const {
  throw_run_error("{}:{}: cannot write rows {} to {}: {}", spec_.target.file, path, rows.first,
                  rows.end() - 1, errno_text());
}

void OutputFile::check_whole() const {
  const std::string why = why_not_whole(fd_.get(), bytes_);
  if (why.empty()) return;
  throw_run_error("{} {}: rows that were in it are lost; begin anew with --restart",
                  spec_.target.file, why);
}

void OutputFile::sync() {
  check_whole();
  if (!sync_data(fd_.get())) {
    throw_run_error("{}: cannot be synced to disk: {}", spec_.target.file, errno_text());
  }
}

}  // namespace widepipe::dataset
