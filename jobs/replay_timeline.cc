#include "jobs/replay_timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "core/error.h"
#include "jobs/simulate_text.h"

namespace widepipe::jobs {
namespace {

using schedule::Seconds;
using schedule::TimelineEvent;

constexpr double kMicro = 1e-6;
constexpr double kMilli = 1e-3;
constexpr double kMega = 1e6;

std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

/// Processes of the viewer are ranks, its threads are what a rank has: rounds, of which two may be
/// under way at a time, and the instances of its devices, each of which does one thing at a time.
constexpr std::uint64_t kRoundTracks = 2;

class Writer {
 public:
  explicit Writer(const std::string& path) : path_(path), file_(std::fopen(path.c_str(), "w")) {
    if (!file_) throw_run_error("timeline '{}' cannot be written: {}", path_, errno_text());
    put("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
  }
  void finish(const std::string& rest) {
    put("\n]," + rest + "}\n");
    if (std::fclose(file_.release()) != 0) failed_ = true;
    if (failed_) throw_run_error("timeline '{}' cannot be written: {}", path_, errno_text());
  }

  void name_process(int process, const std::string& name) {
    event(fmt::format(R"("ph":"M","name":"process_name","pid":{},"args":{{"name":{}}})", process,
                      quoted(name)));
    event(fmt::format(
        R"("ph":"M","name":"process_sort_index","pid":{0},"args":{{"sort_index":{0}}})", process));
  }
  void name_track(int process, std::uint64_t track, const std::string& name) {
    event(fmt::format(R"("ph":"M","name":"thread_name","pid":{},"tid":{},"args":{{"name":{}}})",
                      process, track, quoted(name)));
  }
  /// `arguments`: members of a JSON object.
  void span(int process, std::uint64_t track, const std::string& name, Seconds from, Seconds until,
            const std::string& arguments) {
    event(fmt::format(
        R"("ph":"X","name":{},"pid":{},"tid":{},"ts":{:.3f},"dur":{:.3f},"args":{{{}}})",
        quoted(name), process, track, from / kMicro, (until - from) / kMicro, arguments));
  }
  /// Spans that may overlap others of their process.
  void overlapping(int process, std::uint64_t id, const std::string& name, Seconds from,
                   Seconds until, const std::string& arguments) {
    const std::string both = fmt::format(R"("cat":"batch","name":{},"id":"{:x}","pid":{},"tid":0)",
                                         quoted(name), id, process);
    event(fmt::format(R"("ph":"b",{},"ts":{:.3f},"args":{{{}}})", both, from / kMicro, arguments));
    event(fmt::format(R"("ph":"e",{},"ts":{:.3f})", both, until / kMicro));
  }
  void counter(int process, const std::string& name, Seconds at, const std::string& values) {
    event(fmt::format(R"("ph":"C","name":{},"pid":{},"ts":{:.3f},"args":{{{}}})", quoted(name),
                      process, at / kMicro, values));
  }
  void instant(int process, const std::string& name, Seconds at) {
    event(fmt::format(R"("ph":"i","s":"p","name":{},"pid":{},"tid":0,"ts":{:.3f})", quoted(name),
                      process, at / kMicro));
  }

 private:
  void event(const std::string& members) {
    put(std::exchange(first_, false) ? "\n{" : ",\n{");
    put(members);
    put("}");
  }
  void put(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size()) failed_ = true;
  }

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  bool first_ = true;
  bool failed_ = false;
};

/// What a rank recorded.
class RankEvents {
 public:
  RankEvents(Writer& writer, const TimelineNames& names, int rank)
      : writer_(writer), names_(names), rank_(rank) {
    writer_.name_process(rank, names.ranks[static_cast<std::size_t>(rank)]);
    for (std::uint64_t i = 0; i < kRoundTracks; ++i) writer_.name_track(rank, i, "rounds");
  }

  void add(const TimelineEvent& event) {
    if (event.kind == TimelineEvent::Kind::kRound) {
      writer_.span(rank_, event.number % kRoundTracks, fmt::format("round {}", event.number),
                   event.from, event.until, "");
      return;
    }
    const std::uint64_t next = kRoundTracks + tracks_.size();
    const auto [entry, first] = tracks_.try_emplace({event.device, event.instance}, next);
    const std::uint64_t track = entry->second;
    if (first) {
      writer_.name_track(rank_, track,
                         fmt::format("device {}, instance {}", event.device, event.instance));
    }
    if (event.kind == TimelineEvent::Kind::kLoad) {
      writer_.span(rank_, track, "load", event.from, event.until, "");
      return;
    }
    writer_.span(rank_, track, names_.models[event.model], event.from, event.until,
                 fmt::format(R"("batch":{},"requests":{})", event.number, event.size));
  }

 private:
  Writer& writer_;
  const TimelineNames& names_;
  const int rank_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> tracks_;  ///< of instances
};

/// Without a deadline there is no such time.
std::string milliseconds_json(Seconds seconds) {
  return std::isfinite(seconds) ? fmt::format("{:.4f}", seconds / kMilli) : "null";
}

void add_decisions(Writer& writer, const ReplayTimeline& own, const TimelineNames& names,
                   Seconds ended) {
  static constexpr const char* kEnds[] = {"still out", "answered", "failed", "answered wrong",
                                          "answered when its requests were elsewhere"};
  for (const ReplayTimeline::Batch& batch : own.batches()) {
    const schedule::ClosedBatch& closed = batch.closed;
    const bool out = batch.end == ReplayTimeline::End::kOut;
    writer.overlapping(
        0, closed.batch, names.streams[closed.stream], closed.at, out ? ended : batch.until,
        fmt::format(
            R"("batch":{},"device":{},"cores":{},"requests":{},"closed because":"{}","waiting":{},)"
            R"("head slack ms":{},"expected ms":{:.4f},"speed":{:.4f},"demand":{:.4f},)"
            R"("end":"{}")",
            closed.batch, closed.device, closed.cores, closed.size, reason_text(closed.reason),
            closed.waiting, milliseconds_json(closed.head_slack), closed.expected / kMilli,
            closed.speed, closed.demand, kEnds[static_cast<std::size_t>(batch.end)]));
  }
  for (const ReplayTimeline::Queue& queue : own.queues()) {
    writer.counter(0, "waiting: " + names.streams[queue.stream], queue.at,
                   fmt::format(R"("requests":{})", queue.waiting));
  }
  for (const ReplayTimeline::Care& care : own.care()) {
    writer.instant(
        0, fmt::format("device {} {}", care.device, care.ejected ? "ejected" : "readmitted"),
        care.at);
  }
  for (const schedule::DeviceStatus& status : own.statuses()) {
    const int rank = names.rank_of_device[status.device];
    writer.counter(rank, fmt::format("device {}: share in use", status.device), status.at,
                   fmt::format(R"("cores":{:.4f},"bandwidth":{:.4f})", status.cores_busy,
                               status.bandwidth_used));
    writer.counter(rank, fmt::format("device {}: memory MB", status.device), status.at,
                   fmt::format(R"("memory":{:.1f})", status.memory_used / kMega));
  }
}

}  // namespace

bool ReplayTimeline::room() {
  const bool room = batches_.size() + queues_.size() + care_.size() + status_.size() < most_;
  left_out_ += room ? 0 : 1;
  return room;
}

void ReplayTimeline::closed(const schedule::ClosedBatch& batch) {
  if (room()) {
    out_[batch.batch] = batches_.size();
    batches_.push_back({.closed = batch});
    queues_.push_back(
        {batch.at, batch.stream, batch.waiting - static_cast<std::size_t>(batch.size)});
  }
  next_.closed(batch);
}

void ReplayTimeline::ended(schedule::BatchId batch, Seconds now, End end) {
  const auto found = out_.find(batch);
  if (found == out_.end()) return;
  batches_[found->second].until = now;
  batches_[found->second].end = end;
  out_.erase(found);
}

void ReplayTimeline::ejected(schedule::DeviceId id, Seconds now) {
  if (room()) care_.push_back({now, id, true});
  next_.ejected(id, now);
}

void ReplayTimeline::readmitted(schedule::DeviceId id, Seconds now) {
  if (room()) care_.push_back({now, id, false});
  next_.readmitted(id, now);
}

std::vector<std::byte> packed(const schedule::Timeline& timeline) {
  const std::uint64_t left_out = timeline.left_out();
  const auto events = std::as_bytes(std::span(timeline.events()));
  std::vector<std::byte> bytes(sizeof(left_out) + events.size());
  std::memcpy(bytes.data(), &left_out, sizeof(left_out));
  std::copy(events.begin(), events.end(), bytes.begin() + sizeof(left_out));
  return bytes;
}

void write_timeline(const std::string& path, const mpi_runtime::Blocks& ranks,
                    const ReplayTimeline& own, const TimelineNames& names, Seconds ended) {
  Writer writer(path);
  std::uint64_t all_left_out = own.left_out();
  for (std::size_t rank = 0; rank < names.ranks.size(); ++rank) {
    std::span<const std::byte> rest = ranks.block(static_cast<int>(rank));
    std::uint64_t of_rank = 0;
    std::memcpy(&of_rank, rest.data(), sizeof(of_rank));
    all_left_out += of_rank;
    RankEvents events(writer, names, static_cast<int>(rank));
    for (rest = rest.subspan(sizeof(of_rank)); !rest.empty();
         rest = rest.subspan(sizeof(TimelineEvent))) {
      TimelineEvent event;
      std::memcpy(&event, rest.data(), sizeof(event));
      events.add(event);
    }
  }
  add_decisions(writer, own, names, ended);
  writer.finish(fmt::format(
      R"("otherData":{{"clock":"emulated time of rank 0","events_left_out":{}}})", all_left_out));
}

}  // namespace widepipe::jobs
