#!/usr/bin/env bash
# Pictures of what policies do in simulation, from a bare Debian 12 machine:
#   scripts/plots.sh                evaluates four policies (some minutes), and draws
#   scripts/plots.sh REPORT.json    draws the goodput that is in a report of `widepipe evaluate`
# build/plots/goodput.png: goodput by workload and policy against the bound.
# build/plots/F-POLICY.png: batch size, queue and allocation over time in workload F.
set -euo pipefail
report=${1:+$(realpath "$1")}
cd "$(dirname "$0")/.."

scripts/install-deps.sh examples
WIDEPIPE_SKIP_INSTALL=1 scripts/build.sh release widepipe_command
. scripts/plots/venv.sh
widepipe=build/release/widepipe

if [ -z "$report" ]; then
  report=$out/evaluation.json
  rm -f "$report"
  "$widepipe" evaluate --workloads A3,A5,A10,D,E,F --seeds 2 --seconds 4 --evaluations 200 \
    --policies greedy-estimated,static-central,static-lb,clockwork --report "$report"
fi
"$python" scripts/plots/plot_goodput.py "$report" "$out/goodput.png"

seconds=12
for policy in greedy-estimated static-central; do
  "$widepipe" simulate --workload F --devices 32 --seconds "$seconds" --load 0.5 --policy "$policy" \
    --evaluations 200 --log "$out/F-$policy.csv" >"$out/F-$policy.txt"
  "$python" scripts/plots/plot_log.py "$out/F-$policy.csv" "$out/F-$policy.png" \
    "Workload F at half of the bound, $policy, 32 devices" \
    "4=popularity moves" "6=5 % fail, 20 % get slow"
done
printf '\npictures:\n'
ls "$out"/*.png
