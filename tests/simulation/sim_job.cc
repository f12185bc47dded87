#include "tests/simulation/sim_job.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <variant>

#include "core/error.h"
#include "dataset/existing_output.h"
#include "dataset/journal.h"
#include "dataset/posix_file.h"
#include "tests/simulation/allocation.h"

namespace widepipe::simulation {
namespace {

/// Allocations in which things go wrong; after them nothing does.
constexpr int kTroubled = 6;

template <typename... Args>
[[noreturn]] void violated(fmt::format_string<Args...> format, Args&&... args) {
  throw Violation(fmt::format(format, std::forward<Args>(args)...));
}

const char* name_of(End end) {
  constexpr std::array kNames = {"complete", "stopped", "failed", "lost"};
  return kNames.at(static_cast<std::size_t>(end));
}

/// Every row is recorded once, as done or as failed, unless it was taken back in between. That it
/// failed may be said again, in the same words: its status in the file was lost.
void check_records(const dataset::OutputSpec& spec) {
  std::ifstream journal(dataset::journal_path(spec.target.file));
  RowSet done;
  std::map<std::int64_t, std::string> failed;
  const auto twice = [&](RowRange rows) {
    violated("{}: rows of {} to {} are recorded twice", spec.target.file, rows.first,
             rows.end() - 1);
  };
  for (std::string line; std::getline(journal, line);) {
    const auto record = dataset::decode_record(line);
    if (!record) continue;
    if (const auto* rows = std::get_if<dataset::RowsRecord>(&*record)) {
      for (const RowRange& range : rows->ranges) {
        const std::int64_t before = done.count();
        done.add(range);
        if (done.count() != before + range.count) twice(range);
        const auto next = failed.lower_bound(range.first);
        if (next != failed.end() && next->first < range.end()) twice(range);
      }
    } else if (const auto* given_up = std::get_if<dataset::FailedRecord>(&*record)) {
      RowSet only = done;
      only.add(given_up->rows);
      if (only.count() != done.count() + given_up->rows.count) twice(given_up->rows);
      for (std::int64_t row = given_up->rows.first; row < given_up->rows.end(); ++row) {
        if (failed.emplace(row, given_up->reason).first->second != given_up->reason) {
          twice(given_up->rows);
        }
      }
    } else if (const auto* back = std::get_if<dataset::TakenBackRecord>(&*record)) {
      for (const RowRange& range : back->ranges) done.remove(range);
    }
  }
}

/// What the journal says is done is in the file, with the values of the model.
void check_rows(const Job& job, const dataset::OutputSpec& spec, const RowSet& done) {
  const dataset::ExistingOutput existing = dataset::inspect_existing(spec.target.file);
  if (existing.state != dataset::OutputState::kOurs) {
    violated("{}: {}", spec.target.file, existing.problem);
  }
  const dataset::Placement placement = dataset::locate(existing, spec);
  const RowSet unmarked =
      dataset::rows_not_marked(spec.target.file, placement, done, dataset::RowStatus::kDone);
  if (!unmarked.empty()) {
    violated("{}: row {} is recorded, but not marked as done", spec.target.file,
             unmarked.ranges().front().first);
  }
  const dataset::UniqueFd fd(::open(spec.target.file.c_str(), O_RDONLY | O_CLOEXEC));
  for (const RowRange& range : done.ranges()) {
    for (std::int64_t row = range.first; row < range.end(); ++row) {
      std::array<float, kOutputsPerRow> found{};
      std::array<float, kOutputsPerRow> expected{};
      make_output(row, expected.data());
      dataset::read_at(
          fd.get(), placement.column_offsets[0] + static_cast<std::uint64_t>(row) * sizeof(found),
          std::as_writable_bytes(std::span(found)));
      const bool right = std::memcmp(found.data(), expected.data(), sizeof(found)) == 0;
      if (!right && !job.unchecked.contains(row)) {
        violated("{}: row {} is recorded, and is ({}, {}, {}) in the file", spec.target.file, row,
                 found[0], found[1], found[2]);
      }
      if (is_poison_row(row)) violated("row {}, which no device computes, is done", row);
      if (is_nan_row(row) && job.fail_nonfinite) violated("row {}, a NaN, is done", row);
    }
  }
}

void check_failed(const Job& job, const std::vector<dataset::FailedRecord>& records) {
  for (const auto& [rows, reason] : records) {
    for (std::int64_t row = rows.first; row < rows.end(); ++row) {
      const bool nan = job.fail_nonfinite && is_nan_row(row);
      const bool fault = job.deeds.failed_alone.contains(row) || job.unreadable.contains(row);
      if (!nan && !fault) violated("row {} was given up without a cause: {}", row, reason);
    }
  }
}

/// A bit of a record flips, or its end is torn off: such rows are done once more.
void damage_journal(const std::string& file, Random& random) {
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  std::string bytes = text.str();
  const std::size_t header = bytes.find('\n') + 1;
  if (bytes.size() <= header) return;
  const auto place = header + static_cast<std::size_t>(
                                  random.below(static_cast<std::int64_t>(bytes.size() - header)));
  if (random.chance(0.5)) {
    bytes.resize(place);
  } else {
    bytes[place] = static_cast<char>(bytes[place] ^ (1 << random.below(8)));
  }
  std::ofstream(file, std::ios::binary) << bytes;
}

}  // namespace

Job::Job(Random& random, const std::string& folder)
    : rows(random.between(1, random.chance(0.5) ? 60 : 400)),
      scatter(random.chance(0.4)),
      write_via_ranks(random.chance(0.4)),
      fail_nonfinite(random.chance(0.3)),
      recheck_share(random.chance(0.3) ? 1 : 0),
      batch_rows(random.chance(0.5) ? 0 : random.between(1, 20)),
      chunk_rows(random.chance(0.5) ? 0 : random.between(1, 64)) {
  const std::int64_t count = random.between(1, 2);
  for (std::int64_t id = 0; id < count; ++id) {
    const std::string file = fmt::format("{}/out{}.h5", folder, id);
    streams.push_back({{file, "/"}, {{"/y", DType::kF32, {kOutputsPerRow}}}, rows, {}, "/status"});
  }
}

void check_files(const Job& job) {
  for (const dataset::OutputSpec& spec : job.streams) {
    const std::string journal = dataset::journal_path(spec.target.file);
    if (!std::filesystem::exists(journal)) continue;
    const dataset::JournalContents contents = dataset::read_journal(journal);
    check_records(spec);
    const auto recorded = job.recorded.find(spec.target.file);
    const std::int64_t found = contents.done.count() + contents.failed_rows();
    if (contents.finished && found < job.rows && !job.damaged.contains(spec.target.file)) {
      violated("{}: is called done, and {} of {} rows are recorded", spec.target.file, found,
               job.rows);
    }
    // Rows that are being taken back are fewer at once.
    if (job.recheck_share == 0 && recorded != job.recorded.end() && found < recorded->second) {
      violated("{}: {} rows were recorded, and {} are", spec.target.file, recorded->second, found);
    }
    if (contents.done.empty() && contents.failed.empty()) continue;
    check_rows(job, spec, contents.done);
    check_failed(job, contents.failed);
  }
}

void check_complete(const Job& job, Tally& tally) {
  for (const dataset::OutputSpec& spec : job.streams) {
    const dataset::JournalContents contents =
        dataset::read_journal(dataset::journal_path(spec.target.file));
    RowSet settled = contents.done;
    for (const auto& [rows, reason] : contents.failed) settled.add(rows);
    if (settled.count() != job.rows || !contents.finished) {
      violated("{}: the job is complete, and {} of {} rows are recorded", spec.target.file,
               settled.count(), job.rows);
    }
    tally.rows_done += contents.done.count();
    tally.rows_failed += contents.failed_rows();
  }
}

void simulate(std::uint64_t seed, const std::string& folder, bool tell, Tally& tally) {
  Random random(seed);
  Job job(random, folder);
  if (tell) {
    fmt::print("seed {}: {} rows, {} stream(s), read by {}, written by {}{}{}\n", seed, job.rows,
               job.streams.size(), job.scatter ? "rank 0" : "the ranks",
               job.write_via_ranks ? "the ranks" : "rank 0", job.fail_nonfinite ? ", no NaN" : "",
               job.recheck_share > 0 ? ", rechecked" : "");
  }
  for (int number = 1;; ++number) {
    const bool calm = number > kTroubled;
    if (tell) fmt::print("allocation {}{}\n", number, calm ? ", calm" : "");
    const End end = Allocation(random, job, !calm, tell, tally).run();
    ++tally.ends[end];
    if (tell) fmt::print("  {}\n", name_of(end));
    check_files(job);
    job.recorded.clear();
    if (end == End::kComplete) break;
    if (calm) violated("an allocation in which nothing went wrong did not complete the job");
    // A damaged record of rows that were taken back would have them count as done.
    if (job.recheck_share == 0 && random.chance(0.1)) {
      ++tally.faults["journal damaged"];
      const auto& spec = job.streams[static_cast<std::size_t>(
          random.below(static_cast<std::int64_t>(job.streams.size())))];
      const std::string journal = dataset::journal_path(spec.target.file);
      if (std::filesystem::exists(journal)) damage_journal(journal, random);
      job.damaged.insert(spec.target.file);
      check_files(job);
    }
  }
  check_complete(job, tally);
}

}  // namespace widepipe::simulation
