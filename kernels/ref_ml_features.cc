#include "kernels/ref_ml_features.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "core/error.h"
#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"
#include "kernels/ml_scores.h"

namespace widepipe::kernels {
namespace {

/// One number for each column, of a list that may have one for all.
std::vector<float> for_columns(const KernelCase& kernel_case, const char* name, float absent) {
  const auto columns = static_cast<std::size_t>(columns_of(kernel_case.inputs[0].shape));
  std::vector<float> list = kernel_case.attributes->reals(name, {absent});
  if (list.size() == 1) list.resize(columns, list[0]);
  if (list.size() != columns) {
    throw_input_error("attribute {}: expected 1 or {} elements, found {}", name, columns,
                      list.size());
  }
  return list;
}

template <typename T>
class RefScaler final : public Kernel {
 public:
  explicit RefScaler(const KernelCase& kernel_case)
      : count_(element_count(kernel_case.inputs[0].shape)),
        offset_(for_columns(kernel_case, "offset", 0.0F)),
        scale_(for_columns(kernel_case, "scale", 1.0F)) {}

  void run(const KernelArgs& args) override {
    const T* x = as<T>(args.inputs[0]);
    float* y = as<float>(args.outputs[0]);
    for (std::int64_t i = 0; i < count_;) {
      for (std::size_t column = 0; column < scale_.size(); ++column, ++i) {
        y[i] = (static_cast<float>(x[i]) - offset_[column]) * scale_[column];
      }
    }
  }

 private:
  std::int64_t count_;
  std::vector<float> offset_;
  std::vector<float> scale_;
};

enum class Norm : std::uint8_t { kMax, kL1, kL2 };

Norm norm_of(const KernelCase& kernel_case) {
  const std::string name = kernel_case.attributes->text("norm", "MAX");
  if (name == "MAX") return Norm::kMax;
  if (name == "L1") return Norm::kL1;
  if (name == "L2") return Norm::kL2;
  throw_input_error("attribute norm: expected MAX, L1 or L2, found {}", name);
}

template <typename T>
class RefNormalizer final : public Kernel {
 public:
  explicit RefNormalizer(const KernelCase& kernel_case)
      : rows_(rows_of(kernel_case.inputs[0].shape)),
        columns_(columns_of(kernel_case.inputs[0].shape)),
        norm_(norm_of(kernel_case)) {}

  void run(const KernelArgs& args) override {
    const T* x = as<T>(args.inputs[0]);
    float* y = as<float>(args.outputs[0]);
    for (std::int64_t row = 0; row < rows_; ++row, x += columns_, y += columns_) {
      const double size = size_of_row(x);
      const double divisor = size == 0.0 ? 1.0 : size;
      for (std::int64_t i = 0; i < columns_; ++i) {
        y[i] = static_cast<float>(static_cast<double>(x[i]) / divisor);
      }
    }
  }

 private:
  double size_of_row(const T* x) const {
    double size = norm_ == Norm::kMax ? -std::numeric_limits<double>::infinity() : 0.0;
    for (std::int64_t i = 0; i < columns_; ++i) {
      const auto value = static_cast<double>(x[i]);
      if (norm_ == Norm::kMax) size = std::max(size, value);
      if (norm_ == Norm::kL1) size += std::abs(value);
      if (norm_ == Norm::kL2) size += value * value;
    }
    return norm_ == Norm::kL2 ? std::sqrt(size) : size;
  }

  std::int64_t rows_;
  std::int64_t columns_;
  Norm norm_;
};

template <typename T>
class RefBinarizer final : public Kernel {
 public:
  explicit RefBinarizer(const KernelCase& kernel_case)
      : count_(element_count(kernel_case.inputs[0].shape)),
        threshold_(kernel_case.attributes->real("threshold", 0.0F)) {}

  void run(const KernelArgs& args) override {
    const T* x = as<T>(args.inputs[0]);
    std::transform(x, x + count_, as<T>(args.outputs[0]), [this](T value) {
      return static_cast<T>(static_cast<double>(value) > threshold_ ? 1 : 0);
    });
  }

 private:
  std::int64_t count_;
  double threshold_;
};

/// Picks elements of the last axis.
class RefFeatureExtractor final : public Kernel {
 public:
  explicit RefFeatureExtractor(const KernelCase& kernel_case)
      : columns_(kernel_case.inputs[0].shape.back()),
        rows_(element_count(kernel_case.inputs[0].shape) / std::max<std::int64_t>(columns_, 1)),
        bytes_(size_of(kernel_case.inputs[0].dtype)) {
    const auto indices = kernel_case.constants[1]->as<std::int64_t>();
    indices_.assign(indices.begin(), indices.end());
  }

  void run(const KernelArgs& args) override {
    const std::byte* x = args.inputs[0];
    std::byte* y = args.outputs[0];
    const std::size_t row_bytes = static_cast<std::size_t>(columns_) * bytes_;
    for (std::int64_t row = 0; row < rows_; ++row, x += row_bytes) {
      for (const std::int64_t index : indices_) {
        y = std::copy_n(x + static_cast<std::size_t>(index) * bytes_, bytes_, y);
      }
    }
  }

 private:
  std::int64_t columns_;
  std::int64_t rows_;
  std::size_t bytes_;
  std::vector<std::int64_t> indices_;
};

/// The list `stem`_int64s or `stem`_floats, or since version 4 the tensor `stem`_tensor.
template <typename T>
std::vector<T> encoder_list(const Attributes& attributes, const std::string& stem) {
  if (const auto tensor = attributes.tensor(stem + "_tensor"); tensor != nullptr) {
    constexpr DType kExpected = std::is_same_v<T, float> ? DType::kF32 : DType::kI64;
    if (tensor->dtype() != kExpected) {
      throw_input_error("attribute {}_tensor: expected {}, found {}", stem, name_of(kExpected),
                        name_of(tensor->dtype()));
    }
    return {tensor->as<T>().begin(), tensor->as<T>().end()};
  }
  if constexpr (std::is_same_v<T, float>) {
    return attributes.reals(stem + "_floats");
  } else {
    return attributes.integers(stem + "_int64s");
  }
}

template <typename T>
T encoder_default(const Attributes& attributes) {
  const std::vector<T> given =
      attributes.has("default_tensor") ? encoder_list<T>(attributes, "default") : std::vector<T>{};
  if (given.size() == 1) return given[0];
  if constexpr (std::is_same_v<T, float>) {
    return attributes.real("default_float", -0.0F);
  } else {
    return attributes.integer("default_int64", -1);
  }
}

template <typename Key, typename Value>
class RefLabelEncoder final : public Kernel {
 public:
  explicit RefLabelEncoder(const KernelCase& kernel_case)
      : count_(element_count(kernel_case.inputs[0].shape)),
        absent_(encoder_default<Value>(*kernel_case.attributes)) {
    const auto keys = encoder_list<Key>(*kernel_case.attributes, "keys");
    const auto values = encoder_list<Value>(*kernel_case.attributes, "values");
    if (keys.empty() || keys.size() != values.size()) {
      throw_input_error("attributes keys and values: expected as many, found {} and {}",
                        keys.size(), values.size());
    }
    for (std::size_t i = 0; i < keys.size(); ++i) values_.emplace(keys[i], values[i]);
  }

  void run(const KernelArgs& args) override {
    const Key* x = as<Key>(args.inputs[0]);
    std::transform(x, x + count_, as<Value>(args.outputs[0]), [this](Key key) {
      const auto found = values_.find(key);
      return found == values_.end() ? absent_ : found->second;
    });
  }

 private:
  std::int64_t count_;
  Value absent_;
  std::unordered_map<Key, Value> values_;
};

std::unique_ptr<Kernel> create_label_encoder(const KernelCase& kernel_case) {
  const bool from_float = kernel_case.inputs[0].dtype == DType::kF32;
  if (kernel_case.outputs[0].dtype == DType::kF32) {
    if (from_float) return std::make_unique<RefLabelEncoder<float, float>>(kernel_case);
    return std::make_unique<RefLabelEncoder<std::int64_t, float>>(kernel_case);
  }
  if (from_float) return std::make_unique<RefLabelEncoder<float, std::int64_t>>(kernel_case);
  return std::make_unique<RefLabelEncoder<std::int64_t, std::int64_t>>(kernel_case);
}

/// One numeric input, f32 out.
void check_to_f32(const KernelCase& kernel_case, Checks& checks) {
  checks.arity(1, 1).no_activation();
  if (!checks.ok()) return;
  const DType dtype = kernel_case.inputs[0].dtype;
  checks.require(dtype != DType::kBool, "no code for elements of type {}", name_of(dtype))
      .require(kernel_case.outputs[0].dtype == DType::kF32, "output 0: expected f32, found {}",
               name_of(kernel_case.outputs[0].dtype));
}

}  // namespace

Support ref_scaler_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  check_to_f32(kernel_case, checks);
  if (!checks.ok()) return checks.plain();
  for_columns(kernel_case, "offset", 0.0F);
  for_columns(kernel_case, "scale", 1.0F);
  return checks.plain();
}

std::unique_ptr<Kernel> ref_scaler_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(kernel_case.inputs[0].dtype,
                          [&]<typename T>() -> std::unique_ptr<Kernel> {
                            return std::make_unique<RefScaler<T>>(kernel_case);
                          });
}

Support ref_normalizer_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  check_to_f32(kernel_case, checks);
  if (checks.ok()) {
    columns_of(kernel_case.inputs[0].shape);
    norm_of(kernel_case);
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_normalizer_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(kernel_case.inputs[0].dtype,
                          [&]<typename T>() -> std::unique_ptr<Kernel> {
                            return std::make_unique<RefNormalizer<T>>(kernel_case);
                          });
}

Support ref_binarizer_supports(const KernelCase& kernel_case) {
  return Checks(kernel_case).arity(1, 1).numeric().no_activation().plain();
}

std::unique_ptr<Kernel> ref_binarizer_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(kernel_case.inputs[0].dtype,
                          [&]<typename T>() -> std::unique_ptr<Kernel> {
                            return std::make_unique<RefBinarizer<T>>(kernel_case);
                          });
}

Support ref_feature_extractor_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 2).no_activation().constant(1, "Y");
  if (!checks.ok()) return checks.plain();
  const Shape& x = kernel_case.inputs[0].shape;
  checks
      .require(kernel_case.inputs[1].dtype == DType::kI64, "Y: expected i64, found {}",
               name_of(kernel_case.inputs[1].dtype))
      .require(!x.empty(), "X: expected at least one axis, found a scalar");
  if (!checks.ok()) return checks.plain();
  for (const std::int64_t index : kernel_case.constants[1]->as<std::int64_t>()) {
    checks.require(index >= 0 && index < x.back(), "Y: index {} is outside the {} columns of X",
                   index, x.back());
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_feature_extractor_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<RefFeatureExtractor>(kernel_case);
}

Support ref_label_encoder_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).no_activation();
  if (!checks.ok()) return checks.plain();
  const auto fits = [](DType dtype) { return dtype == DType::kI64 || dtype == DType::kF32; };
  checks
      .require(fits(kernel_case.inputs[0].dtype), "input 0: expected i64 or f32, found {}",
               name_of(kernel_case.inputs[0].dtype))
      .require(fits(kernel_case.outputs[0].dtype), "output 0: expected i64 or f32, found {}",
               name_of(kernel_case.outputs[0].dtype));
  if (checks.ok()) create_label_encoder(kernel_case);
  return checks.plain();
}

std::unique_ptr<Kernel> ref_label_encoder_create(const KernelCase& kernel_case, WeightStore&) {
  return create_label_encoder(kernel_case);
}

}  // namespace widepipe::kernels
