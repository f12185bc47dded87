#!/usr/bin/env bash
# From a bare Debian 12 machine to a scored data set: installs what is missing, builds, scores the
# 10,000 Fashion-MNIST test images on several ranks and compares the answers with the labels.
#   scripts/demo.sh [RANKS]      (default: the number of cores, at least 2, at most 4)
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install-deps.sh demo
WIDEPIPE_SKIP_INSTALL=1 scripts/build.sh release

cores=$(nproc)
ranks=${1:-$((cores < 2 ? 2 : cores > 4 ? 4 : cores))}
example=jobs/examples/fashion_lenet
out=build/demo
python=/usr/bin/python3  # the one that has Debian's numpy and h5py
mkdir -p "$out"
"$python" "$example/make_dataset.py" "$out/images.h5"

launcher=(mpirun.openmpi -n "$ranks" --oversubscribe)
if [ "$(id -u)" -eq 0 ]; then launcher+=(--allow-run-as-root); fi
score=("${launcher[@]}" build/release/widepipe score --model "$example/fashion_lenet.onnx"
       --input "$out/images.h5:/images" --output "$out/scores.h5:/probabilities"
       --report "$out/report.json" --restart)
printf '\n$ %s\n\n' "${score[*]}"
"${score[@]}"

printf '\nsome of the images and what the model made of them:\n\n'
"$python" "$example/accuracy.py" --scores "$out/scores.h5:/probabilities" \
  --images "$out/images.h5:/images" --labels "$out/images.h5:/labels" --show 4 | tee "$out/accuracy.txt"
rate=$("$python" -c 'import json, sys; print(round(json.load(open(sys.argv[1]))["rows_per_second"]))' \
  "$out/report.json")
cat <<END

rate          $rate images/s on $ranks ranks
output        $out/scores.h5 (/probabilities, one row an image), numbers in $out/report.json
look at it    build/release/widepipe inspect $out/scores.h5
              h5dump -d /probabilities -c 5,10 $out/scores.h5     (package hdf5-tools)
END
grep '^accuracy ' "$out/accuracy.txt"
