#pragma once

#include <string>

#include "jobs/convert_trace.h"
#include "jobs/evaluate.h"
#include "jobs/inspect.h"
#include "jobs/merge.h"
#include "jobs/plan.h"
#include "jobs/profile.h"
#include "jobs/replay.h"
#include "jobs/score.h"
#include "jobs/simulate.h"
#include "jobs/submit.h"
#include "jobs/train.h"

namespace widepipe::cli {

struct CommandLine {
  std::string verb;  ///< "score", "submit" ..
  jobs::ScoreCommand score;
  jobs::SubmitCommand submit;
  jobs::PlanCommand plan;
  jobs::ProfileCommand profile;
  jobs::MergeCommand merge;
  jobs::TraceCommand trace;
  jobs::SimulateCommand simulate;
  jobs::EvaluateCommand evaluate;
  jobs::ReplayCommand replay;
  jobs::TrainCommand train;
  jobs::InspectOptions inspect;
};

struct Parsed {
  CommandLine command;
  /// True when there is nothing to run: help or version (code 0), or a mistake (code 2).
  bool finished = false;
  int exit_code = 0;
  std::string text;  ///< what to print then
};

/// Reads the command line; prints nothing.
Parsed parse(int argc, const char* const* argv);

}  // namespace widepipe::cli
