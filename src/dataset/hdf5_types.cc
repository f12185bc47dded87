#include "dataset/hdf5_types.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

namespace widepipe::dataset {
namespace {

hid_t native_id(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return H5T_NATIVE_FLOAT;
    case DType::kF64:
      return H5T_NATIVE_DOUBLE;
    case DType::kI8:
      return H5T_NATIVE_INT8;
    case DType::kI16:
      return H5T_NATIVE_INT16;
    case DType::kI32:
      return H5T_NATIVE_INT32;
    case DType::kI64:
      return H5T_NATIVE_INT64;
    case DType::kU8:
      return H5T_NATIVE_UINT8;
    case DType::kU16:
      return H5T_NATIVE_UINT16;
    case DType::kU32:
      return H5T_NATIVE_UINT32;
    case DType::kU64:
      return H5T_NATIVE_UINT64;
    case DType::kBool:
    case DType::kUndefined:
      break;
  }
  throw_run_error("no HDF5 type for {}", name_of(dtype));
}

std::string_view class_name(H5T_class_t type_class) {
  switch (type_class) {
    case H5T_STRING:
      return "a string";
    case H5T_COMPOUND:
      return "a compound type";
    case H5T_ENUM:
      return "an enumeration";
    case H5T_REFERENCE:
      return "a reference";
    case H5T_VLEN:
      return "a variable-length list";
    case H5T_ARRAY:
      return "an array type";
    case H5T_OPAQUE:
      return "opaque bytes";
    case H5T_BITFIELD:
      return "a bit field";
    case H5T_TIME:
      return "a time";
    default:
      return "of an unknown class";
  }
}

/// How h5py stores numpy.bool: an enumeration of one byte, FALSE = 0 and TRUE = 1.
bool is_bool_enum(hid_t type) {
  if (H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2) return false;
  constexpr std::array<const char*, 2> kNames = {"FALSE", "TRUE"};
  for (std::uint8_t expected = 0; expected < 2; ++expected) {
    std::uint8_t value = 255;
    if (H5Tenum_valueof(type, kNames[expected], &value) < 0 || value != expected) return false;
  }
  return true;
}

DType native_dtype(H5T_class_t type_class, std::size_t size, bool is_signed) {
  if (type_class == H5T_FLOAT) {
    return size == 4 ? DType::kF32 : size == 8 ? DType::kF64 : DType::kUndefined;
  }
  switch (size) {
    case 1:
      return is_signed ? DType::kI8 : DType::kU8;
    case 2:
      return is_signed ? DType::kI16 : DType::kU16;
    case 4:
      return is_signed ? DType::kI32 : DType::kU32;
    case 8:
      return is_signed ? DType::kI64 : DType::kU64;
    default:
      return DType::kUndefined;
  }
}

/// The name of a type whose bytes are not those of `dtype` in memory.
std::string foreign_name(hid_t type, H5T_class_t type_class, DType dtype) {
  const std::size_t bits = H5Tget_precision(type);
  const bool is_float = type_class == H5T_FLOAT;
  std::string name = fmt::format("{}{}", name_of(dtype).front(), bits);
  if (is_float && bits == 16) {
    std::size_t sign = 0, exponent = 0, exponent_bits = 0, mantissa = 0, mantissa_bits = 0;
    H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits);
    if (exponent_bits == 8) name = "bf16";
  }
  constexpr H5T_order_t kForeign =
      std::endian::native == std::endian::little ? H5T_ORDER_BE : H5T_ORDER_LE;
  if (H5Tget_size(type) > 1 && H5Tget_order(type) == kForeign) {
    name += kForeign == H5T_ORDER_BE ? " big-endian" : " little-endian";
  }
  return name;
}

}  // namespace

std::optional<StoredType> stored_type_of(hid_t type, std::string& refusal) {
  const H5T_class_t type_class = H5Tget_class(type);
  if (type_class == H5T_ENUM && is_bool_enum(type)) {
    return StoredType{DType::kBool, "bool", true, Hdf5Type("H5Tcopy", H5Tcopy(type))};
  }
  if (type_class != H5T_INTEGER && type_class != H5T_FLOAT) {
    refusal = class_name(type_class);
    return std::nullopt;
  }
  // The library would squeeze longer integers into 64 bits.
  if (type_class == H5T_INTEGER && H5Tget_precision(type) > 64) {
    refusal = fmt::format("an integer of {} bits", H5Tget_precision(type));
    return std::nullopt;
  }
  const Hdf5Type native("H5Tget_native_type", H5Tget_native_type(type, H5T_DIR_ASCEND));
  const bool is_signed = type_class == H5T_INTEGER && H5Tget_sign(native.get()) == H5T_SGN_2;
  const DType dtype = native_dtype(type_class, H5Tget_size(native.get()), is_signed);
  if (dtype == DType::kUndefined) {
    refusal = fmt::format("a {} of {} bits", type_class == H5T_FLOAT ? "float" : "integer",
                          H5Tget_precision(type));
    return std::nullopt;
  }
  StoredType stored;
  stored.dtype = dtype;
  const bool one_byte = H5Tget_size(type) == 1 && H5Tget_precision(type) == 8;  // any byte order
  stored.native = one_byte || checked("H5Tequal", H5Tequal(type, native_id(dtype))) > 0;
  stored.name = stored.native ? name_of(dtype) : foreign_name(type, type_class, dtype);
  stored.memory = Hdf5Type("H5Tcopy", H5Tcopy(native_id(dtype)));
  return stored;
}

Hdf5Type output_type(DType dtype) {
  if (dtype != DType::kBool) return {"H5Tcopy", H5Tcopy(native_id(dtype))};
  Hdf5Type type("H5Tenum_create", H5Tenum_create(H5T_NATIVE_INT8));
  const std::int8_t no = 0;
  const std::int8_t yes = 1;
  checked("H5Tenum_insert", H5Tenum_insert(type.get(), "FALSE", &no));
  checked("H5Tenum_insert", H5Tenum_insert(type.get(), "TRUE", &yes));
  return type;
}

}  // namespace widepipe::dataset
