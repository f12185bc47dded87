#include "model/onnx_import.h"

#include <fmt/ranges.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/error.h"
#include "model/onnx_attributes.h"
#include "model/onnx_constant.h"
#include "model/onnx_file.h"
#include "model/onnx_tensor.h"
#include "model/operators.h"
#include "model/shape_inference.h"

namespace widepipe::model {
namespace {

/// The newest whose additions have been read: none changes what the operators of ours mean.
constexpr std::int64_t kNewestIrVersion = 14;
/// Far above any operator set; keeps what a file says within an int.
constexpr std::int64_t kNewestVersion = 1 << 20;

bool is_default_domain(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

/// Turns the graph of one model into ours. Used once.
class Importer {
 public:
  Importer(const onnx::ModelProto& model, std::string_view label, const ImportOptions& options)
      : model_(model), proto_(model.graph()), options_(options) {
    graph_.label = label;
  }

  Graph import() && {
    check_model();
    check_operators(proto_);
    add_initializers(proto_);
    add_inputs();
    declare_outputs();
    if (options_.bind) options_.bind(graph_);
    add_nodes(proto_);
    connect_outputs();
    drop_unused_outputs();
    return std::move(graph_);
  }

  Graph import_interface() && {
    for (const onnx::TensorProto& proto : proto_.initializer()) {
      define(proto.name(), constant_value(std::make_shared<const Tensor>()));
    }
    add_inputs();
    declare_outputs();
    if (options_.bind) options_.bind(graph_);
    return std::move(graph_);
  }

 private:
  void check_model() {
    const std::int64_t ir = model_.ir_version();
    if (ir < 1 || ir > kNewestIrVersion) {
      throw_input_error("{}: expected an ONNX IR version from 1 to {}, found {}", graph_.label,
                        kNewestIrVersion, ir);
    }
    if (version_of("") < 1) {
      throw_input_error("{}: no operator set of ai.onnx is imported; is the file truncated?",
                        graph_.label);
    }
    if (model_.functions_size() != 0) {
      const onnx::FunctionProto& function = model_.functions(0);
      throw_input_error("{}: the model defines function {}::{}; functions are not supported",
                        graph_.label, function.domain(), function.name());
    }
    if (proto_.node_size() == 0) throw_input_error("{}: the graph has no nodes", graph_.label);
  }

  /// The operator set version that the model imports of a domain; 0 if it imports none.
  std::int64_t version_of(const std::string& domain) const {
    std::int64_t version = 0;
    for (const onnx::OperatorSetIdProto& set : model_.opset_import()) {
      const bool same =
          is_default_domain(domain) ? is_default_domain(set.domain()) : set.domain() == domain;
      if (same) version = set.version();
    }
    return version;
  }

  /// All at once, so that a user learns of every operator that is missing.
  void check_operators(const onnx::GraphProto& graph) const {
    const onnx::NodeProto* first = nullptr;
    int first_index = 0;
    std::set<std::string> others;
    for (int i = 0; i < graph.node_size(); ++i) {
      const onnx::NodeProto& node = graph.node(i);
      const std::string op = operator_name(node);
      if (op == "Constant" || op == "If" || find_operator(op) != nullptr) continue;
      if (first == nullptr) {
        first = &node;
        first_index = i;
      } else if (node.op_type() != first->op_type()) {
        others.insert(node.op_type());
      }
    }
    if (first == nullptr) return;
    throw UnsupportedError(fmt::format(
        "{}: {}: operator '{}' of {} is not supported{}{}", graph_.label,
        describe(named(*first, first_index)), first->op_type(), operator_set(first->domain()),
        others.empty() ? ""
                       : fmt::format(" (and {} more: {})", others.size(), fmt::join(others, ", ")),
        first->op_type() == "ZipMap" || others.contains("ZipMap")
            ? "; ZipMap makes maps of the scores: export the model with zipmap=False"
            : ""));
  }

  std::string operator_set(const std::string& domain) const {
    const std::int64_t version = version_of(domain);
    if (is_default_domain(domain)) return fmt::format("ai.onnx opset {}", version);
    if (version != 0) return fmt::format("{} opset {}", domain, version);
    return fmt::format("{}, which the model does not import,", domain);
  }

  static std::string operator_name(const onnx::NodeProto& node) {
    return is_default_domain(node.domain()) ? node.op_type() : node.domain() + "." + node.op_type();
  }

  static Node named(const onnx::NodeProto& proto, int index) {
    Node node;
    node.name = proto.name();
    node.op = operator_name(proto);
    node.index = index;
    return node;
  }

  template <typename... Args>
  [[noreturn]] void fail(const Node& node, fmt::format_string<Args...> format,
                         Args&&... args) const {
    throw_input_error("{}: {}, operator {}: {}", graph_.label, describe(node), node.op,
                      fmt::format(format, std::forward<Args>(args)...));
  }

  /// Runs `f`; its errors get the node's name.
  template <typename F>
  void naming(const Node& node, const F& f) const {
    try {
      f();
    } catch (const InputError& error) {
      fail(node, "{}", error.what());
    }
  }

  ValueId define(const std::string& name, Value value) {
    value.name = name;
    const ValueId id = graph_.add_value(std::move(value));
    ids_.emplace(name, id);
    return id;
  }

  void add_initializers(const onnx::GraphProto& graph) {
    if (graph.sparse_initializer_size() != 0) {
      throw_input_error("{}: initializer '{}' is sparse, which is not supported", graph_.label,
                        graph.sparse_initializer(0).values().name());
    }
    for (const onnx::TensorProto& proto : graph.initializer()) {
      if (ids_.contains(proto.name())) {
        throw_input_error("{}: two initializers are named '{}'", graph_.label, proto.name());
      }
      try {
        define(
            proto.name(),
            constant_value(std::make_shared<const Tensor>(read_tensor(proto, options_.external))));
      } catch (const InputError& error) {
        throw_input_error("{}: initializer '{}': {}", graph_.label, proto.name(), error.what());
      }
    }
  }

  void add_inputs() {
    for (const onnx::ValueInfoProto& proto : proto_.input()) {
      const auto known = ids_.find(proto.name());
      if (known != ids_.end()) {
        // Before IR version 4 every initializer was an input too.
        if (graph_.value(known->second).constant != nullptr) continue;
        throw_input_error("{}: two inputs are named '{}'", graph_.label, proto.name());
      }
      const onnx::TypeProto& type = proto.type();
      if (!type.has_tensor_type() || !type.tensor_type().has_shape()) {
        throw_input_error("{}: input '{}': expected a tensor with a shape, found {}", graph_.label,
                          proto.name(), type.has_tensor_type() ? "no shape" : "another type");
      }
      Value value;
      try {
        value.dtype = dtype_of(type.tensor_type().elem_type());
      } catch (const InputError& error) {
        throw_input_error("{}: input '{}': {}", graph_.label, proto.name(), error.what());
      }
      graph_.inputs.push_back({.value = define(proto.name(), std::move(value)),
                               .declared = declared_shape(type.tensor_type().shape())});
    }
  }

  static DeclaredShape declared_shape(const onnx::TensorShapeProto& proto) {
    DeclaredShape shape;
    for (const auto& dim : proto.dim()) {
      DeclaredDim declared;
      // Some exporters write -1 for a dimension that is open.
      if (dim.has_dim_value() && dim.dim_value() != -1) declared.size = dim.dim_value();
      // "?" is no name either: such dimensions need not be equal.
      if (dim.dim_param() != "?") declared.name = dim.dim_param();
      shape.push_back(std::move(declared));
    }
    return shape;
  }

  /// Which node makes a value, so that a value that is read too early is told from one that
  /// nobody makes.
  void list_producers(const onnx::GraphProto& graph) {
    for (int i = 0; i < graph.node_size(); ++i) {
      for (const std::string& name : graph.node(i).output()) {
        if (name.empty()) continue;
        const Node node = named(graph.node(i), i);
        if (ids_.contains(name)) {
          fail(node, "output '{}' is also an input or an initializer of the graph", name);
        }
        const auto [other, is_new] = producers_.emplace(name, i);
        if (!is_new) {
          fail(node, "output '{}' is also made by {}", name,
               describe(named(graph.node(other->second), other->second)));
        }
      }
    }
  }

  void add_nodes(const onnx::GraphProto& graph) {
    list_producers(graph);
    for (int i = 0; i < graph.node_size(); ++i) add_node(graph, i);
  }

  void add_node(const onnx::GraphProto& graph, int index) {
    const onnx::NodeProto& proto = graph.node(index);
    Node node = named(proto, index);
    node.version =
        static_cast<int>(std::min<std::int64_t>(version_of(proto.domain()), kNewestVersion));
    const bool no_output = std::all_of(proto.output().begin(), proto.output().end(),
                                       [](const std::string& name) { return name.empty(); });
    if (no_output) fail(node, "it has no output");
    if (node.op == "If") {
      connect_inputs(graph, proto, node);
      add_branch(proto, node);
      return;
    }
    naming(node, [&] { node.attributes = read_attributes(proto, options_.external); });
    if (node.op == "Constant") {
      naming(node,
             [&] { define(proto.output(0), constant_value(read_constant(node.attributes))); });
      return;
    }
    connect_inputs(graph, proto, node);
    check_form(node, proto.domain());
    if (node.op == "Dropout") naming(node, [&] { as_identity(node); });
    for (const std::string& name : proto.output()) {
      node.outputs.push_back(name.empty() ? kNoValue : define(name, {}));
    }
    graph_.nodes.push_back(std::move(node));
  }

  void connect_inputs(const onnx::GraphProto& graph, const onnx::NodeProto& proto,
                      Node& node) const {
    for (int i = 0; i < proto.input_size(); ++i) {
      const std::string& name = proto.input(i);
      const auto known = ids_.find(name);
      if (name.empty()) {
        node.inputs.push_back(kNoValue);
      } else if (known != ids_.end()) {
        node.inputs.push_back(known->second);
      } else if (const auto later = producers_.find(name); later != producers_.end()) {
        fail(node, "input {} '{}' is made by {}, not before it: unsorted nodes or a cycle", i, name,
             describe(named(graph.node(later->second), later->second)));
      } else {
        fail(node, "input {} '{}' is made by no node, and is no input or initializer", i, name);
      }
    }
    while (!node.inputs.empty() && node.inputs.back() == kNoValue) node.inputs.pop_back();
  }

  /// Puts the nodes of the branch that is taken in the place of an If.
  void add_branch(const onnx::NodeProto& proto, const Node& node) {
    if (node.inputs.size() != 1) fail(node, "expected 1 input, found {}", node.inputs.size());
    const Tensor* condition = known_condition(node.inputs[0]);
    if (condition == nullptr || condition->dtype() != DType::kBool || condition->count() != 1) {
      fail(node, "the condition '{}' depends on the inputs: the branch must be known before them",
           graph_.value(node.inputs[0]).name);
    }
    const bool taken = condition->as<std::uint8_t>()[0] != 0;
    const onnx::GraphProto* branch = nullptr;
    for (const onnx::AttributeProto& attribute : proto.attribute()) {
      if (attribute.name() == (taken ? "then_branch" : "else_branch")) branch = &attribute.g();
    }
    if (branch == nullptr || branch->output_size() != proto.output_size()) {
      fail(node, "expected a branch with {} outputs, found {}", proto.output_size(),
           branch == nullptr ? "none" : fmt::format("{}", branch->output_size()));
    }
    // A branch sees the names around it; its own end with it.
    const auto ids_around = ids_;
    const auto producers_around = std::exchange(producers_, {});
    check_operators(*branch);
    add_initializers(*branch);
    add_nodes(*branch);
    std::vector<ValueId> made;
    for (const onnx::ValueInfoProto& output : branch->output()) {
      const auto known = ids_.find(output.name());
      if (known == ids_.end()) fail(node, "output '{}' is made by no node", output.name());
      made.push_back(known->second);
    }
    ids_ = ids_around;
    producers_ = producers_around;
    for (int i = 0; i < proto.output_size(); ++i) {
      if (!proto.output(i).empty())
        ids_.emplace(proto.output(i), made[static_cast<std::size_t>(i)]);
    }
  }

  /// The value's element, if it does not depend on the inputs. Infers what the value is made of.
  const Tensor* known_condition(ValueId id) {
    if (options_.bind) {
      std::set<ValueId> needed = {id};
      std::vector<std::size_t> makers;
      for (std::size_t i = graph_.nodes.size(); i-- > 0;) {
        const Node& node = graph_.nodes[i];
        const bool makes = std::any_of(node.outputs.begin(), node.outputs.end(),
                                       [&](ValueId made) { return needed.contains(made); });
        if (!makes) continue;
        makers.push_back(i);
        needed.insert(node.inputs.begin(), node.inputs.end());
      }
      for (auto i = makers.rbegin(); i != makers.rend(); ++i) infer_node(graph_, graph_.nodes[*i]);
    }
    return graph_.value(id).constant.get();
  }

  /// Operator version and number of inputs.
  void check_form(const Node& node, const std::string& domain) const {
    const Operator& op = *find_operator(node.op);
    if (node.version < op.min_version || node.version > op.max_version) {
      throw_input_error("{}: {}: operator '{}' of {} is not supported: expected opset {} to {}",
                        graph_.label, describe(node), node.op, operator_set(domain), op.min_version,
                        op.max_version);
    }
    bool complete = node.inputs.size() <= op.max_inputs;
    for (std::size_t i = 0; i < op.min_inputs; ++i) complete = complete && has_input(node, i);
    if (!complete) {
      fail(node, "expected {} inputs, found {}",
           op.min_inputs == op.max_inputs ? fmt::format("{}", op.min_inputs)
           : op.max_inputs == kManyInputs ? fmt::format("{} or more", op.min_inputs)
                                          : fmt::format("{} to {}", op.min_inputs, op.max_inputs),
           node.inputs.size());
    }
  }

  void as_identity(Node& node) const {
    const bool trains =
        (node.version < 7 && node.attributes.integer("is_test", 0) == 0) || trains_by_input(node);
    if (trains) throw_input_error("only the inference form is supported, found training mode");
    node.op = "Identity";
    node.inputs.resize(1);
    node.attributes = {};
  }

  /// True unless the input training_mode, if there, is known to be false.
  bool trains_by_input(const Node& node) const {
    if (!has_input(node, 2)) return false;
    const auto& mode = graph_.value(node.inputs[2]).constant;
    return mode == nullptr || mode->dtype() != DType::kBool || mode->count() != 1 ||
           mode->as<std::uint8_t>()[0] != 0;
  }

  void declare_outputs() {
    if (proto_.output_size() == 0) throw_input_error("{}: the graph has no output", graph_.label);
    for (const onnx::ValueInfoProto& proto : proto_.output()) {
      const bool listed =
          std::any_of(graph_.outputs.begin(), graph_.outputs.end(),
                      [&](const GraphOutput& output) { return output.name == proto.name(); });
      if (listed) {
        throw_input_error("{}: output '{}' is listed twice", graph_.label, proto.name());
      }
      GraphOutput output{.name = proto.name()};
      const onnx::TypeProto& type = proto.type();
      if (type.has_tensor_type()) {
        if (type.tensor_type().elem_type() != onnx::TensorProto::UNDEFINED) {
          try {
            output.declared_dtype = dtype_of(type.tensor_type().elem_type());
          } catch (const InputError& error) {
            throw_input_error("{}: output '{}': {}", graph_.label, proto.name(), error.what());
          }
        }
        if (type.tensor_type().has_shape()) {
          output.declared = declared_shape(type.tensor_type().shape());
        }
      }
      graph_.outputs.push_back(std::move(output));
    }
  }

  void connect_outputs() {
    for (GraphOutput& output : graph_.outputs) {
      const auto known = ids_.find(output.name);
      if (known == ids_.end()) {
        throw_input_error("{}: output '{}' is made by no node", graph_.label, output.name);
      }
      output.value = made_by_node(known->second);
    }
  }

  /// An input or constant that is an output gets a copy.
  ValueId made_by_node(ValueId id) {
    const auto made = graph_.producer(id);
    if (made) return id;
    Node node;
    node.op = "Identity";
    node.index = static_cast<int>(graph_.nodes.size());
    node.version = static_cast<int>(version_of(""));
    node.inputs = {id};
    const std::string name = graph_.value(id).name;
    node.outputs = {graph_.add_value({.name = name})};
    graph_.nodes.push_back(node);
    return node.outputs[0];
  }

  /// Outputs that nobody reads need not be computed.
  void drop_unused_outputs() {
    std::vector<bool> used(graph_.values.size(), false);
    for (const Node& node : graph_.nodes) {
      for (const ValueId id : node.inputs) {
        if (id != kNoValue) used[static_cast<std::size_t>(id)] = true;
      }
    }
    for (const GraphOutput& output : graph_.outputs) {
      used[static_cast<std::size_t>(output.value)] = true;
    }
    for (Node& node : graph_.nodes) {
      while (node.outputs.size() > 1 && (node.outputs.back() == kNoValue ||
                                         !used[static_cast<std::size_t>(node.outputs.back())])) {
        node.outputs.pop_back();
      }
    }
  }

  const onnx::ModelProto& model_;
  const onnx::GraphProto& proto_;
  const ImportOptions& options_;
  Graph graph_;
  std::unordered_map<std::string, ValueId> ids_;    ///< of values defined so far
  std::unordered_map<std::string, int> producers_;  ///< node indices of all outputs
};

}  // namespace

Graph import_graph(std::span<const std::byte> bytes, std::string_view label,
                   const ImportOptions& options) {
  const onnx::ModelProto model = parse_onnx(bytes, label);
  return Importer(model, label, options).import();
}

Graph import_interface(std::span<const std::byte> bytes, std::string_view label,
                       const ImportOptions& options) {
  const onnx::ModelProto model = parse_onnx(bytes, label);
  return Importer(model, label, options).import_interface();
}

}  // namespace widepipe::model
