#include "dataset/existing_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "dataset/hdf5_types.h"
#include "dataset/input_file.h"

namespace widepipe::dataset {
namespace {

/// A string attribute's value; nothing if it is of another type.
std::optional<std::string> read_string_attribute(hid_t object, const char* name) {
  const Hdf5Attribute attribute("H5Aopen", H5Aopen(object, name, H5P_DEFAULT));
  const Hdf5Type type("H5Aget_type", H5Aget_type(attribute.get()));
  const Hdf5Space space("H5Aget_space", H5Aget_space(attribute.get()));
  if (H5Tget_class(type.get()) != H5T_STRING || H5Sget_simple_extent_npoints(space.get()) != 1) {
    return std::nullopt;
  }
  if (checked("H5Tis_variable_str", H5Tis_variable_str(type.get())) > 0) {
    char* text = nullptr;
    checked("H5Aread", H5Aread(attribute.get(), type.get(), static_cast<void*>(&text)));
    std::string value = text == nullptr ? "" : text;
    H5free_memory(text);
    return value;
  }
  std::string value(H5Tget_size(type.get()), '\0');
  checked("H5Aread", H5Aread(attribute.get(), type.get(), value.data()));
  return value.substr(0, value.find('\0'));
}

/// HDF5 calls it for each attribute; exceptions must not cross the C library.
herr_t collect_attribute(hid_t object, const char* name, const H5A_info_t*, void* out) {
  try {
    if (auto value = read_string_attribute(object, name)) {
      static_cast<StringFields*>(out)->emplace_back(name, std::move(*value));
    }
    return 0;
  } catch (const std::exception&) {
    return -1;
  }
}

struct DatasetWalk {
  std::uint64_t file_bytes = 0;
  std::vector<PlacedDataset> datasets;
  std::string problem;
};

void place_dataset(hid_t root, const char* name, DatasetWalk& walk) {
  const Hdf5Dataset dataset("H5Dopen2", H5Dopen2(root, name, H5P_DEFAULT));
  const Hdf5Type type("H5Dget_type", H5Dget_type(dataset.get()));
  const Hdf5Space space("H5Dget_space", H5Dget_space(dataset.get()));
  const haddr_t offset = H5Dget_offset(dataset.get());
  std::string refusal;
  const auto stored = stored_type_of(type.get(), refusal);
  // What users add to a finished file later does not concern us.
  if (!stored || !stored->native || offset == HADDR_UNDEF) return;
  const int rank = checked("H5Sget_simple_extent_ndims", H5Sget_simple_extent_ndims(space.get()));
  std::vector<hsize_t> dims(static_cast<std::size_t>(rank));
  H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr);
  const std::uint64_t bytes = H5Dget_storage_size(dataset.get());
  if (offset > walk.file_bytes || bytes > walk.file_bytes - offset) {
    walk.problem = fmt::format("is truncated: /{} ends at byte {}, but the file has {} bytes", name,
                               offset + bytes, walk.file_bytes);
  }
  walk.datasets.push_back(
      {fmt::format("/{}", name), stored->dtype, Shape(dims.begin(), dims.end()), offset});
}

herr_t collect_placed(hid_t root, const char* name, const H5O_info_t* info, void* out) {
  if (info->type != H5O_TYPE_DATASET) return 0;
  try {
    place_dataset(root, name, *static_cast<DatasetWalk*>(out));
    return 0;
  } catch (const std::exception&) {
    return -1;
  }
}

void read_structure(hid_t file, std::uint64_t file_bytes, ExistingOutput& existing) {
  const Hdf5Object root("H5Oopen", H5Oopen(file, "/", H5P_DEFAULT));
  hsize_t position = 0;
  checked("H5Aiterate2", H5Aiterate2(root.get(), H5_INDEX_NAME, H5_ITER_INC, &position,
                                     collect_attribute, &existing.attributes));
  const std::string* marker = find_field(existing.attributes, kMarkerName);
  if (marker == nullptr) {
    existing.state = OutputState::kForeign;
    existing.problem = fmt::format("it has no attribute '{}'", kMarkerName);
    return;
  }
  if (*marker != kMarkerValue) {
    existing.state = OutputState::kForeign;
    existing.problem =
        fmt::format("its attribute '{}' is '{}', and this version of widepipe writes '{}'",
                    kMarkerName, *marker, kMarkerValue);
    return;
  }
  DatasetWalk walk{file_bytes, {}, ""};
  checked("H5Ovisit", H5Ovisit(root.get(), H5_INDEX_NAME, H5_ITER_INC, collect_placed, &walk));
  existing.state = walk.problem.empty() ? OutputState::kOurs : OutputState::kDamaged;
  existing.problem = walk.problem;
  existing.datasets = std::move(walk.datasets);
}

const PlacedDataset* find_dataset(const ExistingOutput& existing, const std::string& path) {
  const auto found = std::find_if(existing.datasets.begin(), existing.datasets.end(),
                                  [&](const PlacedDataset& d) { return d.path == path; });
  return found == existing.datasets.end() ? nullptr : &*found;
}

}  // namespace

ExistingOutput inspect_existing(const std::string& file) {
  ExistingOutput existing;
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) {
    if (errno == ENOENT) return existing;
    throw_input_error("{}: cannot be opened: {}", file, errno_text());
  }
  existing.state = OutputState::kForeign;
  if (!S_ISREG(status.st_mode)) {
    existing.problem = S_ISDIR(status.st_mode) ? "it is a folder" : "it is not a regular file";
    return existing;
  }
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) throw_input_error("{}: cannot be opened: {}", file, errno_text());
  const auto bytes = static_cast<std::uint64_t>(status.st_size);
  bool truncated = false;
  existing.problem = superblock_problem(fd.get(), bytes, truncated);
  if (!existing.problem.empty()) {
    if (truncated) existing.state = OutputState::kDamaged;
    existing.problem = "it " + existing.problem;
    return existing;
  }
  const Hdf5Session session;
  try {
    const Hdf5File opened = open_read_only(file);
    read_structure(opened.get(), bytes, existing);
  } catch (const Hdf5Error& error) {
    existing.state = OutputState::kDamaged;
    existing.problem = fmt::format("its structure cannot be read: {}", error.what());
  }
  return existing;
}

void refuse_foreign(const std::string& file, const ExistingOutput& existing) {
  throw_input_error("{}: exists and was not made by widepipe ({}); choose another name", file,
                    existing.problem);
}

Placement locate(const ExistingOutput& existing, const OutputSpec& spec) {
  std::vector<std::string> differences;
  const auto place = [&](const std::string& path, DType dtype, const Shape& shape) {
    const PlacedDataset* found = find_dataset(existing, path);
    if (found == nullptr) {
      differences.push_back(fmt::format("it has no data set '{}'", path));
    } else if (found->dtype != dtype || found->shape != shape) {
      differences.push_back(fmt::format("'{}' is {} {}, this job writes {} {}", path,
                                        name_of(found->dtype), to_string(found->shape),
                                        name_of(dtype), to_string(shape)));
    } else {
      return found->offset;
    }
    return std::uint64_t{0};
  };
  Placement placement;
  for (const OutputColumn& column : spec.columns) {
    Shape shape{spec.rows};
    shape.insert(shape.end(), column.row_shape.begin(), column.row_shape.end());
    placement.column_offsets.push_back(place(column.path, column.dtype, shape));
  }
  placement.status_offset = place(spec.status_path, DType::kU8, {spec.rows});
  for (const auto& [name, value] : spec.attributes) {
    const auto found =
        std::find(existing.attributes.begin(), existing.attributes.end(), std::pair(name, value));
    if (found == existing.attributes.end()) {
      differences.push_back(fmt::format("its attribute '{}' is not '{}'", name, value));
    }
  }
  if (!differences.empty()) {
    throw_input_error(
        "{}: was made by another job: {}; choose another name, or use --restart "
        "to begin anew",
        spec.target.file, fmt::join(differences, "; "));
  }
  return placement;
}

RowSet rows_not_marked(const std::string& file, const Placement& placement, const RowSet& rows,
                       RowStatus status) {
  RowSet unmarked;
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) throw_run_error("{}: cannot be opened: {}", file, errno_text());
  std::array<std::byte, 1 << 16> block;
  for (const RowRange& range : rows.ranges()) {
    for (std::int64_t first = range.first; first < range.end();) {
      const auto piece = std::span(block).first(static_cast<std::size_t>(
          std::min<std::int64_t>(range.end() - first, static_cast<std::int64_t>(block.size()))));
      const auto got =
          read_at(fd.get(), placement.status_offset + static_cast<std::uint64_t>(first), piece);
      if (!got || *got < piece.size()) {
        throw_run_error("{}: the status of rows cannot be read: {}", file,
                        got ? "the file ends too early" : errno_text());
      }
      for (const std::byte mark : piece) {
        if (mark != static_cast<std::byte>(status)) unmarked.add({first, 1});
        ++first;
      }
    }
  }
  return unmarked;
}

}  // namespace widepipe::dataset
