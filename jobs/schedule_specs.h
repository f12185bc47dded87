#pragma once
// A job in the words of the scheduler.

#include <vector>

#include "jobs/score_text.h"
#include "jobs/stream_setup.h"
#include "schedule/types.h"

namespace widepipe::jobs {

/// Of the devices that get work, in the order of ranks; rank 0 has none with a dedicated scheduler.
std::vector<schedule::DeviceSpec> device_specs(const Fleet& fleet);

schedule::StreamSpec stream_spec(const StreamSetup& setup, const JobSettings& settings);

}  // namespace widepipe::jobs
