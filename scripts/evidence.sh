#!/usr/bin/env bash
# What is known of the learned policy, in simulations, written into docs/evidence.md; from a bare Debian 12 machine:
#   scripts/evidence.sh [PART ...]      targets large tenants ablations unseen robust learning    (all of them)
# SEEDS (4) runs of each from SEED_BASE (901) on; POLICY (learned): a name or a file. What was evaluated of these sources
# and this policy is not evaluated again: what was stopped goes on. All parts take some hours on two cores.
set -euo pipefail
seeds=${SEEDS:-4}
base=${SEED_BASE:-901}
policy=${POLICY:-learned}
[ -f "$policy" ] && policy=$(realpath "$policy")
cd "$(dirname "$0")/.."
all=(targets large tenants ablations unseen robust learning)
parts=("$@")
[ $# -gt 0 ] || parts=("${all[@]}")
for part in "${parts[@]}"; do
  if [[ " ${all[*]} " != *" $part "* ]]; then
    echo "evidence.sh: there is no part '$part': expected ${all[*]}" >&2
    exit 2
  fi
done

scripts/install-deps.sh build
WIDEPIPE_SKIP_INSTALL=1 scripts/build.sh release widepipe_command
sum() { cksum | cut -d ' ' -f 1; }
sources=(src rl jobs mpi_runtime scripts/evidence)
out=build/evidence/$({ git ls-files --stage "${sources[@]}"; git diff "${sources[@]}"; } 2>/dev/null | sum)
[ ! -f "$policy" ] || out+=-$(sum <"$policy")
mkdir -p "$out"

evaluate() { # REPORT POLICIES OPTIONS...
  local report=$out/$1.json policies=$2
  shift 2
  printf '\n== %s\n' "$(basename "$report" .json)"
  build/release/widepipe evaluate --quiet --seeds "$seeds" --seed-base "$base" --policies "$policies" \
    --report "$report" "$@"
}

for part in "${parts[@]}"; do
  case $part in
    targets)
      fixed=static-central,static-lb
      evaluate targets "greedy-estimated,$policy,$fixed" --workloads A3,A5,A10,D,E,F --devices 100
      evaluate targets-hindsight "greedy-estimated,$policy,static-hindsight" --workloads F --devices 100
      evaluate targets-bulk "greedy-estimated,$policy" --workloads bulk --devices 100
      ;;
    large)
      evaluate large "greedy-estimated,$policy,static-central,static-lb" --workloads A5,F --devices 1000 --seconds 4
      ;;
    tenants)
      evaluate tenants "greedy-estimated,$policy,static-central,static-hindsight" --workloads G --devices 32,100 \
        --seconds 30
      (
        reports=$out
        . scripts/plots/venv.sh
        mapfile -t all_seeds < <(seq "$base" $((base + seeds - 1)))
        for devices in 32 100; do
          [ ! -e "$reports/tenants-ceiling-$devices-$base-$seeds.json" ] || continue
          "$python" scripts/evidence/ceiling.py build/release/widepipe --devices "$devices" --seeds "${all_seeds[@]}" \
            --report "$reports/tenants-ceiling-$devices-$base-$seeds.json"
        done
      )
      ;;
    ablations)
      without=
      for thing in batch-sizes allocation hold-back speeds; do without+=,$policy-without-$thing; done
      evaluate ablations "$policy,greedy-estimated,greedy-tuned$without" --workloads A5,D,F --devices 100
      evaluate ablations-tenants "$policy,greedy-estimated,$policy-without-allocation" --workloads G --devices 32 \
        --seconds 30
      ;;
    unseen)
      mine=scripts/evidence
      evaluate unseen-mix "greedy-estimated,$policy" --workloads $mine/even-mix.toml --devices 100
      evaluate unseen-models "greedy-estimated,$policy" --workloads $mine/other-mix.toml --devices 100 \
        --profile $mine/other-models.toml
      evaluate unseen-device "greedy-estimated,$policy" --workloads A5,$mine/even-mix.toml --devices 100 \
        --profile $mine/other-npu.toml
      trace=$out/seed-$base/azure-llm-code.h5
      if [ ! -e "$trace" ]; then
        mkdir -p "${trace%/*}"
        python3 $mine/burst_trace.py $mine/azure-llm-code.txt "${trace%.h5}.csv" --seed "$base"
        build/release/widepipe trace "${trace%.h5}.csv" "$trace"
      fi
      evaluate unseen-trace "greedy-estimated,$policy" --workloads "$trace" --devices 100
      ;;
    robust)
      for late in 0.1 1 5; do
        evaluate "robust-late-$late" "greedy-estimated,$policy" --workloads A5,F --devices 100 --round-period 0.1 \
          --round-delay "$late"
      done
      sed 's/^jitter = .*/jitter = 0.2/; s/^name = "npu"/name = "noisy"/' jobs/profiles/npu.toml >"$out/noisy.toml"
      evaluate robust-noise "greedy-estimated,$policy" --workloads A5,F --devices 100 --profile "$out/noisy.toml"
      ;;
    learning)
      for at in A3:0.67 A5:0.78 G:0.3; do # a little more than is borne
        workload=${at%:*}
        for ((seed = base; seed < base + seeds; seed++)); do
          for learns in no yes; do
            name=learning-$learns-$workload-$seed
            [ ! -e "$out/$name.json" ] || continue
            printf '\n== %s\n' "$name"
            options=(--workload "$workload" --load "${at#*:}" --devices 32 --seconds 600 --seed "$seed")
            [ $learns = no ] || options+=(--learn "$out/$name.toml")
            build/release/widepipe simulate --policy "$policy" "${options[@]}" --report "$out/$name.part"
            mv "$out/$name.part" "$out/$name.json"
          done
        done
      done
      ;;
  esac
done
python3 scripts/evidence/tables.py "$out" docs/evidence.md "$policy" "$base" "$seeds" "${parts[@]}"
