#pragma once

#include <string>
#include <vector>

namespace widepipe::dataset {

/// A file of a list, and where the list names it.
struct ListedFile {
  std::string path;
  /// "list.txt: line 3: " for one of a manifest, to begin messages; otherwise empty.
  std::string where;
};

/// The files that the file part of a source stands for: one plain name (not looked at), those
/// that match wildcards (* ? [..]), sorted by byte, or those listed in @MANIFEST. A file whose
/// very name holds such characters is meant literally where it exists. Throws InputError: no
/// match, a manifest that is missing, empty or no text, a listed file that is missing.
std::vector<ListedFile> list_files(const std::string& name);

/// Whether the file, existing or not, would be among those that the wildcards of `name` match.
bool would_be_listed(const std::string& name, const std::string& file);

}  // namespace widepipe::dataset
