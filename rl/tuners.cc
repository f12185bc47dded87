#include "rl/tuners.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <utility>

#include "schedule/qlearning_policy.h"

namespace widepipe::rl {
namespace {

using schedule::StaticSetting;
using StaticMaker = std::function<schedule::PolicyMaker(std::vector<StaticSetting>)>;

/// Steps of parameters, as a part of their range: the first, and when to stop halving it.
constexpr double kFirstStep = 0.25;
constexpr double kLastStep = 0.02;

std::vector<StaticSetting> neighbours(const StaticSetting& now,
                                      const schedule::NetworkCosts& costs) {
  std::vector<StaticSetting> found;
  const auto add = [&](StaticSetting other) {
    other.batch = std::clamp(other.batch, 1, costs.max_batch());
    other.instances = now.share > 0 ? now.instances : std::max(other.instances, 1);
    if (other.choice < costs.core_choices().size() && other != now) found.push_back(other);
  };
  const auto with = [&](auto change) {
    StaticSetting other = now;
    change(other);
    add(other);
  };
  with([](StaticSetting& s) { s.timeout *= 0.75; });
  with([](StaticSetting& s) { s.instances += 1; });
  with([](StaticSetting& s) { s.batch = static_cast<int>(std::ceil(s.batch * 1.3)); });
  with([](StaticSetting& s) { s.batch = static_cast<int>(s.batch / 1.3); });
  with([](StaticSetting& s) { s.timeout *= 1.2; });
  with([](StaticSetting& s) { s.choice += 1; });
  with([](StaticSetting& s) { s.choice -= 1; });  // of 0: beyond all, and left out
  with([](StaticSetting& s) { s.instances -= 1; });
  // Half the cores and twice the instances, and the other way round.
  with([](StaticSetting& s) {
    s.choice -= 1;
    s.instances *= 2;
  });
  with([](StaticSetting& s) {
    s.choice += 1;
    s.instances = (s.instances + 1) / 2;
  });
  return found;
}

/// For models by the hundred, before each alone: shares that are more even, larger or smaller
/// batches, and longer or shorter timeouts, of all of them.
void search_shares(LoadClimb& climb, const StaticMaker& maker, Tuned& best) {
  const std::vector<std::function<void(StaticSetting&)>> moves = {
      [](StaticSetting& s) { s.share = std::sqrt(s.share); },
      [](StaticSetting& s) { s.share = std::pow(s.share, 0.8); },
      [](StaticSetting& s) { s.share = std::pow(s.share, 1.25); },
      [](StaticSetting& s) { s.batch += (s.batch + 1) / 2; },
      [](StaticSetting& s) { s.batch -= s.batch / 3; },
      [](StaticSetting& s) { s.timeout *= 0.7; },
      [](StaticSetting& s) { s.timeout *= 1.3; },
      [](StaticSetting& s) { s.choice += 1; },
      [](StaticSetting& s) { s.choice -= s.choice > 0 ? 1 : 0; }};
  for (bool better = true; better && !climb.spent();) {
    better = false;
    for (const auto& move : moves) {
      std::vector<StaticSetting> changed = best.settings;
      for (std::size_t model = 0; model < changed.size(); ++model) {
        const schedule::NetworkCosts& costs = *climb.cluster().models[model].costs;
        move(changed[model]);
        changed[model].batch = std::min(changed[model].batch, costs.max_batch());
        const auto choices = static_cast<std::uint32_t>(costs.core_choices().size());
        changed[model].choice = std::min(changed[model].choice, choices - 1);
      }
      if (changed == best.settings || !climb.try_candidate(maker(changed))) continue;
      best.settings = std::move(changed);
      better = true;
    }
  }
}

Tuned finished(Tuned best, const LoadClimb& climb) {
  best.share = climb.share();
  best.evaluations = climb.evaluations();
  return best;
}

}  // namespace

Tuned tune_static(LoadClimb& climb) {
  const StaticMaker maker = [](std::vector<StaticSetting> settings) {
    return [settings = std::move(settings)] { return schedule::make_static_policy(settings); };
  };
  Tuned best{.settings = schedule::first_static_settings(climb.cluster(), climb.shares())};
  if (climb.balanced()) {  // no device knows what the others have
    for (StaticSetting& setting : best.settings) setting.share = 0;
  }
  climb.try_candidate(maker(best.settings));
  const bool packed = std::any_of(best.settings.begin(), best.settings.end(),
                                  [](const StaticSetting& setting) { return setting.share > 0; });
  if (packed) search_shares(climb, maker, best);
  for (bool better = true; better && !climb.spent();) {
    better = false;
    for (std::size_t model = 0; model < best.settings.size(); ++model) {
      const schedule::NetworkCosts& costs = *climb.cluster().models[model].costs;
      for (const StaticSetting& setting : neighbours(best.settings[model], costs)) {
        std::vector<StaticSetting> changed = best.settings;
        changed[model] = setting;
        if (!climb.try_candidate(maker(changed))) continue;
        best.settings = std::move(changed);
        better = true;
        break;  // its neighbours are others now
      }
    }
  }
  return finished(std::move(best), climb);
}

Tuned tune_parameters(const schedule::NamedPolicy& policy, LoadClimb& climb) {
  Tuned best{.parameters = policy.usual()};
  climb.try_candidate(policy.maker(best.parameters));
  for (double step = kFirstStep; step > kLastStep && !climb.spent();) {
    bool better = false;
    for (std::size_t i = 0; i < best.parameters.size(); ++i) {
      const schedule::PolicyParameter& parameter = policy.parameters[i];
      for (const double sign : {1.0, -1.0}) {
        std::vector<double> changed = best.parameters;
        changed[i] =
            std::clamp(best.parameters[i] + sign * step * (parameter.most - parameter.least),
                       parameter.least, parameter.most);
        if (changed == best.parameters || !climb.try_candidate(policy.maker(changed))) continue;
        best.parameters = std::move(changed);
        better = true;
        break;
      }
    }
    if (!better) step /= 2;
  }
  return finished(std::move(best), climb);
}

Tuned train_qlearning(LoadClimb& climb) {
  constexpr double kEpisodes = 0.8;  // of the budget
  constexpr int kCandidates = 8;
  constexpr double kRate = 0.2;
  constexpr double kLeastExplored = 0.05;
  constexpr double kLeastLoad = 0.1;
  constexpr double kMostLoad = 0.7;
  constexpr double kGolden = 0.618'034;  // spreads the loads evenly, however many there are
  const auto table = std::make_shared<schedule::QTable>(schedule::empty_q_table(climb.cluster()));
  const int episodes = std::max(static_cast<int>(kEpisodes * climb.budget()), 1);
  Tuned best{.parameters = *table};
  for (int episode = 1; episode <= episodes && !climb.spent(); ++episode) {
    const double done = static_cast<double>(episode) / episodes;
    const schedule::QLearning learning{.explore = std::max(1 - done, kLeastExplored),
                                       .rate = kRate,
                                       .seed = static_cast<std::uint64_t>(episode)};
    const double place = std::fmod(episode * kGolden, 1.0);
    climb.run([&] { return schedule::make_qlearning_policy(table, learning); },
              kLeastLoad + place * (kMostLoad - kLeastLoad));
    if (episode % std::max(episodes / kCandidates, 1) != 0) continue;
    const auto learned = std::make_shared<schedule::QTable>(*table);
    if (climb.try_candidate([&] { return schedule::make_qlearning_policy(learned); })) {
      best.parameters = *learned;
    }
  }
  return finished(std::move(best), climb);
}

}  // namespace widepipe::rl
