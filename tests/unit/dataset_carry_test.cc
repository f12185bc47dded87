// Columns of the input that go beside the results.

#include <gtest/gtest.h>

#include "dataset/carrying_sink.h"
#include "dataset/durable_writer.h"
#include "dataset/input_dataset.h"
#include "dataset/open_source.h"
#include "dataset/output_file.h"
#include "dataset/resume.h"
#include "hdf5_fixture.h"

namespace widepipe::dataset {
namespace {

constexpr std::int64_t kRows = 20;

void make_keys() {
  std::vector<std::int64_t> ids;
  std::vector<float> places;
  for (std::int64_t row = 0; row < kRows; ++row) {
    ids.push_back(1'000'000'000'000 + row);
    for (int i = 0; i < 3; ++i) places.push_back(static_cast<float>(10 * row + i));
  }
  Hdf5Maker maker("keys.h5");
  maker.dataset("/ids", H5T_STD_I64BE, {kRows}, H5T_NATIVE_INT64, ids.data(), chunked({6}, 1));
  maker.dataset("/places", H5T_NATIVE_FLOAT, {kRows, 3}, H5T_NATIVE_FLOAT, places.data());
}

OutputSpec spec_of(std::int64_t rows) {
  return {.target = {"out.h5", "/scores"},
          .columns = {{"/scores", DType::kF32, {}},
                      {"/ids", DType::kI64, {}},
                      {"/places", DType::kF32, {3}}},
          .rows = rows,
          .attributes = {},
          .status_path = "/status"};
}

template <typename T>
std::vector<T> read(const char* path, DType as, std::int64_t first, std::int64_t count) {
  const InputDataset data({"out.h5", path});
  std::vector<T> out(static_cast<std::size_t>(count * data.elements_per_row()));
  data.read_rows(first, count, as, std::as_writable_bytes(std::span(out)));
  return out;
}

std::vector<std::shared_ptr<const RowSource>> keys(const RowWindow& window) {
  return {open_source({.data = {"keys.h5", "/ids"}}, window),
          open_source({.data = {"keys.h5", "/places"}}, window)};
}

TEST(Carry, KeysStandBesideDoneAndFailedRows) {
  const TempFolder folder;
  make_keys();
  const RowWindow window{.first = 4, .end = 16};
  const OutputSpec spec = spec_of(12);
  prepare_output(spec, {.rows = 12, .created = "", .identity = {}});
  OutputFile file(spec);
  CarryingSink sink(file, keys(window));
  EXPECT_EQ(sink.column_count(), 1U);
  Journal journal(journal_path("out.h5"));
  DurableWriter writer(sink, journal, {});
  const std::vector<float> scores = {0.5F, 1.5F, 2.5F};
  writer.submit({.rows = {2, 3},
                 .columns = {std::as_bytes(std::span(scores))},
                 .owner = nullptr,
                 .failed_reason = ""});
  writer.submit({.rows = {9, 1}, .columns = {}, .owner = nullptr, .failed_reason = "bad row"});
  writer.finish(false);

  EXPECT_EQ(read<float>("/scores", DType::kF32, 2, 3), scores);
  EXPECT_EQ(read<std::uint8_t>("/status", DType::kU8, 0, 12),
            (std::vector<std::uint8_t>{0, 0, 1, 1, 1, 0, 0, 0, 0, 2, 0, 0}));
  std::vector<std::int64_t> ids(12, 0);
  for (const std::size_t row : {2, 3, 4, 9}) {
    ids[row] = 1'000'000'000'004 + static_cast<std::int64_t>(row);
  }
  EXPECT_EQ(read<std::int64_t>("/ids", DType::kI64, 0, 12), ids);
  EXPECT_EQ(read<float>("/places", DType::kF32, 9, 1), (std::vector<float>{130, 131, 132}));
  EXPECT_EQ(read<float>("/places", DType::kF32, 8, 1), (std::vector<float>{0, 0, 0}));
}

/// Notes the order of calls.
class OrderSink final : public RowSink {
 public:
  std::size_t column_count() const override { return 3; }
  void write_rows(std::size_t column, RowRange rows, std::span<const std::byte>) override {
    log += fmt::format("{}:{}+{} ", column, rows.first, rows.count);
  }
  void write_status(RowRange rows, RowStatus) override {
    log += fmt::format("s:{}+{} ", rows.first, rows.count);
  }
  void sync() override { log += "sync "; }

  std::string log;
};

TEST(Carry, BeforeTheStatus) {
  const TempFolder folder;
  make_keys();
  OrderSink order;
  CarryingSink sink(order, keys({}));
  sink.write_rows(0, {3, 4}, {});
  sink.write_status({3, 4}, RowStatus::kDone);
  sink.sync();
  EXPECT_EQ(order.log, "0:3+4 1:3+4 2:3+4 s:3+4 sync ");
}

TEST(Carry, InPieces) {
  const TempFolder folder;
  constexpr hsize_t kMegaRow = 1 << 20;
  Hdf5Maker("keys.h5").dataset("/x", H5T_NATIVE_UINT8, {6, kMegaRow * 3}, H5T_NATIVE_UINT8,
                               nullptr);
  OrderSink order;
  CarryingSink sink(order, {open_source({.data = {"keys.h5", "/x"}}, {})});
  sink.write_status({1, 3}, RowStatus::kFailed);
  EXPECT_EQ(order.log, "2:1+1 2:2+1 2:3+1 s:1+3 ");
}

TEST(Carry, UnreadableKeysFailTheJob) {
  const TempFolder folder;
  make_keys();
  OrderSink order;
  CarryingSink sink(order, keys({}));
  std::filesystem::resize_file("keys.h5", 3000);
  const std::string error = error_of<RunError>([&] {
    sink.write_status({3, 4}, RowStatus::kDone);
  });
  EXPECT_EQ(error.substr(0, 38), "keys.h5:/ids: cannot be read: the file") << error;
  EXPECT_EQ(order.log, "");
}

TEST(Carry, StringsAreRefusedByName) {
  const TempFolder folder;
  const Hdf5Session session;
  const Hdf5Type text("H5Tcopy", H5Tcopy(H5T_C_S1));
  H5Tset_size(text.get(), 8);
  Hdf5Maker("keys.h5").dataset("/x", text.get(), {4}, text.get(), nullptr);
  EXPECT_EQ(error_of<InputError>([] {
              open_source({.data = {"keys.h5", "/x"}}, {});
            }),
            "keys.h5:/x: its type is a string, expected numbers of 8 to 64 bits");
}

}  // namespace
}  // namespace widepipe::dataset
