#!/usr/bin/env bash
# Real networks on real data, from a bare Debian 12 machine: fetches both, trains what is small, runs
# all of it as one job and says how often the answers were right. docs/examples.md shows a result.
#   scripts/examples.sh [RANKS]      (default 4)
set -euo pipefail
cd "$(dirname "$0")/.."
ranks=${1:-4}

scripts/install-deps.sh examples
WIDEPIPE_SKIP_INSTALL=1 scripts/build.sh release

example=jobs/examples/mixed
out=build/examples
models=build/models
venv=build/examples/venv
mkdir -p "$out/answers"
if [ ! -e "$venv/complete" ]; then
  /usr/bin/python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$example/requirements.txt" \
    -r scripts/models/requirements.txt
  touch "$venv/complete"
fi
python=$venv/bin/python
"$python" scripts/models/fetch.py --folder "$models" efficientnet_lite0 magika paraphrase_l3
"$python" "$example/make_data.py" "$out"

launcher=(mpirun.openmpi -n "$ranks" --oversubscribe)
if [ "$(id -u)" -eq 0 ]; then launcher+=(--allow-run-as-root); fi
widepipe() { printf '\n$ widepipe %s\n\n' "$*"; "${launcher[@]}" build/release/widepipe "$@"; }

if [ ! -e "$out/digits.onnx" ]; then
  printf '\ntraining a LeNet on digits\n'
  "$python" "$example/train_digits.py" "$out/digits.h5" "$out/digits.onnx"
fi
if [ ! -e "$out/tweets.onnx" ]; then
  printf '\nfitting a head to the sentence vectors of tweets\n'
  widepipe score --model "$models/paraphrase_l3.onnx" --form 461=raw \
    --input "input_ids=$out/tweets.h5:/train/input_ids" \
    --input "attention_mask=$out/tweets.h5:/train/attention_mask" \
    --output "$out/vectors.h5:/vectors" --restart
  "$python" "$example/add_head.py" --model "$models/paraphrase_l3.onnx" \
    --vectors "$out/vectors.h5" --tweets "$out/tweets.h5" --output "$out/tweets.onnx"
fi

cp "$example/mixed.toml" jobs/examples/fashion_lenet/fashion_lenet.onnx "$out"
cp "$models/magika.onnx" "$models/efficientnet_lite0.onnx" "$out"
widepipe score "$out/mixed.toml" --restart
"$python" "$example/answers.py" "$out" --picture "$out/examples.png"
printf 'picture  %s\n' "$out/examples.png"
