// The ONNX project's own test cases, run by every kernel that supports them, in every layout in
// which their inputs may arrive, with and without constant weights.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/error.h"
#include "kernels/registry.h"
#include "model/binding.h"
#include "model/kernel_case.h"
#include "model/onnx_constant.h"
#include "model/onnx_import.h"
#include "model/onnx_tensor.h"
#include "model/operators.h"
#include "model/shape_inference.h"
#include "tests/unit/kernel_harness.h"

#ifndef WIDEPIPE_ONNX_TESTDATA_DIR
#define WIDEPIPE_ONNX_TESTDATA_DIR "/usr/share/libonnx-testdata/data"
#endif

namespace widepipe::model {
namespace {

namespace fs = std::filesystem;
using kernels::Layout;

constexpr double kRelative = 1e-4;
constexpr double kAbsolute = 1e-6;
/// ONNX's own: the graphs of windows hold 2 pi as 6.28319, which the expected values do not.
constexpr double kRelativeOfWindows = 1e-3;

/// Parts of the messages with which we may refuse a case. Any other refusal is a failure.
constexpr auto kKnownLimits = std::to_array<const char*>(
    {"training", "only output 0 is supported", "another type", "elements of type FLOAT16",
     "elements of type BFLOAT16", "elements of type STRING"});

struct Tally {
  int found = 0;
  int ran = 0;
  int failed = 0;
  std::map<std::string, int> runs;     ///< by kernel
  std::map<std::string, int> skipped;  ///< by reason
};

fs::path testdata() {
  const char* given = std::getenv("WIDEPIPE_ONNX_TESTDATA");
  return given != nullptr ? given : WIDEPIPE_ONNX_TESTDATA_DIR;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// PREFIX_0.pb, PREFIX_1.pb ... of a folder.
std::vector<Tensor> read_tensors(const fs::path& folder, const std::string& prefix) {
  std::vector<Tensor> tensors;
  for (;;) {
    const fs::path path = folder / fmt::format("{}_{}.pb", prefix, tensors.size());
    if (!fs::exists(path)) return tensors;
    onnx::TensorProto proto;
    EXPECT_TRUE(proto.ParseFromString(read_file(path))) << path;
    tensors.push_back(read_tensor(proto));
  }
}

/// The operator that a model is a case of: that of its first node but Constants, if it has no
/// operator that we do not know.
std::optional<std::string> operator_of(const onnx::ModelProto& model) {
  std::optional<std::string> first;
  for (const onnx::NodeProto& node : model.graph().node()) {
    if (node.op_type() == "Constant") continue;
    const std::string op =
        node.domain().empty() ? node.op_type() : node.domain() + "." + node.op_type();
    if (find_operator(op) == nullptr) return std::nullopt;
    if (!first) first = op;
  }
  return first ? first : "Constant";
}

/// Operators without a case in ONNX's test data; unit tests show them.
constexpr auto kUnitTested = std::to_array<std::string_view>({
    "Gelu",
    "GroupNormalization",
    "LpNormalization",
    "Mish",
    "ai.onnx.ml.ArrayFeatureExtractor",
    "ai.onnx.ml.Binarizer",
    "ai.onnx.ml.LabelEncoder",
    "ai.onnx.ml.LinearClassifier",
    "ai.onnx.ml.LinearRegressor",
    "ai.onnx.ml.Normalizer",
    "ai.onnx.ml.Scaler",
    "ai.onnx.ml.TreeEnsembleClassifier",
    "ai.onnx.ml.TreeEnsembleRegressor",
});

/// The inputs that must be known, by operator: they give the output its shape.
struct ShapeInputs {
  std::string_view op;
  std::vector<std::size_t> inputs;
};
const std::vector<ShapeInputs>& shape_inputs() {
  static const std::vector<ShapeInputs> kList = {
      {"ConstantOfShape", {0}},
      {"CumSum", {1}},
      {"Expand", {1}},
      {"OneHot", {1}},
      {"Pad", {1, 3}},
      {"Range", {0, 1, 2}},
      {"Reshape", {1}},
      {"Resize", {1, 2, 3}},
      {"Slice", {1, 2, 3, 4}},
      {"Split", {1}},
      {"Squeeze", {1}},
      {"Tile", {1}},
      {"TopK", {1}},
      {"Trilu", {1}},
      {"Unsqueeze", {1}},
      {"Upsample", {1}},
  };
  return kList;
}

/// The inputs of the node that must be known.
std::vector<std::size_t> shape_inputs_of(const Node& node) {
  if (node.op.starts_with("Reduce")) {
    std::vector<std::size_t> all_but_first(node.inputs.size() - 1);
    std::iota(all_but_first.begin(), all_but_first.end(), std::size_t{1});
    return all_but_first;
  }
  for (const auto& [op, inputs] : shape_inputs()) {
    if (node.op == op) return inputs;
  }
  return {};
}

/// Values that a shape depends on, through any number of nodes.
std::set<ValueId> values_behind_shapes(const Graph& graph) {
  std::set<ValueId> behind;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    for (const std::size_t i : shape_inputs_of(*node)) {
      if (i < node->inputs.size()) behind.insert(node->inputs[i]);
    }
    if (node->op == "Shape" || node->op == "Size") continue;  // whatever the elements are
    const bool needed = std::any_of(node->outputs.begin(), node->outputs.end(),
                                    [&](ValueId id) { return behind.contains(id); });
    if (needed) behind.insert(node->inputs.begin(), node->inputs.end());
  }
  return behind;
}

/// Which graph inputs the model sees as constants: always those that a shape depends on, and, in a
/// second round, all but the first.
void bind_constants(Graph& graph, const std::vector<Tensor>& inputs, bool all_but_first) {
  const std::set<ValueId> behind_shapes = values_behind_shapes(graph);
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const ValueId id = graph.inputs[i].value;
    if (!behind_shapes.contains(id) && !(all_but_first && i > 0)) continue;
    auto copy = std::make_shared<Tensor>(inputs[i].dtype(), inputs[i].shape());
    std::copy_n(inputs[i].data(), inputs[i].bytes(), copy->data());
    Value constant = constant_value(std::move(copy));
    constant.name = graph.value(id).name;
    graph.value(id) = std::move(constant);
  }
}

/// The kernels that support a node's case, with the layouts they ask for.
std::vector<std::pair<const kernels::KernelEntry*, kernels::Support>> supporting(
    const Graph& graph, const Node& node, const kernels::KernelCase& node_case) {
  std::vector<std::pair<const kernels::KernelEntry*, kernels::Support>> result;
  kernels::Choice declined;
  for (const kernels::KernelEntry& entry : kernels::registry()) {
    if (entry.op != node_case.op) continue;
    auto support = kernels::testing::ask(entry, node_case);
    if (support) {
      result.emplace_back(&entry, std::move(support));
    } else {
      declined.declined.push_back({entry.name, support.reason()});
    }
  }
  if (result.empty()) require_kernel(graph, node, declined);
  return result;
}

std::vector<Tensor> run(const kernels::KernelEntry& entry, const kernels::Support& support,
                        kernels::KernelCase node_case, const std::vector<const Tensor*>& inputs) {
  std::vector<AlignedBuffer> buffers;
  std::vector<const std::byte*> sources;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    node_case.inputs[i].layout = support.input(i);
    buffers.push_back(inputs[i] == nullptr
                          ? AlignedBuffer()
                          : kernels::testing::to_layout(*inputs[i], support.input(i)));
    sources.push_back(buffers.back().data());
  }
  std::vector<AlignedBuffer> made;
  std::vector<std::byte*> targets;
  for (std::size_t i = 0; i < node_case.outputs.size(); ++i) {
    node_case.outputs[i].layout = support.output(i);
    const bool wanted = node_case.outputs[i].present();
    made.emplace_back(wanted ? node_case.outputs[i].bytes() : 0);
    targets.push_back(wanted ? made.back().data() : nullptr);
  }
  kernels::WeightStore weights;
  const auto kernel = entry.create(node_case, weights);
  AlignedBuffer scratch(kernel->scratch_bytes());
  kernel->run({.inputs = sources, .outputs = targets, .scratch = scratch.data()});
  std::vector<Tensor> outputs;
  for (std::size_t i = 0; i < made.size(); ++i) {
    outputs.push_back(node_case.outputs[i].present()
                          ? kernels::testing::from_layout(made[i], node_case.outputs[i])
                          : Tensor());
  }
  return outputs;
}

/// The graph's outputs with the kernel number `choice` of each node's supporting ones (the last,
/// if there are fewer). `most` becomes the largest number of supporting kernels of a node.
std::vector<Tensor> run_graph(const Graph& graph, const std::vector<Tensor>& inputs,
                              Layout arriving, std::size_t choice, std::size_t& most,
                              std::set<std::string>& used) {
  std::unordered_map<ValueId, const Tensor*> known;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) known[graph.inputs[i].value] = &inputs[i];
  std::unordered_map<ValueId, Tensor> made;
  KnownValues constants(graph, 1);
  for (const Node& node : graph.nodes) {
    kernels::KernelCase node_case = kernel_case(graph, node, 1, constants);
    std::vector<const Tensor*> sources;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId id = node.inputs[i];
      const Tensor* constant = node_case.constants[i];
      sources.push_back(id == kNoValue || constant != nullptr ? constant : known.at(id));
      const std::size_t rank = node_case.inputs[i].shape.size();
      if (constant == nullptr && node_case.inputs[i].dtype == DType::kF32 && rank >= 3 &&
          rank <= 5) {
        node_case.inputs[i].layout = arriving;
      }
    }
    const auto kernels = supporting(graph, node, node_case);
    most = std::max(most, kernels.size());
    const auto& [entry, support] = kernels[std::min(choice, kernels.size() - 1)];
    used.insert(std::string(entry->name));
    std::vector<Tensor> outputs = run(*entry, support, node_case, sources);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (node.outputs[i] == kNoValue) continue;
      made[node.outputs[i]] = std::move(outputs[i]);
      known[node.outputs[i]] = &made[node.outputs[i]];
    }
  }
  std::vector<Tensor> outputs;
  for (const GraphOutput& output : graph.outputs) {
    outputs.push_back(std::move(made.at(output.value)));
  }
  return outputs;
}

template <typename T>
std::string difference(std::span<const T> expected, std::span<const T> found, double relative,
                       double absolute) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto e = static_cast<double>(expected[i]);
    const auto f = static_cast<double>(found[i]);
    if (e == f || (std::isnan(e) && std::isnan(f))) continue;
    if (!(std::abs(e - f) <= absolute + relative * std::abs(e))) {
      return fmt::format("element {}: expected {}, found {}", i, e, f);
    }
  }
  return "";
}

/// What is wrong with `found`, or nothing.
std::string compare(const Tensor& expected, const Tensor& found, double relative) {
  if (expected.shape() != found.shape() || expected.dtype() != found.dtype()) {
    return fmt::format("expected {} {}, found {} {}", name_of(expected.dtype()),
                       widepipe::to_string(expected.shape()), name_of(found.dtype()),
                       widepipe::to_string(found.shape()));
  }
  if (expected.dtype() == DType::kF32) {
    return difference(expected.as<float>(), found.as<float>(), relative, kAbsolute);
  }
  if (expected.dtype() == DType::kF64) {
    return difference(expected.as<double>(), found.as<double>(), relative, kAbsolute);
  }
  const auto bytes = [](const Tensor& tensor) {
    return std::span(reinterpret_cast<const unsigned char*>(tensor.data()), tensor.bytes());
  };
  return difference(bytes(expected), bytes(found), 0.0, 0.0);
}

/// Runs one data set in all variants; throws InputError where we refuse it.
void run_data_set(const fs::path& folder, const std::string& model, Tally& tally) {
  const std::string label = folder.parent_path().filename().string();
  import_graph(std::as_bytes(std::span(model)), label);  // refuses inputs that we could not read
  const bool window = label.find("window_") != std::string::npos;
  const double relative = window ? kRelativeOfWindows : kRelative;
  const std::vector<Tensor> inputs = read_tensors(folder, "input");
  const std::vector<Tensor> expected = read_tensors(folder, "output");
  for (const bool all_but_first : {false, true}) {
    Graph graph = import_graph(std::as_bytes(std::span(model)), label);
    ASSERT_EQ(graph.inputs.size(), inputs.size()) << label;
    ASSERT_EQ(graph.outputs.size(), expected.size()) << label;
    if (all_but_first && inputs.size() < 2) return;
    bind_fixed(graph);
    bind_constants(graph, inputs, all_but_first);
    infer_shapes(graph);
    check_declared_outputs(graph);
    for (const Layout arriving : {Layout::kPlain, Layout::kBlocked8, Layout::kBlocked16}) {
      std::size_t most = 1;
      for (std::size_t choice = 0; choice < most; ++choice) {
        std::set<std::string> used;
        const auto found = run_graph(graph, inputs, arriving, choice, most, used);
        for (const std::string& kernel : used) ++tally.runs[kernel];
        for (std::size_t i = 0; i < expected.size(); ++i) {
          const std::string wrong = compare(expected[i], found[i], relative);
          if (wrong.empty()) continue;
          ++tally.failed;
          ADD_FAILURE() << fmt::format("{} by {}, inputs arriving {}: {}", label,
                                       fmt::join(used, ", "), kernels::name_of(arriving), wrong);
        }
      }
    }
  }
}

void run_case(const fs::path& folder, const std::string& model, Tally& tally) {
  ++tally.found;
  try {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.is_directory()) run_data_set(entry.path(), model, tally);
    }
    ++tally.ran;
  } catch (const InputError& error) {
    const std::string reason = error.what();
    const auto* known =
        std::find_if(kKnownLimits.begin(), kKnownLimits.end(),
                     [&](const char* limit) { return reason.find(limit) != std::string::npos; });
    if (known == kKnownLimits.end()) {
      ++tally.failed;
      ADD_FAILURE() << "refused: " << reason;
    } else {
      ++tally.skipped[*known];
    }
  }
}

void print(const std::map<std::string, Tally>& tallies) {
  std::cout << fmt::format("{:<36}{:>6}{:>6}{:>8}{:>8}  {}\n", "operator", "cases", "ran",
                           "skipped", "failed", "kernel runs; reasons");
  for (const auto& [op, tally] : tallies) {
    std::string notes;
    for (const auto& [kernel, runs] : tally.runs) notes += fmt::format(" {} {}", runs, kernel);
    for (const auto& [reason, cases] : tally.skipped) {
      notes += fmt::format("; {} skipped: {}", cases, reason);
    }
    std::cout << fmt::format("{:<36}{:>6}{:>6}{:>8}{:>8} {}\n", op, tally.found, tally.ran,
                             tally.found - tally.ran, tally.failed, notes);
  }
}

TEST(OnnxNodeCases, EveryKernelComputesWhatOnnxExpects) {
  std::map<std::string, Tally> tallies;
  tallies["Constant"] = {};
  for (const Operator& op : operators()) tallies[std::string(op.name)] = {};
  for (const char* family : {"node", "simple", "pytorch-operator", "pytorch-converted"}) {
    if (!fs::exists(testdata() / family)) continue;
    std::set<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(testdata() / family)) {
      folders.insert(entry.path());
    }
    for (const fs::path& folder : folders) {
      const std::string bytes = read_file(folder / "model.onnx");
      onnx::ModelProto model;
      ASSERT_TRUE(model.ParseFromString(bytes)) << folder;
      if (const auto op = operator_of(model)) run_case(folder, bytes, tallies[*op]);
    }
  }
  print(tallies);
  for (const auto& [op, tally] : tallies) {
    const bool exempt = std::find(kUnitTested.begin(), kUnitTested.end(), op) != kUnitTested.end();
    EXPECT_EQ(tally.ran > 0, !exempt) << tally.ran << " cases of operator " << op << " ran under "
                                      << testdata() << (exempt ? ", expected none" : "");
  }
}

}  // namespace
}  // namespace widepipe::model
