#pragma once
// Search for the parameters that score best, by covariance matrix adaptation.

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace widepipe::rl {

/// CMA-ES (Hansen, The CMA Evolution Strategy: A Tutorial, arXiv:1604.00772), with rank-one and
/// rank-mu updates and cumulative step-size control; the constants are those of its table 1 with
/// positive weights. Deterministic: the same seed and scores, the same candidates.
class Evolution {
 public:
  struct Settings {
    int candidates = 20;  ///< in each generation, at least 4
    double step = 0.04;   ///< first standard deviation of each parameter
    std::uint64_t seed = 1;
  };
  /// Begins at `start`. Throws std::invalid_argument.
  Evolution(std::vector<double> start, const Settings& settings);

  /// The candidates of this generation.
  const std::vector<std::vector<double>>& candidates() const { return candidates_; }
  /// What they are worth, the more the better; the next generation begins. Scores that are no
  /// numbers count as the worst. Throws std::invalid_argument: not one for each.
  void tell(const std::vector<double>& scores);

  /// Where the search is: better than the best candidate, of which luck has a part.
  const std::vector<double>& mean() const { return mean_; }
  double step() const { return step_; }
  int generation() const { return generation_; }

  /// All that the search goes on from, exactly, as text.
  std::string save() const;
  /// Throws InputError: that is not what save() gave, for as many parameters and candidates.
  void restore(const std::string& saved);

 private:
  void draw();
  void find_axes();

  const std::size_t size_;
  std::mt19937_64 random_;
  std::vector<double> weights_;  ///< of the best half, the best first
  double effective_ = 0;         ///< how many they count as
  double step_;
  int generation_ = 0;
  std::vector<double> mean_;
  std::vector<double> path_;        ///< of the mean, in units of standard deviations
  std::vector<double> step_path_;   ///< likewise, as if all axes were alike
  std::vector<double> covariance_;  ///< size x size
  std::vector<double> axes_;        ///< its eigenvectors, by columns
  std::vector<double> lengths_;     ///< square roots of its eigenvalues
  std::vector<std::vector<double>> candidates_;
};

}  // namespace widepipe::rl
