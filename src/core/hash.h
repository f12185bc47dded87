#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace widepipe {

/// XXH3 of 128 bits, as 32 lower-case hex digits: identity of models, inputs and jobs.
std::string hash_hex(std::span<const std::byte> bytes);
std::string hash_hex(std::string_view text);

/// XXH3 of 64 bits: checksum of journal records.
std::uint64_t checksum64(std::string_view text);

/// The same 128-bit hash, fed in pieces.
class StreamingHash {
 public:
  StreamingHash();
  ~StreamingHash();
  StreamingHash(const StreamingHash&) = delete;
  StreamingHash& operator=(const StreamingHash&) = delete;

  void update(std::span<const std::byte> bytes);
  std::string hex() const;

 private:
  void* state_;
};

}  // namespace widepipe
