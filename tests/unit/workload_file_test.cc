#include <gtest/gtest.h>

#include "core/error.h"
#include "jobs/built_in_files.h"
#include "jobs/profile_file.h"
#include "jobs/workload_file.h"

namespace widepipe::jobs {
namespace {

std::string error_of(const std::string& text) {
  try {
    parse_workload(text, "w.toml", load_profile("npu"));
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(WorkloadFile, TheBuiltInOnesAreSound) {
  int found = 0;
  for (const auto& [name, text] : built_in_files()) {
    if (!name.starts_with("workload-")) continue;
    const rl::WorkloadSpec workload =
        load_workload(std::string(name.substr(9)), load_profile("npu"));
    EXPECT_EQ("workload-" + workload.name, name);
    load_fleet(workload.fleet, load_profile("npu"));
    ++found;
  }
  EXPECT_GE(found, 6);
}

TEST(WorkloadFile, MistakesAreNamed) {
  const std::string sound = "name = \"w\"\nnetworks = [\"vgg16\", \"alexnet\"]\n";
  EXPECT_EQ(error_of(sound), "no error");
  const struct {
    std::string text;
    const char* expected;
  } kCases[] = {
      {"", "w.toml:1:1: the workload lacks the key 'name'"},
      {"name = \"w\"", "w.toml: it has no network"},
      {"name = \"w\"\nnetworks = [\"vgg17\"]",
       "w.toml: network 'vgg17' is not in the profile 'npu'"},
      {"name = \"w\"\nnetworks = [\"vgg16\", \"vgg16\"]", "w.toml: network 'vgg16' is there twice"},
      {sound + "slo = 3", "w.toml:3:1: unknown key 'slo' in the workload; its keys: "},
      {sound + "slo_factor = 0", "w.toml: slo_factor is 0, expected more than 0"},
      {sound + "slo_factor = [3, nan]",
       "w.toml:3:18: 'slo_factor' in the workload: expected a finite number or an array of them"},
      {sound + "slo_factor = [3, -1]", "w.toml: slo_factor is -1, expected more than 0"},
      {sound + "variants = 0", "w.toml:3:12: 'variants' in the workload: expected a whole number"},
      {sound + "variants = 20000", "w.toml: variants is 20000, expected 1 to 10000"},
      {sound + "slo_factor = 1e7",
       "w.toml: slo_factor is 10000000, expected more than 0 and at most 1000000"},
      {sound + "cv = -1", "w.toml: cv is -1, expected 0.001 to 100"},
      {sound + "cv = 1e-200", "w.toml: cv is 1e-200, expected 0.001 to 100"},
      {sound + "cv = nan", "w.toml: cv is nan, expected 0.001 to 100"},
      {sound + "cv = \"x\"",
       "w.toml:3:6: 'cv' in the workload: expected a number, found a string, 'x'"},
      {sound + "zipf = -0.5", "w.toml: zipf is -0.5, expected 0 to 10"},
      {sound + "zipf = inf", "w.toml: zipf is inf, expected 0 to 10"},
      {sound + "diurnal = 1", "w.toml: diurnal is 1, expected 0 or more and less than 1"},
      {sound + "redraw_period_s = -1",
       "w.toml: redraw_period_s is -1, expected 0.001 to 1000000000, or 0 for never"},
      {sound + "redraw_period_s = 1e-9", "w.toml: redraw_period_s is 1e-09, expected 0.001 to"},
      {sound + "redraw_period_s = inf", "w.toml: redraw_period_s is inf, expected 0.001 to"},
      {sound + "redraw_period_s = nan", "w.toml: redraw_period_s is nan, expected 0.001 to"},
      {sound + "redraw_sigma = nan", "w.toml: redraw_sigma is nan, expected 0 to 5"},
      {sound + "bulk = true\ncv = 1",
       "w.toml:4:1: cv is of arrivals with deadlines: a bulk workload has none"},
      {sound + "bulk = true\nslo_factor = 5", "w.toml:4:1: slo_factor is of arrivals with"},
      {sound + "bulk = true\nredraw_period_s = 0", "w.toml:4:1: redraw_period_s is of arrivals"},
      {sound + "bulk = true\nredraw_sigma = 1", "w.toml:4:1: redraw_sigma is of arrivals with"},
      {sound + "diurnal = 0.1\nbulk = true", "w.toml:3:1: diurnal is of arrivals with deadlines"},
      {sound + "bulk = true\n[[rotation]]\nat = 0.5\nplaces = 1",
       "w.toml:4:3: rotation is of arrivals with deadlines"},
      {sound + "bulk = false\ncv = 4", "no error"},
      {sound + "[[rotation]]\nplaces = 1", "w.toml:3:1: [[rotation]] lacks the key 'at'"},
      {sound + "[[rotation]]\nat = 2\nplaces = 1",
       "w.toml: rotation 1: at is 2, expected a share of the run, 0 to 1"},
      {sound + "[[rotation]]\nat = 0.5\nplaces = 1\n[[rotation]]\nat = 0.25\nplaces = 1",
       "w.toml: rotation 2 is before the one in front of it: 0.25 after 0.5"},
      {sound + "[rotation]\nat = 0.5",
       "w.toml:3:1: 'rotation' in the workload: expected [[rotation]], in two brackets, once for "
       "each, found a table"},
      {sound + "[pass]\nall = 1.5", "w.toml: pass: all is 1.5, expected 0 to 1"},
  };
  for (const auto& c : kCases) {
    const std::string error = error_of(c.text);
    EXPECT_EQ(error.substr(0, std::string(c.expected).size()), c.expected);
  }
}

}  // namespace
}  // namespace widepipe::jobs
