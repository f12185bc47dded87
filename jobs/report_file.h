#pragma once

#include <string>
#include <vector>

namespace widepipe::jobs {

/// The report is written at the end and replaces what is there: a typo must cost neither a night's
/// work nor a file. `others` are the files of the job, `option` is what messages call it. Throws
/// InputError; an empty `file` is none.
void check_report_file(const std::string& file, const std::vector<std::string>& others,
                       const char* option = "--report");

}  // namespace widepipe::jobs
