#include "dataset/input_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace widepipe::dataset {
namespace {

constexpr std::array<unsigned char, 8> kSignature = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

/// The superblock's start: byte 0, or after a user block of 512, 1024, 2048 ... bytes.
constexpr std::size_t kSuperblockBytes = 96;
using SuperblockBytes = std::array<unsigned char, kSuperblockBytes>;

std::uint64_t little_endian(const unsigned char* bytes, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

/// The end-of-file address that the superblock holds; 0 for a version that we do not know.
std::uint64_t stated_bytes(const SuperblockBytes& block) {
  // Versions 0 and 1: offset size in byte 13, then 24 (28) bytes of fields, then the addresses
  // base, free space, end. Versions 2 and 3: offset size in byte 9; base, extension, end at 12.
  const unsigned version = block[8];
  const bool early = version < 2;
  const std::size_t address = early ? block[13] : block[9];
  const std::size_t fields = early ? (version == 0 ? 24 : 28) : 12;
  if (version > 3 || address == 0 || address > 8) return 0;
  return little_endian(block.data() + fields + 2 * address, address);
}

}  // namespace

std::string superblock_problem(int fd, std::uint64_t bytes, bool& truncated) {
  truncated = false;
  if (bytes == 0) return "is empty, expected an HDF5 file";
  for (std::uint64_t start = 0; start + kSignature.size() <= bytes;
       start = start == 0 ? 512 : 2 * start) {
    SuperblockBytes block{};
    if (!read_at(fd, start, std::as_writable_bytes(std::span(block)))) {
      return "cannot be read: " + errno_text();
    }
    if (std::memcmp(block.data(), kSignature.data(), kSignature.size()) != 0) continue;
    const std::uint64_t stated = stated_bytes(block);
    truncated = bytes < stated;
    if (!truncated) return "";
    return fmt::format("is truncated: its superblock says {} bytes, found {}", stated, bytes);
  }
  std::array<unsigned char, 8> found{};
  const std::size_t length = read_at(fd, 0, std::as_writable_bytes(std::span(found))).value_or(0);
  return fmt::format(
      "is not an HDF5 file: expected the signature {:02x} at its start, found {:02x}",
      fmt::join(kSignature, " "), fmt::join(found.begin(), found.begin() + length, " "));
}

InputFile open_input_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) throw_input_error("{}: no such file", path);
    throw_input_error("{}: cannot be opened: {}", path, errno_text());
  }
  if (S_ISDIR(status.st_mode)) throw_input_error("{}: is a folder, expected an HDF5 file", path);
  if (!S_ISREG(status.st_mode)) {
    throw_input_error("{}: is not a regular file, expected an HDF5 file", path);
  }

  InputFile file;
  file.fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.fd.valid() && errno == EACCES) {
    throw_input_error("{}: no permission to read it", path);
  }
  std::optional<FileStamp> stamp;
  if (file.fd.valid()) stamp = stamp_of(file.fd.get());
  if (!stamp) throw_input_error("{}: cannot be opened: {}", path, errno_text());
  file.stamp = *stamp;

  bool truncated = false;
  const std::string problem = superblock_problem(file.fd.get(), file.stamp.bytes, truncated);
  if (!problem.empty()) throw_input_error("{}: {}", path, problem);
  try {
    file.hdf5 = open_read_only(path);
  } catch (const Hdf5Error& error) {
    if (error.reason().find("lock file") != std::string::npos) {
      throw_input_error("{}: another program has it open for writing", path);
    }
    throw_input_error("{}: cannot be opened as HDF5: {}", path, error.reason());
  }
  return file;
}

}  // namespace widepipe::dataset
