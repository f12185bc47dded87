#include "jobs/batch_log.h"

#include <utility>

#include "core/error.h"
#include "jobs/simulate_text.h"

namespace widepipe::jobs {

BatchLogFile::BatchLogFile(const std::string& path, std::vector<rl::WorkloadStream> streams)
    : path_(path), file_(std::fopen(path.c_str(), "w")), streams_(std::move(streams)) {
  if (!file_) throw_input_error("log '{}' cannot be written: {}", path, errno_text());
  put(log_header());
}

void BatchLogFile::add(const schedule::ClosedBatch& batch) {
  put(log_line(batch, streams_[batch.stream].name));
}

void BatchLogFile::finish() {
  if (std::fclose(file_.release()) != 0) failed_ = true;
  if (failed_) throw_run_error("log '{}' cannot be written: {}", path_, errno_text());
}

void BatchLogFile::put(const std::string& line) {
  if (std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size()) failed_ = true;
}

}  // namespace widepipe::jobs
