#include "dataset/input_dataset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "dataset/convert.h"
#include "dataset/file_hash.h"
#include "dataset/hdf5_tree.h"
#include "dataset/hdf5_types.h"
#include "dataset/input_file.h"
#include "dataset/input_layout.h"
#include "dataset/posix_file.h"

namespace widepipe::dataset {
namespace {

[[noreturn]] void refuse_missing(const DatasetRef& ref) {
  const std::vector<DatasetEntry> entries = list_datasets(ref.file);
  const std::string nearest = nearest_path(entries, ref.path);
  throw_input_error("{}: has no data set '{}'{}; its data sets: {}", ref.file, ref.path,
                    nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest),
                    list_text(entries));
}

/// Whether every link on the way exists; the last may still point at nothing.
bool links_exist(hid_t file, const std::string& path, const Hdf5Properties& access) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    if (H5Lexists(file, path.substr(0, slash).c_str(), access.get()) <= 0) return false;
    if (slash == std::string::npos) return true;
  }
}

/// Opens the path and refuses whatever is not a data set of this very file.
void check_is_dataset(hid_t file, const DatasetRef& ref) {
  bool leaves_the_file = false;
  const Hdf5Properties access = within_one_file(H5P_LINK_ACCESS, leaves_the_file);
  const hid_t id = H5Oopen(file, ref.path.c_str(), access.get());
  if (leaves_the_file) {
    throw_input_error("{}: is a link into another file; name that file instead", to_string(ref));
  }
  if (id < 0) {
    if (!links_exist(file, ref.path, access)) refuse_missing(ref);
    throw_input_error("{}: is a link to something that does not exist", to_string(ref));
  }
  const Hdf5Object object("H5Oopen", id);
  H5O_info_t info{};
  checked("H5Oget_info", H5Oget_info(object.get(), &info));
  if (info.type == H5O_TYPE_GROUP) {
    throw_input_error("{}: is a group, expected a data set; data sets in it: {}", to_string(ref),
                      list_text(list_datasets(ref.file), ref.path));
  }
  if (info.type != H5O_TYPE_DATASET) {
    throw_input_error("{}: is a named type, expected a data set", to_string(ref));
  }
}

Shape read_shape(hid_t dataset, const std::string& where) {
  const Hdf5Space space("H5Dget_space", H5Dget_space(dataset));
  if (H5Sget_simple_extent_type(space.get()) == H5S_NULL) {
    throw_input_error("{}: is empty (a null data space), expected rows on axis 0", where);
  }
  const int rank = checked("H5Sget_simple_extent_ndims", H5Sget_simple_extent_ndims(space.get()));
  if (rank == 0) throw_input_error("{}: is a single value, expected rows on axis 0", where);
  std::vector<hsize_t> dims(static_cast<std::size_t>(rank));
  checked("H5Sget_simple_extent_dims",
          H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr));
  Shape shape(dims.begin(), dims.end());
  if (shape[0] == 0) throw_input_error("{}: has no rows: its shape is {}", where, to_string(shape));
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) {
    throw_input_error("{}: its rows are empty: its shape is {}", where, to_string(shape));
  }
  element_count(shape);
  return shape;
}

}  // namespace

struct InputDataset::Impl {
  DatasetRef ref;
  std::string where;
  Shape shape;
  std::int64_t row_elements = 1;
  DType dtype = DType::kUndefined;
  std::string dtype_name;
  StorageLayout storage;
  FileStamp stamp;
  UniqueFd fd;
  bool direct = false;

  /// What the HDF5 library needs for reading; empty for direct reads.
  struct Library {
    Hdf5File file;
    Hdf5Type memory;
    Hdf5Dataset dataset;
  };
  std::optional<Library> library;

  explicit Impl(DatasetRef wanted);
  ~Impl() {
    const Hdf5Session session;
    library.reset();
  }

  void check_bytes_in_file(std::size_t stored_element_bytes) const;
  /// Without the rows: those that fail for one reason are then recorded together.
  [[noreturn]] void fail(const std::string& reason) const {
    throw_run_error("{}: cannot be read: {}", where, reason);
  }
  void read_direct(RowRange range, DType as, std::span<std::byte> out) const;
  void read_by_library(RowRange range, DType as, std::span<std::byte> out) const;
  void call_library(RowRange range, std::byte* out) const;
};

InputDataset::Impl::Impl(DatasetRef wanted) : ref(std::move(wanted)), where(to_string(ref)) {
  const Hdf5Session session;
  InputFile file = open_input_file(ref.file);
  stamp = file.stamp;
  try {
    check_is_dataset(file.hdf5.get(), ref);
    Hdf5Dataset dataset("H5Dopen2", H5Dopen2(file.hdf5.get(), ref.path.c_str(), H5P_DEFAULT));
    const Hdf5Type type("H5Dget_type", H5Dget_type(dataset.get()));
    std::string refusal;
    std::optional<StoredType> stored = stored_type_of(type.get(), refusal);
    if (!stored) {
      throw_input_error("{}: its type is {}, expected numbers of 8 to 64 bits", where, refusal);
    }
    dtype = stored->dtype;
    dtype_name = stored->name;
    shape = read_shape(dataset.get(), where);
    row_elements = element_count(std::span(shape).subspan(1));
    storage = read_layout(dataset.get(), where);
    direct =
        storage.layout == Layout::kContiguous && storage.offset != HADDR_UNDEF && stored->native;
    if (storage.layout == Layout::kContiguous) check_bytes_in_file(H5Tget_size(type.get()));

    if (storage.layout == Layout::kChunked) {
      const Hdf5Properties access = make_properties(H5P_DATASET_ACCESS);
      constexpr std::size_t kSlots = 12289;  // a prime, far more than the chunks in the cache
      checked("H5Pset_chunk_cache",
              H5Pset_chunk_cache(access.get(), kSlots,
                                 chunk_cache_bytes(shape, storage.chunk, size_of(dtype)), 1.0));
      dataset = Hdf5Dataset();  // a second open would share the first one's cache
      dataset = Hdf5Dataset("H5Dopen2", H5Dopen2(file.hdf5.get(), ref.path.c_str(), access.get()));
    }
    if (!direct) {
      library.emplace(Library{std::move(file.hdf5), std::move(stored->memory), std::move(dataset)});
    }
    fd = std::move(file.fd);
  } catch (const Hdf5Error& error) {
    throw_input_error("{}: cannot be opened: {}", where, error.what());
  }
}

void InputDataset::Impl::check_bytes_in_file(std::size_t stored_element_bytes) const {
  if (storage.offset == HADDR_UNDEF) return;
  const std::uint64_t needed =
      static_cast<std::uint64_t>(shape[0] * row_elements) * stored_element_bytes;
  if (storage.stored_bytes < needed) {
    throw_input_error("{}: is damaged: its shape {} needs {} bytes of data, it has {}", where,
                      to_string(shape), needed, storage.stored_bytes);
  }
  if (storage.offset > stamp.bytes || needed > stamp.bytes - storage.offset) {
    throw_input_error(
        "{}: is truncated: its {} bytes of data begin at byte {}, but the file has {} bytes", where,
        needed, storage.offset, stamp.bytes);
  }
}

void InputDataset::Impl::read_direct(RowRange range, DType as, std::span<std::byte> out) const {
  const std::size_t stored_size = size_of(dtype);
  const std::uint64_t first_element = static_cast<std::uint64_t>(range.first * row_elements);
  std::uint64_t offset = storage.offset + first_element * stored_size;
  const auto read_piece = [&](std::span<std::byte> piece) {
    const auto got = read_at(fd.get(), offset, piece);
    if (!got) fail(errno_text());
    if (*got < piece.size()) {
      fail(fmt::format("the file ends too early: it had {} bytes when it was opened", stamp.bytes));
    }
    offset += piece.size();
  };
  if (as == dtype) {
    read_piece(out);
    return;
  }
  const std::size_t elements = static_cast<std::size_t>(range.count * row_elements);
  const std::size_t piece_elements = std::min(elements, kConvertedAtOnce / stored_size);
  AlignedBuffer piece(piece_elements * stored_size);
  for (std::size_t done = 0; done < elements; done += piece_elements) {
    const std::size_t now = std::min(piece_elements, elements - done);
    read_piece(piece.span().first(now * stored_size));
    convert(dtype, piece.data(), as, out.data() + done * size_of(as), now, where);
  }
}

void InputDataset::Impl::call_library(RowRange range, std::byte* out) const {
  std::vector<hsize_t> start(shape.size(), 0);
  std::vector<hsize_t> count(shape.begin(), shape.end());
  start[0] = static_cast<hsize_t>(range.first);
  count[0] = static_cast<hsize_t>(range.count);
  const int rank = static_cast<int>(shape.size());

  // Beyond the end of a file that was cut meanwhile, the library reads zeros without an error.
  const std::optional<FileStamp> now = stamp_of(fd.get());
  if (!now) fail(errno_text());
  if (now->bytes < stamp.bytes) {
    fail(fmt::format("the file has {} bytes; it had {} bytes when it was opened", now->bytes,
                     stamp.bytes));
  }
  const Hdf5Session session;
  try {
    const Hdf5Space selection("H5Dget_space", H5Dget_space(library->dataset.get()));
    checked("H5Sselect_hyperslab",
            H5Sselect_hyperslab(selection.get(), H5S_SELECT_SET, start.data(), nullptr,
                                count.data(), nullptr));
    const Hdf5Space dense("H5Screate_simple", H5Screate_simple(rank, count.data(), nullptr));
    checked("H5Dread", H5Dread(library->dataset.get(), library->memory.get(), dense.get(),
                               selection.get(), H5P_DEFAULT, out));
  } catch (const Hdf5Error& error) {
    fail(error.what());
  }
}

void InputDataset::Impl::read_by_library(RowRange range, DType as, std::span<std::byte> out) const {
  // The library only decodes; values are converted by the same code as direct reads, so that
  // the layout of a file never changes a bit of the result.
  if (as == dtype) {
    call_library(range, out.data());
    return;
  }
  const std::size_t elements = static_cast<std::size_t>(range.count * row_elements);
  AlignedBuffer decoded(elements * size_of(dtype));
  call_library(range, decoded.data());
  convert(dtype, decoded.data(), as, out.data(), elements, where);
}

InputDataset::InputDataset(DatasetRef ref) : impl_(std::make_unique<Impl>(std::move(ref))) {}
InputDataset::~InputDataset() = default;
InputDataset::InputDataset(InputDataset&&) noexcept = default;
InputDataset& InputDataset::operator=(InputDataset&&) noexcept = default;

std::string InputDataset::name() const { return impl_->where; }
std::vector<std::string> InputDataset::files() const { return {impl_->ref.file}; }
const Shape& InputDataset::shape() const { return impl_->shape; }
std::int64_t InputDataset::rows() const { return impl_->shape[0]; }
Shape InputDataset::row_shape() const { return {impl_->shape.begin() + 1, impl_->shape.end()}; }
DType InputDataset::dtype() const { return impl_->dtype; }
std::string InputDataset::dtype_name() const { return impl_->dtype_name; }
bool InputDataset::reads_in_parallel() const { return impl_->direct; }
const FileStamp& InputDataset::stamp() const { return impl_->stamp; }

std::int64_t InputDataset::chunk_rows() const {
  return impl_->storage.layout == Layout::kChunked ? impl_->storage.chunk[0] : 0;
}

void InputDataset::read_checked(RowRange rows, DType as, std::span<std::byte> out) const {
  if (impl_->direct) {
    impl_->read_direct(rows, as, out);
  } else {
    impl_->read_by_library(rows, as, out);
  }
}

StringFields InputDataset::describe() const {
  const StorageLayout& storage = impl_->storage;
  const std::uint64_t bytes =
      static_cast<std::uint64_t>(rows() * elements_per_row()) * size_of(dtype());
  StringFields fields = {{"type", dtype_name()}, {"shape", to_string(shape())}};
  switch (storage.layout) {
    case Layout::kContiguous:
      fields.emplace_back("layout", storage.offset == HADDR_UNDEF
                                        ? "contiguous, never written: all values are the default"
                                        : fmt::format("contiguous at byte {}", storage.offset));
      break;
    case Layout::kChunked:
      fields.emplace_back("layout", fmt::format("chunks of {}", to_string(storage.chunk)));
      break;
    case Layout::kCompact:
      fields.emplace_back("layout", "compact");
      break;
  }
  if (!storage.filters.empty()) {
    fields.emplace_back("filters", fmt::format("{}", fmt::join(storage.filters, ", ")));
  }
  fields.emplace_back("bytes", fmt::format("{}", bytes));
  fields.emplace_back("stored bytes", fmt::format("{}", storage.stored_bytes));
  fields.emplace_back("reads", impl_->direct ? "parallel, at the file offset"
                                             : "through the HDF5 library, one at a time a rank");
  return fields;
}

InputIdentity InputDataset::identity() const {
  const FileStamp& stamp = impl_->stamp;
  const HashBudget budget{.files = 1, .total_bytes = stamp.bytes};
  return {.content =
              fmt::format("{} {} {}, file of {} bytes, {} {}", impl_->ref.path, impl_->dtype_name,
                          to_string(impl_->shape), stamp.bytes, budget.method(),
                          hash_file(impl_->fd.get(), impl_->ref.file, stamp.bytes, budget)),
          .whole_file_hashed = budget.whole(),
          .time = std::to_string(stamp.mtime_ns),
          .file_bytes = stamp.bytes};
}

}  // namespace widepipe::dataset
