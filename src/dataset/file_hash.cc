#include "dataset/file_hash.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/aligned_buffer.h"
#include "core/error.h"
#include "core/hash.h"
#include "dataset/posix_file.h"

namespace widepipe::dataset {
namespace {

constexpr std::uint64_t kPieceBytes = std::uint64_t{256} << 10;
constexpr std::uint64_t kWholeBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kSamples = 66;  // the first, the last and 64 between
constexpr std::uint64_t kLeastSamples = 3;
constexpr std::uint64_t kSampleBytes = std::uint64_t{64} << 10;
constexpr std::uint64_t kSmallSampleBytes = std::uint64_t{4} << 10;

}  // namespace

bool HashBudget::whole() const { return total_bytes <= kWholeBytes; }

std::uint64_t HashBudget::samples() const { return std::max(kLeastSamples, kSamples / files); }

std::uint64_t HashBudget::sample_bytes() const {
  return samples() > kLeastSamples ? kSampleBytes : kSmallSampleBytes;
}

std::string HashBudget::method() const {
  return whole() ? "xxh3" : fmt::format("xxh3 of {} samples", samples());
}

std::string hash_file(int fd, const std::string& path, std::uint64_t bytes,
                      const HashBudget& budget) {
  StreamingHash hash;
  AlignedBuffer block(kPieceBytes);
  const auto add = [&](std::uint64_t offset, std::uint64_t length) {
    const std::span<std::byte> piece = block.span().first(static_cast<std::size_t>(length));
    const auto got = read_at(fd, offset, piece);
    if (!got) throw_run_error("{}: cannot be read: {}", path, errno_text());
    if (*got < length) {
      throw_run_error("{}: shrank from {} to {} bytes while it was read", path, bytes,
                      offset + *got);
    }
    hash.update(piece);
  };
  const std::uint64_t samples = budget.samples();
  const std::uint64_t sample = budget.sample_bytes();
  if (budget.whole() || bytes <= samples * sample) {
    for (std::uint64_t offset = 0; offset < bytes; offset += kPieceBytes) {
      add(offset, std::min(kPieceBytes, bytes - offset));
    }
  } else {
    const std::uint64_t last = bytes - sample;
    for (std::uint64_t i = 0; i < samples; ++i) add(last * i / (samples - 1), sample);
  }
  return hash.hex();
}

}  // namespace widepipe::dataset
