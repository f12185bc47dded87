#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <stop_token>

namespace widepipe::device {

/// The cores of a device, which its instances share: of the batches that wait, the oldest that
/// finds enough of them free begins, as on emulated devices. Thread-safe.
class CoreGate {
 public:
  explicit CoreGate(int cores) : cores_(cores), free_(cores) {}

  /// A batch's place in the line.
  std::uint64_t take_ticket();
  /// Waits until it is the batch's turn; from then on it has its cores, all there are at most.
  /// May be false once `stop` is requested: then it has none.
  bool enter(std::uint64_t ticket, int cores, const std::stop_token& stop);
  /// Gives back what it has.
  void leave(int cores);
  /// How many batches are in enter().
  std::size_t waiting() const;

 private:
  bool is_next(std::uint64_t ticket) const;

  const int cores_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  int free_;
  std::uint64_t next_ticket_ = 0;
  std::map<std::uint64_t, int> waiting_;  ///< cores, by ticket
};

}  // namespace widepipe::device
