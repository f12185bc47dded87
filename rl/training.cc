#include "rl/training.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <sstream>

#include "core/error.h"
#include "core/in_parallel.h"
#include "core/mix_bits.h"
#include "rl/exact_numbers.h"
#include "rl/goodput.h"

namespace widepipe::rl {
namespace {

constexpr std::uint64_t kScenarioSeed = 0x7472'6169;
constexpr std::uint64_t kHeldOut = 1'000'000;  ///< their numbers begin here
/// Goodput of greedy is found within this share of the bound.
constexpr double kPrecision = 0.01;
/// What parameters cost, by their squares: those that make no difference stay small.
constexpr double kSimple = 0.1;
constexpr double kLeastHarder = 0.98;
constexpr double kMostHarder = 1.06;

class Draw {
 public:
  explicit Draw(std::uint64_t number) : random_(mix_bits(kScenarioSeed + number * kGoldenGamma)) {}
  double from(double least, double most) {
    return least + (most - least) * static_cast<double>(random_() >> 11) * 0x1p-53;
  }
  bool chance(double of) { return from(0, 1) < of; }
  int whole(int least, int most) {
    return least + static_cast<int>(random_() % static_cast<std::uint64_t>(most - least + 1));
  }
  template <typename T>
  T one_of(std::initializer_list<T> all) {
    return *(all.begin() + whole(0, static_cast<int>(all.size()) - 1));
  }
  template <typename T>
  void shuffle(std::vector<T>& all) {
    for (int i = static_cast<int>(all.size()) - 1; i > 0; --i) {
      std::swap(all[static_cast<std::size_t>(i)], all[static_cast<std::size_t>(whole(0, i))]);
    }
  }

 private:
  std::mt19937_64 random_;
};

npu_model::FleetSpec draw_fleet(Draw& draw, int cores) {
  npu_model::FleetSpec fleet{.name = "drawn", .classes = {}, .events = {}, .random = {}};
  if (draw.chance(0.35)) {
    fleet.classes = {{.name = "nominal", .share = 1}};
  } else {
    const double slow = draw.from(0, 0.25);
    const double small = draw.from(0, 0.2);
    const double slowest = draw.from(0, 0.1);
    fleet.classes = {{.name = "nominal", .share = 1 - slow - small - slowest},
                     {.name = "slow", .share = slow, .speed = draw.from(0.5, 0.9)},
                     {.name = "small", .share = small, .cores = std::max(cores / 2, 1)},
                     {.name = "slowest", .share = slowest, .speed = draw.from(0.3, 0.6)}};
  }
  if (draw.chance(0.5)) {
    using Kind = npu_model::FleetEvent::Kind;
    const double at = draw.from(0.2, 0.6);
    fleet.events.push_back({.kind = Kind::kTrouble, .at = at, .share = draw.from(0, 0.1)});
    fleet.events.push_back(
        {.kind = Kind::kSlow, .at = at, .share = draw.from(0, 0.3), .speed = draw.from(0.3, 0.7)});
  }
  return fleet;
}

WorkloadSpec draw_workload(const npu_model::Profile& profile, Draw& draw) {
  WorkloadSpec workload{.name = "drawn"};
  for (const npu_model::Network& network : profile.networks) {
    workload.networks.push_back(network.name);
  }
  if (draw.chance(0.7)) draw.shuffle(workload.networks);
  const auto networks = static_cast<int>(workload.networks.size());
  const int least = std::min(networks, 4);
  if (draw.chance(0.4)) {
    workload.networks.resize(static_cast<std::size_t>(draw.whole(least, networks)));
  }
  const auto served = static_cast<int>(workload.networks.size());
  workload.zipf = draw.chance(0.5) ? 1 : draw.from(0.4, 1.4);
  workload.slo_factors = {draw.one_of({3.0, 5.0, 5.0, 10.0})};
  if (draw.chance(0.2)) workload.slo_factors = {3, 5, 10};
  workload.cv = draw.chance(0.65) ? 1 : draw.from(1.5, 4.5);
  if (draw.chance(0.5)) {
    workload.rotations = {{.at = draw.from(0.2, 0.6), .places = draw.whole(1, served)}};
  }
  if (draw.chance(0.2)) workload.redraw_period = 0.5;
  if (draw.chance(0.2)) workload.diurnal = draw.from(0.1, 0.25);
  if (draw.chance(0.3)) workload.pass = {.all = 0.97, .each = 0.95};
  return workload;
}

}  // namespace

Scenario draw_scenario(const npu_model::Profile& profile, std::uint64_t number) {
  Draw draw(number);
  Scenario scenario;
  scenario.workload = draw_workload(profile, draw);
  scenario.fleet = draw_fleet(draw, profile.device.cores);
  SimulationSettings& settings = scenario.settings;
  settings.devices = draw.whole(16, 64);
  settings.duration = 3;
  settings.seed = kScenarioSeed + number;
  if (draw.chance(0.2)) {
    settings.rounds = {.period = 1e-3 * draw.from(0.1, 0.5), .delay = 1e-3 * draw.from(0, 0.2)};
  }
  settings.rate = draw.from(kLeastHarder, kMostHarder);
  return scenario;
}

double score_of(const Measures& measures, const PassRule& rule) {
  constexpr double kSoft = 0.5;
  constexpr double kMost = 8;
  const double all = (1 - measures.all().attainment()) / (1 - rule.all);
  double worst = 0;
  for (const StreamMeasures& stream : measures.streams) {
    worst = std::max(worst, (1 - stream.attainment()) / (1 - rule.each));
  }
  const auto part = [&](double missed) {
    return -std::log((std::min(missed, kMost) + kSoft) / (1 + kSoft));
  };
  return 0.75 * part(std::max(all, worst)) + 0.25 * part(all);
}

Training::Training(const npu_model::Profile& profile, ParameterMaker make,
                   schedule::PolicyMaker opponent, std::vector<double> start,
                   const TrainingSettings& settings, Reducer& reducer)
    : profile_(profile),
      make_(std::move(make)),
      opponent_(std::move(opponent)),
      settings_(settings),
      reducer_(reducer),
      evolution_(std::move(start), settings.evolution),
      loads_(static_cast<std::size_t>(settings.pool + settings.held_out), 0),
      opponents_(loads_.size(), 0) {}

double Training::run(const Scenario& scenario, const schedule::PolicyMaker& policy) const {
  return score_of(simulate(profile_, scenario.workload, scenario.fleet, scenario.settings, policy),
                  scenario.workload.pass);
}

double Training::load_for_opponent(const Scenario& scenario) const {
  return find_goodput(profile_, scenario.workload, scenario.fleet, scenario.settings, opponent_,
                      kPrecision)
      .rate;
}

Scenario Training::scenario(std::uint64_t number) {
  const auto pool = static_cast<std::uint64_t>(settings_.pool);
  return draw_scenario(profile_, number < pool ? number : kHeldOut + number - pool);
}

bool Training::is_mine(std::size_t task) const {
  return task % static_cast<std::size_t>(reducer_.size()) ==
         static_cast<std::size_t>(reducer_.rank());
}

/// Of those that nobody has looked at yet.
void Training::find_loads(std::span<const std::uint64_t> numbers) {
  std::vector<std::uint64_t> fresh;
  for (const std::uint64_t number : numbers) {
    if (loads_[number] == 0) fresh.push_back(number);
  }
  if (fresh.empty()) return;
  std::vector<double> found(2 * fresh.size(), 0);
  in_parallel(fresh.size(), settings_.cores, [&](std::size_t i) {
    if (!is_mine(i)) return;
    Scenario one = scenario(fresh[i]);
    const double harder = one.settings.rate;
    found[2 * i] = harder * load_for_opponent(one);
    one.settings.rate = found[2 * i];
    if (one.settings.rate > 0) found[2 * i + 1] = run(one, opponent_);
  });
  reducer_.sum(found);
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    loads_[fresh[i]] = found[2 * i] > 0 ? found[2 * i] : -1;
    opponents_[fresh[i]] = found[2 * i + 1];
  }
}

Training::Progress Training::advance() {
  std::vector<std::uint64_t> numbers;
  for (int i = 0; i < settings_.scenarios; ++i) {
    const auto turn = std::int64_t{evolution_.generation()} * settings_.scenarios + i;
    numbers.push_back(static_cast<std::uint64_t>(turn % settings_.pool));
  }
  find_loads(numbers);
  std::erase_if(numbers, [this](std::uint64_t number) { return loads_[number] < 0; });
  const auto& candidates = evolution_.candidates();
  std::vector<double> scores(numbers.size() * candidates.size(), 0);
  in_parallel(scores.size(), settings_.cores, [&](std::size_t i) {
    if (!is_mine(i)) return;
    Scenario one = scenario(numbers[i / candidates.size()]);
    one.settings.rate = loads_[numbers[i / candidates.size()]];
    scores[i] = run(one, make_(candidates[i % candidates.size()]));
  });
  reducer_.sum(scores);
  std::vector<double> total(candidates.size(), 0);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    total[i % candidates.size()] += scores[i] / static_cast<double>(numbers.size());
  }
  Progress progress;
  for (const std::uint64_t number : numbers) {
    progress.opponent += opponents_[number] / static_cast<double>(numbers.size());
  }
  progress.best = *std::max_element(total.begin(), total.end());
  progress.mean =
      std::accumulate(total.begin(), total.end(), 0.0) / static_cast<double>(total.size());
  for (std::size_t i = 0; i < total.size(); ++i) {
    const std::vector<double>& values = candidates[i];
    total[i] -= kSimple * std::inner_product(values.begin(), values.end(), values.begin(), 0.0);
  }
  evolution_.tell(total);
  progress.generation = evolution_.generation();
  progress.step = evolution_.step();
  return progress;
}

double Training::gain() {
  std::vector<std::uint64_t> numbers(static_cast<std::size_t>(settings_.held_out));
  std::iota(numbers.begin(), numbers.end(), static_cast<std::uint64_t>(settings_.pool));
  find_loads(numbers);
  std::vector<double> gains(numbers.size(), 0);
  const schedule::PolicyMaker policy = make_(parameters());
  in_parallel(gains.size(), settings_.cores, [&](std::size_t i) {
    if (!is_mine(i) || loads_[numbers[i]] < 0) return;
    Scenario one = scenario(numbers[i]);
    one.settings.rate = loads_[numbers[i]];
    gains[i] = run(one, policy) - opponents_[numbers[i]];
  });
  reducer_.sum(gains);
  return std::accumulate(gains.begin(), gains.end(), 0.0) / static_cast<double>(gains.size());
}

std::string Training::save() const {
  std::ostringstream text;
  text << loads_.size();
  write_exactly(text, loads_);
  write_exactly(text, opponents_);
  text << '\n' << evolution_.save() << '\n';
  return text.str();
}

void Training::restore(const std::string& saved) {
  std::istringstream text(saved);
  std::size_t count = 0;
  text >> count;
  if (!text || count != loads_.size()) {
    throw_input_error("a training with {} scenarios: expected {}", count, loads_.size());
  }
  read_exactly(text, loads_);
  read_exactly(text, opponents_);
  std::string rest;
  std::getline(text, rest);
  std::getline(text, rest);
  evolution_.restore(rest);
}

}  // namespace widepipe::rl
