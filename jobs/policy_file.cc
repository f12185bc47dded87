#include "jobs/policy_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/hash.h"
#include "jobs/built_in_files.h"
#include "jobs/toml_table.h"

namespace widepipe::jobs {
namespace {

using schedule::DialSpec;
using schedule::kModelDials;
using schedule::kSharedDials;
using schedule::LearnedParameters;

constexpr std::int64_t kFormat = 2;
constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
constexpr double kMostParameter = 1e3;

std::string numbers(std::span<const double> values) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : ", ") + toml_number(value);
  return "[" + text + "]";
}

std::string names(std::span<const char* const> all) {
  return fmt::format("[\"{}\"]", fmt::join(all, "\", \""));
}

std::string heads(std::span<const DialSpec> dials, const auto& weights) {
  std::string text;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    text += fmt::format("{} = {}\n", dials[i].name, numbers(weights[i]));
  }
  return text;
}

void check_names(const TomlTable& table, const char* key, std::span<const char* const> expected) {
  std::vector<std::string> found;
  for (TomlTable::Text& text : table.texts(key)) found.push_back(std::move(text.value));
  if (std::equal(found.begin(), found.end(), expected.begin(), expected.end())) return;
  table.refuse(key, fmt::format("expected the {} that this version of widepipe looks at, {}; found "
                                "{}: the policy must be trained anew",
                                key, fmt::join(expected, ", "), fmt::join(found, ", ")));
}

template <std::size_t kSize>
void read_head(const TomlTable& table, const char* key, std::array<double, kSize>& head) {
  const auto found = table.numbers(key);
  if (!found) table.missing(key);
  if (found->size() != kSize) {
    table.refuse(key, fmt::format("expected {} numbers, found {}", kSize, found->size()));
  }
  for (std::size_t i = 0; i < kSize; ++i) {
    if (!(std::abs((*found)[i]) <= kMostParameter)) {
      table.refuse(key, fmt::format("expected numbers from {:g} to {:g}, found {}", -kMostParameter,
                                    kMostParameter, (*found)[i]));
    }
    head[i] = (*found)[i];
  }
}

int whole(const TomlTable& table, const char* key, std::int64_t least) {
  const auto found = table.whole(key, least, kMost);
  if (!found) table.missing(key);
  return static_cast<int>(*found);
}

TrainingRecipe read_recipe(const TomlTable& table) {
  TrainingRecipe recipe;
  recipe.version = needed_text(table, "version");
  recipe.profile = needed_text(table, "profile");
  recipe.seed = static_cast<std::uint64_t>(whole(table, "seed", 0));
  recipe.candidates = whole(table, "candidates", 1);
  recipe.scenarios = whole(table, "scenarios", 1);
  recipe.pool = whole(table, "pool", 1);
  recipe.plain = whole(table, "plain", 0);
  recipe.step = needed_number(table, "step");
  recipe.start = table.text("start").value_or("");
  recipe.generations = whole(table, "generations", 0);
  recipe.minutes = needed_number(table, "minutes");
  recipe.gain = needed_number(table, "gain");
  recipe.online_steps = static_cast<int>(table.whole("online_steps", 0, kMost).value_or(0));
  return recipe;
}

}  // namespace

std::string policy_hash(const LearnedParameters& parameters) {
  return hash_hex(numbers(parameters.values())).substr(0, 16);
}

std::string policy_toml(const LearnedFile& file) {
  const TrainingRecipe& recipe = file.recipe;
  std::string text =
      "# A learned policy of widepipe, as `widepipe train` writes it: for --policy FILE.toml.\n";
  text += fmt::format("format = {}\nchecksum = \"{}\"\n", kFormat, policy_hash(file.parameters));
  text += fmt::format("features = {}\n", names(LearnedParameters::kFeatureNames));
  text += fmt::format("shared_features = {}\n", names(LearnedParameters::kSharedFeatureNames));
  text += fmt::format(
      "\n[recipe]\nversion = {}\nprofile = {}\nseed = {}\ncandidates = {}\nscenarios = {}\n"
      "pool = {}\nplain = {}\nstep = {}\n",
      toml_quoted(recipe.version), toml_quoted(recipe.profile), recipe.seed, recipe.candidates,
      recipe.scenarios, recipe.pool, recipe.plain, toml_number(recipe.step));
  if (!recipe.start.empty()) text += fmt::format("start = \"{}\"\n", recipe.start);
  text += fmt::format("generations = {}\nminutes = {}\ngain = {}\n", recipe.generations,
                      toml_number(recipe.minutes), toml_number(recipe.gain));
  if (recipe.online_steps > 0) text += fmt::format("online_steps = {}\n", recipe.online_steps);
  const LearnedParameters& parameters = file.parameters;
  text += "\n[model]  # dials of each model, by features\n" +
          heads(kModelDials, parameters.usual.model);
  text += "\n[shared]  # dials of all, by shared features\n" +
          heads(kSharedDials, parameters.usual.shared);
  text += "\n[few_model]  # added where few batches run at a time\n" +
          heads(kModelDials, parameters.few.model);
  text += "\n[few_shared]\n" + heads(kSharedDials, parameters.few.shared);
  return text;
}

LearnedFile parse_policy(std::string_view text, const std::string& file) {
  const toml::table root = parse_toml(text, file);
  const TomlTable top(root, file, "the policy",
                      {"checksum", "features", "few_model", "few_shared", "format", "model",
                       "recipe", "shared", "shared_features"});
  const auto format = top.whole("format", 0, kMost);
  if (!format) top.missing("format");
  if (*format != kFormat) {
    top.refuse("format", fmt::format("expected format {}, found {}: the policy is of another "
                                     "version of widepipe and must be trained anew",
                                     kFormat, *format));
  }
  check_names(top, "features", LearnedParameters::kFeatureNames);
  check_names(top, "shared_features", LearnedParameters::kSharedFeatureNames);
  LearnedFile learned;
  const auto read = [&](const char* key, std::span<const DialSpec> dials, auto& weights) {
    const toml::table* table = top.table(key);
    if (table == nullptr) top.missing(key);
    std::vector<std::string> names;
    for (const DialSpec& dial : dials) names.emplace_back(dial.name);
    const TomlTable part(*table, file, fmt::format("[{}]", key), std::move(names));
    for (std::size_t i = 0; i < weights.size(); ++i) read_head(part, dials[i].name, weights[i]);
  };
  LearnedParameters& parameters = learned.parameters;
  read("model", kModelDials, parameters.usual.model);
  read("shared", kSharedDials, parameters.usual.shared);
  read("few_model", kModelDials, parameters.few.model);
  read("few_shared", kSharedDials, parameters.few.shared);
  const std::string checksum = needed_text(top, "checksum");
  if (checksum != policy_hash(learned.parameters)) {
    top.refuse("checksum", fmt::format("expected {}, of the parameters in the file, found '{}': "
                                       "it was changed or damaged since it was written",
                                       policy_hash(learned.parameters), checksum));
  }
  const toml::table* recipe = top.table("recipe");
  if (recipe == nullptr) top.missing("recipe");
  learned.recipe = read_recipe(
      TomlTable(*recipe, file, "[recipe]",
                {"candidates", "gain", "generations", "minutes", "online_steps", "plain", "pool",
                 "profile", "scenarios", "seed", "start", "step", "version"}));
  return learned;
}

LearnedFile load_policy(const std::string& name_or_file) {
  const NamedText named = text_of(kPolicy, name_or_file);
  return parse_policy(named.text, named.file);
}

}  // namespace widepipe::jobs
