#pragma once
// What this process may use of the machine's processors, and what the machine is.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace widepipe {

/// The limits set by Slurm, mpirun, taskset (affinity) and containers (cgroup quota).
struct CpuBudget {
  std::vector<int> cpus;   ///< logical CPUs in the affinity mask, ascending
  int cores = 1;           ///< distinct physical cores among them
  double quota_cores = 0;  ///< CPU time the cgroup grants, in cores; 0 when unlimited

  /// Cores worth starting threads on: the least of the limits, at least 1.
  int usable() const;
};

/// Those of `cpus` that belong to the first `cores` cores among them.
std::vector<int> cpus_of_cores(const std::vector<int>& cpus, int cores);

/// The calling thread, and threads that it starts, may run on these; false and errno if refused.
bool run_on(const std::vector<int>& cpus);

/// Reads the limits of the calling process from the kernel.
CpuBudget read_cpu_budget();

/// Quota in cores of a cgroup v2 `cpu.max` file's text ("200000 100000" is 2), or nothing when
/// it says "max" or cannot be read.
std::optional<double> parse_cpu_max(const std::string& text);

/// Size in bytes of the second-level cache of one core; 512 KiB where the system does not tell.
std::size_t l2_cache_bytes();

/// Bytes of the machine's memory, used or not.
std::uint64_t memory_bytes();

/// Bytes that this process and its neighbours may still use: what the machine has free, or can free
/// at once, and what is left to the process's cgroups (v1 and v2), if that is less.
std::uint64_t free_memory_bytes();

/// The number behind a name at the beginning of a line, as in /proc/meminfo or memory.stat; nothing
/// if there is none.
std::optional<std::uint64_t> parse_named_number(const std::string& text, const std::string& name);

/// The most bytes of memory that this process has had so far (resident).
std::uint64_t peak_process_bytes();

/// "AMD EPYC 7B13" or what the system calls its processor.
std::string cpu_model_name();

/// The host's name, without the domain.
std::string host_name();

}  // namespace widepipe
