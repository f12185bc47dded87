#include "mpi_runtime/grouped_collectives.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "mpi_runtime/mpi_request.h"

namespace widepipe::mpi_runtime {
namespace {

/// A communicator of its own, or none.
class OwnComm {
 public:
  /// [collective] Of all ranks with this colour; none if it is MPI_UNDEFINED.
  explicit OwnComm(int colour) {
    WIDEPIPE_MPI(MPI_Comm_split(MPI_COMM_WORLD, colour, 0, &comm_));
    if (comm_ == MPI_COMM_NULL) return;
    WIDEPIPE_MPI(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN));
    WIDEPIPE_MPI(MPI_Comm_size(comm_, &size_));
  }
  ~OwnComm() {
    if (comm_ != MPI_COMM_NULL) MPI_Comm_free(&comm_);
  }
  OwnComm(const OwnComm&) = delete;
  OwnComm& operator=(const OwnComm&) = delete;

  MPI_Comm get() const { return comm_; }
  /// How many ranks it has; 0 if it is none.
  int size() const { return size_; }

 private:
  MPI_Comm comm_ = MPI_COMM_NULL;
  int size_ = 0;
};

/// Who is in which group: neighbours. Rank 0 is one of its own, for it has enough to do.
struct Groups {
  int ranks = 1;
  int each = 1;  ///< the last one may have fewer

  int of(int rank) const { return rank == 0 ? 0 : 1 + (rank - 1) / each; }
  bool leads(int rank) const { return rank == 0 || (rank - 1) % each == 0; }
};

/// A lane of slots.
class GroupedLane {
 public:
  /// [collective]
  GroupedLane(const Groups& groups, int rank)
      : groups_(groups),
        leaders_(groups.leads(rank) ? 0 : MPI_UNDEFINED),
        members_(groups.of(rank)) {}

  MPI_Comm leaders() const { return leaders_.get(); }
  MPI_Comm members() const { return members_.get(); }
  bool leads() const { return leaders_.size() > 0; }
  std::size_t ranks_here() const { return static_cast<std::size_t>(members_.size()); }

  /// Bytes of each group, for rank 0's exchange with the leaders.
  struct Layout {
    std::vector<int> counts;
    std::vector<int> displacements;
  };
  Layout layout(std::size_t slot) const {
    Layout layout{{to_count(slot)}, {0}};
    for (int first = 1; first < groups_.ranks; first += groups_.each) {
      const int here = std::min(groups_.each, groups_.ranks - first);
      layout.counts.push_back(to_count(slot * static_cast<std::size_t>(here)));
      layout.displacements.push_back(to_count(slot * static_cast<std::size_t>(first)));
    }
    return layout;
  }

  // A leader passes operations on in the order in which they were begun, whichever is ready first.
  std::uint64_t begin() { return begun_++; }
  bool may_pass_on(std::uint64_t operation) const { return operation == passed_on_; }
  void passed_on() { ++passed_on_; }

 private:
  const Groups groups_;
  const OwnComm leaders_;  ///< the first ranks of all groups; none on the others
  const OwnComm members_;  ///< this rank's group
  std::uint64_t begun_ = 0;
  std::uint64_t passed_on_ = 0;
};

/// Rank 0's side: it leads nobody but itself.
class RootScatter final : public Scatter {
 public:
  RootScatter(const GroupedLane& lane, Blocks blocks)
      : blocks_(std::move(blocks)), slot_(blocks_.offsets[1]), layout_(lane.layout(slot_)) {
    for (std::size_t i = 0; i < blocks_.offsets.size(); ++i) {
      if (blocks_.offsets[i] != i * slot_) throw std::logic_error("slots of different sizes");
    }
    WIDEPIPE_MPI(MPI_Iscatterv(blocks_.bytes.data(), layout_.counts.data(),
                               layout_.displacements.data(), MPI_BYTE, MPI_IN_PLACE, 0, MPI_BYTE, 0,
                               lane.leaders(), to_leaders_.get()));
  }
  bool test() override { return to_leaders_.test(); }
  std::span<const std::byte> received() const override { return blocks_.block(0); }

 private:
  const Blocks blocks_;
  const std::size_t slot_;
  const GroupedLane::Layout layout_;
  Request to_leaders_;
};

class LeaderScatter final : public Scatter {
 public:
  LeaderScatter(GroupedLane& lane, std::size_t slot)
      : lane_(lane), number_(lane.begin()), slot_(slot), group_(slot * lane.ranks_here()) {
    WIDEPIPE_MPI(MPI_Iscatterv(nullptr, nullptr, nullptr, MPI_BYTE, group_.data(),
                               to_count(group_.size()), MPI_BYTE, 0, lane.leaders(), down_.get()));
  }
  bool test() override {
    if (!passed_on_) {
      if (!down_.test() || !lane_.may_pass_on(number_)) return false;
      WIDEPIPE_MPI(MPI_Iscatter(group_.data(), to_count(slot_), MPI_BYTE, MPI_IN_PLACE, 0, MPI_BYTE,
                                0, lane_.members(), on_.get()));
      passed_on_ = true;
      lane_.passed_on();
    }
    return on_.test();
  }
  std::span<const std::byte> received() const override { return group_.span().first(slot_); }

 private:
  GroupedLane& lane_;
  const std::uint64_t number_;
  const std::size_t slot_;
  AlignedBuffer group_;
  bool passed_on_ = false;
  Request down_;
  Request on_;
};

class MemberScatter final : public Scatter {
 public:
  MemberScatter(const GroupedLane& lane, std::size_t slot) : mine_(slot) {
    WIDEPIPE_MPI(MPI_Iscatter(nullptr, 0, MPI_BYTE, mine_.data(), to_count(slot), MPI_BYTE, 0,
                              lane.members(), request_.get()));
  }
  bool test() override { return request_.test(); }
  std::span<const std::byte> received() const override { return mine_.span(); }

 private:
  AlignedBuffer mine_;
  Request request_;
};

class RootGather final : public Gather {
 public:
  RootGather(const GroupedLane& lane, const AlignedBuffer& mine, std::span<const std::size_t> sizes)
      : blocks_(std::make_shared<Blocks>(Blocks::of_sizes(sizes))),
        layout_(lane.layout(mine.size())) {
    if (std::any_of(sizes.begin(), sizes.end(), [&](std::size_t n) { return n != mine.size(); })) {
      throw std::logic_error("slots of different sizes");
    }
    std::memcpy(blocks_->bytes.data(), mine.data(), mine.size());
    WIDEPIPE_MPI(MPI_Igatherv(MPI_IN_PLACE, 0, MPI_BYTE, blocks_->bytes.data(),
                              layout_.counts.data(), layout_.displacements.data(), MPI_BYTE, 0,
                              lane.leaders(), from_leaders_.get()));
  }
  bool test() override { return from_leaders_.test(); }
  std::shared_ptr<const Blocks> gathered() const override { return blocks_; }

 private:
  const std::shared_ptr<Blocks> blocks_;
  const GroupedLane::Layout layout_;
  Request from_leaders_;
};

class LeaderGather final : public Gather {
 public:
  LeaderGather(GroupedLane& lane, const AlignedBuffer& mine)
      : lane_(lane), number_(lane.begin()), group_(mine.size() * lane.ranks_here()) {
    std::memcpy(group_.data(), mine.data(), mine.size());
    WIDEPIPE_MPI(MPI_Igather(MPI_IN_PLACE, 0, MPI_BYTE, group_.data(), to_count(mine.size()),
                             MPI_BYTE, 0, lane.members(), from_members_.get()));
  }
  bool test() override {
    if (!passed_on_) {
      if (!from_members_.test() || !lane_.may_pass_on(number_)) return false;
      WIDEPIPE_MPI(MPI_Igatherv(group_.data(), to_count(group_.size()), MPI_BYTE, nullptr, nullptr,
                                nullptr, MPI_BYTE, 0, lane_.leaders(), up_.get()));
      passed_on_ = true;
      lane_.passed_on();
    }
    return up_.test();
  }
  std::shared_ptr<const Blocks> gathered() const override { return nullptr; }

 private:
  GroupedLane& lane_;
  const std::uint64_t number_;
  AlignedBuffer group_;
  bool passed_on_ = false;
  Request from_members_;
  Request up_;
};

class MemberGather final : public Gather {
 public:
  MemberGather(const GroupedLane& lane, AlignedBuffer mine) : mine_(std::move(mine)) {
    WIDEPIPE_MPI(MPI_Igather(mine_.data(), to_count(mine_.size()), MPI_BYTE, nullptr, 0, MPI_BYTE,
                             0, lane.members(), request_.get()));
  }
  bool test() override { return request_.test(); }
  std::shared_ptr<const Blocks> gathered() const override { return nullptr; }

 private:
  const AlignedBuffer mine_;
  Request request_;
};

class GroupedCollectives final : public Collectives {
 public:
  GroupedCollectives(Collectives& flat, int ranks_a_group)
      : flat_(flat),
        groups_{flat.size(), std::clamp(ranks_a_group, 1, flat.size())},
        down_(groups_, flat.rank()),
        up_(groups_, flat.rank()) {}

  int rank() const override { return flat_.rank(); }
  int size() const override { return flat_.size(); }

  std::unique_ptr<Scatter> scatter_from_root(Lane lane, Blocks blocks) override {
    if (lane != Lane::kSlotsDown) return flat_.scatter_from_root(lane, std::move(blocks));
    return std::make_unique<RootScatter>(down_, std::move(blocks));
  }
  std::unique_ptr<Scatter> receive_scatter(Lane lane, std::size_t bytes) override {
    if (lane != Lane::kSlotsDown) return flat_.receive_scatter(lane, bytes);
    if (down_.leads()) return std::make_unique<LeaderScatter>(down_, bytes);
    return std::make_unique<MemberScatter>(down_, bytes);
  }
  std::unique_ptr<Gather> gather_to_root(Lane lane, AlignedBuffer mine,
                                         std::span<const std::size_t> sizes) override {
    if (lane != Lane::kSlotsUp) return flat_.gather_to_root(lane, std::move(mine), sizes);
    return std::make_unique<RootGather>(up_, mine, sizes);
  }
  std::unique_ptr<Gather> send_gather(Lane lane, AlignedBuffer mine) override {
    if (lane != Lane::kSlotsUp) return flat_.send_gather(lane, std::move(mine));
    if (up_.leads()) return std::make_unique<LeaderGather>(up_, mine);
    return std::make_unique<MemberGather>(up_, std::move(mine));
  }

  void tell_alive() override { flat_.tell_alive(); }
  std::vector<int> heard_alive() override { return flat_.heard_alive(); }
  void ask_alive() override { flat_.ask_alive(); }
  bool asked_alive() override { return flat_.asked_alive(); }
  void broadcast(std::vector<std::byte>& bytes) override { flat_.broadcast(bytes); }
  std::vector<std::string> all_texts(const std::string& mine) override {
    return flat_.all_texts(mine);
  }
  void sum(std::span<double> values) override { flat_.sum(values); }
  void while_waiting(std::function<void()> turn) override { flat_.while_waiting(std::move(turn)); }
  void beside(const std::function<void()>& work) override { flat_.beside(work); }

 private:
  Collectives& flat_;
  const Groups groups_;
  GroupedLane down_;
  GroupedLane up_;
};

}  // namespace

std::unique_ptr<Collectives> make_grouped_collectives(Collectives& flat, int ranks_a_group) {
  return std::make_unique<GroupedCollectives>(flat, ranks_a_group);
}

}  // namespace widepipe::mpi_runtime
