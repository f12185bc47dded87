#!/usr/bin/env bash
# Builds the widepipe command: build/release/widepipe.
#   scripts/build.sh [PRESET]     (release, debug, asan-ubsan, tsan, mpich)
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
[ "${WIDEPIPE_SKIP_INSTALL:-}" ] || scripts/install-deps.sh build

options=()
# The command alone needs neither the test libraries nor their time.
[ "${WIDEPIPE_WITH_TESTS:-}" ] || options+=(-DWIDEPIPE_BUILD_TESTS=OFF)
[ "${WIDEPIPE_WITH_TESTS:-}" ] && options+=(-DWIDEPIPE_BUILD_TESTS=ON)
command -v ccache >/dev/null && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake --preset "$preset" "${options[@]}" >"/tmp/widepipe-configure.$$" 2>&1 || {
  cat "/tmp/widepipe-configure.$$" >&2
  rm -f "/tmp/widepipe-configure.$$"
  exit 1
}
rm -f "/tmp/widepipe-configure.$$"
cmake --build --preset "$preset"
