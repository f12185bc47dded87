#pragma once
// HDF5's C API in two layers: checked calls, and handles that close themselves. Only files of
// this folder and its tests include it; public headers of the folder are free of HDF5.
//
// The library is not used by two threads at once: every public function of this folder that
// calls HDF5, or closes a handle, first makes an Hdf5Session.

// One API whichever library from 1.10 on is installed.
#ifndef H5_USE_110_API
#define H5_USE_110_API
#endif
#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

#include "core/error.h"

namespace widepipe::dataset {

/// Holds the process-wide HDF5 lock and keeps the library from printing its error stack.
/// Sessions of one thread may nest.
class Hdf5Session {
 public:
  Hdf5Session();

 private:
  std::unique_lock<std::recursive_mutex> lock_;
};

/// A failed HDF5 call. reason() is the innermost message of the library's error stack.
class Hdf5Error : public RunError {
 public:
  /// Takes the message of the last failed call on this thread.
  explicit Hdf5Error(const char* call) : Hdf5Error(call, innermost_message()) {}

  const std::string& reason() const { return reason_; }

 private:
  Hdf5Error(const char* call, std::string reason)
      : RunError(std::string(call) + ": " + reason), reason_(std::move(reason)) {}
  static std::string innermost_message();

  std::string reason_;
};

/// Result of an HDF5 call that reports failure as a negative number.
template <typename T>
T checked(const char* call, T result) {
  if (result < 0) throw Hdf5Error(call);
  return result;
}

/// Tells the clean-up at exit to leave the library alone.
void note_failed_close();

/// Owns an HDF5 identifier. Movable.
template <herr_t (*Close)(hid_t)>
class Hdf5Handle {
 public:
  Hdf5Handle() = default;
  /// Takes the result of `call`; throws Hdf5Error if it failed.
  Hdf5Handle(const char* call, hid_t id) : id_(checked(call, id)) {}
  ~Hdf5Handle() { close(); }
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
    if (this != &other) {
      close();
      id_ = std::exchange(other.id_, H5I_INVALID_HID);
    }
    return *this;
  }

  hid_t get() const { return id_; }
  /// Closes now, for those whose close writes.
  void close_checked(const char* call) {
    const herr_t closed = Close(std::exchange(id_, H5I_INVALID_HID));
    if (closed < 0) note_failed_close();
    checked(call, closed);
  }

 private:
  void close() noexcept {
    if (id_ >= 0 && Close(id_) < 0) note_failed_close();
    id_ = H5I_INVALID_HID;
  }

  hid_t id_ = H5I_INVALID_HID;
};

using Hdf5File = Hdf5Handle<&H5Fclose>;
using Hdf5Dataset = Hdf5Handle<&H5Dclose>;
using Hdf5Object = Hdf5Handle<&H5Oclose>;
using Hdf5Type = Hdf5Handle<&H5Tclose>;
using Hdf5Space = Hdf5Handle<&H5Sclose>;
using Hdf5Properties = Hdf5Handle<&H5Pclose>;
using Hdf5Attribute = Hdf5Handle<&H5Aclose>;

/// A new property list of the class, e.g. H5P_DATASET_CREATE.
Hdf5Properties make_properties(hid_t property_class);

/// Access properties of the class, e.g. H5P_DATASET_ACCESS, for opening by name what may come from
/// elsewhere: a link into another file is not followed. `met`, which the properties point to, then
/// becomes true, and the call fails.
Hdf5Properties within_one_file(hid_t property_class, bool& met);

/// Opens for reading. Takes HDF5's shared file lock where the file system has locks. Throws
/// Hdf5Error; its reason says so if another program has the file open for writing.
Hdf5File open_read_only(const std::string& path);

/// Whether HDF5 takes a lock on a file opened with these access properties.
void set_file_locking(const Hdf5Properties& access, bool locking);

}  // namespace widepipe::dataset
