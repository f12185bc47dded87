#include "mpi_runtime/collectives.h"

namespace widepipe::mpi_runtime {

Blocks Blocks::of_sizes(std::span<const std::size_t> sizes) {
  Blocks blocks;
  blocks.offsets.reserve(sizes.size() + 1);
  blocks.offsets.push_back(0);
  for (const std::size_t size : sizes) blocks.offsets.push_back(blocks.offsets.back() + size);
  blocks.bytes = AlignedBuffer(blocks.offsets.back());
  return blocks;
}

std::span<std::byte> Blocks::block(int rank) {
  const auto i = static_cast<std::size_t>(rank);
  return bytes.span().subspan(offsets[i], offsets[i + 1] - offsets[i]);
}

std::span<const std::byte> Blocks::block(int rank) const {
  const auto i = static_cast<std::size_t>(rank);
  return bytes.span().subspan(offsets[i], offsets[i + 1] - offsets[i]);
}

}  // namespace widepipe::mpi_runtime
