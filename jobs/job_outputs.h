#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "dataset/carrying_sink.h"
#include "dataset/durable_writer.h"
#include "dataset/journal.h"
#include "dataset/output_file.h"
#include "jobs/ready_job.h"
#include "jobs/score_sink.h"

namespace widepipe::jobs {

/// Rank 0's outputs of the streams that are worked on: files, journals, and who writes to them.
class JobOutputs {
 public:
  /// Opens what ScoreSetup::create_files() made, and records that a run of so many ranks began.
  /// `progressed` is DurableWriterOptions', of all streams. Throws InputError or RunError. `job`
  /// outlives the outputs.
  JobOutputs(const ReadyJob& job, int ranks, const std::function<void()>& progressed);

  /// By StreamId, as below.
  const StreamSetup& setup(std::size_t id) const { return streams_[id]->setup; }
  std::size_t size() const { return streams_.size(); }
  WriterSink& sink() { return sink_; }
  const WriterSink& sink() const { return sink_; }

  /// Every row of the stream is done or has failed, in this run or in an earlier one.
  bool settled(std::size_t id) const;
  /// In this run and in earlier ones.
  dataset::FailedRows failed(std::size_t id) const;

  /// Writes the rest, and of streams that are settled the failed rows and the end. Throws RunError.
  void finish();

 private:
  struct OpenStream {
    OpenStream(const StreamSetup& stream, const dataset::RunRecord& began,
               const dataset::DurableWriterOptions& options);

    const StreamSetup& setup;
    dataset::OutputFile output;
    dataset::CarryingSink rows;
    dataset::Journal journal;
    std::unique_ptr<dataset::DurableWriter> writer;  // last: writes to those before
  };

  WriterSink make_sink(const JobSpec& job) const;

  std::vector<std::unique_ptr<OpenStream>> streams_;
  WriterSink sink_;  // after the writers
};

}  // namespace widepipe::jobs
