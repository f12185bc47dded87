#include "schedule/serving_device.h"

#include <algorithm>
#include <stdexcept>

namespace widepipe::schedule {
namespace {

/// Speeds are never taken for slower or faster than this: one odd timing must not decide.
constexpr double kSlowest = 0.02;
constexpr double kFastest = 10;
constexpr double kMostSurprise = 5;  ///< times faster or slower than expected, of one timing

}  // namespace

ServingState::ServingState(const ServingDevice& spec, const Cluster& cluster)
    : cluster_(&cluster), cores_(spec.cores), memory_(spec.memory), free_cores_(spec.cores) {}

double ServingState::bytes_of(const InstanceSpec& spec) const {
  return cluster_->models[spec.model].costs->instance_bytes(spec.max_batch);
}

ServingState::Instance ServingState::make(const InstanceSpec& spec) {
  const int cores = cluster_->models[spec.model].costs->core_choices()[spec.choice];
  return {next_++, spec, cores, bytes_of(spec)};
}

ServingState::Instance& ServingState::instance(InstanceId id) {
  const auto found = std::find_if(instances_.begin(), instances_.end(),
                                  [id](const Instance& instance) { return instance.id == id; });
  if (found == instances_.end()) throw std::logic_error("no such instance");
  return *found;
}

bool ServingState::loaded(InstanceId id) {
  const auto found = std::find_if(instances_.begin(), instances_.end(),
                                  [id](const Instance& instance) { return instance.id == id; });
  if (found == instances_.end()) return false;
  found->state = Instance::State::kIdle;
  return true;
}

void ServingState::equip(std::span<const InstanceSpec> wanted) {
  for (const InstanceSpec& spec : wanted) {
    Instance instance = make(spec);
    if (used_ + instance.bytes > memory_) continue;
    instance.state = Instance::State::kIdle;
    used_ += instance.bytes;
    instances_.push_back(instance);
  }
}

bool ServingState::load_is_late(Seconds now, double patience, Seconds more) const {
  if (!unsettled_) return false;
  return std::any_of(instances_.begin(), instances_.end(), [&](const Instance& instance) {
    if (instance.state != Instance::State::kLoading) return false;
    const Seconds load = cluster_->models[instance.spec.model].costs->load;
    return load > 0 && now - instance.since > patience * load + more;
  });
}

void ServingState::reconcile(DeviceId id, std::span<const InstanceSpec> wanted, Seconds now,
                             std::vector<Order>& orders) {
  for (Instance& instance : instances_) instance.wanted = false;
  std::vector<InstanceSpec> missing;
  for (const InstanceSpec& spec : wanted) {
    const auto have = std::find_if(
        instances_.begin(), instances_.end(),
        [&](const Instance& instance) { return !instance.wanted && instance.spec == spec; });
    if (have != instances_.end()) {
      have->wanted = true;
    } else {
      missing.push_back(spec);
    }
  }
  const auto unload_one = [&] {
    const auto old =
        std::find_if(instances_.begin(), instances_.end(), [](const Instance& instance) {
          return !instance.wanted && instance.state == Instance::State::kIdle && instance.out == 0;
        });
    if (old == instances_.end()) return false;
    orders.push_back({Order::Kind::kUnload, id, old->id, old->spec});
    used_ -= old->bytes;
    instances_.erase(old);
    return true;
  };
  bool all_ready = true;
  for (const InstanceSpec& spec : missing) {
    const double bytes = bytes_of(spec);
    while (used_ + bytes > memory_ && unload_one()) {
    }
    all_ready = false;
    if (used_ + bytes > memory_) continue;
    instances_.push_back(make(spec));
    instances_.back().since = now;
    used_ += bytes;
    orders.push_back({Order::Kind::kLoad, id, instances_.back().id, spec});
  }
  for (const Instance& instance : instances_) {
    all_ready &= instance.state != Instance::State::kLoading;
  }
  if (all_ready) {
    while (unload_one()) {
    }
  }
  unsettled_ = !all_ready || std::any_of(instances_.begin(), instances_.end(),
                                         [](const Instance& i) { return !i.wanted; });
}

void ServingState::begin(Instance& instance, BatchId batch, const NetworkCosts::Cell& cell,
                         Seconds now) {
  work(now);
  instance.state = Instance::State::kBusy;
  ++instance.out;
  instance.last = batch;
  free_cores_ -= instance.cores;
  demand_ += cell.demand;
  ++batches_;
  set_rate();
}

void ServingState::release(InstanceId id, const NetworkCosts::Cell& cell, Seconds now) {
  work(now);
  Instance& released = instance(id);
  released.state = Instance::State::kIdle;
  free_cores_ += released.cores;
  // A free device starts from scratch, so that rounding errors do not pile up.
  demand_ = free_cores_ == cores_ ? 0 : demand_ - cell.demand;
  set_rate();
}

void ServingState::end(InstanceId id) {
  --instance(id).out;
  --batches_;
}

void ServingState::clear(Seconds now) {
  work(now);
  std::erase_if(instances_, [this](const Instance& instance) {
    if (instance.state != Instance::State::kLoading) return false;
    used_ -= instance.bytes;
    return true;
  });
  for (Instance& instance : instances_) {
    instance.state = Instance::State::kIdle;
    instance.out = 0;
  }
  free_cores_ = cores_;
  demand_ = 0;
  batches_ = 0;
  set_rate();
}

double ServingState::work(Seconds now) {
  if (now > at_) work_ += (now - at_) * rate_;
  at_ = now;
  return work_;
}

void ServingState::learn_speed(double actual, double expected, double weight) {
  if (!(actual > 0) || !(expected > 0)) return;
  const double ratio = std::clamp(actual / expected, 1 / kMostSurprise, kMostSurprise);
  speed_ = std::clamp(speed_ * (1 + weight * (ratio - 1)), kSlowest, kFastest);
  set_rate();
}

void ServingState::set_speed(double speed, Seconds now) {
  work(now);
  speed_ = std::clamp(speed, kSlowest, kFastest);
  set_rate();
}

void ServingState::set_rate() { rate_ = shared_rate(speed_, demand_); }

}  // namespace widepipe::schedule
