#pragma once
// What changes files, and what makes changes last: the seam below outputs and journals. The
// programs of tests/simulation have a disk of their own in its place, which loses and tears writes.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace widepipe::dataset {

/// Writes all of `bytes`; false and errno if that failed.
bool write_at(int fd, std::uint64_t offset, std::span<const std::byte> bytes);
/// Writes to the end of a file opened with O_APPEND, in one piece; gives the bytes that fitted, or
/// nothing and errno.
std::optional<std::size_t> append_to(int fd, std::string_view text);
/// Shortens the file; false and errno if that failed.
bool cut_to(int fd, std::uint64_t bytes);

/// Once it returns true, what was written to the file survives a crash; false and errno if that
/// failed, and then nobody knows what does.
bool sync_data(int fd);
/// Likewise, with the file's size and blocks.
bool sync_file(int fd);
/// Makes renames and removals in the folder last. Throws RunError.
void sync_folder(const std::string& folder);

}  // namespace widepipe::dataset
