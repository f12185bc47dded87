#!/usr/bin/env bash
# Feeds random bytes to everything that reads files from elsewhere, with clang's libFuzzer.
#   scripts/fuzz.sh [SECONDS] [FUZZER ...]     60 s each of all fuzzers (tests/fuzz)
# What is found stays in build/fuzz/found, and what was learnt in build/fuzz/corpus. Exit code 1 if
# anything was found; "build/fuzz/tests/fuzz/fuzz_NAME FILE" shows it again.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
fuzzers=("$@")
[ $# -gt 0 ] || fuzzers=(onnx_import model_files job_file journal dataset_names)

scripts/install-deps.sh fuzz
launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
mkdir -p build
cmake --preset fuzz "${launcher[@]}" >build/configure.log || { cat build/configure.log >&2; exit 1; }
cmake --build --preset fuzz --target "${fuzzers[@]/#/fuzz_}"

# Where a fuzzer begins: files that are sound.
seeds() {
  case $1 in
    onnx_import)
      find /usr/share/libonnx-testdata/data -name '*.onnx' -size -16k
      find jobs/examples -name '*.onnx' ;;
    job_file) find jobs/examples tests/fuzz/seeds/job_file -name '*.toml' ;;
    *) find "tests/fuzz/seeds/$1" -type f ;;
  esac
}

[ ! -d /dev/shm ] || export TMPDIR=/dev/shm  # the files that some write
found=build/fuzz/found
mkdir -p "$found"
failed=0
for name in "${fuzzers[@]}"; do
  start="build/fuzz/seeds/$name" corpus="build/fuzz/corpus/$name"
  mkdir -p "$start" "$corpus"
  seeds "$name" | while read -r file; do cp "$file" "$start/$(sha1sum <"$file" | cut -c1-16)"; done
  options=(-max_total_time="$seconds" -timeout=30 -rss_limit_mb=2560 -malloc_limit_mb=1024
           -artifact_prefix="$found/$name-" -print_final_stats=1)
  [ ! -f "tests/fuzz/${name%%_*}.dict" ] || options+=(-dict="tests/fuzz/${name%%_*}.dict")
  [ "$name" = onnx_import ] && options+=(-max_len=65536)
  log="build/fuzz/$name.log"
  if OMP_NUM_THREADS=1 "build/fuzz/tests/fuzz/fuzz_$name" "${options[@]}" "$corpus" "$start" \
    >"$log" 2>&1; then
    result="nothing found"
  else
    result="FOUND, see $log"
    failed=1
  fi
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  printf 'fuzz_%-12s %12s executions in %s s: %s\n' "$name" "${runs:-?}" "$seconds" "$result"
done
exit $failed
