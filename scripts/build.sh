#!/usr/bin/env bash
# Builds the widepipe command: build/release/widepipe.
#   scripts/build.sh [PRESET [TARGET ...]]     (release, debug, asan-ubsan, tsan, mpich)
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
[ "${WIDEPIPE_SKIP_INSTALL:-}" ] || scripts/install-deps.sh build

options=()
# The command alone needs neither the test libraries nor their time.
if [ "${WIDEPIPE_WITH_TESTS:-}" ]; then tests=ON; else tests=OFF; fi
options+=(-DWIDEPIPE_BUILD_TESTS=$tests)
if command -v ccache >/dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
# What does not differ between presets is compiled once.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD} CCACHE_NOHASHDIR=1
export CCACHE_SLOPPINESS=pch_defines,time_macros  # what ccache asks for with precompiled headers
# The tests bring OpenVINO along.
if [ "$preset" = release ]; then options+=(-DWIDEPIPE_WITH_OPENVINO=AUTO); fi
for found in build/venv/lib/python3*/site-packages/openvino/cmake; do
  [ -z "${WIDEPIPE_WITH_TESTS:-}" ] || [ "$preset" != release ] || [ ! -d "$found" ] ||
    options+=(-DWIDEPIPE_WITH_OPENVINO=ON -DOpenVINO_DIR="$PWD/$found")
done
mkdir -p build
cmake --preset "$preset" "${options[@]}" >build/configure.log || { cat build/configure.log >&2; exit 1; }
cmake --build --preset "$preset" ${2:+--target "${@:2}"}
