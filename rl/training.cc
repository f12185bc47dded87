#include "rl/training.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "core/error.h"
#include "core/in_parallel.h"
#include "rl/exact_numbers.h"
#include "rl/goodput.h"

namespace widepipe::rl {
namespace {

// Numbers of what is drawn begin here.
constexpr std::uint64_t kHeldOut = 1'000'000;
constexpr std::uint64_t kFewScenarios = 2'000'000;
/// One in so many scenarios of the pool is plain.
constexpr std::uint64_t kPlainOf = 3;
/// Likewise, of generations those for few batches at a time, and of what is held out.
constexpr int kFewGenerationsOf = 2;
constexpr std::uint64_t kFewHeldOutOf = 4;
/// Goodput of greedy is found within this share of the bound.
constexpr double kPrecision = 0.01;
/// Scenarios of which it bears a smaller share of the bound are left out: there is little to learn
/// from what can hardly be served.
constexpr double kHopeless = 0.1;
/// What parameters cost, by their squares: those that make no difference stay small.
constexpr double kSimple = 0.5;
/// Scores of a scenario that differ by less differ by chance.
constexpr double kByChance = 0.05;
/// So much harder a scenario becomes, by its logarithm, for a mean score of 1.
constexpr double kHarder = 0.02;

std::vector<double> known_of(std::span<const double> values) {
  std::vector<double> known;
  std::copy_if(values.begin(), values.end(), std::back_inserter(known),
               [](double one) { return !std::isnan(one); });
  return known;
}

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

double score_of(const Measures& measures, const PassRule& rule) {
  constexpr double kSoft = 0.5;
  constexpr double kMost = 8;
  const double all = (1 - measures.all().attainment()) / (1 - rule.all);
  const std::vector<double> shares = measures.counted_shares(rule);
  const double worst = shares.empty() ? 0 : (1 - shares.back()) / (1 - rule.each);
  const auto part = [&](double missed) {
    return -std::log((std::min(missed, kMost) + kSoft) / (1 + kSoft));
  };
  return 0.75 * part(std::max(all, worst)) + 0.25 * part(all);
}

std::vector<double> compared(std::span<const double> scores, std::size_t candidates) {
  std::vector<double> totals(candidates, 0);
  const std::size_t scenarios = scores.size() / candidates;
  for (std::size_t scenario = 0; scenario < scenarios; ++scenario) {
    const auto here = scores.subspan(scenario * candidates, candidates);
    const std::vector<double> known = known_of(here);
    const double mean = mean_of(known);
    double squares = 0;
    for (const double one : known) squares += (one - mean) * (one - mean);
    const double spread = std::sqrt(squares / static_cast<double>(known.size())) + kByChance;
    for (std::size_t i = 0; i < candidates; ++i) {
      totals[i] += (here[i] - mean) / spread / static_cast<double>(scenarios);
    }
  }
  return totals;
}

Training::Training(const npu_model::Profile& profile, ParameterMaker make,
                   schedule::PolicyMaker opponent, std::vector<double> start,
                   const TrainingSettings& settings, Reducer& reducer)
    : profile_(profile),
      make_(std::move(make)),
      opponent_(std::move(opponent)),
      settings_(settings),
      reducer_(reducer),
      pool_(static_cast<std::uint64_t>(settings.pool)),
      few_pool_(settings.few_parameters > 0 ? (pool_ + kPlainOf - 1) / kPlainOf : 0),
      first_held_out_(pool_ + few_pool_),
      loads_(first_held_out_ + static_cast<std::uint64_t>(settings.held_out), 0),
      harder_(loads_.size(), 1),
      opponents_(loads_.size(), 0) {
  if (settings.few_parameters < 0 ||
      (settings.few_parameters > 0 &&
       static_cast<std::size_t>(settings.few_parameters) >= start.size())) {
    throw std::invalid_argument("training: more parameters for few batches than there are");
  }
  const auto split = start.end() - settings.few_parameters;
  const auto search_from = [&](std::vector<double> part) {
    searches_.push_back({Evolution(part, settings.evolution), part});
  };
  search_from({start.begin(), split});
  if (settings.few_parameters > 0) search_from({split, start.end()});
}

std::vector<double> Training::parameters() const {
  std::vector<double> all;
  for (const Search& search : searches_) {
    all.insert(all.end(), search.average.begin(), search.average.end());
  }
  return all;
}

int Training::generation() const {
  int sum = 0;
  for (const Search& search : searches_) sum += search.evolution.generation();
  return sum;
}

double Training::run(const Scenario& scenario, const schedule::PolicyMaker& policy) const {
  return score_of(
      simulate(scenario.profile, scenario.workload, scenario.fleet, scenario.settings, policy),
      scenario.workload.pass);
}

double Training::load_for_opponent(const Scenario& scenario) const {
  const Goodput found = find_goodput(scenario.profile, scenario.workload, scenario.fleet,
                                     scenario.settings, opponent_, kPrecision);
  return found.share() < kHopeless ? 0 : found.rate;
}

bool Training::is_held_out(std::uint64_t number) const { return number >= first_held_out_; }

Scenario Training::scenario(std::uint64_t number) const {
  if (is_held_out(number)) {
    const std::uint64_t of_those = number - first_held_out_;
    const bool few = few_pool_ > 0 && of_those % kFewHeldOutOf == 0;
    return draw_scenario(profile_, kHeldOut + of_those, few ? Variety::kFew : Variety::kAll);
  }
  if (number >= pool_) {
    return draw_scenario(profile_, kFewScenarios + number - pool_, Variety::kFew);
  }
  return draw_scenario(profile_, number, number % kPlainOf == 0 ? Variety::kPlain : Variety::kAll);
}

bool Training::is_mine(std::size_t task) const {
  return task % static_cast<std::size_t>(reducer_.size()) ==
         static_cast<std::size_t>(reducer_.rank());
}

/// Of those that nobody has looked at yet. Leaves those out that are not served.
void Training::find_loads(std::vector<std::uint64_t>& numbers) {
  std::vector<std::uint64_t> fresh;
  for (const std::uint64_t number : numbers) {
    if (loads_[number] == 0) fresh.push_back(number);
  }
  std::vector<double> found(2 * fresh.size(), 0);
  in_parallel(fresh.size(), settings_.cores, [&](std::size_t i) {
    if (!is_mine(i)) return;
    Scenario one = scenario(fresh[i]);
    const double harder = one.settings.rate;
    found[2 * i] = load_for_opponent(one);
    one.settings.rate = harder * found[2 * i];
    if (is_held_out(fresh[i]) && one.settings.rate > 0) found[2 * i + 1] = run(one, opponent_);
  });
  reducer_.sum(found);
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    loads_[fresh[i]] = found[2 * i] > 0 ? found[2 * i] : -1;
    harder_[fresh[i]] = scenario(fresh[i]).settings.rate;
    opponents_[fresh[i]] = found[2 * i + 1];
  }
  std::erase_if(numbers, [this](std::uint64_t number) { return loads_[number] < 0; });
}

bool Training::few_are_next() const {
  const int behind_plain = generation() - settings_.plain;
  return few_pool_ > 0 && behind_plain >= 0 &&
         behind_plain % kFewGenerationsOf == kFewGenerationsOf - 1;
}

std::vector<std::uint64_t> Training::next_scenarios(bool few) const {
  const int generation = searches_[few ? 1 : 0].evolution.generation();
  const std::uint64_t begin = few ? pool_ : 0;
  const std::uint64_t step = !few && generation < settings_.plain ? kPlainOf : 1;
  const std::uint64_t different = ((few ? few_pool_ : pool_) + step - 1) / step;
  const std::uint64_t wanted =
      std::min<std::uint64_t>(static_cast<std::uint64_t>(settings_.scenarios), different);
  const auto first = static_cast<std::uint64_t>(generation) * wanted;
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t i = 0; i < wanted; ++i) {
    numbers.push_back(begin + step * ((first + i) % different));
  }
  return numbers;
}

/// The center wanders about, as scores depend on chance; its mean less so. Polynomial-decay
/// averaging (Shamir and Zhang, arXiv:1212.1824): what is older counts for less and less.
void Training::Search::follow_center() {
  constexpr double kDecay = 3;
  const double weight = (kDecay + 1) / (kDecay + evolution.generation());
  for (std::size_t i = 0; i < average.size(); ++i) {
    average[i] += weight * (evolution.center()[i] - average[i]);
  }
}

/// Where most candidates do well there is little to tell them apart by, and where all do badly:
/// what is asked for follows, so that they just meet the rule.
void Training::follow_scores(std::uint64_t number, std::span<const double> scores) {
  const std::vector<double> known = known_of(scores);
  if (!known.empty()) harder_[number] *= std::exp(kHarder * mean_of(known));
}

double Training::load() const {
  double sum = 0;
  int count = 0;
  for (std::size_t number = 0; !is_held_out(number); ++number) {
    if (loads_[number] <= 0) continue;
    sum += std::log(harder_[number]);
    ++count;
  }
  return count > 0 ? std::exp(sum / count) : 1;
}

/// Of a candidate of a search: the others stay as they are.
std::vector<double> Training::with(const Search& search, std::span<const double> candidate) const {
  std::vector<double> all;
  for (const Search& each : searches_) {
    const std::span<const double> part = &each == &search ? candidate : each.average;
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

Training::Progress Training::advance() {
  const bool few = few_are_next();
  std::vector<std::uint64_t> numbers = next_scenarios(few);
  find_loads(numbers);
  Search& search = searches_[few ? 1 : 0];
  const auto& candidates = search.evolution.candidates();
  std::vector<double> scores(numbers.size() * candidates.size(), 0);
  in_parallel(scores.size(), settings_.cores, [&](std::size_t i) {
    if (!is_mine(i)) return;
    Scenario one = scenario(numbers[i / candidates.size()]);
    one.settings.rate = rate(numbers[i / candidates.size()]);
    scores[i] = run(one, make_(with(search, candidates[i % candidates.size()])));
  });
  reducer_.sum(scores);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    follow_scores(numbers[i], std::span(scores).subspan(i * candidates.size(), candidates.size()));
  }
  std::vector<double> score(candidates.size(), 0);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    score[i % candidates.size()] += scores[i] / static_cast<double>(numbers.size());
  }
  Progress progress;
  if (const std::vector<double> known = known_of(score); !known.empty()) {
    progress.best = *std::max_element(known.begin(), known.end());
    progress.mean = mean_of(known);
  }
  std::vector<double> total = compared(scores, candidates.size());
  // Where all scenarios were left out none is better than another.
  const double simple = numbers.empty() ? 0 : kSimple;
  for (std::size_t i = 0; i < total.size(); ++i) {
    const std::vector<double>& values = candidates[i];
    total[i] -= simple * std::inner_product(values.begin(), values.end(), values.begin(), 0.0);
  }
  search.evolution.tell(total);
  search.follow_center();
  progress.generation = generation();
  progress.load = load();
  return progress;
}

double Training::gain() {
  std::vector<std::uint64_t> numbers(static_cast<std::size_t>(settings_.held_out));
  std::iota(numbers.begin(), numbers.end(), first_held_out_);
  find_loads(numbers);
  if (numbers.empty()) return 0;
  std::vector<double> gains(numbers.size(), 0);
  const schedule::PolicyMaker policy = make_(parameters());
  in_parallel(gains.size(), settings_.cores, [&](std::size_t i) {
    if (!is_mine(i)) return;
    Scenario one = scenario(numbers[i]);
    one.settings.rate = rate(numbers[i]);
    gains[i] = run(one, policy) - opponents_[numbers[i]];
  });
  reducer_.sum(gains);
  return mean_of(gains);
}

std::string Training::save() const {
  std::ostringstream text;
  text << loads_.size();
  write_exactly(text, loads_);
  write_exactly(text, harder_);
  write_exactly(text, opponents_);
  for (const Search& search : searches_) {
    write_exactly(text, search.average);
    text << '\n' << search.evolution.save() << '\n';
  }
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
  read_exactly(text, harder_);
  read_exactly(text, opponents_);
  for (Search& search : searches_) {
    read_exactly(text, search.average);
    std::string rest;
    std::getline(text, rest);
    if (!rest.empty()) throw_input_error("a training that was saved: another layout");
    std::getline(text, rest);
    search.evolution.restore(rest);
  }
  std::string rest;
  if (text >> rest) throw_input_error("a training that was saved: more searches than expected");
}

}  // namespace widepipe::rl
