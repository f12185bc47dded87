#include "device/instance_thread.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <optional>
#include <utility>

#include "core/cpu.h"
#include "core/error.h"

namespace widepipe::device {

void run_batch(ModelInstance& instance, const model::Model& model, Batch& batch) {
  std::vector<const std::byte*> inputs;
  std::vector<std::byte*> outputs;
  for (const AlignedBuffer& input : batch.inputs) inputs.push_back(input.data());
  batch.outputs.clear();
  for (const model::Port& port : model.outputs()) {
    batch.outputs.emplace_back(static_cast<std::size_t>(batch.rows) * port.bytes_per_row);
    outputs.push_back(batch.outputs.back().data());
  }
  instance.run(batch.rows, inputs, outputs);
}

std::int64_t usual_micro_batch(const std::shared_ptr<const model::Model>& model) {
  const model::Plan one_row(model, model->packed_weights(), 1, 1);
  return std::min(model->max_batch(), choose_micro_batch(one_row.arena_bytes(), l2_cache_bytes()));
}

Completion given_up(std::uint64_t id) {
  Completion undone{.batch = {}, .error = "its instance was given up"};
  undone.batch.id = id;
  return undone;
}

InstanceThread::InstanceThread(std::shared_ptr<const model::Model> model, int cores,
                               std::shared_ptr<CoreGate> gate, Ready ready)
    : model_(std::move(model)),
      cores_(cores),
      gate_(std::move(gate)),
      ready_(std::move(ready)),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

InstanceThread::~InstanceThread() { stop(); }

void InstanceThread::submit(std::uint64_t id, Fetch fetch, CompletionSink done) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({id, gate_->take_ticket(), std::move(fetch), std::move(done)});
  }
  arrived_.notify_one();
}

void InstanceThread::work(const std::stop_token& stop) {
  omp_set_num_threads(cores_);
  std::optional<ModelInstance> instance;
  try {
    instance.emplace(LoadedModel{model_, usual_micro_batch(model_)}, cores_);
  } catch (const std::exception& error) {
    ready_(error.what());
    ended_ = true;
    return;
  }
  ready_("");
  std::unique_lock lock(mutex_);
  while (arrived_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
    if (stop.stop_requested()) break;
    Task task = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    run_in_turn(*instance, task, stop);
    lock.lock();
  }
  for (const Task& task : waiting_) task.done(given_up(task.id));
  waiting_.clear();
  ended_ = true;
}

void InstanceThread::run_in_turn(ModelInstance& instance, Task& task, const std::stop_token& stop) {
  if (!gate_->enter(task.ticket, cores_, stop)) return task.done(given_up(task.id));
  task.done(run(instance, task));  // which computes, too: answers are made of results
  gate_->leave(cores_);
}

Completion InstanceThread::run(ModelInstance& instance, Task& task) const {
  const auto start = std::chrono::steady_clock::now();
  Completion done;
  try {
    done.batch = task.fetch();
    if (const std::string unfit = why_unfit(done.batch, *model_); !unfit.empty()) {
      throw InputError(unfit);
    }
    run_batch(instance, *model_, done.batch);
  } catch (const std::bad_alloc&) {
    done.error = no_memory_text(done.batch.rows);
    done.no_memory = true;
  } catch (const std::exception& error) {
    done.error = error.what();
  }
  done.batch.id = task.id;
  done.busy_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return done;
}

}  // namespace widepipe::device
