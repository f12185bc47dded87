#pragma once
// Streams of requests: what arrives when.

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "npu_model/profile.h"

namespace widepipe::rl {

using npu_model::Seconds;

/// The rule by which a run passes.
struct PassRule {
  double all = 0.99;   ///< of all requests, within their SLO
  double each = 0.97;  ///< of each stream's
  double streams = 1;  ///< the share of streams for which that must hold

  bool operator==(const PassRule&) const = default;
};

/// At a time of the run, ranks of popularity move by so many places.
struct Rotation {
  double at = 0;  ///< a share of the run
  int places = 0;

  bool operator==(const Rotation&) const = default;
};

/// Requests for one set of weights, with one deadline.
struct WorkloadStream {
  std::string name;
  std::string weights;   ///< "resnet50", or "resnet50/07" of several variants
  int model = 0;         ///< the number of these weights: 0 to one less than there are
  int network = 0;       ///< index in the profile
  Seconds slo = 0;       ///< infinity: none
  std::size_t rows = 0;  ///< of a data set
};

/// Requests as they came somewhere.
struct Trace {
  std::vector<WorkloadStream> streams;
  std::vector<Seconds> arrivals;      ///< ascending
  std::vector<std::uint32_t> stream;  ///< of each
  std::vector<std::int64_t> rows;     ///< of a data set, that each asks for; empty: nobody said

  /// From the start to where one more would arrive.
  Seconds length() const;
  /// Requests a second.
  double rate() const { return static_cast<double>(arrivals.size()) / length(); }
};

/// A workload as a file describes it (docs/simulate.md).
struct WorkloadSpec {
  std::string name;
  std::string fleet = "nominal";
  std::vector<std::string> networks;  ///< of its streams, the most popular first
  int variants = 1;                   ///< streams of each network, each with weights of its own
  bool shuffled = false;              ///< which stream is how popular is drawn
  double zipf = 1;                    ///< popularity of rank r is 1 / r^zipf
  /// SLO of a stream, in bases of its network; of several, one is drawn for each stream.
  std::vector<double> slo_factors = {5};
  double cv = 1;  ///< of times between arrivals of a stream; 1: Poisson, else Gamma
  std::vector<Rotation> rotations;  ///< in the order of their times
  Seconds redraw_period = 0;        ///< the rates of streams are drawn anew so often; 0: never
  double redraw_sigma = 0.5;        ///< each a lognormal multiple, of this sigma, of its own
  double diurnal = 0;               ///< amplitude of a wave, one a run, of the whole load
  /// A data set: all of it is there at the start, without deadlines. Nothing arrives, so that of
  /// the above only networks, variants, their order and popularity count.
  bool bulk = false;
  PassRule pass;
  /// Then what arrives is this, as fast as the load asks for, from its beginning to its end, and of
  /// the above only `name`, `fleet` and `pass` count.
  std::shared_ptr<const Trace> trace;

  bool operator==(const WorkloadSpec&) const = default;
};

/// What is impossible about it, with this profile; empty if nothing is.
std::string problem_of(const WorkloadSpec& spec, const npu_model::Profile& profile);

/// The streams, the most popular at the start first; the same seed, the same streams.
std::vector<WorkloadStream> streams_of(const WorkloadSpec& spec, const npu_model::Profile& profile,
                                       std::uint64_t seed);

/// Gives the streams of a data set their parts of so many rows. Throws InputError: none, or too
/// many for memory.
void share_rows(const WorkloadSpec& spec, double rows, std::vector<WorkloadStream>& streams);

/// Rates of streams, constant from a time on. Shares of the whole load: of a mean of 1.
struct RatePhase {
  Seconds begin = 0;
  std::vector<double> shares;
};

/// How the rates change over a run; the same seed, the same rates.
std::vector<RatePhase> rate_phases(const WorkloadSpec& spec, Seconds duration, std::uint64_t seed);

/// Popularity of streams by rank, adding up to 1.
std::vector<double> popularity(const WorkloadSpec& spec);

/// Arrivals of all streams, one after the other, in the order of their times, for ever (a trace
/// ends: then at infinity). Each stream
/// is a renewal process of its own, whose times pass as fast as its rate says.
class ArrivalGenerator {
 public:
  struct Arrival {
    Seconds at = 0;
    std::uint32_t stream = 0;
  };

  /// `rate`: requests a second, of all streams, on average.
  ArrivalGenerator(const WorkloadSpec& spec, std::vector<RatePhase> phases, double rate,
                   std::uint64_t seed);

  Arrival next();

 private:
  struct Pending {
    Seconds at;
    std::uint32_t stream;
    bool operator>(const Pending& other) const {
      return at != other.at ? at > other.at : stream > other.stream;
    }
  };

  Arrival next_of_trace();
  Arrival next_poisson();
  Arrival next_renewal();
  double gap();
  Seconds after(Seconds from, std::uint32_t stream, double mean_gaps) const;
  void enter_phase(std::size_t phase);

  const std::shared_ptr<const Trace> trace_;
  std::size_t place_ = 0;  ///< in the trace
  const std::vector<RatePhase> phases_;
  const double rate_;
  std::mt19937_64 random_;
  // Poisson: all streams together, each arrival then drawn to be of one.
  bool poisson_;
  std::size_t phase_ = 0;
  Seconds now_ = 0;
  std::vector<double> cumulative_;
  // Gamma: the next arrival of each stream, a heap.
  std::gamma_distribution<double> gamma_;
  std::vector<Pending> heap_;
};

}  // namespace widepipe::rl
