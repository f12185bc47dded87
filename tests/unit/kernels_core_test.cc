// Attributes, descriptions of tensors, the weight store, the registry, and Reorder.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "core/error.h"
#include "kernels/registry.h"
#include "tests/unit/kernel_cases.h"
#include "tests/unit/kernel_harness.h"

namespace widepipe::kernels::testing {
namespace {

template <typename F>
std::string input_error(const F& f) {
  try {
    f();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no InputError";
}

TEST(Attributes, AbsentGivesTheDefault) {
  const Attributes none;
  EXPECT_FALSE(none.has("axis"));
  EXPECT_EQ(none.integer("axis", -1), -1);
  EXPECT_EQ(none.real("alpha", 0.5F), 0.5F);
  EXPECT_EQ(none.text("auto_pad", "NOTSET"), "NOTSET");
  EXPECT_EQ(none.integers("pads", {1, 2}), (std::vector<std::int64_t>{1, 2}));
  EXPECT_TRUE(none.reals("values").empty());
  EXPECT_EQ(none.tensor("value"), nullptr);
}

TEST(Attributes, PresentGivesTheValue) {
  Attributes attributes;
  attributes.set("axis", std::int64_t{2});
  attributes.set("alpha", 0.25F);
  attributes.set("auto_pad", std::string("VALID"));
  attributes.set("pads", std::vector<std::int64_t>{3});
  attributes.set("values", std::vector<float>{1.5F});
  attributes.set("value", std::make_shared<const Tensor>(DType::kI64, Shape{4}));
  EXPECT_TRUE(attributes.has("axis"));
  EXPECT_EQ(attributes.integer("axis", 0), 2);
  EXPECT_EQ(attributes.real("alpha", 0.0F), 0.25F);
  EXPECT_EQ(attributes.text("auto_pad", ""), "VALID");
  EXPECT_EQ(attributes.integers("pads"), std::vector<std::int64_t>{3});
  EXPECT_EQ(attributes.reals("values"), std::vector<float>{1.5F});
  EXPECT_EQ(attributes.tensor("value")->count(), 4);
}

TEST(Attributes, AnotherTypeIsNamed) {
  Attributes attributes;
  attributes.set("axis", 1.0F);
  attributes.set("pads", std::string("all"));
  EXPECT_EQ(input_error([&] { attributes.integer("axis", 0); }),
            "attribute axis: expected an integer, found a float");
  EXPECT_EQ(input_error([&] { attributes.integers("pads"); }),
            "attribute pads: expected a list of integers, found a string");
  EXPECT_EQ(input_error([&] { attributes.tensor("axis"); }),
            "attribute axis: expected a tensor, found a float");
}

TEST(TensorDesc, BytesCountThePadding) {
  struct {
    TensorDesc desc;
    std::size_t bytes;
  } const cases[] = {
      {{DType::kF32, {2, 3, 5, 5}, Layout::kPlain}, 2 * 3 * 25 * 4},
      {{DType::kF32, {2, 3, 5, 5}, Layout::kBlocked8}, 2 * 8 * 25 * 4},
      {{DType::kF32, {2, 3, 5, 5}, Layout::kBlocked16}, 2 * 16 * 25 * 4},
      {{DType::kF32, {1, 16, 4}, Layout::kBlocked16}, 16 * 4 * 4},
      {{DType::kI64, {}, Layout::kPlain}, 8},
      {{DType::kF32, {0, 3}, Layout::kPlain}, 0},
      {{DType::kUndefined, {}, Layout::kPlain}, 0},
  };
  for (const auto& [desc, bytes] : cases) {
    SCOPED_TRACE(to_string(desc.shape));
    EXPECT_EQ(desc.bytes(), bytes);
  }
}

TEST(WeightStore, PacksOnce) {
  WeightStore store;
  const Tensor a(DType::kF32, {4});
  const Tensor b(DType::kF32, {4});
  int packed = 0;
  const auto pack = [&packed] {
    ++packed;
    return AlignedBuffer(16);
  };
  const auto first = store.get(&a, "panels", pack);
  EXPECT_EQ(store.get(&a, "panels", pack), first);
  EXPECT_EQ(packed, 1);
  EXPECT_NE(store.get(&a, "other", pack), first);
  EXPECT_NE(store.get(&b, "panels", pack), first);
  EXPECT_EQ(packed, 3);
  EXPECT_EQ(store.bytes(), 48U);
}

TEST(WeightStore, PacksOnceForManyThreads) {
  WeightStore store;
  const Tensor source(DType::kF32, {4});
  int packed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      store.get(&source, "panels", [&packed] {
        ++packed;
        return AlignedBuffer(16);
      });
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(packed, 1);
}

TEST(WeightStore, KernelsOfAnyBatchAndThreadsShareTheirWeights) {
  const std::vector<CaseSpec> specs = {
      conv_case({.x = {1, 16, 9, 9}, .out_channels = 17, .kernel = {3, 3}}),
      gemm_case({.a = {1, 40}, .columns = 30, .c = {30}})};
  for (const CaseSpec& spec : specs) {
    SCOPED_TRACE(spec.name);
    const CaseData data(spec);
    const Choice choice = choose(data.kernel_case());
    ASSERT_NE(choice.entry, nullptr);
    WeightStore weights;
    run_once(*choice.entry, data, weights);
    const std::size_t bytes = weights.bytes();
    EXPECT_GT(bytes, 0U);
    const std::vector<std::int64_t> rows(7, 0);
    run_once(*choice.entry, data.rows(rows), weights, Layout::kPlain, 2);
    EXPECT_EQ(weights.bytes(), bytes);
  }
}

TEST(Registry, EndsEachOperatorWithAReference) {
  std::set<std::string_view> ops;
  for (const KernelEntry& entry : registry()) ops.insert(entry.op);
  for (const std::string_view op : ops) {
    std::string_view last;
    for (const KernelEntry& entry : registry()) {
      if (entry.op == op) last = entry.name;
    }
    EXPECT_TRUE(last.starts_with("ref_")) << op << " ends with " << last;
    EXPECT_TRUE(knows(op));
  }
  EXPECT_FALSE(knows("Conv2"));
}

TEST(Registry, ChooseTellsWhoDeclined) {
  CaseSpec spec = conv_case({.x = {1, 3, 9, 9}, .out_channels = 8, .kernel = {3, 3}});
  spec.inputs[1].constant = false;
  const CaseData data(spec);
  const Choice choice = choose(data.kernel_case());
  ASSERT_NE(choice.entry, nullptr);
  EXPECT_EQ(choice.entry->name, "ref_conv");
  ASSERT_EQ(choice.declined.size(), 2U);
  EXPECT_EQ(choice.declined[0].kernel, "winograd_conv");
  EXPECT_EQ(choice.declined[0].reason, "W is not a constant");
  EXPECT_EQ(choice.declined[1].kernel, "onednn_conv");
  EXPECT_EQ(choice.declined[1].reason, "W is not a constant");
}

TEST(Registry, AMalformedCaseIsDeclinedByAll) {
  CaseSpec spec = conv_case({.x = {1, 3, 9, 9}, .out_channels = 8, .kernel = {3, 3}});
  spec.attributes.set("pads", std::vector<std::int64_t>{1, 1});
  const CaseData data(spec);
  const Choice choice = choose(data.kernel_case());
  EXPECT_EQ(choice.entry, nullptr);
  ASSERT_EQ(choice.declined.size(), 3U);
  for (const auto& declined : choice.declined) {
    EXPECT_EQ(declined.reason, "attribute pads: expected 4 values of at least 0, found [1, 1]");
  }
}

TEST(Reorder, RoundTripIsExact) {
  const std::vector<Shape> shapes = {{2, 3, 5, 7}, {1, 16, 9},      {3, 17, 12, 13},
                                     {2, 8, 1, 1}, {1, 5, 2, 3, 4}, {2, 1, 28, 28}};
  const std::vector<Layout> layouts = {Layout::kPlain, Layout::kBlocked8, Layout::kBlocked16};
  const KernelEntry& entry = entry_of("ref_reorder", "Reorder");
  for (const Shape& shape : shapes) {
    for (const Layout from : layouts) {
      for (const Layout to : layouts) {
        SCOPED_TRACE(fmt::format("{} {} to {}", to_string(shape), name_of(from), name_of(to)));
        const CaseData data({.name = "Reorder",
                             .op = "Reorder",
                             .version = 13,
                             .attributes = {},
                             .inputs = {{shape}},
                             .output = shape,
                             .activation = {}});
        KernelCase kernel_case = data.kernel_case(from);
        kernel_case.outputs[0].layout = to;
        const Support support = ask(entry, kernel_case);
        ASSERT_TRUE(support) << support.reason();
        EXPECT_EQ(support.input(0), from);
        EXPECT_EQ(support.output(0), to);
        WeightStore weights;
        const AlignedBuffer input = to_layout(data.input(0), from);
        AlignedBuffer output(kernel_case.outputs[0].bytes());
        std::fill(output.span().begin(), output.span().end(), std::byte{0xFF});
        const std::byte* x = input.data();
        std::byte* y = output.data();
        entry.create(kernel_case, weights)->run({.inputs = {&x, 1}, .outputs = {&y, 1}});
        // Bytes, so that the padding is compared too: to_layout() fills it with zeros.
        const AlignedBuffer expected = to_layout(data.input(0), to);
        EXPECT_TRUE(std::equal(expected.span().begin(), expected.span().end(),
                               output.span().begin(), output.span().end()));
      }
    }
  }
}

}  // namespace
}  // namespace widepipe::kernels::testing
