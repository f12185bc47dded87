#include "tests/simulation/sim_network.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace widepipe::simulation {

using mpi_runtime::Blocks;
using mpi_runtime::Gather;
using mpi_runtime::Lane;
using mpi_runtime::Scatter;

/// A rank's part of an operation.
class SimNetwork::Part final : public Scatter, public Gather {
 public:
  Part(World& world, int rank, bool sends, std::shared_ptr<Operation> operation)
      : world_(world), rank_(rank), sends_(sends), operation_(std::move(operation)) {}

  bool test() override {
    Duration done = *operation_->arrives[static_cast<std::size_t>(rank_)];
    const bool waits = !sends_ || operation_->waits_for_all;
    if (waits) {
      // A scatter's receiver waits for rank 0, the others for all.
      const bool for_root = operation_->sent.empty() && !sends_;
      for (std::size_t rank = 0; rank < operation_->arrives.size(); ++rank) {
        if (for_root && rank != 0) continue;
        if (!operation_->arrives[rank]) return false;
        done = std::max(done, *operation_->arrives[rank]);
      }
    }
    return world_.passed() >= done;
  }
  std::span<const std::byte> received() const override { return operation_->blocks->block(rank_); }
  std::shared_ptr<const Blocks> gathered() const override {
    if (operation_->blocks) return operation_->blocks;
    std::vector<std::size_t> sizes;
    for (const AlignedBuffer& part : operation_->sent) sizes.push_back(part.size());
    if (sizes != operation_->sizes) {
      throw std::logic_error("ranks sent other sizes than rank 0 expects");
    }
    auto blocks = std::make_shared<Blocks>(Blocks::of_sizes(sizes));
    for (std::size_t rank = 0; rank < sizes.size(); ++rank) {
      if (sizes[rank] == 0) continue;
      std::memcpy(blocks->block(static_cast<int>(rank)).data(), operation_->sent[rank].data(),
                  sizes[rank]);
    }
    operation_->blocks = std::move(blocks);
    return operation_->blocks;
  }

 private:
  World& world_;
  const int rank_;
  const bool sends_;
  const std::shared_ptr<Operation> operation_;
};

class SimNetwork::Endpoint final : public mpi_runtime::Collectives {
 public:
  Endpoint(SimNetwork& network, int rank) : network_(network), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return network_.ranks_; }

  std::unique_ptr<Scatter> scatter_from_root(Lane lane, Blocks blocks) override {
    auto operation = network_.next(lane, rank_);
    operation->blocks = std::make_shared<Blocks>(std::move(blocks));
    for (int rank = 1; rank < size(); ++rank) check(*operation, rank);
    return part(true, std::move(operation));
  }
  std::unique_ptr<Scatter> receive_scatter(Lane lane, std::size_t bytes) override {
    auto operation = network_.next(lane, rank_);
    operation->expected[static_cast<std::size_t>(rank_)] = bytes;
    check(*operation, rank_);
    return part(false, std::move(operation));
  }
  std::unique_ptr<Gather> gather_to_root(Lane lane, AlignedBuffer mine,
                                         std::span<const std::size_t> sizes) override {
    auto operation = network_.next(lane, rank_);
    operation->sizes.assign(sizes.begin(), sizes.end());
    return gather(std::move(mine), false, std::move(operation));
  }
  std::unique_ptr<Gather> send_gather(Lane lane, AlignedBuffer mine) override {
    return gather(std::move(mine), true, network_.next(lane, rank_));
  }

  void tell_alive() override { network_.alive_.push_back({rank_, network_.arrival()}); }
  std::vector<int> heard_alive() override {
    std::vector<int> heard;
    std::erase_if(network_.alive_, [&](const Note& note) {
      if (note.arrives > network_.world_.passed()) return false;
      heard.push_back(note.rank);
      return true;
    });
    return heard;
  }

  void ask_alive() override { refuse(); }
  bool asked_alive() override { refuse(); }
  void broadcast(std::vector<std::byte>&) override { refuse(); }
  std::vector<std::string> all_texts(const std::string&) override { refuse(); }
  void sum(std::span<double>) override { refuse(); }
  void while_waiting(std::function<void()>) override { refuse(); }
  void beside(const std::function<void()>&) override { refuse(); }

 private:
  [[noreturn]] static void refuse() {
    throw std::logic_error("a simulation begins when its ranks are ready");
  }

  static void check(const Operation& operation, int rank) {
    const std::size_t expected = operation.expected[static_cast<std::size_t>(rank)];
    if (!operation.blocks || !operation.arrives[static_cast<std::size_t>(rank)]) return;
    if (operation.blocks->block(rank).size() != expected) {
      throw std::logic_error("rank 0 scattered another size than a rank expects");
    }
  }

  std::unique_ptr<Part> part(bool sends, std::shared_ptr<Operation> operation) {
    return std::make_unique<Part>(network_.world_, rank_, sends, std::move(operation));
  }
  std::unique_ptr<Gather> gather(AlignedBuffer mine, bool sends,
                                 std::shared_ptr<Operation> operation) {
    operation->sent.resize(operation->arrives.size());
    operation->sent[static_cast<std::size_t>(rank_)] = std::move(mine);
    return part(sends, std::move(operation));
  }

  SimNetwork& network_;
  const int rank_;
};

SimNetwork::SimNetwork(World& world, int ranks) : world_(world), ranks_(ranks) {
  for (auto& posted : posted_) posted.resize(static_cast<std::size_t>(ranks), 0);
}
SimNetwork::~SimNetwork() = default;

std::unique_ptr<mpi_runtime::Collectives> SimNetwork::endpoint(int rank) {
  return std::make_unique<Endpoint>(*this, rank);
}

Duration SimNetwork::arrival() {
  return world_.passed() + world_.random().between(microseconds(1), longest_);
}

/// The rank's next operation on the lane, with the time at which its part of it is through.
std::shared_ptr<SimNetwork::Operation> SimNetwork::next(Lane lane, int rank) {
  const auto of_lane = static_cast<std::size_t>(lane);
  const auto mine = static_cast<std::size_t>(rank);
  const std::uint64_t number = posted_[of_lane][mine]++;
  std::shared_ptr<Operation>& operation = open_[of_lane][number];
  if (!operation) {
    operation = std::make_shared<Operation>();
    operation->arrives.resize(static_cast<std::size_t>(ranks_));
    operation->expected.resize(static_cast<std::size_t>(ranks_), 0);
    operation->waits_for_all = world_.random().chance(0.3);
  }
  operation->arrives[mine] = arrival();
  const std::shared_ptr<Operation> posted = operation;
  const bool by_all = std::all_of(posted->arrives.begin(), posted->arrives.end(),
                                  [](const auto& time) { return time.has_value(); });
  if (by_all) open_[of_lane].erase(number);
  return posted;
}

}  // namespace widepipe::simulation
