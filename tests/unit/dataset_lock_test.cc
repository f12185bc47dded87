#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <memory>

#include "core/cpu.h"
#include "dataset/output_lock.h"
#include "hdf5_fixture.h"

namespace widepipe::dataset {
namespace {

constexpr LockMethod kMethods[] = {LockMethod::kAutomatic, LockMethod::kExistence};

std::string take(LockMethod method, const LockOwner& owner = LockOwner::this_process("")) {
  return error_of<InputError>([&] { OutputLock lock("out.h5.lock", owner, method); });
}

/// Runs a child that takes the lock and waits; returns its pid once it holds it.
pid_t start_holder(LockMethod method) {
  int ready[2];
  if (::pipe(ready) != 0) return -1;
  const pid_t child = ::fork();
  if (child == 0) {
    const OutputLock lock("out.h5.lock", LockOwner::this_process("77"), method);
    char byte = 1;
    if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
    while (true) ::pause();
  }
  char byte = 0;
  if (::read(ready[0], &byte, 1) != 1) return -1;
  ::close(ready[0]);
  ::close(ready[1]);
  return child;
}

TEST(OutputLock, KeepsASecondWriterOut) {
  for (const LockMethod method : kMethods) {
    const TempFolder folder;
    {
      // A live process, so that the existence of the file counts.
      const OutputLock lock("out.h5.lock",
                            {host_name(), ::getpid(), "4711", "2026-01-02T03:04:05Z"}, method);
      EXPECT_EQ(take(method),
                fmt::format("out.h5.lock: the output is being written by process {} on {} (job "
                            "4711) since 2026-01-02T03:04:05Z; wait for it or choose another "
                            "output",
                            ::getpid(), host_name()));
    }
    EXPECT_FALSE(std::filesystem::exists("out.h5.lock"));
    EXPECT_EQ(take(method), "no error");
    EXPECT_EQ(take(method), "no error");
  }
}

TEST(OutputLock, TakesOverFromAKilledProcess) {
  for (const LockMethod method : kMethods) {
    const TempFolder folder;
    const pid_t child = start_holder(method);
    ASSERT_GT(child, 0);
    EXPECT_EQ(take(method).substr(0, 70),
              fmt::format("out.h5.lock: the output is being written by process {} on {} (job 77)",
                          child, host_name())
                  .substr(0, 70));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    EXPECT_TRUE(std::filesystem::exists("out.h5.lock"));
    EXPECT_EQ(take(method), "no error");
    EXPECT_FALSE(std::filesystem::exists("out.h5.lock"));
  }
}

TEST(OutputLock, LeftoversOfAnotherHost) {
  const TempFolder folder;
  const std::string leftover =
      "{\"host\":\"elsewhere\",\"pid\":1,\"job\":\"\",\"since\":\"2026-01-02T03:04:05Z\"}\n";
  spit("out.h5.lock", leftover);
  EXPECT_EQ(take(LockMethod::kExistence),
            "out.h5.lock: the output is being written by process 1 on elsewhere since "
            "2026-01-02T03:04:05Z; if that run has ended, remove this file (the file system has no "
            "locks that would tell)");
  EXPECT_EQ(slurp("out.h5.lock"), leftover);
  // The kernel knows that nobody holds it.
  EXPECT_EQ(take(LockMethod::kAutomatic), "no error");

  spit("out.h5.lock", "");
  EXPECT_EQ(take(LockMethod::kExistence),
            "out.h5.lock: the output is being written by another run that is just starting; if "
            "that run has ended, remove this file (the file system has no locks that would tell)");
}

TEST(OutputLock, NamesTheHolderInTheFile) {
  const TempFolder folder;
  spit("out.h5.lock", std::string(5000, 'x'));  // longer than what replaces it
  const OutputLock lock("out.h5.lock", {"n1", 5, "9", "now"});
  EXPECT_EQ(slurp("out.h5.lock"), "{\"host\":\"n1\",\"pid\":5,\"job\":\"9\",\"since\":\"now\"}\n");
}

TEST(OutputLock, DoesNotRemoveAnothersFile) {
  for (const LockMethod method : kMethods) {
    const TempFolder folder;
    {
      const OutputLock lock("out.h5.lock", LockOwner::this_process(""), method);
      std::filesystem::remove("out.h5.lock");
      spit("out.h5.lock", "new");
    }
    EXPECT_EQ(slurp("out.h5.lock"), "new");
  }
}

TEST(OutputLock, FoldersThatCannotHoldIt) {
  const TempFolder folder;
  spit("file", "");
  const auto attempt = [](const char* path) {
    return error_of<InputError>([&] { OutputLock lock(path, LockOwner::this_process("")); });
  };
  EXPECT_EQ(attempt("none/out.h5.lock"),
            "none/out.h5.lock: the lock file cannot be created: No such file or directory");
  EXPECT_EQ(attempt("file/out.h5.lock"),
            "file/out.h5.lock: the lock file cannot be created: Not a directory");
}

TEST(OutputLock, OneOfManyWins) {
  for (const LockMethod method : kMethods) {
    const TempFolder folder;
    // A dead holder, so that all of them try to take over at once.
    const pid_t dead = start_holder(method);
    ::kill(dead, SIGKILL);
    ::waitpid(dead, nullptr, 0);
    constexpr int kChildren = 8;
    int go[2];
    ASSERT_EQ(::pipe(go), 0);
    std::vector<pid_t> children;
    for (int i = 0; i < kChildren; ++i) {
      const pid_t child = ::fork();
      if (child == 0) {
        ::close(go[1]);
        char byte = 0;
        if (::read(go[0], &byte, 1) != 0) ::_exit(9);  // waits for the parent to close its end
        try {
          const OutputLock lock("out.h5.lock", LockOwner::this_process(""), method);
          ::usleep(300'000);
          ::_exit(0);  // leaves the file behind, like a kill
        } catch (const InputError&) {
          ::_exit(1);
        }
      }
      children.push_back(child);
    }
    ::close(go[0]);
    ::close(go[1]);
    int winners = 0;
    for (const pid_t child : children) {
      int status = 0;
      ::waitpid(child, &status, 0);
      ASSERT_TRUE(WIFEXITED(status));
      ASSERT_LE(WEXITSTATUS(status), 1);
      winners += WEXITSTATUS(status) == 0 ? 1 : 0;
    }
    EXPECT_EQ(winners, 1);
  }
}

}  // namespace
}  // namespace widepipe::dataset
