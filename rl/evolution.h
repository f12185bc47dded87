#pragma once
// Search for the parameters that score best, where scores depend on chance.

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace widepipe::rl {

/// An evolution strategy. All candidates of a generation, by their ranks, say in which direction
/// scores rise (weighted recombination, the worse half against it: Arnold, Theoretical Computer
/// Science 361(1), 2006). Candidates are far from the center, so that their scores differ by more
/// than by chance, and the center follows by a part of that, so that chance averages out (Beyer,
/// "Mutate large, but inherit small!", PPSN V, 1998). All parameters have the same standard
/// deviation: they are to be scaled alike. Deterministic: the same seed and scores, the same
/// candidates.
class Evolution {
 public:
  struct Settings {
    int candidates = 20;   ///< in each generation, at least 4
    double step = 0.05;    ///< standard deviation of each parameter
    double follow = 0.15;  ///< share of the candidates' weighted differences that the center moves
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
  const std::vector<double>& center() const { return center_; }
  int generation() const { return generation_; }

  /// All that the search goes on from, exactly, as text.
  std::string save() const;
  /// Throws InputError: that is not what save() gave, for as many parameters and candidates.
  void restore(const std::string& saved);

 private:
  void draw();

  const std::size_t size_;
  const double step_;
  const double follow_;
  std::mt19937_64 random_;
  int generation_ = 0;
  std::vector<double> center_;
  std::vector<std::vector<double>> candidates_;
};

}  // namespace widepipe::rl
