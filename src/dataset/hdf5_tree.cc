#include "dataset/hdf5_tree.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/edit_distance.h"
#include "dataset/hdf5_types.h"
#include "dataset/input_file.h"

namespace widepipe::dataset {
namespace {

DatasetEntry describe_entry(hid_t root, const char* name) {
  DatasetEntry entry;
  entry.path = fmt::format("/{}", name);
  const Hdf5Dataset dataset("H5Dopen2", H5Dopen2(root, name, H5P_DEFAULT));
  const Hdf5Type type("H5Dget_type", H5Dget_type(dataset.get()));
  const Hdf5Space space("H5Dget_space", H5Dget_space(dataset.get()));
  if (const auto stored = stored_type_of(type.get(), entry.type)) entry.type = stored->name;
  const int rank = checked("H5Sget_simple_extent_ndims", H5Sget_simple_extent_ndims(space.get()));
  std::vector<hsize_t> dims(static_cast<std::size_t>(rank));
  H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr);
  entry.shape.assign(dims.begin(), dims.end());
  return entry;
}

/// HDF5 calls it for each object; exceptions must not cross the C library.
herr_t collect_dataset(hid_t root, const char* name, const H5O_info_t* info, void* out) {
  if (info->type != H5O_TYPE_DATASET) return 0;
  try {
    static_cast<std::vector<DatasetEntry>*>(out)->push_back(describe_entry(root, name));
  } catch (const std::exception&) {
    // A data set that cannot be described is left out of the list; others still help.
  }
  return 0;
}

}  // namespace

std::vector<DatasetEntry> list_datasets(const std::string& file) {
  const Hdf5Session session;
  const InputFile opened = open_input_file(file);
  std::vector<DatasetEntry> entries;
  H5Ovisit(opened.hdf5.get(), H5_INDEX_NAME, H5_ITER_INC, collect_dataset, &entries);
  std::sort(entries.begin(), entries.end(),
            [](const DatasetEntry& a, const DatasetEntry& b) { return a.path < b.path; });
  return entries;
}

std::string list_text(const std::vector<DatasetEntry>& entries, const std::string& group,
                      std::size_t limit) {
  const std::string prefix = group == "/" ? "/" : group + "/";
  std::string text;
  std::size_t found = 0;
  for (const DatasetEntry& entry : entries) {
    if (!entry.path.starts_with(prefix)) continue;
    if (++found > limit) continue;
    if (found > 1) text += ", ";
    text += fmt::format("{} ({} {})", entry.path, entry.type, to_string(entry.shape));
  }
  if (found > limit) text += fmt::format(" and {} more", found - limit);
  return found == 0 ? "none" : text;
}

std::string nearest_path(const std::vector<DatasetEntry>& entries, const std::string& wanted) {
  // Up to a third of the name may be mistyped; beyond that a suggestion only confuses.
  const std::size_t letters = wanted.size() - 1;
  std::size_t best = (letters < 2 ? 0 : std::max<std::size_t>(1, letters / 3)) + 1;
  std::string nearest;
  for (const DatasetEntry& entry : entries) {
    // "x" is meant for "/train/x" when only the folder was forgotten.
    const std::size_t distance =
        entry.path.ends_with(wanted) ? 1 : edit_distance(entry.path, wanted);
    if (distance < best) {
      best = distance;
      nearest = entry.path;
    }
  }
  return nearest;
}

}  // namespace widepipe::dataset
