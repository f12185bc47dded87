// Devices by name, and models that only another device than the built-in one can run.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "device/device_list.h"
#include "tests/unit/device_harness.h"

namespace widepipe::device {
namespace {

using widepipe::testing::OnnxBuilder;

#ifdef WIDEPIPE_WITH_OPENVINO
constexpr const char* kKnown = "auto, cpu, openvino";
#else
constexpr const char* kKnown = "auto, cpu";
#endif
constexpr const char* kNotBuiltin =
    "foreign.onnx: node 'y/BiasGelu' (#0): operator 'BiasGelu' of com.microsoft opset 1 is not "
    "supported";

template <typename Work>
std::string error_of(const Work& work) {
  try {
    work();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

std::shared_ptr<const model::Model> import_foreign(std::string_view device) {
  return import_model(device, foreign_model(), "foreign.onnx", {});
}

TEST(DeviceList, WhatIsNotThereIsRefusedWithWhatIs) {
  const auto make = [](std::string_view name, DeviceConfig config = {}) {
    return error_of([&] { make_device(name, std::move(config), [](Completion) {}); });
  };
  const std::string known = fmt::format("; this build has: {}", kKnown);
  EXPECT_EQ(make("abacus"), "device 'abacus' is not known" + known);
  EXPECT_EQ(make(""), "device '' is not known" + known);
  EXPECT_EQ(make("cpu:1"), "device 'cpu:1': expected 'cpu', which has no parts");
  EXPECT_EQ(make("cpu", {.precision = "bf16"}),
            "precision bf16: device cpu computes in f32 alone; leave it out");
  EXPECT_EQ(make("auto", {.precision = "f16"}), "no error") << "it is for what cpu cannot run";
  EXPECT_EQ(error_of([] { import_foreign("abacus"); }), "device 'abacus' is not known" + known);
#ifndef WIDEPIPE_WITH_OPENVINO
  EXPECT_EQ(make("openvino"), "device 'openvino' is not known" + known +
                                  "; OpenVINO was not found when it was built");
#endif
}

TEST(DeviceList, TheBuiltinDeviceTakesNoModelThatItCannotImport) {
#ifdef WIDEPIPE_WITH_OPENVINO
  const std::string way_out = "; --device auto turns to openvino, which can run it";
#else
  const std::string way_out;
#endif
  EXPECT_EQ(error_of([] { import_foreign("cpu"); }), kNotBuiltin + way_out);
}

TEST(DeviceList, AutoKeepsWhatTheBuiltinDeviceCanRun) {
  const auto model = import_model("auto", {.label = "m.onnx",
                                           .bytes = conformance_models().front().bytes,
                                           .external = {},
                                           .binding = {}});
  EXPECT_EQ(chosen_device("auto", *model), "cpu");
  EXPECT_EQ(why_not_builtin(*model), "");
  EXPECT_TRUE(model->onnx().empty());
}

TEST(DeviceList, AutoAsksTheJobOnceHowToBind) {
  int asked = 0;
  error_of([&] {
    import_model("auto", foreign_model(), "foreign.onnx", {.bind = [&](const model::Declared&) {
                   ++asked;
                   return model::Binding{};
                 }});
  });
  EXPECT_EQ(asked, 1);
}

TEST(DeviceList, AutoAsksAJobThatRefusesOnce) {
  int asked = 0;
  const auto refuse = [&](const model::Declared&) -> model::Binding {
    ++asked;
    throw InputError("not like this");
  };
  EXPECT_EQ(error_of([&] {
              import_model("auto", conformance_models().front().bytes, "m.onnx", {.bind = refuse});
            }),
            "not like this");
  EXPECT_EQ(asked, 1);
}

TEST(DeviceList, AMistakeInTheFileIsNoMatterOfDevices) {
  const std::vector<std::byte> junk(100, std::byte{0x55});
  const std::string expected = error_of([&] { import_model("cpu", junk, "junk.onnx", {}); });
  EXPECT_TRUE(expected.starts_with("junk.onnx: not an ONNX model")) << expected;
  EXPECT_EQ(error_of([&] { import_model("auto", junk, "junk.onnx", {}); }), expected);
}

#ifndef WIDEPIPE_WITH_OPENVINO

TEST(DeviceList, AutoSaysThatAnotherBuildMightRunIt) {
  EXPECT_EQ(error_of([] { import_foreign("auto"); }),
            std::string(kNotBuiltin) + "; a build of widepipe with OpenVINO might run it");
}

#else

TEST(OpenVino, RunsAModelThatTheBuiltinDeviceCannotImport) {
  for (const char* name : {"auto", "openvino"}) {
    SCOPED_TRACE(name);
    const auto model = import_foreign(name);
    EXPECT_EQ(chosen_device(name, *model), "openvino:CPU");
    EXPECT_EQ(why_not_builtin(*model), kNotBuiltin);
    EXPECT_EQ(model->max_batch(), 1);
    ASSERT_EQ(model->outputs().size(), 1U);
    EXPECT_EQ(model->outputs()[0].row_shape, Shape{8});
    Collector collector;
    const auto device = make_device(name, {.instances = 2}, collector.sink());
    ASSERT_EQ(device->declines(*model), std::nullopt);
    const ModelId id = device->load(model);
    device->submit(make_batch(*model, id, 1, 0, 5));
    const std::vector<Completion> done = collector.wait_for(1);
    ASSERT_EQ(done.size(), 1U);
    ASSERT_EQ(done[0].error, "");
    const Batch asked = make_batch(*model, id, 1, 0, 5);
    const Tensor bias = widepipe::testing::random_tensor({8}, 1);
    const auto* x = reinterpret_cast<const float*>(asked.inputs[0].data());
    const auto* y = reinterpret_cast<const float*>(done[0].batch.outputs.at(0).data());
    for (std::size_t i = 0; i < 40; ++i) {
      const double sum = static_cast<double>(x[i]) + bias.as<float>()[i % 8];
      EXPECT_NEAR(y[i], 0.5 * sum * (1 + std::erf(sum / std::sqrt(2.0))), 1e-5);
    }
  }
}

TEST(OpenVino, SaysWhyItCannotRunAModelEither) {
  OnnxBuilder builder;
  builder.input("x", {"N", "8"}).node("Abacus", {"x"}, {"y"}).output("y", {"N", "8"});
  const std::string error =
      error_of([&] { import_model("openvino", builder.bytes(), "a.onnx", {}); });
  EXPECT_TRUE(error.starts_with(
      "a.onnx: node 'y/Abacus' (#0): operator 'Abacus' of ai.onnx opset 13 is not supported; "
      "a.onnx: OpenVINO cannot import it: "))
      << error;
  EXPECT_EQ(error.find('\n'), std::string::npos);
}

TEST(OpenVino, RefusesPartsAndPrecisionsThatAreNotThere) {
  const auto make = [](std::string_view name, DeviceConfig config = {}) {
    return error_of([&] { make_device(name, std::move(config), [](Completion) {}); });
  };
  EXPECT_TRUE(make("openvino:ABACUS")
                  .starts_with("device 'openvino:ABACUS' is not there; OpenVINO finds here: "));
  EXPECT_TRUE(make("openvino:").starts_with("device 'openvino:': expected one of openvino:CPU"));
  EXPECT_EQ(make("openvino:CPU"), "no error");
  EXPECT_EQ(make("openvino"), "no error");
}

TEST(OpenVino, APrecisionIsKeptOrRefused) {
  const auto model = import_model("openvino", conformance_models().front().bytes, "m.onnx", {});
  for (const std::string precision : {"f32", "f16", "bf16", "auto"}) {
    const auto device = make_device("openvino", {.precision = precision}, [](Completion) {});
    const std::string error = error_of([&] { device->load(model); });
    if (precision == "f32" || precision == "auto") {
      EXPECT_EQ(error, "no error");
    } else if (error != "no error") {  // as the processor has it
      const auto refused = [&](const char* instead) {
        return fmt::format("precision {}: device openvino:CPU computes in {} on this machine",
                           precision, instead);
      };
      EXPECT_TRUE(error == refused("f32") || (precision == "f16" && error == refused("bf16")))
          << error;
    }
  }
}

TEST(OpenVino, TakesWeightsFromFilesBesideTheModel) {
  OnnxBuilder builder;
  builder.input("x", {"N", "4"})
      .weights("w", {4, 2})
      .node("MatMul", {"x", "w"}, {"y"})
      .output("y", {"N", "2"});
  const auto inside = import_model("openvino", builder.bytes(), "m.onnx", {});
  onnx::TensorProto& w = *builder.graph().mutable_initializer(0);
  const std::string raw = w.raw_data();
  ASSERT_EQ(raw.size(), 32U);
  const auto* begin = reinterpret_cast<const std::byte*>(raw.data());
  const model::ExternalFiles files = {{"w.bin", {begin, begin + raw.size()}}};
  w.clear_raw_data();
  w.set_data_location(onnx::TensorProto::EXTERNAL);
  onnx::StringStringEntryProto& entry = *w.add_external_data();
  entry.set_key("location");
  entry.set_value("w.bin");
  const auto outside = import_model("openvino", builder.bytes(), "m.onnx", {.external = files});
  Collector collector;
  const auto device = make_device("openvino", {}, collector.sink());
  for (const auto& model : {inside, outside}) {
    ASSERT_EQ(device->declines(*model), std::nullopt);
    device->submit(make_batch(*model, device->load(model), 1, 0, 3));
    const std::vector<Completion> done = collector.wait_for(1);
    ASSERT_EQ(done.size(), 1U);
    EXPECT_LT(largest_error(*model, expected_outputs(model, make_batch(*model, 0, 1, 0, 3)),
                            done[0].batch.outputs),
              1e-5);
  }
}

#endif

}  // namespace
}  // namespace widepipe::device
