// The parts of the runtime that need no MPI.

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <thread>

#include "mpi_runtime/fleet.h"
#include "mpi_runtime/rows_done.h"
#include "mpi_runtime/session.h"
#include "mpi_runtime/wakeup.h"

namespace widepipe::mpi_runtime {
namespace {

TEST(Launch, IsReadFromTheEnvironment) {
  struct Case {
    const char* what;
    std::map<std::string, std::string> variables;
    bool launched;
    int rank;
    int slurm_tasks;
  };
  const Case cases[] = {
      {"no launcher", {}, false, 0, 0},
      {"Open MPI's mpirun",
       {{"OMPI_COMM_WORLD_RANK", "3"}, {"OMPI_COMM_WORLD_SIZE", "4"}},
       true,
       3,
       0},
      {"MPICH's mpiexec", {{"PMI_RANK", "1"}, {"PMI_SIZE", "4"}}, true, 1, 0},
      {"srun --mpi=pmix",
       {{"PMIX_RANK", "2"}, {"SLURM_PROCID", "2"}, {"SLURM_STEP_NUM_TASKS", "8"}},
       true,
       2,
       8},
      {"srun without a plug-in",
       {{"SLURM_PROCID", "5"}, {"SLURM_STEP_NUM_TASKS", "8"}},
       true,
       5,
       8},
      {"a batch script, not srun", {{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}}, false, 0, 0},
      {"mpirun inside a Slurm job",
       {{"OMPI_COMM_WORLD_RANK", "1"},
        {"OMPI_COMM_WORLD_SIZE", "2"},
        {"SLURM_STEP_NUM_TASKS", "4"}},
       true,
       1,
       0},
      {"srun of one task", {{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}}, false, 0, 1},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    const Launch launch = detect_launch([&c](const char* name) {
      const auto found = c.variables.find(name);
      return found == c.variables.end() ? nullptr : found->second.c_str();
    });
    EXPECT_EQ(launch.launched, c.launched);
    EXPECT_EQ(launch.rank, c.rank);
    EXPECT_EQ(launch.slurm_step_tasks, c.slurm_tasks);
  }
}

RankPlace place(const std::string& host, std::vector<int> cpus, double quota = 0) {
  const int cores = static_cast<int>(cpus.size());
  return {host, 1, {std::move(cpus), cores, quota}, "avx2"};
}

TEST(ShareCores, DividesEachHostAmongItsRanks) {
  struct Case {
    const char* what;
    std::vector<RankPlace> places;
    std::vector<int> cores;
    std::vector<bool> oversubscribed;
  };
  const Case cases[] = {
      {"one rank takes all", {place("a", {0, 1, 2, 3})}, {4}, {false}},
      {"ranks bound to cores of their own",
       {place("a", {0}), place("a", {1})},
       {1, 1},
       {false, false}},
      {"unbound ranks share",
       {place("a", {0, 1, 2, 3}), place("a", {0, 1, 2, 3})},
       {2, 2},
       {false, false}},
      {"more ranks than cores",
       {place("a", {0, 1}), place("a", {0, 1}), place("a", {0, 1}), place("a", {0, 1})},
       {1, 1, 1, 1},
       {true, true, true, true}},
      {"hosts do not matter to each other",
       {place("a", {0, 1}), place("b", {0, 1})},
       {2, 2},
       {false, false}},
      {"a quota is for the whole host",
       {place("a", {0, 1, 2, 3}, 2), place("a", {0, 1, 2, 3}, 2)},
       {1, 1},
       {false, false}},
      {"an odd core is left",
       {place("a", {0, 1, 2}), place("a", {0, 1, 2})},
       {1, 1},
       {false, false}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    const std::vector<RankShare> shares = share_cores(c.places);
    for (std::size_t i = 0; i < c.places.size(); ++i) {
      EXPECT_EQ(shares[i].cores, c.cores[i]);
      EXPECT_EQ(shares[i].oversubscribed, c.oversubscribed[i]);
    }
  }
}

TEST(MemoryShortage, IsOfAHostAndSaysHowManyRanksItBears) {
  const auto with = [](const std::string& host, std::uint64_t free) {
    RankPlace one = place(host, {0});
    one.free_memory = free;
    return one;
  };
  const struct {
    const char* what;
    std::vector<RankPlace> places;
    const char* expected;
  } kCases[] = {{"just enough", {with("a", 2000), with("a", 2000)}, ""},
                {"ranks of one host share",
                 {with("a", 2500), with("a", 1500)},
                 "host 'a': expected memory for 2 ranks, some 2.00 kB more, found 1.50 kB free: "
                 "start at most 1 "
                 "there"},
                {"hosts do not matter to each other", {with("a", 1000), with("b", 1000)}, ""},
                {"the poor one is named",
                 {with("a", 9000), with("b", 100)},
                 "host 'b': expected memory for 1 rank, some 1.00 kB more, found 100 B free: there "
                 "is room for "
                 "none"}};
  for (const auto& c : kCases) EXPECT_EQ(memory_shortage(c.places, 1000), c.expected) << c.what;
}

TEST(RowFailures, TravelAsText) {
  const std::vector<RowFailure> failures = {
      {{0, 1}, "output 'y' holds NaN"}, {{7, 20}, ""}, {{1LL << 40, 3}, "a\nb 1 2 3 c"}};
  const std::vector<RowFailure> arrived = unpack_failures(pack(failures));
  ASSERT_EQ(arrived.size(), failures.size());
  for (std::size_t i = 0; i < failures.size(); ++i) {
    EXPECT_EQ(arrived[i].rows, failures[i].rows);
    EXPECT_EQ(arrived[i].reason, failures[i].reason);
  }
  EXPECT_TRUE(unpack_failures(pack({})).empty());
}

TEST(RowFailures, LeaveTheRowsBetweenThem) {
  const auto between = [](std::vector<RowFailure> failures) {
    return rows_between({10, 10}, failures);
  };
  using Ranges = std::vector<RowRange>;
  EXPECT_EQ(between({}), (Ranges{{10, 10}}));
  EXPECT_EQ(between({{{10, 1}, ""}, {{14, 2}, ""}, {{16, 1}, ""}, {{19, 1}, ""}}),
            (Ranges{{11, 3}, {17, 2}}));
  EXPECT_EQ(between({{{10, 10}, ""}}), Ranges{});
}

TEST(Mailbox, KeepsOrderAndWakes) {
  Wakeup wakeup;
  Mailbox<int> mailbox(wakeup);
  std::thread sender([&mailbox] {
    for (int i = 0; i < 1000; ++i) mailbox.push(i);
  });
  std::vector<int> received;
  while (received.size() < 1000) {
    wakeup.wait_for(std::chrono::seconds(10));
    for (const int item : mailbox.drain()) received.push_back(item);
  }
  sender.join();
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(received[static_cast<std::size_t>(i)], i);
}

}  // namespace
}  // namespace widepipe::mpi_runtime
