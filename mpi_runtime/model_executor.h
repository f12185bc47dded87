#pragma once

#include <future>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "device/core_gate.h"
#include "device/instance_thread.h"
#include "model/model.h"
#include "mpi_runtime/row_reader.h"
#include "mpi_runtime/serve_clock.h"
#include "mpi_runtime/stored_columns.h"
#include "mpi_runtime/wakeup.h"
#include "schedule/order_executor.h"
#include "schedule/timeline.h"

namespace widepipe::mpi_runtime {

/// What is stored of a stream's rows.
struct StoredRule {
  StreamOutputs outputs;
  bool fail_nonfinite = false;  ///< rows with a NaN or an infinity in an output fail
};

/// A batch's results as bytes: a column after the other, then the rows that failed, by their
/// places in the batch. Throws std::bad_alloc.
AlignedBuffer packed_results(const model::Model& model, const StoredRule& rule, std::int64_t rows,
                             std::vector<AlignedBuffer> outputs);

struct ModelExecutorConfig {
  schedule::DeviceId device = 0;  ///< of this rank, which has one
  int cores = 1;
  std::vector<std::shared_ptr<const model::Model>> models;  ///< by schedule::ModelId
  std::vector<int> core_choices;                            ///< of instances, by choice
  std::vector<StreamSource> sources;  ///< by schedule::StreamId: where rows are read
  /// By schedule::StreamId: what batches give as their results, packed. Empty: nothing.
  std::vector<StoredRule> stored;
  std::string name;                        ///< of the rank, for messages
  schedule::Timeline* timeline = nullptr;  ///< may be null; outlives the executor
};

/// What the outputs of a row are known by: the same bits, the same number.
std::uint64_t digest_of_row(const std::vector<AlignedBuffer>& outputs, std::int64_t rows,
                            std::int64_t row);

/// Models on a rank's own cores, as a scheduler orders them: an instance is a thread, which reads
/// the rows of its batches itself. Answers are digests of what was computed. All calls from the MPI
/// thread, which is woken by news.
class ModelExecutor final : public schedule::OrderExecutor {
 public:
  /// `wakeup` and `clock` outlive the executor.
  ModelExecutor(ModelExecutorConfig config, Wakeup& wakeup, const ServeClock& clock);
  /// Waits for what is being computed.
  ~ModelExecutor() override;

  void equip(schedule::DeviceId device, schedule::InstanceId instance,
             const schedule::InstanceSpec& spec) override;
  /// Throws std::runtime_error: nobody could serve that model here.
  void equipped() override;

  void accept(const schedule::Order& order, std::span<const std::uint64_t> rows,
              schedule::Seconds now) override;
  std::optional<schedule::DeviceNews> take_news(schedule::Seconds now) override;
  void take_status(schedule::Seconds now, std::vector<schedule::DeviceStatus>& all) override;

  /// Cores that were busy, times how long; of batches that are done.
  double core_seconds() const { return core_seconds_; }

 private:
  struct Instance {
    schedule::InstanceSpec spec;
    int cores = 1;
    std::unique_ptr<device::InstanceThread> thread;
    schedule::Seconds since = 0;  ///< being loaded
  };
  struct Event {
    schedule::DeviceNews news;
    std::uint32_t rows = 0;  ///< of a batch
    schedule::Seconds at = 0;
    std::string error;  ///< why the instance could not be made, or the batch not computed
  };

  void make(schedule::InstanceId id, const schedule::InstanceSpec& spec,
            device::InstanceThread::Ready ready);
  void finish(const schedule::Order& order, device::Completion completion);
  void give_answers(const schedule::Order& order, device::Batch batch,
                    schedule::DeviceNews& news) const;
  schedule::DeviceNews news_of(schedule::InstanceId id) const;
  void run(const schedule::Order& order, std::span<const std::uint64_t> rows);
  void retire(schedule::InstanceId id);
  void note(const Event& event);

  const ModelExecutorConfig config_;
  const ServeClock& clock_;
  const std::shared_ptr<device::CoreGate> gate_ = std::make_shared<device::CoreGate>(config_.cores);
  Mailbox<Event> mailbox_;
  std::vector<Event> events_;  ///< taken out of it, the newest first
  double core_seconds_ = 0;
  double told_core_seconds_ = 0;  ///< as of the last status, at:
  schedule::Seconds told_at_ = 0;
  bool complained_ = false;
  std::vector<std::shared_future<std::string>> equipping_;
  // Last: threads end before what they use.
  std::list<std::unique_ptr<device::InstanceThread>> retired_;
  std::map<schedule::InstanceId, Instance> instances_;
};

}  // namespace widepipe::mpi_runtime
