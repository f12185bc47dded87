#include "dataset/hdf5_handle.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>

namespace widepipe::dataset {
namespace {

std::recursive_mutex& library_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

std::atomic<bool> close_failed = false;

/// In place of the library's own clean-up at exit, which closes a file once more whose close
/// failed, as on a full disk, and crashes on it (1.10.8).
void close_library() {
  if (!close_failed) H5close();
}

/// What HDF5 asks before it opens the file that a link names.
herr_t refuse_other_file(const char*, const char*, const char*, const char*, unsigned*, hid_t,
                         void* met) {
  *static_cast<bool*>(met) = true;
  return -1;
}

}  // namespace

void note_failed_close() { close_failed = true; }

Hdf5Session::Hdf5Session() : lock_(library_mutex()) {
  [[maybe_unused]] static const bool kOwnCleanUp = [] {
    H5dont_atexit();
    return std::atexit(close_library) == 0;
  }();
  // Thread-safe builds keep this setting per thread, hence in every session.
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

std::string Hdf5Error::innermost_message() {
  std::string message;
  const H5E_walk2_t take_first = [](unsigned depth, const H5E_error2_t* error, void* out) {
    if (depth == 0 && error->desc != nullptr) *static_cast<std::string*>(out) = error->desc;
    return herr_t{0};
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first, &message);
  // HDF5 breaks some of its messages into lines; ours are one. Of a failed system call it tells the
  // time and addresses in memory: then no two messages would be alike.
  std::replace(message.begin(), message.end(), '\n', ' ');
  const std::size_t time = message.find(": time = ");
  const std::size_t number = message.find("errno = ");
  if (time != std::string::npos && number != std::string::npos && time < number) {
    message.erase(time + 2, number - time - 2);
    message.erase(std::min(message.find(", buf = "), message.size()));
  }
  return message.empty() ? "the HDF5 library gives no reason" : message;
}

Hdf5Properties make_properties(hid_t property_class) {
  return {"H5Pcreate", H5Pcreate(property_class)};
}

Hdf5Properties within_one_file(hid_t property_class, bool& met) {
  Hdf5Properties access = make_properties(property_class);
  checked("H5Pset_elink_cb", H5Pset_elink_cb(access.get(), refuse_other_file, &met));
  return access;
}

void set_file_locking(const Hdf5Properties& access, bool locking) {
#if H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
  checked("H5Pset_file_locking", H5Pset_file_locking(access.get(), locking, true));
#else
  // Older libraries are told by the environment variable HDF5_USE_FILE_LOCKING only.
  static_cast<void>(access);
  static_cast<void>(locking);
#endif
}

Hdf5File open_read_only(const std::string& path) {
  const Hdf5Properties access = make_properties(H5P_FILE_ACCESS);
  set_file_locking(access, true);
  try {
    return {"H5Fopen", H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get())};
  } catch (const Hdf5Error& error) {
    // EAGAIN is a lock that somebody holds; any other failure is a file system without locks.
    const bool lock_failed = error.reason().find("lock file") != std::string::npos;
    const bool held = error.reason().find("errno = 11,") != std::string::npos;
    if (!lock_failed || held) throw;
  }
  set_file_locking(access, false);
  return {"H5Fopen", H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get())};
}

}  // namespace widepipe::dataset
