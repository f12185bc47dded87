#pragma once
// Profiles of NPUs and fleets of them, in TOML: docs/npu-profiles.md.

#include <limits>
#include <string>
#include <string_view>

#include "npu_model/fleet.h"
#include "npu_model/profile.h"

namespace widepipe::jobs {

/// A profile by its name, of those that are built in, or by its file: whatever has a '/' or ends in
/// ".toml". Throws InputError with the file, line and what is wrong.
npu_model::Profile load_profile(const std::string& name_or_file);

/// A fleet likewise, of at least so many devices of that profile.
npu_model::FleetSpec load_fleet(const std::string& name_or_file, const npu_model::Profile& profile,
                                int devices = std::numeric_limits<int>::max());

/// The text of a profile; `file` is what messages call it.
npu_model::Profile parse_profile(std::string_view text, const std::string& file);
npu_model::FleetSpec parse_fleet(std::string_view text, const std::string& file,
                                 const npu_model::Profile& profile);

}  // namespace widepipe::jobs
