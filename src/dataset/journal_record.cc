#include "dataset/journal_record.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/hash.h"

namespace widepipe::dataset {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr std::size_t kChecksumDigits = 16;

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

Json json_of(const StringFields& fields) {
  Json object = Json::object();
  for (const auto& [name, value] : fields) object[name] = value;
  return object;
}

StringFields fields_of(const Json& object) {
  StringFields fields;
  for (const auto& [name, value] : object.items()) {
    fields.emplace_back(name, value.get<std::string>());
  }
  return fields;
}

Json json_of(const std::vector<RowRange>& ranges) {
  Json pairs = Json::array();
  for (const RowRange& range : ranges) pairs.push_back(Json::array({range.first, range.count}));
  return pairs;
}

/// Throws for 3e50, which get() would convert to anything.
std::int64_t integer_of(const Json& number) {
  return number.get_ref<const Json::number_integer_t&>();
}

std::vector<RowRange> ranges_of(const Json& pairs) {
  std::vector<RowRange> ranges;
  for (const Json& pair : pairs) {
    ranges.push_back({integer_of(pair.at(0)), integer_of(pair.at(1))});
  }
  return ranges;
}

Json json_of(const JournalRecord& record) {
  return std::visit(
      Overloaded{[](const JournalHeader& header) {
                   return Json{{"kind", "header"},
                               {"format", kFormat},
                               {"rows", header.rows},
                               {"created", header.created},
                               {"identity", json_of(header.identity)}};
                 },
                 [](const RunRecord& run) {
                   return Json{{"kind", "run"}, {"fields", json_of(run.fields)}};
                 },
                 [](const RowsRecord& rows) {
                   return Json{{"kind", "rows"}, {"ranges", json_of(rows.ranges)}};
                 },
                 [](const FailedRecord& failed) {
                   return Json{{"kind", "failed"},
                               {"first", failed.rows.first},
                               {"count", failed.rows.count},
                               {"reason", failed.reason}};
                 },
                 [](const TakenBackRecord& rows) {
                   return Json{{"kind", "taken_back"}, {"ranges", json_of(rows.ranges)}};
                 },
                 [](const DoneRecord&) {
                   return Json{{"kind", "done"}};
                 }},
      record);
}

/// Throws nlohmann's exceptions where the payload has not the form of its kind.
std::optional<JournalRecord> record_of(const Json& json) {
  const std::string kind = json.at("kind");
  if (kind == "header") {
    if (integer_of(json.at("format")) != kFormat) return std::nullopt;
    return JournalHeader{integer_of(json.at("rows")), json.at("created"),
                         fields_of(json.at("identity"))};
  }
  if (kind == "run") return RunRecord{fields_of(json.at("fields"))};
  if (kind == "rows") return RowsRecord{ranges_of(json.at("ranges"))};
  if (kind == "failed") {
    return FailedRecord{{integer_of(json.at("first")), integer_of(json.at("count"))},
                        json.at("reason")};
  }
  if (kind == "taken_back") return TakenBackRecord{ranges_of(json.at("ranges"))};
  if (kind == "done") return DoneRecord{};
  return std::nullopt;
}

}  // namespace

std::string encode_record(const JournalRecord& record) {
  const std::string payload = json_of(record).dump(-1, ' ', false, Json::error_handler_t::replace);
  return fmt::format("{:016x} {}\n", checksum64(payload), payload);
}

std::optional<JournalRecord> decode_record(std::string_view line) {
  if (line.size() <= kChecksumDigits || line[kChecksumDigits] != ' ') return std::nullopt;
  const std::string_view payload = line.substr(kChecksumDigits + 1);
  if (line.substr(0, kChecksumDigits) != fmt::format("{:016x}", checksum64(payload))) {
    return std::nullopt;
  }
  try {
    return record_of(Json::parse(payload));
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace widepipe::dataset
