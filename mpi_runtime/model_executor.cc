#include "mpi_runtime/model_executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <future>
#include <limits>
#include <stdexcept>
#include <utility>

#include "core/console.h"
#include "core/cpu.h"
#include "core/hash.h"
#include "core/mix_bits.h"
#include "mpi_runtime/nonfinite_rows.h"
#include "mpi_runtime/rows_done.h"

namespace widepipe::mpi_runtime {

using schedule::DeviceNews;
using schedule::Order;
using schedule::Seconds;

std::uint64_t digest_of_row(const std::vector<AlignedBuffer>& outputs, std::int64_t rows,
                            std::int64_t row) {
  std::uint64_t digest = 0;
  for (const AlignedBuffer& output : outputs) {
    const std::size_t bytes = output.size() / static_cast<std::size_t>(rows);
    const auto* begin =
        reinterpret_cast<const char*>(output.data()) + bytes * static_cast<std::size_t>(row);
    digest = mix_bits(digest + kGoldenGamma) ^ checksum64({begin, bytes});
  }
  return digest;
}

AlignedBuffer packed_results(const model::Model& model, const StoredRule& rule, std::int64_t rows,
                             std::vector<AlignedBuffer> outputs) {
  std::string failures;
  if (rule.fail_nonfinite) failures = pack(nonfinite_rows(model, outputs, {0, rows}));
  const std::vector<AlignedBuffer> columns = stored_columns(rule.outputs, rows, std::move(outputs));
  std::size_t bytes = failures.size();
  for (const AlignedBuffer& column : columns) bytes += column.size();
  AlignedBuffer packed(bytes);
  std::byte* to = packed.data();
  for (const AlignedBuffer& column : columns) {
    std::memcpy(to, column.data(), column.size());
    to += column.size();
  }
  if (!failures.empty()) std::memcpy(to, failures.data(), failures.size());
  return packed;
}

ModelExecutor::ModelExecutor(ModelExecutorConfig config, Wakeup& wakeup, const ServeClock& clock)
    : config_(std::move(config)), clock_(clock), mailbox_(wakeup) {}

/// All at once, or each would begin another batch when the one before it is gone.
ModelExecutor::~ModelExecutor() {
  for (auto& [id, instance] : instances_) instance.thread->stop();
}

DeviceNews ModelExecutor::news_of(schedule::InstanceId id) const {
  return {.device = config_.device, .instance = id, .answers = {}};
}

void ModelExecutor::make(schedule::InstanceId id, const schedule::InstanceSpec& spec,
                         device::InstanceThread::Ready ready) {
  const int cores = config_.core_choices[spec.choice];
  instances_[id] = {spec, cores,
                    std::make_unique<device::InstanceThread>(config_.models[spec.model], cores,
                                                             gate_, std::move(ready))};
}

void ModelExecutor::give_answers(const Order& order, device::Batch batch, DeviceNews& news) const {
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    news.answers.push_back(digest_of_row(batch.outputs, batch.rows, row));
  }
  if (config_.stored.empty()) return;
  news.results = packed_results(*config_.models[order.spec.model], config_.stored[order.stream],
                                batch.rows, std::move(batch.outputs));
}

/// On the instance's thread, so that the MPI thread never computes.
void ModelExecutor::finish(const Order& order, device::Completion completion) {
  Event event{.news = news_of(order.instance),
              .rows = static_cast<std::uint32_t>(completion.batch.rows),
              .at = clock_.now(),
              .error = std::move(completion.error)};
  event.news.batch = order.batch;
  event.news.busy = completion.busy_seconds;
  if (event.error.empty()) {
    try {
      give_answers(order, std::move(completion.batch), event.news);
    } catch (const std::exception& error) {
      event.error = error.what();
      event.news.answers.clear();
    }
  }
  if (!event.error.empty()) event.news.kind = DeviceNews::Kind::kFailed;
  mailbox_.push(std::move(event));
}

void ModelExecutor::equip(schedule::DeviceId /*device*/, schedule::InstanceId instance,
                          const schedule::InstanceSpec& spec) {
  const auto ready = std::make_shared<std::promise<std::string>>();
  equipping_.push_back(ready->get_future().share());
  make(instance, spec, [ready](const std::string& error) { ready->set_value(error); });
}

void ModelExecutor::equipped() {
  for (const std::shared_future<std::string>& ready : equipping_) {
    if (!ready.get().empty()) throw std::runtime_error(ready.get());
  }
  equipping_.clear();
}

/// It may still compute what nobody waits for any more: the MPI thread does not wait either.
void ModelExecutor::retire(schedule::InstanceId id) {
  const auto found = instances_.find(id);
  if (found == instances_.end()) return;
  found->second.thread->stop();
  retired_.push_back(std::move(found->second.thread));
  instances_.erase(found);
}

void ModelExecutor::accept(const Order& order, std::span<const std::uint64_t> rows, Seconds now) {
  switch (order.kind) {
    case Order::Kind::kLoad:
      make(order.instance, order.spec, [this, id = order.instance](const std::string& error) {
        Event event{.news = news_of(id), .at = clock_.now(), .error = error};
        event.news.kind = DeviceNews::Kind::kLoaded;
        mailbox_.push(std::move(event));
      });
      instances_[order.instance].since = now;
      break;
    case Order::Kind::kUnload:
      retire(order.instance);
      break;
    case Order::Kind::kRun:
      run(order, rows);
  }
}

void ModelExecutor::run(const Order& order, std::span<const std::uint64_t> rows) {
  const auto found = instances_.find(order.instance);
  if (found == instances_.end()) return finish(order, device::given_up(order.batch));
  const StreamSource& source = config_.sources[order.stream];
  const auto fetch = [&source, own = std::vector<std::uint64_t>(rows.begin(), rows.end())] {
    device::Batch batch{.rows = static_cast<std::int64_t>(own.size()), .inputs = {}, .outputs = {}};
    for (const PortSource& port : source) {
      AlignedBuffer& input = batch.inputs.emplace_back(port.bytes_per_row * own.size());
      for (std::size_t i = 0; i < own.size();) {  // neighbours at once
        std::size_t count = 1;
        while (i + count < own.size() && own[i + count] == own[i] + count) ++count;
        port.dataset->read_rows(
            static_cast<std::int64_t>(own[i]), static_cast<std::int64_t>(count), port.dtype,
            input.span().subspan(i * port.bytes_per_row, count * port.bytes_per_row));
        i += count;
      }
    }
    return batch;
  };
  found->second.thread->submit(order.batch, fetch, [this, order](device::Completion completion) {
    finish(order, std::move(completion));
  });
}

std::optional<DeviceNews> ModelExecutor::take_news(Seconds /*now*/) {
  std::erase_if(retired_, [](const auto& thread) { return thread->ended(); });
  for (;;) {
    if (events_.empty()) {
      events_ = mailbox_.drain();
      std::reverse(events_.begin(), events_.end());
    }
    if (events_.empty()) return std::nullopt;
    Event oldest = std::move(events_.back());
    events_.pop_back();
    if (!oldest.error.empty() && !std::exchange(complained_, true)) {
      say(stderr,
          fmt::format("widepipe: rank {}: a batch or an instance failed, the first time: {}\n",
                      config_.name, oldest.error));
    }
    note(oldest);
    const bool unmade = oldest.news.kind == DeviceNews::Kind::kLoaded && !oldest.error.empty();
    if (!unmade) return std::move(oldest.news);
    retire(oldest.news.instance);  // rank 0 will find that it takes too long
  }
}

void ModelExecutor::note(const Event& event) {
  const auto found = instances_.find(event.news.instance);
  if (found == instances_.end()) return;
  const bool load = event.news.kind == DeviceNews::Kind::kLoaded;
  if (!load) core_seconds_ += found->second.cores * event.news.busy;
  if (config_.timeline == nullptr) return;
  using Kind = schedule::TimelineEvent::Kind;
  config_.timeline->add({.kind = load ? Kind::kLoad : Kind::kBatch,
                         .device = config_.device,
                         .from = load ? found->second.since : event.at - event.news.busy,
                         .until = event.at,
                         .number = event.news.batch,
                         .instance = event.news.instance,
                         .model = found->second.spec.model,
                         .size = event.rows});
}

/// Bandwidth is not known; memory is the process's.
void ModelExecutor::take_status(Seconds now, std::vector<schedule::DeviceStatus>& all) {
  const Seconds period = std::max(now - told_at_, std::numeric_limits<Seconds>::min());
  all.push_back({.device = config_.device,
                 .at = now,
                 .cores_busy = (core_seconds_ - told_core_seconds_) / (config_.cores * period),
                 .bandwidth_used = 0,
                 .memory_used = static_cast<double>(peak_process_bytes())});
  told_core_seconds_ = core_seconds_;
  told_at_ = now;
}

}  // namespace widepipe::mpi_runtime
