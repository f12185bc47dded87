#include "mpi_runtime/mpi_collectives.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <exception>
#include <utility>

#include "core/surroundings.h"
#include "mpi_runtime/backoff.h"
#include "mpi_runtime/mpi_request.h"

namespace widepipe::mpi_runtime {
namespace {

struct IntBlocks {
  std::vector<int> counts;
  std::vector<int> displacements;

  explicit IntBlocks(const std::vector<std::size_t>& offsets) {
    for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
      counts.push_back(to_count(offsets[i + 1] - offsets[i]));
      displacements.push_back(to_count(offsets[i]));
    }
  }
};

class MpiScatter final : public Scatter {
 public:
  MpiScatter(MPI_Comm comm, Blocks blocks) : blocks_(std::move(blocks)), layout_(blocks_.offsets) {
    // Rank 0's own block is already in place.
    WIDEPIPE_MPI(MPI_Iscatterv(blocks_.bytes.data(), layout_.counts.data(),
                               layout_.displacements.data(), MPI_BYTE, MPI_IN_PLACE, 0, MPI_BYTE, 0,
                               comm, request_.get()));
  }
  MpiScatter(MPI_Comm comm, std::size_t bytes) : layout_({}), mine_(bytes) {
    WIDEPIPE_MPI(MPI_Iscatterv(nullptr, nullptr, nullptr, MPI_BYTE, mine_.data(), to_count(bytes),
                               MPI_BYTE, 0, comm, request_.get()));
  }
  bool test() override { return request_.test(); }
  std::span<const std::byte> received() const override {
    return layout_.counts.empty() ? mine_.span() : blocks_.block(0);
  }

 private:
  const Blocks blocks_;
  const IntBlocks layout_;
  AlignedBuffer mine_;
  Request request_;
};

class MpiGather final : public Gather {
 public:
  MpiGather(MPI_Comm comm, AlignedBuffer mine, std::span<const std::size_t> sizes)
      : mine_(std::move(mine)),
        blocks_(std::make_shared<Blocks>(Blocks::of_sizes(sizes))),
        layout_(blocks_->offsets) {
    WIDEPIPE_MPI(MPI_Igatherv(mine_.data(), to_count(mine_.size()), MPI_BYTE, blocks_->bytes.data(),
                              layout_.counts.data(), layout_.displacements.data(), MPI_BYTE, 0,
                              comm, request_.get()));
  }
  MpiGather(MPI_Comm comm, AlignedBuffer mine) : mine_(std::move(mine)), layout_({}) {
    WIDEPIPE_MPI(MPI_Igatherv(mine_.data(), to_count(mine_.size()), MPI_BYTE, nullptr, nullptr,
                              nullptr, MPI_BYTE, 0, comm, request_.get()));
  }
  bool test() override { return request_.test(); }
  std::shared_ptr<const Blocks> gathered() const override { return blocks_; }

 private:
  const AlignedBuffer mine_;
  std::shared_ptr<Blocks> blocks_;
  const IntBlocks layout_;
  Request request_;
};

/// On the communicator of life signs.
constexpr int kAlive = 0;  ///< to rank 0
constexpr int kAsked = 1;  ///< from rank 0

class MpiCollectives final : public Collectives {
 public:
  MpiCollectives() {
    for (MPI_Comm& lane : lanes_) duplicate(lane);
    duplicate(blocking_);
    duplicate(alive_);
    WIDEPIPE_MPI(MPI_Comm_rank(blocking_, &rank_));
    WIDEPIPE_MPI(MPI_Comm_size(blocking_, &size_));
  }
  ~MpiCollectives() override {
    for (MPI_Comm& lane : lanes_) MPI_Comm_free(&lane);
    receive_all(kAlive);  // what came too late
    receive_all(kAsked);
    MPI_Comm_free(&blocking_);
    MPI_Comm_free(&alive_);
  }
  MpiCollectives(const MpiCollectives&) = delete;
  MpiCollectives& operator=(const MpiCollectives&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  std::unique_ptr<Scatter> scatter_from_root(Lane lane, Blocks blocks) override {
    return std::make_unique<MpiScatter>(comm(lane), std::move(blocks));
  }
  std::unique_ptr<Scatter> receive_scatter(Lane lane, std::size_t bytes) override {
    return std::make_unique<MpiScatter>(comm(lane), bytes);
  }
  std::unique_ptr<Gather> gather_to_root(Lane lane, AlignedBuffer mine,
                                         std::span<const std::size_t> sizes) override {
    return std::make_unique<MpiGather>(comm(lane), std::move(mine), sizes);
  }
  std::unique_ptr<Gather> send_gather(Lane lane, AlignedBuffer mine) override {
    return std::make_unique<MpiGather>(comm(lane), std::move(mine));
  }

  void tell_alive() override {
    // Empty, and so sent at once.
    WIDEPIPE_MPI(MPI_Send(nullptr, 0, MPI_BYTE, 0, kAlive, alive_));
  }

  std::vector<int> heard_alive() override {
    return rank_ == 0 ? receive_all(kAlive) : std::vector<int>{};
  }

  void ask_alive() override {
    for (int rank = 1; rank < size_; ++rank) {
      WIDEPIPE_MPI(MPI_Send(nullptr, 0, MPI_BYTE, rank, kAsked, alive_));
    }
  }

  bool asked_alive() override { return rank_ != 0 && !receive_all(kAsked).empty(); }

  void broadcast(std::vector<std::byte>& bytes) override {
    std::uint64_t size = bytes.size();
    Request request;
    WIDEPIPE_MPI(MPI_Ibcast(&size, 1, MPI_UINT64_T, 0, blocking_, request.get()));
    wait_for(request);
    bytes.resize(size);
    for (std::size_t done = 0; done < bytes.size();) {
      const std::size_t part = std::min(bytes.size() - done, kMaxPayloadBytes);
      WIDEPIPE_MPI(
          MPI_Ibcast(bytes.data() + done, to_count(part), MPI_BYTE, 0, blocking_, request.get()));
      wait_for(request);
      done += part;
    }
  }

  std::vector<std::string> all_texts(const std::string& mine) override {
    const int length = to_count(mine.size());
    std::vector<int> lengths(static_cast<std::size_t>(size_));
    Request request;
    WIDEPIPE_MPI(
        MPI_Iallgather(&length, 1, MPI_INT, lengths.data(), 1, MPI_INT, blocking_, request.get()));
    wait_for(request);
    std::vector<std::size_t> offsets = {0};
    for (const int n : lengths) offsets.push_back(offsets.back() + static_cast<std::size_t>(n));
    const IntBlocks layout(offsets);
    std::string all(offsets.back(), '\0');
    WIDEPIPE_MPI(MPI_Iallgatherv(mine.data(), length, MPI_CHAR, all.data(), layout.counts.data(),
                                 layout.displacements.data(), MPI_CHAR, blocking_, request.get()));
    wait_for(request);
    std::vector<std::string> texts;
    for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
      texts.push_back(all.substr(offsets[i], offsets[i + 1] - offsets[i]));
    }
    return texts;
  }

  void sum(std::span<double> values) override {
    Request request;
    WIDEPIPE_MPI(MPI_Iallreduce(MPI_IN_PLACE, values.data(), to_count(values.size()), MPI_DOUBLE,
                                MPI_SUM, blocking_, request.get()));
    wait_for(request);
  }

  void while_waiting(std::function<void()> turn) override {
    turn_ = std::move(turn);
    if (!turn_) strand_.reset();
    if (turn_ && !strand_) strand_ = make_thread_strand();
  }

  void beside(const std::function<void()>& work) override {
    if (!turn_) return work();
    std::exception_ptr error;
    std::atomic<bool> done = false;
    strand_->post([&] {
      try {
        work();
      } catch (...) {
        error = std::current_exception();
      }
      done = true;
      wakeup_.notify();
    });
    // If MPI fails, the work still uses what this frame and its callers own: no way back.
    const auto turn = [this]() noexcept { turn_(); };
    while (!done) {
      turn();
      wakeup_.wait_for(std::chrono::milliseconds(1));
    }
    if (error) std::rethrow_exception(error);
  }

 private:
  /// As blocking calls do, but for the turn.
  void wait_for(Request& request) {
    Backoff backoff(wakeup_, kLongestPause);
    while (!request.test()) {
      if (turn_) turn_();
      backoff.pause(false);
    }
  }

  /// Senders of the life signs of a kind that are here.
  std::vector<int> receive_all(int kind) {
    std::vector<int> ranks;
    while (true) {
      int there = 0;
      MPI_Status status;
      WIDEPIPE_MPI(MPI_Iprobe(MPI_ANY_SOURCE, kind, alive_, &there, &status));
      if (there == 0) return ranks;
      WIDEPIPE_MPI(
          MPI_Recv(nullptr, 0, MPI_BYTE, status.MPI_SOURCE, kind, alive_, MPI_STATUS_IGNORE));
      ranks.push_back(status.MPI_SOURCE);
    }
  }

  static void duplicate(MPI_Comm& to) {
    WIDEPIPE_MPI(MPI_Comm_dup(MPI_COMM_WORLD, &to));
    WIDEPIPE_MPI(MPI_Comm_set_errhandler(to, MPI_ERRORS_RETURN));
  }
  MPI_Comm comm(Lane lane) const { return lanes_[static_cast<std::size_t>(lane)]; }

  std::array<MPI_Comm, kLaneCount> lanes_{};
  MPI_Comm blocking_ = MPI_COMM_NULL;
  MPI_Comm alive_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
  std::function<void()> turn_;
  Wakeup wakeup_;
  std::unique_ptr<Strand> strand_;  ///< of beside(), while there is a turn
};

}  // namespace

std::unique_ptr<Collectives> make_mpi_collectives() { return std::make_unique<MpiCollectives>(); }

}  // namespace widepipe::mpi_runtime
