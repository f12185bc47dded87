#include "tests/simulation/world.h"

namespace widepipe::simulation {

/// A thread: its tasks run one after another, each some time after it could.
class World::SimStrand final : public Strand {
 public:
  SimStrand(World& world, int process)
      : world_(world), process_(process), tasks_(std::make_shared<Tasks>()) {}

  void post(Task task) override { post_at(TimePoint{}, std::move(task)); }

  void post_at(TimePoint time, Task task) override {
    tasks_->emplace(time, std::move(task));
    const Duration wait = time - world_.clock(process_);
    wake(std::max(wait, Duration(0)));
  }

  void finish() override {
    while (!tasks_->empty()) run_first(*tasks_);
  }

 private:
  using Tasks = std::multimap<TimePoint, Task>;

  static void run_first(Tasks& tasks) { tasks.extract(tasks.begin()).mapped()(); }

  void wake(Duration wait) {
    const Duration delay =
        world_.random_.between(microseconds(1), world_.of(process_).strand_delay);
    world_.after(wait + delay, process_, [this, weak = std::weak_ptr<Tasks>(tasks_)] {
      const std::shared_ptr<Tasks> tasks = weak.lock();  // gone with the strand
      if (tasks == nullptr || tasks->empty()) return;
      if (tasks->begin()->first <= world_.clock(process_)) run_first(*tasks);
    });
  }

  World& world_;
  const int process_;
  std::shared_ptr<Tasks> tasks_;
};

TimePoint World::clock(int process) const { return TimePoint(now_ + of(process).clock_ahead); }

Surroundings World::surroundings(int process) {
  return {.now = [this, process] { return clock(process); },
          .make_strand = [this, process] { return std::make_unique<SimStrand>(*this, process); }};
}

void World::after(Duration delay, int process, Task task) {
  queue_.emplace(std::pair(now_ + delay, events_++), Event{process, std::move(task)});
}

bool World::step() {
  if (queue_.empty()) return false;
  auto next = queue_.extract(queue_.begin());
  now_ = next.key().first;
  Event& event = next.mapped();
  if (event.process != kNobody) {
    const Process& process = of(event.process);
    if (!process.alive) return true;
    if (process.suspended_until > now_) {
      next.key() = {process.suspended_until, next.key().second};
      queue_.insert(std::move(next));
      return true;
    }
  }
  run_as(event.process, event.task);
  return true;
}

void World::run_as(int process, const Task& task) {
  running_ = process;
  task();
  running_ = kNobody;
}

}  // namespace widepipe::simulation
