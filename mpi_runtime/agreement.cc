#include "mpi_runtime/agreement.h"

#include <set>

#include "core/cpu.h"
#include "core/error.h"

namespace widepipe::mpi_runtime {

void agree(Collectives& collectives, const std::function<void()>& work) {
  constexpr char kBadInput = 'i';
  constexpr char kRunFailed = 'r';
  std::string mine;  // the kind of error, then its message
  try {
    collectives.beside(work);
  } catch (const InputError& error) {
    mine = kBadInput + std::string(error.what());
  } catch (const RunError& error) {
    mine = kRunFailed + std::string(error.what());
  }
  const std::vector<std::string> messages = collectives.all_texts(mine);
  const std::vector<std::string> hosts = collectives.all_texts(mine.empty() ? "" : host_name());
  std::string all;
  bool run_failed = false;
  std::set<std::string> told;  // the same trouble on many ranks is told once
  for (std::size_t rank = 0; rank < messages.size(); ++rank) {
    if (messages[rank].empty() || !told.insert(messages[rank]).second) continue;
    const std::string text = messages[rank].substr(1);
    run_failed |= messages[rank].front() == kRunFailed;
    if (!all.empty()) all += '\n';
    all += rank == 0 ? text : fmt::format("{}@{}: {}", rank, hosts[rank], text);
  }
  if (all.empty()) return;
  if (run_failed) throw RunError(all);
  throw InputError(all);
}

}  // namespace widepipe::mpi_runtime
