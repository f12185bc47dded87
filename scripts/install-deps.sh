#!/usr/bin/env bash
# Installs what widepipe needs from Debian 12's packages; what is there already is left alone.
#   scripts/install-deps.sh build|demo|examples|test|tidy|fuzz
# Needs root or sudo only if something is missing. Without either, load your site's modules
# instead and build with CMake (CONTRIBUTING.md lists the libraries).
set -euo pipefail

build=(g++ cmake ninja-build pkg-config libopenmpi-dev openmpi-bin libhdf5-dev libdnnl-dev
       libhwy-dev libonnx-dev libprotobuf-dev protobuf-compiler libfmt-dev libcli11-dev
       nlohmann-json3-dev libtomlplusplus-dev libxxhash-dev)
demo=("${build[@]}" dataset-fashion-mnist python3 python3-numpy python3-h5py)
examples=("${demo[@]}" python3-venv)
test=("${examples[@]}" git libmpich-dev mpich libgtest-dev librapidcheck-dev libonnx-testdata hdf5-tools strace
      clang-format ccache iproute2 munge slurm-client slurm-wlm-basic-plugins slurmctld slurmd)
tidy=("${build[@]}" clang-format clang-tidy libomp-dev git)  # libomp-dev: clang's own omp.h

fuzz=("${build[@]}" clang libclang-rt-14-dev libomp-dev libonnx-testdata)

case "${1:-}" in
  build) wanted=("${build[@]}") ;;
  demo) wanted=("${demo[@]}") ;;
  examples) wanted=("${examples[@]}") ;;
  test) wanted=("${test[@]}") ;;
  tidy) wanted=("${tidy[@]}") ;;
  fuzz) wanted=("${fuzz[@]}") ;;
  *) echo "usage: $0 build|demo|examples|test|tidy|fuzz" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
    missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "missing: ${missing[*]}; this is not Debian: install their equivalents, then build with" \
       "cmake --preset release" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "missing: ${missing[*]}; need root or sudo to install them" >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "installing: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
  "${missing[@]}" >/dev/null
