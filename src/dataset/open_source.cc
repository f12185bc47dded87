#include "dataset/open_source.h"

#include "core/error.h"
#include "dataset/channel_rows.h"
#include "dataset/file_list.h"
#include "dataset/file_series.h"
#include "dataset/input_dataset.h"
#include "dataset/windowed_rows.h"

namespace widepipe::dataset {
namespace {

std::shared_ptr<const RowSource> open_files(const DatasetRef& data) {
  const std::vector<ListedFile> files = list_files(data.file);
  // One file is the same input whichever way it was named.
  if (files.size() > 1) return std::make_shared<FileSeries>(to_string(data), data.path, files);
  try {
    return std::make_shared<InputDataset>(DatasetRef{files.front().path, data.path});
  } catch (const InputError& error) {
    throw_input_error("{}{}", files.front().where, error.what());
  }
}

}  // namespace

std::shared_ptr<const RowSource> open_source(const SourceSpec& spec, const RowWindow& window) {
  std::shared_ptr<const RowSource> rows = open_files(spec.data);
  if (window.first != 0 || window.end || window.limit || window.shard) {
    rows = std::make_shared<WindowedRows>(std::move(rows), window);
  }
  if (spec.channels_last || !spec.scale.empty() || !spec.offset.empty()) {
    rows = std::make_shared<ChannelRows>(std::move(rows), spec);
  }
  return rows;
}

}  // namespace widepipe::dataset
