#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataset/dataset_ref.h"

namespace widepipe::dataset {

/// Where the rows of one model input come from, and what is done to them on the way.
struct SourceSpec {
  /// FILE:/path. FILE may hold wildcards (* ? [..]), or be @MANIFEST: a text file with a file
  /// name a line, relative to the manifest's folder. Several files are read one after the
  /// other, in sorted (wildcards) or listed (manifest) order.
  DatasetRef data;
  /// Multiplied to, then added to each value, by channel; one element counts for all; empty for
  /// none.
  std::vector<double> scale;
  std::vector<double> offset;
  /// Rows are stored channels-last, [.., C], and wanted channels-first, [C, ..].
  bool channels_last = false;
};

/// One of `count` consecutive parts, which differ by a row at most.
struct Shard {
  std::int64_t index = 0;
  std::int64_t count = 1;
};

/// Which rows of a stream are taken: from `first` up to `end`, and at most `limit` of them; and of
/// those a part.
struct RowWindow {
  std::int64_t first = 0;
  std::optional<std::int64_t> end;
  std::optional<std::int64_t> limit;
  std::optional<Shard> shard;
};

}  // namespace widepipe::dataset
