#pragma once
// The seam between widepipe and MPI: the few collective operations that rounds are made of.
// Three sorts of it: MpiCollectives, SerialCollectives (a run without a launcher, and unit
// tests), and GroupedCollectives, whose slots go through the first ranks of groups.

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"

namespace widepipe::mpi_runtime {

/// Operations on a lane complete in the order in which they were posted, and all ranks post the
/// same sequence on each lane. Between lanes there is no order.
enum class Lane { kSlotsDown, kPayloadDown, kSlotsUp, kPayloadUp };
inline constexpr int kLaneCount = 4;

/// Blocks of all ranks one after another: block i is [offsets[i], offsets[i + 1]).
struct Blocks {
  AlignedBuffer bytes;
  std::vector<std::size_t> offsets;  ///< ranks + 1 entries

  /// Uninitialised blocks of the given sizes.
  static Blocks of_sizes(std::span<const std::size_t> sizes);
  std::span<std::byte> block(int rank);
  std::span<const std::byte> block(int rank) const;
};

/// A scatter under way; owns what is sent and what is received until it is destroyed.
class Scatter {
 public:
  virtual ~Scatter() = default;
  /// True once complete. Must be called to make progress.
  virtual bool test() = 0;
  /// This rank's block, valid after test() was true.
  virtual std::span<const std::byte> received() const = 0;
};

/// A gather under way; owns its buffers likewise.
class Gather {
 public:
  virtual ~Gather() = default;
  virtual bool test() = 0;
  /// Rank 0: all blocks, after test() was true; may be kept longer than the Gather.
  virtual std::shared_ptr<const Blocks> gathered() const = 0;
};

/// All calls from the thread that started MPI (MPI_THREAD_FUNNELED).
class Collectives {
 public:
  virtual ~Collectives() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// [collective] Rank 0 passes one block for each rank; the others the size of theirs.
  virtual std::unique_ptr<Scatter> scatter_from_root(Lane lane, Blocks blocks) = 0;
  virtual std::unique_ptr<Scatter> receive_scatter(Lane lane, std::size_t bytes) = 0;

  /// [collective] Every rank passes its block; rank 0 also the size of each rank's.
  virtual std::unique_ptr<Gather> gather_to_root(Lane lane, AlignedBuffer mine,
                                                 std::span<const std::size_t> sizes) = 0;
  virtual std::unique_ptr<Gather> send_gather(Lane lane, AlignedBuffer mine) = 0;

  /// Tells rank 0 that this rank lives. Not collective: for when there are no rounds.
  virtual void tell_alive() = 0;
  /// Rank 0: those who have told so since it last asked. Never blocks.
  virtual std::vector<int> heard_alive() = 0;
  /// Rank 0 asks the others whether they live; they: whether it has. Not collective, never blocks.
  virtual void ask_alive() = 0;
  virtual bool asked_alive() = 0;

  /// [collective] Blocking, for start and end: rank 0's bytes reach all ranks.
  virtual void broadcast(std::vector<std::byte>& bytes) = 0;
  /// [collective] Blocking: the texts of all ranks on all ranks, by rank.
  virtual std::vector<std::string> all_texts(const std::string& mine) = 0;
  /// [collective] Blocking: each value becomes its sum over all ranks, on all ranks.
  virtual void sum(std::span<double> values) = 0;

  /// From now on `turn` is called over and over while a blocking call waits for the other ranks;
  /// null: no more.
  virtual void while_waiting(std::function<void()> turn) = 0;
  /// Returns when `work` is done, and throws what it throws. While there is a turn to call, the
  /// work is done on another thread, always the same.
  virtual void beside(const std::function<void()>& work) = 0;
};

/// The largest payload of a round, all ranks together: MPI counts and displacements are int.
inline constexpr std::size_t kMaxPayloadBytes = std::size_t{1} << 30;

}  // namespace widepipe::mpi_runtime
