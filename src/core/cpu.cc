#include "core/cpu.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

namespace widepipe {
namespace {

std::string first_line_of(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// CPUs that share a core list one another in this file, so its text names the core.
std::string core_of(int cpu) {
  std::string siblings = first_line_of(
      fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
  return siblings.empty() ? std::to_string(cpu) : siblings;
}

int count_cores(const std::vector<int>& cpus) {
  std::set<std::string> cores;
  for (const int cpu : cpus) cores.insert(core_of(cpu));
  return static_cast<int>(cores.size());
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// What a cgroup's memory limit leaves, caches counting as free; nothing if it has no limit.
std::optional<std::uint64_t> memory_left(const std::string& folder, const char* limit,
                                         const char* usage, const char* caches) {
  std::uint64_t most = 0;
  std::uint64_t used = 0;
  if (!(std::istringstream(first_line_of(folder + limit)) >> most)) return std::nullopt;
  if (!(std::istringstream(first_line_of(folder + usage)) >> used)) return std::nullopt;
  const std::string stat = text_of(folder + "/memory.stat");
  for (const char* kind : {"active_file", "inactive_file"}) {
    used -= std::min(used, parse_named_number(stat, std::string(caches) + kind).value_or(0));
  }
  return most - std::min(most, used);
}

/// The folders of this process's cgroup and those above it, each of which limits: of v2 where
/// `controller` is empty, else of that one of v1.
std::vector<std::string> cgroup_folders(const std::string& controller) {
  std::string mount = "/sys/fs/cgroup";
  if (!controller.empty()) mount += "/" + controller;
  std::vector<std::string> folders;
  std::ifstream membership("/proc/self/cgroup");
  for (std::string line; std::getline(membership, line);) {
    const std::size_t controllers = line.find(':') + 1;
    const std::size_t end = line.find(':', controllers);
    if (line.substr(controllers, end - controllers) != controller) continue;
    std::string path = line.substr(end + 1);
    for (; path.find('/') != std::string::npos; path.resize(path.find_last_of('/'))) {
      folders.push_back(mount + path);
    }
  }
  folders.push_back(mount);
  return folders;
}

/// In cores, the tightest of them; 0: none.
double cgroup_quota() {
  double quota = 0;
  const auto tighten = [&quota](const std::optional<double>& cores) {
    if (cores && (quota == 0 || *cores < quota)) quota = *cores;
  };
  for (const std::string& folder : cgroup_folders("")) {
    tighten(parse_cpu_max(first_line_of(folder + "/cpu.max")));
  }
  // cgroup v1 keeps the two numbers in two files.
  const std::string v1_quota = first_line_of("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  if (!v1_quota.empty() && v1_quota.front() != '-') {
    tighten(parse_cpu_max(v1_quota + " " + first_line_of("/sys/fs/cgroup/cpu/cpu.cfs_period_us")));
  }
  return quota;
}

}  // namespace

int CpuBudget::usable() const {
  int limit = cores;
  if (quota_cores > 0) limit = std::min(limit, static_cast<int>(std::floor(quota_cores + 1e-6)));
  return std::max(limit, 1);
}

CpuBudget read_cpu_budget() {
  CpuBudget budget;
  // Machines with more than CPU_SETSIZE (1024) processors need a larger set.
  for (int capacity = CPU_SETSIZE; capacity <= (1 << 20); capacity *= 2) {
    cpu_set_t* set = CPU_ALLOC(capacity);
    const std::size_t bytes = CPU_ALLOC_SIZE(capacity);
    const bool known = set != nullptr && sched_getaffinity(0, bytes, set) == 0;
    for (int cpu = 0; known && cpu < capacity; ++cpu) {
      if (CPU_ISSET_S(cpu, bytes, set)) budget.cpus.push_back(cpu);
    }
    CPU_FREE(set);
    if (known) break;
  }
  budget.cores = std::max(1, count_cores(budget.cpus));
  budget.quota_cores = cgroup_quota();
  return budget;
}

std::vector<int> cpus_of_cores(const std::vector<int>& cpus, int cores) {
  std::set<std::string> taken;
  std::vector<int> some;
  for (const int cpu : cpus) {
    const std::string core = core_of(cpu);
    if (!taken.contains(core) && static_cast<int>(taken.size()) == cores) continue;
    taken.insert(core);
    some.push_back(cpu);
  }
  return some;
}

bool run_on(const std::vector<int>& cpus) {
  const int capacity = cpus.empty() ? 1 : *std::max_element(cpus.begin(), cpus.end()) + 1;
  const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(capacity),
                                                             [](cpu_set_t* s) { CPU_FREE(s); });
  const std::size_t bytes = CPU_ALLOC_SIZE(capacity);
  CPU_ZERO_S(bytes, set.get());
  for (const int cpu : cpus) CPU_SET_S(cpu, bytes, set.get());
  return sched_setaffinity(0, bytes, set.get()) == 0;
}

std::optional<double> parse_cpu_max(const std::string& text) {
  std::istringstream words(text);
  double quota = 0;
  double period = 0;
  if (!(words >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

std::size_t l2_cache_bytes() {
  constexpr std::size_t kUsual = std::size_t{512} << 10;
  const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return bytes > 0 ? static_cast<std::size_t>(bytes) : kUsual;
}

std::uint64_t memory_bytes() {
  return static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::optional<std::uint64_t> parse_named_number(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first;
    std::uint64_t number = 0;
    if (words >> first >> number && first == name) return number;
  }
  return std::nullopt;
}

std::uint64_t free_memory_bytes() {
  const auto available = parse_named_number(text_of("/proc/meminfo"), "MemAvailable:");
  std::uint64_t left = available ? *available << 10 : memory_bytes();
  for (const std::string& folder : cgroup_folders("")) {
    left = std::min(left, memory_left(folder, "/memory.max", "/memory.current", "").value_or(left));
  }
  for (const std::string& folder : cgroup_folders("memory")) {
    left = std::min(
        left, memory_left(folder, "/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_")
                  .value_or(left));
  }
  return left;
}

std::uint64_t peak_process_bytes() {
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

std::string cpu_model_name() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with("model name")) continue;
    const std::size_t start = line.find(": ");
    if (start != std::string::npos) return line.substr(start + 2);
  }
  return "unknown processor";
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "unknown-host";
  const std::string full = name.data();
  return full.substr(0, full.find('.'));
}

}  // namespace widepipe
