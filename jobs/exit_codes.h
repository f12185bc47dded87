#pragma once

namespace widepipe::jobs {

/// Exit codes of a job that ran; 2 is bad usage or bad input, anything else a failure, resumable.
inline constexpr int kDone = 0;
inline constexpr int kFailedRows = 1;
inline constexpr int kStopped = 3;

}  // namespace widepipe::jobs
