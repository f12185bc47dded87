#pragma once
// What a search for settings found, in the report of an evaluation.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "jobs/simulated_policies.h"
#include "schedule/request_types.h"

namespace widepipe::jobs {

nlohmann::ordered_json tuning_json(const Tuning& tuning);

/// Throws InputError, `where` in front of it, for what no search can have found.
Tuning tuning_of(const nlohmann::ordered_json& json, std::string where);

/// What is impossible about it for the models of this cluster; empty if nothing is.
std::string problem_of(const Tuning& tuning, const schedule::Cluster& cluster);

}  // namespace widepipe::jobs
