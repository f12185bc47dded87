// Instances of a device take turns on its cores.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <random>
#include <stop_token>
#include <thread>
#include <vector>

#include "device/core_gate.h"

namespace widepipe::device {
namespace {

TEST(CoreGate, NeverHasMoreCoresInUseThanThereAre) {
  constexpr int kCores = 4;
  CoreGate gate(kCores);
  std::atomic<int> used = 0;
  std::atomic<int> most = 0;
  std::atomic<int> entered = 0;
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      threads.emplace_back([&, seed] {
        std::mt19937_64 random(seed);
        for (int batch = 0; batch < 200; ++batch) {
          const int cores = 1 + static_cast<int>(random() % 6);  // some ask for more than there are
          if (!gate.enter(gate.take_ticket(), cores, {})) continue;
          const int taken = std::min(cores, kCores);
          const int now = used += taken;
          for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
          }
          std::this_thread::yield();
          used -= taken;
          ++entered;
          gate.leave(cores);
        }
      });
    }
  }
  EXPECT_EQ(entered, 8 * 200);
  EXPECT_EQ(used, 0);
  EXPECT_LE(most, kCores);
}

TEST(CoreGate, LetsTheOldestInThatFits) {
  CoreGate gate(2);
  ASSERT_TRUE(gate.enter(gate.take_ticket(), 2, {}));
  std::mutex mutex;
  std::vector<int> order;
  struct Waiting {
    int cores;
    std::uint64_t ticket;
  };
  std::vector<Waiting> waiting;
  for (const int cores : {2, 1, 1}) waiting.push_back({cores, gate.take_ticket()});
  std::vector<std::jthread> threads;
  for (auto one = waiting.rbegin(); one != waiting.rend(); ++one) {  // the youngest comes first
    threads.emplace_back([&, one = *one] {
      gate.enter(one.ticket, one.cores, {});
      {
        const std::lock_guard lock(mutex);
        order.push_back(static_cast<int>(one.ticket));
      }
      if (one.ticket != 2) gate.leave(one.cores);
    });
    while (gate.waiting() < threads.size()) std::this_thread::yield();
  }
  const auto settled = [&](std::size_t count) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < limit) {
      std::this_thread::yield();
      const std::lock_guard lock(mutex);
      if (order.size() >= count) return;
    }
    FAIL() << "nobody is let in";
  };
  gate.leave(1);
  ASSERT_NO_FATAL_FAILURE(settled(1));
  EXPECT_EQ(order.front(), 2) << "the first has no room beside the core that is still in use";
  gate.leave(1);
  ASSERT_NO_FATAL_FAILURE(settled(2));
  EXPECT_EQ(order.back(), 3) << "and none yet: the other core is the second one's";
  gate.leave(1);
  ASSERT_NO_FATAL_FAILURE(settled(3));
  EXPECT_EQ(order.back(), 1);
}

TEST(CoreGate, LetsGoOfThoseThatAreToStop) {
  CoreGate gate(1);
  ASSERT_TRUE(gate.enter(gate.take_ticket(), 1, {}));
  std::atomic<bool> entered = true;
  std::jthread waits(
      [&](const std::stop_token& stop) { entered = gate.enter(gate.take_ticket(), 1, stop); });
  while (gate.waiting() == 0) std::this_thread::yield();
  waits.request_stop();
  waits.join();
  EXPECT_FALSE(entered);
  gate.leave(1);
  EXPECT_TRUE(gate.enter(gate.take_ticket(), 1, {})) << "its place in the line is gone";
}

}  // namespace
}  // namespace widepipe::device
