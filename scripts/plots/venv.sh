# Sourced: what draws, and where to. Sets `out` and `python`.
out=build/plots
venv=$out/venv
mkdir -p "$out"
if ! cmp -s scripts/plots/requirements.txt "$venv/complete"; then
  /usr/bin/python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r scripts/plots/requirements.txt
  cp scripts/plots/requirements.txt "$venv/complete"
fi
python=$venv/bin/python
