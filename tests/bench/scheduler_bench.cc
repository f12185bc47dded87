// What a decision costs rank 0: the calls that a simulation makes of its scheduler are recorded,
// and repeated on a new scheduler alone, timed by the thread's CPU clock. Prints a header and a row
// a load, separated by tabs:
//   devices  load  requests/s  requests a batch  us a batch  ns a request  simulated events/s  MB
// "us a batch" is all of the scheduler and its policy, with the batch's requests; the median of
// several repetitions. "MB" is the most memory that the process has had so far.
// usage: scheduler_bench [DEVICES [SECONDS [POLICY [WORKLOAD]]]]

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "core/cpu.h"
#include "jobs/profile_file.h"
#include "jobs/simulated_policies.h"
#include "jobs/workload_file.h"
#include "rl/simulator.h"
#include "schedule/learned_policy.h"
#include "schedule/request_policies.h"

namespace widepipe {
namespace {

constexpr int kRepetitions = 5;

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

struct Nothing final : schedule::RequestEvents {
  void answered(schedule::StreamId, const schedule::Request&, double) override {}
  void dropped(schedule::StreamId, const schedule::Request&, double) override {}
  void closed(const schedule::ClosedBatch&) override {}
  void ejected(schedule::DeviceId, double) override {}
  void readmitted(schedule::DeviceId, double) override {}
};

double repeat(const schedule::Cluster& cluster, const schedule::PolicyMaker& policy,
              const std::vector<rl::SchedulerCall>& calls) {
  using Kind = rl::SchedulerCall::Kind;
  Nothing nothing;
  schedule::RequestScheduler scheduler(cluster, policy(), nothing);
  std::vector<schedule::Order> orders;
  const double start = thread_cpu_seconds();
  for (const rl::SchedulerCall& call : calls) {
    switch (call.kind) {
      case Kind::kAdd:
        scheduler.add(call.place, {call.what, call.at}, call.now);
        break;
      case Kind::kDispatch:
        scheduler.dispatch(call.now, orders);
        break;
      case Kind::kComplete:
        scheduler.complete(call.what, call.place != 0, call.at, call.now, orders);
        break;
      case Kind::kLoaded:
        scheduler.loaded(call.place, static_cast<schedule::InstanceId>(call.what), call.now,
                         orders);
        break;
      case Kind::kDrain:
        scheduler.drain();
    }
    orders.clear();
  }
  return thread_cpu_seconds() - start;
}

void bench(const std::string& workload_name, const schedule::PolicyMaker& policy, double load,
           rl::SimulationSettings settings) {
  const npu_model::Profile profile = jobs::load_profile("npu");
  const rl::WorkloadSpec workload = jobs::load_workload(workload_name, profile);
  const npu_model::FleetSpec fleet = jobs::load_fleet(workload.fleet, profile);
  settings.rate = load * bound_of(profile, workload, fleet, settings);
  std::vector<rl::SchedulerCall> calls;
  simulate(profile, workload, fleet, settings, policy, {}, &calls);
  // Once more, without recording, for the simulator's own rate.
  const auto start = std::chrono::steady_clock::now();
  const rl::Measures measures = simulate(profile, workload, fleet, settings, policy);
  const double simulated =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const rl::StreamMeasures all = measures.all();
  const schedule::Cluster cluster = make_cluster(
      profile, streams_of_run(profile, workload, settings), fleet_of_run(profile, fleet, settings));
  std::vector<double> seconds;
  for (int i = 0; i < kRepetitions; ++i) seconds.push_back(repeat(cluster, policy, calls));
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[kRepetitions / 2];
  fmt::print("{}\t{:.2f}\t{:.0f}\t{:.1f}\t{:.2f}\t{:.0f}\t{:.2f} M\t{:.0f}\n", settings.devices,
             load, settings.rate, static_cast<double>(all.batched) / all.batches,
             1e6 * median / static_cast<double>(all.batches),
             1e9 * median / static_cast<double>(all.offered),
             1e-6 * static_cast<double>(measures.events) / simulated,
             1e-6 * static_cast<double>(peak_process_bytes()));
}

schedule::PolicyMaker policy_of(const std::string& name) {
  if (const auto learned = jobs::simulated_policy(name).parameters) {
    return [learned] { return std::make_unique<schedule::LearnedPolicy>(*learned, true); };
  }
  const schedule::NamedPolicy& policy = schedule::request_policy(name);
  return policy.maker(policy.usual());
}

}  // namespace
}  // namespace widepipe

int main(int argc, char** argv) {
  using namespace widepipe;
  rl::SimulationSettings settings{.duration = argc > 2 ? std::atof(argv[2]) : 1,
                                  .devices = argc > 1 ? std::atoi(argv[1]) : 1000};
  const schedule::PolicyMaker policy = policy_of(argc > 3 ? argv[3] : "greedy-estimated");
  const std::string workload = argc > 4 ? argv[4] : "A5";
  fmt::print("devices\tload\trequests/s\ta batch\tus a batch\tns a request\tevents/s\tMB\n");
  for (const double load : {0.4, 0.6, 0.75, 1.0, 2.0}) bench(workload, policy, load, settings);
  return 0;
}
