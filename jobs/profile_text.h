#pragma once
// What `widepipe profile` found out: a profile file, and for people how well it fits.

#include <string>
#include <vector>

#include "npu_model/fit.h"

namespace widepipe::jobs {

struct Profiled {
  std::string device;  ///< kind and processor
  std::string host;
  double seconds = 0;  ///< of timing
  std::vector<npu_model::Timing> alone;
  std::vector<npu_model::NeighbourTiming> beside;
  npu_model::Fit fit;
};

/// A profile as TOML that load_profile() reads; `comment` lines come first.
std::string profile_toml(const npu_model::Profile& profile, const std::string& comment);

/// The file: the profile, with what it was measured on and how well it fits as comments.
std::string profiled_toml(const Profiled& profiled);
std::string profiled_text(const Profiled& profiled);
std::string profiled_json(const Profiled& profiled);

}  // namespace widepipe::jobs
