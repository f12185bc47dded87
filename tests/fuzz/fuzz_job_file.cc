// Any bytes as a job file: a job, or an InputError that begins with the place.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"
#include "jobs/job_file.h"
#include "tests/fuzz/fuzz_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace widepipe;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const jobs::JobSpec job = jobs::parse_job(text, "folder/job.toml");
    fuzz::check(!job.streams.empty(), "a job has streams");
    for (const jobs::StreamSpec& stream : job.streams) {
      fuzz::check(!stream.model.empty(), "a stream has a model");
      fuzz::check(!stream.name.empty(), "a stream has a name");
    }
  } catch (const InputError& error) {
    fuzz::check(std::string_view(error.what()).starts_with("folder/job.toml:"),
                "an error begins with the place");
  }
  return 0;
}
