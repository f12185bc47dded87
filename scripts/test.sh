#!/usr/bin/env bash
# Installs what the tests need, builds, and runs them.
#   scripts/test.sh            everything that CI runs: checks, unit, MPI, end to end, MPICH,
#                              sanitizers
#   scripts/test.sh fast       release build: checks, unit, MPI and end-to-end tests
#   scripts/test.sh tidy       clang-tidy over all sources (slow)
#   scripts/test.sh long       what takes hours: all variants end to end, 100 kills, 10,000 simulated
#                              jobs, everything under sanitizers, fuzzers
#   scripts/test.sh sanitized  of these, everything under sanitizers
set -euo pipefail
cd "$(dirname "$0")/.."
tier=${1:-all}
case "$tier" in
  all | fast | tidy | long | sanitized) ;;
  *) echo "usage: $0 [all|fast|tidy|long|sanitized]" >&2; exit 2 ;;
esac

if [ "$tier" = tidy ]; then scripts/install-deps.sh tidy; else scripts/install-deps.sh test; fi
export WIDEPIPE_SKIP_INSTALL=1 WIDEPIPE_WITH_TESTS=1
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1

step() { printf '\n=== %s (%d s)\n' "$*" "$SECONDS"; }

step "formatting and include direction"
scripts/check_includes.py
git ls-files '*.cc' '*.h' | xargs clang-format --dry-run -Werror

if [ "$tier" = tidy ]; then
  step "clang-tidy"
  cmake --preset tidy
  run-clang-tidy -quiet -p build/tidy "^$PWD/(src|kernels|mpi_runtime|jobs)/"
  exit
fi

step "test environment"
if ! ls build/venv/lib/python3*/site-packages/{pytest,openvino}/__init__.py >/dev/null 2>&1; then
  /usr/bin/python3 -m venv build/venv
  build/venv/bin/pip install --quiet --disable-pip-version-check -r tests/e2e/requirements.txt \
    -r scripts/models/requirements.txt
fi
e2e() { build/venv/bin/pytest tests/e2e --quiet --numprocesses 4 --dist loadgroup "$@"; }

# All tests of a command that is all sanitized, but for those of speed and of memory.
sanitized() {
  step "everything under AddressSanitizer and UndefinedBehaviorSanitizer"
  scripts/build.sh asan-ubsan
  ctest --preset asan-ubsan -LE e2e -j 2
  export WIDEPIPE_SANITIZED=1 ASAN_OPTIONS=fast_unwind_on_malloc=0
  export LSAN_OPTIONS=suppressions=$PWD/tests/sanitizers/lsan.supp:print_suppressions=0
  WIDEPIPE_BIN=build/asan-ubsan/widepipe e2e

  step "what has threads under ThreadSanitizer"
  scripts/build.sh tsan
  ctest --preset tsan -L 'unit|mpi' -j 2
  export TSAN_OPTIONS=suppressions=$PWD/tests/sanitizers/tsan.supp
  WIDEPIPE_BIN=build/tsan/widepipe e2e \
    -k "same_bits or resume or watchdog or wall_time or faulty_devices or misfortune"
}

if [ "$tier" = sanitized ]; then
  step "real models"
  build/venv/bin/python scripts/models/fetch.py
  sanitized
  exit
fi

step "release build"
scripts/build.sh release
if [ "$tier" = long ]; then
  step "real models"
  build/venv/bin/python scripts/models/fetch.py
  step "all variants, end to end"
  e2e --slow -m slow
  step "100 kills"
  WIDEPIPE_KILLS=100 build/venv/bin/pytest tests/e2e/test_resume.py --quiet
  step "10,000 simulated jobs"
  build/release/tests/simulation --seeds 5000 >build/simulation.log &
  build/release/tests/simulation --seeds 5000 --from 5000
  wait $! || { cat build/simulation.log; exit 1; }
  tail -n 1 build/simulation.log
  step "fuzzers"
  scripts/fuzz.sh "${WIDEPIPE_FUZZ_SECONDS:-600}"
  sanitized
  exit
fi
step "unit, MPI and oracle tests"
ctest --preset release -LE e2e -j 2
step "real models"
build/venv/bin/python scripts/models/fetch.py
step "end-to-end tests"
e2e
slurm() { build/venv/bin/pytest tests/e2e/test_slurm.py --slurm --quiet; }
if [ "$tier" = fast ]; then
  step "Slurm"
  slurm
  exit
fi

step "MPICH"
scripts/build.sh mpich widepipe_command mpi_collectives mpi_rounds
ctest --preset mpich -L mpi
WIDEPIPE_BIN=build/mpich/widepipe WIDEPIPE_MPIEXEC=mpiexec.mpich \
  e2e -k "same_bits or (bad_input and ranks3)"

step "AddressSanitizer and UndefinedBehaviorSanitizer; meanwhile Slurm"
# Slurm's tests mostly wait for it; the compiler gives way to them.
slurm >build/slurm.log 2>&1 &
slurm_tests=$!
nice scripts/build.sh asan-ubsan-quick unit_tests mpi_collectives mpi_rounds || { wait; exit 1; }
wait "$slurm_tests" || { cat build/slurm.log; exit 1; }
tail -n 1 build/slurm.log
ctest --preset asan-ubsan-quick -L 'unit|mpi' -j 2

step "ThreadSanitizer"
scripts/build.sh tsan unit_tests
ctest --preset tsan -L unit -j 2

step "done"
