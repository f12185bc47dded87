// The MPI seam at several rank counts; what holds for it holds for its serial twin.

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/error.h"
#include "mpi_runtime/agreement.h"
#include "mpi_runtime/bytes_to_root.h"
#include "mpi_runtime/fleet.h"
#include "mpi_runtime/grouped_collectives.h"
#include "mpi_runtime/mpi_collectives.h"
#include "mpi_runtime/serial_collectives.h"

namespace widepipe::mpi_runtime {
namespace {

/// Bytes that tell sender, receiver and round.
std::byte mark(int from, int to, std::size_t i, int round) {
  return static_cast<std::byte>(from * 31 + to * 7 + static_cast<int>(i) * 3 + round);
}

class Seams : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    collectives_ =
        std::string(GetParam()) == "serial" ? make_serial_collectives() : make_mpi_collectives();
    root_ = collectives_->rank() == 0;
  }

  /// The sizes of one round: some ranks get nothing, sizes differ from rank to rank.
  std::vector<std::size_t> sizes(std::size_t unit, int round) const {
    std::vector<std::size_t> all;
    for (int rank = 0; rank < collectives_->size(); ++rank) {
      all.push_back((rank + round) % 3 == 0 ? 0 : unit * static_cast<std::size_t>(rank + 1));
    }
    return all;
  }

  std::unique_ptr<Collectives> collectives_;
  bool root_ = false;
};

TEST_P(Seams, ScattersBlocksOfAnySize) {
  for (const std::size_t unit : {0UL, 1UL, 224UL, 100'000UL}) {
    for (int round = 0; round < 4; ++round) {
      const auto all = sizes(unit, round);
      const auto mine = all[static_cast<std::size_t>(collectives_->rank())];
      std::unique_ptr<Scatter> scatter;
      if (root_) {
        Blocks blocks = Blocks::of_sizes(all);
        for (int rank = 0; rank < collectives_->size(); ++rank) {
          auto block = blocks.block(rank);
          for (std::size_t i = 0; i < block.size(); ++i) block[i] = mark(0, rank, i, round);
        }
        scatter = collectives_->scatter_from_root(Lane::kPayloadDown, std::move(blocks));
      } else {
        scatter = collectives_->receive_scatter(Lane::kPayloadDown, mine);
      }
      while (!scatter->test()) {
      }
      ASSERT_EQ(scatter->received().size(), mine);
      for (std::size_t i = 0; i < mine; ++i) {
        ASSERT_EQ(scatter->received()[i], mark(0, collectives_->rank(), i, round));
      }
    }
  }
}

TEST_P(Seams, GathersInOrderWithSeveralInFlight) {
  constexpr int kRounds = 16;
  for (const std::size_t unit : {0UL, 1UL, 264UL, 50'000UL}) {
    std::vector<std::unique_ptr<Gather>> gathers;
    for (int round = 0; round < kRounds; ++round) {
      const auto all = sizes(unit, round);
      AlignedBuffer mine(all[static_cast<std::size_t>(collectives_->rank())]);
      for (std::size_t i = 0; i < mine.size(); ++i) {
        mine.data()[i] = mark(collectives_->rank(), 0, i, round);
      }
      const Lane lane = round % 2 == 0 ? Lane::kSlotsUp : Lane::kPayloadUp;
      gathers.push_back(root_ ? collectives_->gather_to_root(lane, std::move(mine), all)
                              : collectives_->send_gather(lane, std::move(mine)));
    }
    for (int round = 0; round < kRounds; ++round) {
      Gather& gather = *gathers[static_cast<std::size_t>(round)];
      while (!gather.test()) {
      }
      if (!root_) continue;
      const auto blocks = gather.gathered();
      const auto all = sizes(unit, round);
      for (int rank = 0; rank < collectives_->size(); ++rank) {
        const auto block = blocks->block(rank);
        ASSERT_EQ(block.size(), all[static_cast<std::size_t>(rank)]);
        for (std::size_t i = 0; i < block.size(); ++i) {
          ASSERT_EQ(block[i], mark(rank, 0, i, round));
        }
      }
    }
  }
}

TEST_P(Seams, BroadcastsWhatRankZeroHas) {
  for (const std::size_t size : {0UL, 1UL, 3'000'000UL}) {
    std::vector<std::byte> bytes;
    if (root_) bytes.assign(size, std::byte{42});
    collectives_->broadcast(bytes);
    ASSERT_EQ(bytes.size(), size);
    for (const std::byte byte : bytes) ASSERT_EQ(byte, std::byte{42});
  }
}

TEST_P(Seams, AllTextsReachAllRanks) {
  const std::string mine(static_cast<std::size_t>(collectives_->rank()) * 5, 'a');
  const auto texts = collectives_->all_texts(mine);
  ASSERT_EQ(texts.size(), static_cast<std::size_t>(collectives_->size()));
  for (std::size_t rank = 0; rank < texts.size(); ++rank) {
    EXPECT_EQ(texts[rank], std::string(rank * 5, 'a'));
  }
}

TEST_P(Seams, SumsReachAllRanks) {
  const double mine = collectives_->rank() + 1;
  const int ranks = collectives_->size();
  std::vector<double> values = {mine, 0, root_ ? 0.1 : 0};
  collectives_->sum(values);
  EXPECT_EQ(values, (std::vector<double>{ranks * (ranks + 1) / 2.0, 0, 0.1}));
  std::vector<double> none;
  collectives_->sum(none);
}

TEST_P(Seams, AgreeThrowsOnAllRanksWhatOneFound) {
  const int last = collectives_->size() - 1;
  EXPECT_NO_THROW(agree(*collectives_, [] {}));
  try {
    agree(*collectives_, [&] {
      if (collectives_->rank() == last) throw InputError("no such file");
    });
    FAIL() << "expected InputError";
  } catch (const InputError& error) {
    const std::string expected =
        last == 0 ? "no such file" : fmt::format("{}@{}: no such file", last, host_name());
    EXPECT_EQ(error.what(), expected);
  }
  try {
    agree(*collectives_, [] { throw RunError("disk full"); });
    FAIL() << "expected RunError";
  } catch (const RunError& error) {
    EXPECT_STREQ(error.what(), "disk full") << "the same trouble on all ranks is told once";
  }
}

TEST_P(Seams, PlacesAreKnownEverywhere) {
  const auto places = exchange_places(*collectives_, "avx2 test", "widepipe 1, oneDNN 2");
  ASSERT_EQ(places.size(), static_cast<std::size_t>(collectives_->size()));
  for (const RankPlace& place : places) {
    EXPECT_EQ(place.host, host_name());
    EXPECT_EQ(place.isa, "avx2 test");
    EXPECT_EQ(place.versions, "widepipe 1, oneDNN 2");
    EXPECT_FALSE(place.budget.cpus.empty());
  }
}

TEST_P(Seams, BytesOfAllRanksReachRankZero) {
  const std::vector<std::byte> mine(static_cast<std::size_t>(collectives_->rank()) * 1000,
                                    mark(collectives_->rank(), 0, 0, 0));
  const auto all = bytes_to_root(*collectives_, mine);
  EXPECT_EQ(all != nullptr, root_);
  for (int rank = 0; root_ && rank < collectives_->size(); ++rank) {
    const auto block = all->block(rank);
    ASSERT_EQ(block.size(), static_cast<std::size_t>(rank) * 1000);
    for (const std::byte byte : block) ASSERT_EQ(byte, mark(rank, 0, 0, 0));
  }
}

/// Slots through groups of so many ranks, with several rounds under way.
class Groups : public testing::TestWithParam<int> {};

TEST_P(Groups, SlotsArriveInOrder) {
  constexpr int kRounds = 50;
  constexpr std::size_t kSlot = 300;
  const auto flat = make_mpi_collectives();
  const auto grouped = make_grouped_collectives(*flat, GetParam());
  const int rank = grouped->rank();
  const int ranks = grouped->size();
  const std::vector<std::size_t> sizes(static_cast<std::size_t>(ranks), kSlot);
  std::vector<std::unique_ptr<Scatter>> scatters;
  std::vector<std::unique_ptr<Gather>> gathers;
  for (int round = 0; round < kRounds; ++round) {
    AlignedBuffer mine(kSlot);
    for (std::size_t i = 0; i < kSlot; ++i) mine.data()[i] = mark(rank, 0, i, round);
    if (rank == 0) {
      Blocks blocks = Blocks::of_sizes(sizes);
      for (int to = 0; to < ranks; ++to) {
        const auto block = blocks.block(to);
        for (std::size_t i = 0; i < kSlot; ++i) block[i] = mark(0, to, i, round);
      }
      scatters.push_back(grouped->scatter_from_root(Lane::kSlotsDown, std::move(blocks)));
      gathers.push_back(grouped->gather_to_root(Lane::kSlotsUp, std::move(mine), sizes));
    } else {
      scatters.push_back(grouped->receive_scatter(Lane::kSlotsDown, kSlot));
      gathers.push_back(grouped->send_gather(Lane::kSlotsUp, std::move(mine)));
    }
  }
  // The last first: what a rank passes on must not depend on who asks.
  std::vector<bool> here(2 * kRounds);
  for (int left = 2 * kRounds; left > 0;) {
    for (int round = kRounds - 1; round >= 0; --round) {
      const auto i = static_cast<std::size_t>(round);
      for (const std::size_t place : {i, i + kRounds}) {
        if (here[place]) continue;
        here[place] = place == i ? scatters[i]->test() : gathers[i]->test();
        left -= here[place] ? 1 : 0;
      }
    }
  }
  for (int round = 0; round < kRounds; ++round) {
    const auto slot = scatters[static_cast<std::size_t>(round)]->received();
    ASSERT_EQ(slot.size(), kSlot);
    for (std::size_t i = 0; i < kSlot; ++i) ASSERT_EQ(slot[i], mark(0, rank, i, round));
    if (rank != 0) continue;
    const auto blocks = gathers[static_cast<std::size_t>(round)]->gathered();
    for (int from = 0; from < ranks; ++from) {
      for (std::size_t i = 0; i < kSlot; ++i) {
        ASSERT_EQ(blocks->block(from)[i], mark(from, 0, i, round)) << round;
      }
    }
  }
}

TEST_P(Groups, SlotsOfDifferentSizesAreRefused) {
  const auto flat = make_mpi_collectives();
  if (flat->size() == 1) return;
  const auto grouped = make_grouped_collectives(*flat, GetParam());
  if (grouped->rank() != 0) return;
  std::vector<std::size_t> sizes(static_cast<std::size_t>(grouped->size()), 8);
  sizes.back() = 9;
  EXPECT_THROW(grouped->scatter_from_root(Lane::kSlotsDown, Blocks::of_sizes(sizes)),
               std::logic_error);
  EXPECT_THROW(grouped->gather_to_root(Lane::kSlotsUp, AlignedBuffer(8), sizes), std::logic_error);
}

INSTANTIATE_TEST_SUITE_P(Of, Groups, testing::Values(1, 2, 3, 100));

INSTANTIATE_TEST_SUITE_P(Each, Seams, testing::Values("mpi", "serial"),
                         [](const auto& param_info) { return std::string(param_info.param); });

}  // namespace
}  // namespace widepipe::mpi_runtime
