#include "cli/trace_options.h"

#include "cli/number_range.h"

namespace widepipe::cli {

void add_trace(CLI::App& app, jobs::TraceCommand& trace) {
  CLI::App& verb = *app.add_subcommand(
      "trace", "Make a trace of requests from the public Azure Functions data sets");
  verb.add_option("CSV", trace.input,
                  "invocations_per_function_md.anon.d*.csv (2019), or\n"
                  "AzureFunctionsInvocationTrace*.txt (2021)")
      ->required();
  verb.add_option("TRACE", trace.output, "The trace, HDF5; must not be there")->required();
  verb.add_option("--profile", trace.profile, "Has the models and their SLO bases [npu]")
      ->type_name("NAME|FILE.toml");
  verb.add_option("--models", trace.models,
                  "The most invoked function asks for the first, and so on in turn [all of the "
                  "profile]")
      ->delimiter(',')
      ->type_name("NAME,...");
  verb.add_option("--slo-factor", trace.slo_factor, "Deadlines, in SLO bases of the models [5]")
      ->check(number_from(0.01, 1e6))
      ->type_name("N");
  verb.add_option("--first-minute", trace.first_minute, "Where to begin [1]")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  verb.add_option("--minutes", trace.minutes, "How many to take [60]")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  verb.add_option("--rows", trace.rows, "Requests ask for rows of a data set with so many [1]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 60))
      ->type_name("N");
  verb.add_option("--seed", trace.seed, "Of what is drawn [1]")
      ->check(not_negative)
      ->type_name("N");
}

}  // namespace widepipe::cli
