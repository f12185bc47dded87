#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "core/aligned_buffer.h"
#include "model/memory_plan.h"

namespace widepipe::model {
namespace {

std::size_t rounded(const Lifetime& lifetime) {
  return round_up(lifetime.bytes, AlignedBuffer::kAlignment);
}

/// The most bytes that live at one step.
std::size_t most_live(const std::vector<Lifetime>& lifetimes) {
  std::size_t most = 0;
  for (const Lifetime& at : lifetimes) {
    std::size_t live = 0;
    for (const Lifetime& other : lifetimes) {
      if (other.first <= at.first && at.first <= other.last) live += rounded(other);
    }
    most = std::max(most, live);
  }
  return most;
}

void check(const std::vector<Lifetime>& lifetimes) {
  const MemoryPlan plan = plan_memory(lifetimes);
  ASSERT_EQ(plan.offsets.size(), lifetimes.size());
  std::size_t sum = 0;
  for (std::size_t i = 0; i < lifetimes.size(); ++i) {
    EXPECT_EQ(plan.offsets[i] % AlignedBuffer::kAlignment, 0U);
    EXPECT_LE(plan.offsets[i] + lifetimes[i].bytes, plan.bytes);
    sum += rounded(lifetimes[i]);
    for (std::size_t j = 0; j < i; ++j) {
      if (!lifetimes[i].overlaps(lifetimes[j])) continue;
      if (lifetimes[i].bytes == 0 || lifetimes[j].bytes == 0) continue;
      EXPECT_TRUE(plan.offsets[i] + lifetimes[i].bytes <= plan.offsets[j] ||
                  plan.offsets[j] + lifetimes[j].bytes <= plan.offsets[i])
          << "buffers " << j << " and " << i;
    }
  }
  EXPECT_LE(plan.bytes, sum);
  EXPECT_GE(plan.bytes, most_live(lifetimes));
}

TEST(MemoryPlan, NeedsNothingForNothing) {
  EXPECT_EQ(plan_memory({}).bytes, 0U);
  EXPECT_EQ(plan_memory(std::vector<Lifetime>{{.bytes = 0, .first = 0, .last = 3}}).bytes, 0U);
}

TEST(MemoryPlan, SharesBytesOfBuffersThatDoNotMeet) {
  // A chain: each step reads one buffer and writes the next; two are alive at a time.
  const std::vector<Lifetime> chain = {{.bytes = 640, .first = 0, .last = 1},
                                       {.bytes = 640, .first = 1, .last = 2},
                                       {.bytes = 640, .first = 2, .last = 3},
                                       {.bytes = 640, .first = 3, .last = 4}};
  EXPECT_EQ(plan_memory(chain).bytes, 1280U);
}

TEST(MemoryPlan, TakesTheTightestGap) {
  // Behind the long-lived buffer of step 0 to 9 lie two that leave gaps of 512 and 128 bytes.
  const std::vector<Lifetime> lifetimes = {{.bytes = 512, .first = 0, .last = 1},
                                           {.bytes = 320, .first = 0, .last = 9},
                                           {.bytes = 128, .first = 0, .last = 1},
                                           {.bytes = 64, .first = 0, .last = 9},
                                           {.bytes = 64, .first = 5, .last = 6}};
  const MemoryPlan plan = plan_memory(lifetimes);
  EXPECT_EQ(plan.bytes, 1024U);
  EXPECT_EQ(plan.offsets[4], plan.offsets[2]);
}

TEST(MemoryPlan, NeverOverlapsLivingBuffers) {
  std::mt19937 generator(7);
  const auto below = [&](std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(generator);
  };
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    std::vector<Lifetime> lifetimes(1 + below(40));
    for (Lifetime& lifetime : lifetimes) {
      lifetime.bytes = below(5) == 0 ? 0 : below(3000);
      lifetime.first = below(30);
      lifetime.last = lifetime.first + below(8);
    }
    check(lifetimes);
  }
}

}  // namespace
}  // namespace widepipe::model
