#include "dataset/request_trace.h"

#include <cmath>
#include <filesystem>
#include <set>
#include <span>

#include "core/error.h"
#include "core/hash.h"
#include "dataset/hdf5_handle.h"
#include "dataset/input_dataset.h"
#include "dataset/input_file.h"

namespace widepipe::dataset {
namespace {

constexpr std::size_t kMostModels = 10'000;
constexpr std::size_t kLongestName = 4096;
constexpr double kLongest = 2e6;  // seconds

DType dtype_of(double) { return DType::kF64; }
DType dtype_of(std::int64_t) { return DType::kI64; }

hid_t hdf5_type(double) { return H5T_NATIVE_DOUBLE; }
hid_t hdf5_type(std::int64_t) { return H5T_NATIVE_INT64; }
hid_t hdf5_type(std::uint32_t) { return H5T_NATIVE_UINT32; }

template <typename T>
std::vector<T> read_numbers(const std::string& file, const char* path) {
  const InputDataset data({file, path});
  if (!data.row_shape().empty()) {
    throw_input_error("{}:{} has shape {}, expected one number a row", file, path,
                      to_string(data.shape()));
  }
  data.check_readable_as(dtype_of(T{}));
  std::vector<T> numbers(static_cast<std::size_t>(data.rows()));
  data.read_rows(0, data.rows(), dtype_of(T{}), std::as_writable_bytes(std::span(numbers)));
  return numbers;
}

/// Indices into a list of so many.
std::vector<std::uint32_t> read_indices(const std::string& file, const char* path,
                                        std::size_t limit, const char* of) {
  std::vector<std::uint32_t> indices;
  for (const std::int64_t index : read_numbers<std::int64_t>(file, path)) {
    if (index < 0 || static_cast<std::uint64_t>(index) >= limit) {
      throw_input_error("{}:{}[{}] is {}, but {} has {}", file, path, indices.size(), index, of,
                        limit);
    }
    indices.push_back(static_cast<std::uint32_t>(index));
  }
  return indices;
}

/// Of fixed or variable length.
std::vector<std::string> read_strings(const std::string& file, const char* path) {
  const Hdf5Session session;
  const InputFile input = open_input_file(file);
  if (H5Lexists(input.hdf5.get(), path, H5P_DEFAULT) <= 0) {
    throw_input_error("{}: data set '{}' is missing, the names of the models", file, path);
  }
  bool elsewhere = false;
  const Hdf5Properties here = within_one_file(H5P_LINK_ACCESS, elsewhere);
  const hid_t opened = H5Oopen(input.hdf5.get(), path, here.get());
  if (opened < 0 || H5Iget_type(opened) != H5I_DATASET) {
    if (opened >= 0) H5Oclose(opened);
    throw_input_error("{}:{} is {}, expected a list of strings, the names of the models", file,
                      path, elsewhere ? "a link into another file" : "no data set");
  }
  const Hdf5Object data("H5Oopen", opened);
  const Hdf5Type type("H5Dget_type", H5Dget_type(data.get()));
  const Hdf5Space space("H5Dget_space", H5Dget_space(data.get()));
  if (H5Tget_class(type.get()) != H5T_STRING || H5Sget_simple_extent_ndims(space.get()) != 1) {
    throw_input_error("{}:{} is no list of strings, expected the names of the models", file, path);
  }
  const auto count = static_cast<std::size_t>(H5Sget_simple_extent_npoints(space.get()));
  if (count > kMostModels || H5Tget_size(type.get()) > kLongestName) {
    throw_input_error("{}:{} has {} names of {} bytes, expected at most {} of {}", file, path,
                      count, H5Tget_size(type.get()), kMostModels, kLongestName);
  }
  std::vector<std::string> strings;
  if (H5Tis_variable_str(type.get()) > 0) {
    std::vector<char*> texts(count, nullptr);
    checked("H5Dread",
            H5Dread(data.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, texts.data()));
    for (const char* text : texts) strings.emplace_back(text != nullptr ? text : "");
    H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, texts.data());
  } else {
    const std::size_t length = H5Tget_size(type.get());
    std::vector<char> texts(count * length);
    checked("H5Dread",
            H5Dread(data.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, texts.data()));
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view text(texts.data() + i * length, length);
      strings.emplace_back(text.substr(0, text.find('\0')));
    }
  }
  return strings;
}

void check_length(const std::string& file, const char* path, std::size_t length,
                  std::size_t expected) {
  if (length == expected) return;
  throw_input_error("{}:{} has {} entries, but /arrival has {}", file, path, length, expected);
}

void check(const std::string& file, const RequestTrace& trace) {
  if (trace.models.empty()) throw_input_error("{}:/models is empty", file);
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < trace.models.size(); ++i) {
    if (names.insert(trace.models[i]).second) continue;
    throw_input_error("{}:/models[{}] is '{}', which is there twice", file, i, trace.models[i]);
  }
  for (std::size_t i = 0; i < trace.deadlines.size(); ++i) {
    const double deadline = trace.deadlines[i];
    if (deadline > 0 && std::isfinite(deadline)) continue;
    throw_input_error("{}:/deadlines[{}] is {} s, expected a time after the arrival", file, i,
                      deadline);
  }
  for (std::size_t i = 0; i < trace.arrival.size(); ++i) {
    const double at = trace.arrival[i];
    if (!(at >= 0) || !std::isfinite(at)) {
      throw_input_error("{}:/arrival[{}] is {}, expected a time from 0 on", file, i, at);
    }
    if (at > kLongest) {
      throw_input_error(
          "{}:/arrival[{}] is {}, expected seconds from the start of the trace, at most {}", file,
          i, at, kLongest);
    }
    if (i > 0 && at < trace.arrival[i - 1]) {
      throw_input_error(
          "{}:/arrival[{}] is {}, before the one in front of it, {}: expected times "
          "in their order",
          file, i, at, trace.arrival[i - 1]);
    }
  }
  for (std::size_t i = 0; i < trace.row.size(); ++i) {
    if (trace.row[i] >= 0) continue;
    throw_input_error("{}:/row[{}] is {}, expected 0 or more", file, i, trace.row[i]);
  }
}

std::string part_of(const std::string& path) { return path + ".part"; }

template <typename T>
void write_numbers(const Hdf5File& file, const char* path, const std::vector<T>& numbers) {
  const hsize_t count = numbers.size();
  const Hdf5Space space("H5Screate_simple", H5Screate_simple(1, &count, nullptr));
  const Hdf5Dataset data("H5Dcreate2", H5Dcreate2(file.get(), path, hdf5_type(T{}), space.get(),
                                                  H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  checked("H5Dwrite",
          H5Dwrite(data.get(), hdf5_type(T{}), H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers.data()));
}

void write_strings(const Hdf5File& file, const char* path,
                   const std::vector<std::string>& strings) {
  const hsize_t count = strings.size();
  const Hdf5Space space("H5Screate_simple", H5Screate_simple(1, &count, nullptr));
  const Hdf5Type type("H5Tcopy", H5Tcopy(H5T_C_S1));
  checked("H5Tset_size", H5Tset_size(type.get(), H5T_VARIABLE));
  checked("H5Tset_cset", H5Tset_cset(type.get(), H5T_CSET_UTF8));
  const Hdf5Dataset data("H5Dcreate2", H5Dcreate2(file.get(), path, type.get(), space.get(),
                                                  H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  std::vector<const char*> texts;
  for (const std::string& text : strings) texts.push_back(text.c_str());
  checked("H5Dwrite",
          H5Dwrite(data.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, texts.data()));
}

}  // namespace

RequestTrace read_request_trace(const std::string& file) {
  RequestTrace trace;
  trace.models = read_strings(file, "/models");
  trace.deadlines = read_numbers<double>(file, "/deadlines");
  trace.arrival = read_numbers<double>(file, "/arrival");
  trace.model = read_indices(file, "/model", trace.models.size(), "/models");
  trace.deadline_class =
      read_indices(file, "/deadline_class", trace.deadlines.size(), "/deadlines");
  {
    const Hdf5Session session;
    if (H5Lexists(open_input_file(file).hdf5.get(), "/row", H5P_DEFAULT) > 0) {
      trace.row = read_numbers<std::int64_t>(file, "/row");
      check_length(file, "/row", trace.row.size(), trace.arrival.size());
    }
  }
  check_length(file, "/model", trace.model.size(), trace.arrival.size());
  check_length(file, "/deadline_class", trace.deadline_class.size(), trace.arrival.size());
  check(file, trace);
  return trace;
}

std::string content_hash(const RequestTrace& trace) {
  StreamingHash hash;
  // Each list with its length: what ends one must not look like what begins the next.
  const auto add_length = [&hash](std::uint64_t length) {
    hash.update(std::as_bytes(std::span(&length, 1)));
  };
  const auto add = [&](const auto& list) {
    add_length(list.size());
    hash.update(std::as_bytes(std::span(list)));
  };
  add_length(trace.models.size());
  for (const std::string& model : trace.models) add(model);
  add(trace.deadlines);
  add(trace.arrival);
  add(trace.model);
  add(trace.deadline_class);
  add(trace.row);
  return hash.hex();
}

void check_trace_is_new(const std::string& path) {
  const auto there = [](const std::string& name) {
    return std::filesystem::exists(std::filesystem::symlink_status(name));
  };
  if (there(path)) throw_input_error("'{}' is there already: choose another file", path);
  if (!there(part_of(path))) return;
  throw_input_error(
      "'{}' is there already, in which '{}' is made: choose another file, or remove it if it was "
      "left by a run that was killed",
      part_of(path), path);
}

void write_request_trace(const std::string& path, const RequestTrace& trace) {
  check_trace_is_new(path);
  const std::string part = part_of(path);
  bool made = false;
  try {
    const Hdf5Session session;
    Hdf5File file("H5Fcreate", H5Fcreate(part.c_str(), H5F_ACC_EXCL, H5P_DEFAULT, H5P_DEFAULT));
    made = true;
    write_strings(file, "/models", trace.models);
    write_numbers(file, "/deadlines", trace.deadlines);
    write_numbers(file, "/arrival", trace.arrival);
    write_numbers(file, "/model", trace.model);
    write_numbers(file, "/deadline_class", trace.deadline_class);
    if (!trace.row.empty()) write_numbers(file, "/row", trace.row);
    file.close_checked("H5Fclose");
    std::filesystem::rename(part, path);
  } catch (const std::exception& error) {
    std::error_code ignored;
    if (made) std::filesystem::remove(part, ignored);
    throw_run_error("'{}' cannot be written: {}", path, error.what());
  }
}

}  // namespace widepipe::dataset
