#include "rl/evolution.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <sstream>
#include <stdexcept>

#include "core/error.h"
#include "rl/exact_numbers.h"

namespace widepipe::rl {
namespace {

/// A standard normal number; the library's own differ from one to the next.
double normal(std::mt19937_64& random) {
  constexpr double kUnit = 0x1p-53;
  const double radius = std::sqrt(-2 * std::log((static_cast<double>(random() >> 11) + 1) * kUnit));
  return radius * std::cos(2 * M_PI * static_cast<double>(random() >> 11) * kUnit);
}

/// Of scores, the best first: linear by rank, nearly as good as the expected order statistics of a
/// normal sample, which are optimal. Those of the better half sum to 1, those of the worse half to
/// -1; equal scores have the mean of their weights.
std::vector<double> weights_of(std::span<const double> scores) {
  const double middle = (static_cast<double>(scores.size()) - 1) / 2;
  double better = 0;
  for (std::size_t rank = 0; rank < scores.size(); ++rank) {
    better += std::max(middle - static_cast<double>(rank), 0.0);
  }
  std::vector<double> weights;
  while (weights.size() < scores.size()) {
    const std::size_t begin = weights.size();
    std::size_t end = begin + 1;
    while (end < scores.size() && scores[end] == scores[begin]) ++end;
    const double mean_rank = static_cast<double>(begin + end - 1) / 2;
    weights.resize(end, (middle - mean_rank) / better);
  }
  return weights;
}

}  // namespace

Evolution::Evolution(std::vector<double> start, const Settings& settings)
    : size_(start.size()),
      step_(settings.step),
      follow_(settings.follow),
      random_(settings.seed),
      center_(std::move(start)),
      candidates_(static_cast<std::size_t>(std::max(settings.candidates, 0))) {
  const auto positive = [](double value) { return std::isfinite(value) && value > 0; };
  if (size_ == 0 || settings.candidates < 4 || !positive(step_) || !positive(follow_)) {
    throw std::invalid_argument(
        "evolution: no parameters, fewer than 4 candidates, or a step or follow that is not "
        "positive and finite");
  }
  draw();
}

void Evolution::draw() {
  for (std::vector<double>& candidate : candidates_) {
    candidate = center_;
    for (double& value : candidate) value += step_ * normal(random_);
  }
}

void Evolution::tell(const std::vector<double>& scores) {
  if (scores.size() != candidates_.size()) {
    throw std::invalid_argument("evolution: not a score for each candidate");
  }
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const auto score = [&](std::size_t i) {
    return std::isnan(scores[i]) ? -std::numeric_limits<double>::infinity() : scores[i];
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t x, std::size_t y) { return score(x) > score(y); });
  std::vector<double> sorted;
  for (const std::size_t i : order) sorted.push_back(score(i));
  const std::vector<double> weights = weights_of(sorted);
  const std::vector<double> before = center_;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const std::vector<double>& candidate = candidates_[order[rank]];
    for (std::size_t i = 0; i < size_; ++i) {
      center_[i] += follow_ * weights[rank] * (candidate[i] - before[i]);
    }
  }
  ++generation_;
  draw();
}

std::string Evolution::save() const {
  std::ostringstream text;
  text << size_ << ' ' << candidates_.size() << ' ' << generation_;
  write_exactly(text, center_);
  for (const std::vector<double>& candidate : candidates_) write_exactly(text, candidate);
  text << ' ' << random_;
  return text.str();
}

void Evolution::restore(const std::string& saved) {
  std::istringstream text(saved);
  std::size_t size = 0;
  std::size_t count = 0;
  text >> size >> count;
  if (!text || size != size_ || count != candidates_.size()) {
    throw_input_error("a search for {} parameters by {} candidates: expected {} by {}", size, count,
                      size_, candidates_.size());
  }
  text >> generation_;
  read_exactly(text, center_);
  for (std::vector<double>& candidate : candidates_) read_exactly(text, candidate);
  text >> random_;
  if (!text) throw_input_error("a search that was saved: it ends too early");
}

}  // namespace widepipe::rl
