#!/usr/bin/env bash
# What a policy does and how it differs from greedy-estimated, as a picture, from a bare Debian 12 machine:
#   scripts/explain.sh [POLICY [WORKLOAD [LOAD]]]     learned F 0.64
# build/plots/explain-POLICY-WORKLOAD.png, of 64 devices; what it shows: docs/train.md.
set -euo pipefail
policy=${1:-learned}
workload=${2:-F}
load=${3:-0.64}
# Files are where the caller is.
[ -f "$policy" ] && policy=$(realpath "$policy")
[ -f "$workload" ] && workload=$(realpath "$workload")
cd "$(dirname "$0")/.."

scripts/install-deps.sh examples
WIDEPIPE_SKIP_INSTALL=1 scripts/build.sh release widepipe_command
. scripts/plots/venv.sh
name=explain-$(basename "$policy" .toml)-$(basename "$workload" .toml)
for who in "$policy" greedy-estimated; do
  file=$out/$name-$(basename "$who" .toml)
  build/release/widepipe simulate --workload "$workload" --devices 64 --seconds 12 --load "$load" \
    --policy "$who" --log "$file-batches.csv" --plans "$file-plans.csv"
  runs+=("$(basename "$who" .toml)" "$file-batches.csv" "$file-plans.csv")
done
"$python" scripts/plots/plot_explain.py "$out/$name.png" \
  "$(basename "$policy") and greedy-estimated, workload $(basename "$workload") at $load of the bound, 64 devices" \
  "${runs[@]}"
printf '\npicture: %s\n' "$out/$name.png"
