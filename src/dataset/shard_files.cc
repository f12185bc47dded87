#include "dataset/shard_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/aligned_buffer.h"
#include "core/error.h"
#include "dataset/existing_output.h"
#include "dataset/journal.h"
#include "dataset/output_file.h"
#include "dataset/posix_file.h"
#include "dataset/resume.h"

namespace widepipe::dataset {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCopiedAtOnce = std::size_t{8} << 20;

struct ShardName {
  std::int64_t index = 0;
  std::int64_t count = 0;
};

/// Of "03-of-16"; nothing if it is not like that.
std::optional<ShardName> parse_name(std::string_view text) {
  constexpr std::string_view kOf = "-of-";
  const std::size_t middle = text.find(kOf);
  if (middle == std::string_view::npos) return std::nullopt;
  ShardName name;
  const auto number = [](std::string_view digits, std::int64_t& value) {
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc{} && stop == digits.data() + digits.size() && value >= 0;
  };
  const bool good = number(text.substr(0, middle), name.index) &&
                    number(text.substr(middle + kOf.size()), name.count) && name.index < name.count;
  return good ? std::optional(name) : std::nullopt;
}

/// What a complete shard holds.
struct ShardContents {
  std::string file;
  JournalContents journal;
  ExistingOutput existing;

  std::int64_t rows() const { return journal.header.rows; }
};

/// In the order of their making, which the identity keeps; the status comes last.
void order_datasets(ShardContents& shard) {
  std::vector<PlacedDataset> ordered;
  std::vector<PlacedDataset>& rest = shard.existing.datasets;
  for (const auto& [name, value] : shard.journal.header.identity) {
    if (!name.starts_with(kOutputField)) continue;
    const std::string path = name.substr(std::string_view(kOutputField).size());
    const auto found = std::find_if(rest.begin(), rest.end(),
                                    [&](const PlacedDataset& one) { return one.path == path; });
    if (found == rest.end()) throw_input_error("{}: has no data set '{}'", shard.file, path);
    ordered.push_back(std::move(*found));
    rest.erase(found);
  }
  if (ordered.empty() || rest.size() != 1) {
    throw_input_error("{}: its data sets are not those that its journal names", shard.file);
  }
  ordered.push_back(std::move(rest.front()));
  rest = std::move(ordered);
}

ShardContents read_shard(const std::string& file, const LockOwner& owner) {
  const OutputLock not_in_use(lock_path(file), owner);
  ShardContents shard{file, read_journal(journal_path(file)), inspect_existing(file)};
  const std::int64_t settled = shard.journal.done.count() + shard.journal.failed_rows();
  if (settled != shard.rows()) {
    throw_input_error("{}: is not complete: {} of {} rows are recorded; run its job again first",
                      file, settled, shard.rows());
  }
  if (shard.existing.state != OutputState::kOurs) {
    throw_input_error("{}: is not an output of widepipe", file);
  }
  order_datasets(shard);
  return shard;
}

std::string field_of(const StringFields& fields, const std::string& name) {
  const std::string* value = find_field(fields, name);
  return value == nullptr ? "nothing" : *value;
}

void check_same_job(const ShardContents& first, const ShardContents& other,
                    const MergeOptions& options) {
  const StringFields& expected = first.journal.header.identity;
  const StringFields& found = other.journal.header.identity;
  StringFields fields = expected;
  fields.insert(fields.end(), found.begin(), found.end());
  for (const auto& [name, value] : fields) {
    const bool forgivable = name == kIsaField || name == kVersionField;
    if (name == kShardField || (forgivable && options.allow_mixed)) continue;
    if (field_of(found, name) == field_of(expected, name)) continue;
    throw_input_error("{}: is of another job than {}: {}: expected {}, found {}{}", other.file,
                      first.file, name, field_of(expected, name), field_of(found, name),
                      forgivable ? "; --allow-mixed merges them nevertheless" : "");
  }
}

void check_shard(const ShardContents& shard, std::size_t index, std::size_t count) {
  const std::string expected = fmt::format("{} of {}", index, count);
  const std::string found = field_of(shard.journal.header.identity, kShardField);
  if (found != expected) {
    throw_input_error("{}: was renamed: expected shard {}, found {}", shard.file, expected, found);
  }
}

OutputSpec merged_spec(const std::string& output_file, const std::vector<ShardContents>& shards) {
  const ShardContents& first = shards.front();
  OutputSpec spec;
  spec.target.file = output_file;
  for (const PlacedDataset& dataset : first.existing.datasets) {
    spec.columns.push_back(
        {dataset.path, dataset.dtype, {dataset.shape.begin() + 1, dataset.shape.end()}});
  }
  spec.status_path = spec.columns.back().path;
  spec.columns.pop_back();
  spec.target.path = spec.columns.front().path;
  for (const ShardContents& shard : shards) spec.rows += shard.rows();
  // In the order of the identity: a file does not tell in which order they were written.
  for (const auto& [name, value] : first.journal.header.identity) {
    const std::string* text = find_field(first.existing.attributes, name);
    if (text != nullptr && name != kShardField) spec.attributes.emplace_back(name, *text);
  }
  return spec;
}

/// What stands there already must be nothing, or an earlier try.
void check_target(const std::string& output_file) {
  std::error_code ignored;
  const std::string journal_file = journal_path(output_file);
  std::int64_t rows = 0;
  if (fs::exists(journal_file, ignored)) {
    const JournalContents journal = read_journal(journal_file);
    rows = journal.done.count() + journal.failed_rows();
  } else if (!fs::exists(output_file, ignored)) {
    return;
  }
  if (rows == 0 && fs::exists(journal_file, ignored)) return;
  throw_input_error("{}: exists and holds {}; choose another name, or remove it and its journal",
                    output_file, rows > 0 ? fmt::format("{} rows", rows) : "what no journal names");
}

void copy_rows(const ShardContents& shard, std::int64_t to_row, OutputFile& target) {
  const UniqueFd fd(::open(shard.file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) throw_run_error("{}: cannot be opened: {}", shard.file, errno_text());
  AlignedBuffer buffer(kCopiedAtOnce);
  const auto& datasets = shard.existing.datasets;
  for (std::size_t column = 0; column + 1 < datasets.size(); ++column) {
    const auto bytes = static_cast<std::size_t>(row_bytes(target.spec().columns[column]));
    std::vector<std::byte> long_row(bytes > buffer.size() ? bytes : 0);
    const std::span<std::byte> room = long_row.empty() ? buffer.span() : std::span(long_row);
    const auto most = static_cast<std::int64_t>(room.size() / bytes);
    for (std::int64_t row = 0; row < shard.rows(); row += most) {
      const std::int64_t count = std::min(most, shard.rows() - row);
      const std::span<std::byte> piece = room.first(static_cast<std::size_t>(count) * bytes);
      const std::uint64_t offset =
          datasets[column].offset + static_cast<std::uint64_t>(row) * bytes;
      const std::optional<std::size_t> got = read_at(fd.get(), offset, piece);
      if (!got || *got < piece.size()) {
        throw_run_error("{}: cannot be read: {}", shard.file,
                        got ? "it ends too early" : errno_text());
      }
      target.write_rows(column, {to_row + row, count}, piece);
    }
  }
  for (const RowRange& rows : shard.journal.done.ranges()) {
    target.write_status({to_row + rows.first, rows.count}, RowStatus::kDone);
  }
  for (const FailedRecord& failed : shard.journal.failed) {
    target.write_status({to_row + failed.rows.first, failed.rows.count}, RowStatus::kFailed);
  }
}

}  // namespace

std::string shard_file(const std::string& output_file, const Shard& shard) {
  const fs::path path(output_file);
  const std::size_t digits = std::to_string(shard.count - 1).size();
  return (path.parent_path() / fmt::format("{}.{:0{}}-of-{}{}", path.stem().string(), shard.index,
                                           digits, shard.count, path.extension().string()))
      .string();
}

std::vector<std::string> find_shards(const std::string& output_file) {
  const fs::path path(output_file);
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const std::string before = path.stem().string() + ".";
  const std::string behind = path.extension().string();
  std::map<std::int64_t, std::set<std::int64_t>> found;  // by count
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    std::string name = entry.path().filename().string();
    if (!name.starts_with(before) || !name.ends_with(behind)) continue;
    if (name.size() <= before.size() + behind.size()) continue;
    name = name.substr(before.size(), name.size() - before.size() - behind.size());
    if (const auto shard = parse_name(name)) found[shard->count].insert(shard->index);
  }
  if (error) throw_input_error("{}: cannot be listed: {}", folder.string(), error.message());
  const std::string looked_for = (path.parent_path() / (before + "I-of-N" + behind)).string();
  if (found.empty()) throw_input_error("{}: no shards: expected {}", output_file, looked_for);
  if (found.size() > 1) {
    std::vector<std::int64_t> counts;
    for (const auto& [count, indices] : found) counts.push_back(count);
    throw_input_error("{}: shards of several splits, of {} parts: remove those of all but one",
                      output_file, fmt::join(counts, ", of "));
  }
  const auto& [count, indices] = *found.begin();
  std::vector<std::string> files;
  std::vector<std::string> missing;
  for (std::int64_t index = 0; index < count; ++index) {
    (indices.contains(index) ? files : missing).push_back(shard_file(output_file, {index, count}));
  }
  if (!missing.empty()) {
    throw_input_error("{}: {} of {} shards are missing: {}{}", output_file, missing.size(), count,
                      missing.front(), missing.size() > 1 ? ", .." : "");
  }
  return files;
}

Merged merge_shards(const std::string& output_file, const LockOwner& owner,
                    const MergeOptions& options) {
  std::vector<ShardContents> shards;
  const std::vector<std::string> files = find_shards(output_file);
  for (const std::string& file : files) {
    shards.push_back(read_shard(file, owner));
    check_same_job(shards.front(), shards.back(), options);
    check_shard(shards.back(), shards.size() - 1, files.size());
  }
  const OutputSpec spec = merged_spec(output_file, shards);
  check_writable(spec, files);
  const OutputLock lock(lock_path(output_file), owner);
  check_target(output_file);

  StringFields identity = shards.front().journal.header.identity;
  std::erase_if(identity, [](const auto& field) { return field.first == kShardField; });
  prepare_output(spec, {.rows = spec.rows, .created = utc_now_text(), .identity = identity});
  OutputFile output(spec);
  Journal journal(journal_path(output_file));
  std::vector<JournalRecord> records = {
      RunRecord{{{"began", utc_now_text()}, {"merged from", std::to_string(files.size())}}}};
  RowSet done;
  Merged merged{.shards = static_cast<std::int64_t>(files.size()), .rows = spec.rows};
  std::int64_t first = 0;
  for (const ShardContents& shard : shards) {
    copy_rows(shard, first, output);
    for (const RowRange& rows : shard.journal.done.ranges()) {
      done.add({first + rows.first, rows.count});
    }
    for (FailedRecord failed : shard.journal.failed) {
      failed.rows.first += first;
      merged.failed += failed.rows.count;
      records.emplace_back(std::move(failed));
    }
    first += shard.rows();
  }
  output.sync();
  if (!done.empty()) records.emplace_back(RowsRecord{done.ranges()});
  records.emplace_back(DoneRecord{});
  journal.append(records);
  return merged;
}

}  // namespace widepipe::dataset
