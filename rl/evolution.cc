#include "rl/evolution.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <sstream>
#include <stdexcept>

#include "core/error.h"
#include "rl/exact_numbers.h"

namespace widepipe::rl {
namespace {

using Vector = Eigen::VectorXd;
using Matrix = Eigen::MatrixXd;

constexpr double kLeastVariance = 1e-20;

Eigen::Map<const Vector> as_vector(const std::vector<double>& values) {
  return {values.data(), static_cast<Eigen::Index>(values.size())};
}
Eigen::Map<const Matrix> as_matrix(const std::vector<double>& values, std::size_t size) {
  return {values.data(), static_cast<Eigen::Index>(size), static_cast<Eigen::Index>(size)};
}
template <typename Values>
std::vector<double> as_values(const Values& values) {
  const typename Values::PlainObject made = values;
  return {made.data(), made.data() + made.size()};
}

/// A standard normal number; the library's own differ from one to the next.
double normal(std::mt19937_64& random) {
  constexpr double kUnit = 0x1p-53;
  const double radius = std::sqrt(-2 * std::log((static_cast<double>(random() >> 11) + 1) * kUnit));
  return radius * std::cos(2 * M_PI * static_cast<double>(random() >> 11) * kUnit);
}

}  // namespace

Evolution::Evolution(std::vector<double> start, const Settings& settings)
    : size_(start.size()),
      random_(settings.seed),
      step_(settings.step),
      mean_(std::move(start)),
      path_(size_, 0),
      step_path_(size_, 0),
      candidates_(static_cast<std::size_t>(std::max(settings.candidates, 0))) {
  if (size_ == 0 || settings.candidates < 4 || !(settings.step > 0)) {
    throw std::invalid_argument("evolution: no parameters, too few candidates, or no step");
  }
  const int best = settings.candidates / 2;
  double all = 0;
  for (int i = 0; i < best; ++i) {
    weights_.push_back(std::log((settings.candidates + 1) / 2.0) - std::log(i + 1.0));
    all += weights_.back();
  }
  double squares = 0;
  for (double& weight : weights_) {
    weight /= all;
    squares += weight * weight;
  }
  effective_ = 1 / squares;
  const auto size = static_cast<Eigen::Index>(size_);
  covariance_ = as_values(Matrix::Identity(size, size));
  find_axes();
  draw();
}

void Evolution::find_axes() {
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(as_matrix(covariance_, size_));
  axes_ = as_values(solver.eigenvectors());
  lengths_ = as_values(solver.eigenvalues().cwiseMax(kLeastVariance).cwiseSqrt());
}

void Evolution::draw() {
  const Matrix scaled = as_matrix(axes_, size_) * as_vector(lengths_).asDiagonal();
  for (std::vector<double>& candidate : candidates_) {
    Vector drawn(static_cast<Eigen::Index>(size_));
    for (double& one : drawn) one = normal(random_);
    candidate = as_values(as_vector(mean_) + step_ * (scaled * drawn));
  }
}

void Evolution::tell(const std::vector<double>& scores) {
  if (scores.size() != candidates_.size()) {
    throw std::invalid_argument("evolution: not a score for each candidate");
  }
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const auto rank = [&](std::size_t i) {
    return std::isnan(scores[i]) ? -std::numeric_limits<double>::infinity() : scores[i];
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t x, std::size_t y) { return rank(x) > rank(y); });
  const auto n = static_cast<double>(size_);
  const double mu = effective_;
  const double path_rate = (4 + mu / n) / (n + 4 + 2 * mu / n);
  const double step_rate = (mu + 2) / (n + mu + 5);
  const double rank_one = 2 / ((n + 1.3) * (n + 1.3) + mu);
  const double rank_mu =
      std::min(1 - rank_one, 2 * (0.25 + mu + 1 / mu - 2) / ((n + 2) * (n + 2) + mu));
  const double damping = 1 + 2 * std::max(0.0, std::sqrt((mu - 1) / (n + 1)) - 1) + step_rate;
  const double expected = std::sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));

  const Vector before = as_vector(mean_);
  Vector moved = Vector::Zero(before.size());
  Matrix spread = Matrix::Zero(before.size(), before.size());
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    const Vector step = (as_vector(candidates_[order[i]]) - before) / step_;
    moved += weights_[i] * step;
    spread += weights_[i] * step * step.transpose();
  }
  mean_ = as_values(before + step_ * moved);
  const auto axes = as_matrix(axes_, size_);
  const Vector alike =
      axes * as_vector(lengths_).cwiseInverse().asDiagonal() * axes.transpose() * moved;
  const Vector step_path =
      (1 - step_rate) * as_vector(step_path_) + std::sqrt(step_rate * (2 - step_rate) * mu) * alike;
  const double length = step_path.norm();
  const double begun = 1 - std::pow(1 - step_rate, 2 * (generation_ + 1));
  const bool straight = length / std::sqrt(begun) < (1.4 + 2 / (n + 1)) * expected;
  const double turn = straight ? 1 : 0;
  const Vector path = (1 - path_rate) * as_vector(path_) +
                      turn * std::sqrt(path_rate * (2 - path_rate) * mu) * moved;
  const double lost = (1 - turn) * path_rate * (2 - path_rate);
  covariance_ =
      as_values((1 - rank_one - rank_mu + rank_one * lost) * as_matrix(covariance_, size_) +
                rank_one * path * path.transpose() + rank_mu * spread);
  path_ = as_values(path);
  step_path_ = as_values(step_path);
  step_ *= std::exp(step_rate / damping * (length / expected - 1));
  ++generation_;
  find_axes();
  draw();
}

std::string Evolution::save() const {
  std::ostringstream text;
  text << size_ << ' ' << candidates_.size() << ' ' << generation_;
  write_exactly(text, {&step_, 1});
  for (const auto* values : {&mean_, &path_, &step_path_, &covariance_, &axes_, &lengths_}) {
    write_exactly(text, *values);
  }
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
  read_exactly(text, {&step_, 1});
  for (auto* values : {&mean_, &path_, &step_path_, &covariance_, &axes_, &lengths_}) {
    read_exactly(text, *values);
  }
  for (std::vector<double>& candidate : candidates_) read_exactly(text, candidate);
  text >> random_;
  if (!text) throw_input_error("a search that was saved: it ends too early");
}

}  // namespace widepipe::rl
