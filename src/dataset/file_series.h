#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dataset/file_list.h"
#include "dataset/input_dataset.h"

namespace widepipe::dataset {

/// The same data set of many files, one after the other. Few files are open at any time, so
/// that thousands of them stay within a process's limits.
class FileSeries final : public RowSource {
 public:
  /// Opens each file once. Throws InputError where one cannot be used, or its rows are not of
  /// the type and shape of the first's. `name` is what the user called them all.
  FileSeries(std::string name, const std::string& path, const std::vector<ListedFile>& files);

  std::string name() const override { return name_; }
  std::vector<std::string> files() const override;
  std::int64_t rows() const override { return rows_; }
  Shape row_shape() const override { return row_shape_; }
  DType dtype() const override { return dtype_; }
  std::string dtype_name() const override { return dtype_name_; }
  /// Only where the chunks of all files fall on the same grid.
  std::int64_t chunk_rows() const override { return chunk_rows_; }
  InputIdentity identity() const override;
  StringFields settings() const override { return {}; }
  StringFields describe() const override;

 private:
  struct Part {
    DatasetRef ref;
    FileStamp stamp;
    std::int64_t first = 0;
    std::int64_t rows = 0;
  };
  struct OpenPart {
    std::size_t part = 0;
    std::shared_ptr<const InputDataset> data;
  };

  void add(const InputDataset& data, const DatasetRef& ref);
  void read_checked(RowRange rows, DType as, std::span<std::byte> out) const override;
  std::shared_ptr<const InputDataset> open(std::size_t part) const;
  InputDataset reopen(const Part& part) const;
  std::uint64_t total_bytes() const;

  std::string name_;
  std::string path_;
  std::vector<Part> parts_;
  std::int64_t rows_ = 0;
  Shape row_shape_;
  DType dtype_ = DType::kUndefined;
  std::string dtype_name_;
  std::int64_t chunk_rows_ = 0;

  mutable std::mutex mutex_;
  mutable std::list<OpenPart> open_;  ///< latest used first
};

}  // namespace widepipe::dataset
