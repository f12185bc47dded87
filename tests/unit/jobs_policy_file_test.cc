// Policy files: what is written is read, and nothing else.

#include <gtest/gtest.h>

#include <regex>

#include "core/error.h"
#include "jobs/policy_file.h"

namespace widepipe::jobs {
namespace {

LearnedFile made() {
  std::vector<double> values;
  for (std::size_t i = 0; i < schedule::LearnedParameters::kCount; ++i) {
    values.push_back((i % 2 == 0 ? 1 : -1) * 0.1 * static_cast<double>(i) / 3);
  }
  return {schedule::LearnedParameters::of(values),
          {.version = "1.2.3",
           .profile = "npu",
           .seed = 7,
           .candidates = 8,
           .scenarios = 3,
           .pool = 9,
           .plain = 4,
           .step = 0.05,
           .start = "0123",
           .generations = 11,
           .minutes = 1.5,
           .online_steps = 5,
           .gain = -0.25}};
}

TEST(PolicyFile, IsReadAsItWasWritten) {
  const LearnedFile file = made();
  const LearnedFile read = parse_policy(policy_toml(file), "p.toml");
  EXPECT_EQ(read.parameters.values(), file.parameters.values());
  EXPECT_EQ(read.recipe, file.recipe);
}

TEST(PolicyFile, TheBuiltInOneIsOfThisVersion) {
  const LearnedFile file = load_policy("default");
  EXPECT_GT(file.recipe.generations, 0);
  EXPECT_GT(file.recipe.gain, 0);
}

TEST(PolicyFile, RefusesWhatIsNotOfThisVersionOrNotWhole) {
  struct Case {
    const char* pattern;
    const char* replacement;
    const char* expected;
  };
  const std::vector<Case> cases = {
      {"format = 2", "format = 1", "expected format 2, found 1"},
      {"format = 2\n", "", "format"},
      {"\"tight\", ", "",
       "expected the features that this version of widepipe looks at, one, tight"},
      {"\"memory\", ", "",
       "expected the shared_features that this version of widepipe looks at, one, load"},
      {"budget = \\[", "budget = [1.0, ", "expected 16 numbers, found 17"},
      {"budget = \\[0.0", "budget = [0.5", "it was changed or damaged since it was written"},
      {"budget = \\[0.0", "budget = [nan", "a finite number"},
      {"budget = \\[0.0", "budget = [1e9", "expected numbers from -1000 to 1000, found 1000000000"},
      {"checksum = \"[0-9a-f]*\"", "checksum = \"x\"", "found 'x'"},
      {"sacrifice = \\[", "sacrifice = [1.0, ", "expected 8 numbers, found 9"},
      {"caution = .*\n", "", "caution"},
      {"\\[few_model\\]", "[some_model]", "some_model"},
      {"\\[few_shared\\]\n(.*\n)*", "", "lacks the key 'few_shared'"},
      {"idle = ", "idles = ", "idles"},
      {"\\[recipe\\]", "[receipt]", "receipt"},
      {"minutes = 1.5\n", "", "minutes"}};
  const std::string text = policy_toml(made());
  for (const Case& one : cases) {
    const std::string changed = std::regex_replace(text, std::regex(one.pattern), one.replacement,
                                                   std::regex_constants::format_first_only);
    ASSERT_NE(changed, text) << one.pattern;
    try {
      parse_policy(changed, "p.toml");
      FAIL() << one.pattern;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find(one.expected), std::string::npos) << error.what();
      EXPECT_EQ(std::string(error.what()).rfind("p.toml", 0), 0U) << error.what();
    }
  }
}

}  // namespace
}  // namespace widepipe::jobs
