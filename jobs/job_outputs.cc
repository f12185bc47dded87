#include "jobs/job_outputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <utility>

#include "jobs/stream_error.h"

namespace widepipe::jobs {
namespace {

dataset::RunRecord run_record(const ReadyJob& job, int ranks, const StreamSetup& setup) {
  std::vector<std::string> hosts;
  for (const mpi_runtime::RankPlace& place : job.fleet().places) hosts.push_back(place.host);
  std::sort(hosts.begin(), hosts.end());
  hosts.erase(std::unique(hosts.begin(), hosts.end()), hosts.end());
  dataset::RunRecord record{{{"began", dataset::utc_now_text()},
                             {"model", setup.stream().model},
                             {"hosts", fmt::format("{}", fmt::join(hosts, " "))},
                             {"ranks", std::to_string(ranks)},
                             {"device", job.settings().device},
                             {"instruction set", job.isa()}}};
  if (!job.job().file.empty()) {
    record.fields.emplace_back("job file", job.job().file);
    record.fields.emplace_back("stream", setup.stream().name);
  }
  if (setup.decision().retried > 0) {
    record.fields.emplace_back("failed rows tried again", std::to_string(setup.decision().retried));
  }
  return record;
}

}  // namespace

JobOutputs::OpenStream::OpenStream(const StreamSetup& stream, const dataset::RunRecord& began,
                                   const dataset::DurableWriterOptions& options)
    : setup(stream),
      output(stream.spec()),
      rows(output, stream.carried()),
      journal(dataset::journal_path(stream.output_file())) {
  const std::vector<dataset::JournalRecord> records = {began};
  journal.append(records);
  writer = std::make_unique<dataset::DurableWriter>(rows, journal, options);
  for (const auto& [failed, reason] : stream.decision().unmarked) {
    writer->submit({.rows = failed, .columns = {}, .owner = {}, .failed_reason = reason});
  }
}

JobOutputs::JobOutputs(const ReadyJob& job, int ranks, const std::function<void()>& progressed)
    : streams_([&] {
        dataset::DurableWriterOptions options;
        options.queue_bytes /= job.active().size();  // all writers together
        options.progressed = progressed;
        std::vector<std::unique_ptr<OpenStream>> streams;
        for (const std::size_t index : job.active()) {
          const StreamSetup& setup = job.setup().stream(index);
          for_stream(job.job(), setup.stream(), [&] {
            streams.push_back(
                std::make_unique<OpenStream>(setup, run_record(job, ranks, setup), options));
          });
        }
        return streams;
      }()),
      sink_(make_sink(job.job())) {}

WriterSink JobOutputs::make_sink(const JobSpec& job) const {
  std::vector<WriterSink::Stream> streams;
  for (const auto& stream : streams_) {
    streams.push_back({*stream->writer, most_failed(stream->setup.rows()),
                       stream_prefix(job, stream->setup.stream())});
  }
  return WriterSink(std::move(streams));
}

bool JobOutputs::settled(std::size_t id) const {
  const StreamSetup& setup = streams_[id]->setup;
  return setup.decision().done.count() + rows_in(setup.decision().failed) +
             sink_.tally(static_cast<schedule::StreamId>(id)).settled() ==
         setup.rows();
}

dataset::FailedRows JobOutputs::failed(std::size_t id) const {
  dataset::FailedRows failed(streams_[id]->setup.decision().failed);
  for (dataset::FailedRecord& record :
       sink_.tally(static_cast<schedule::StreamId>(id)).failed.records()) {
    failed.add(std::move(record));
  }
  return failed;
}

void JobOutputs::finish() {
  std::vector<bool> complete;
  for (std::size_t id = 0; id < streams_.size(); ++id) complete.push_back(settled(id));
  sink_.finish(complete);
}

}  // namespace widepipe::jobs
