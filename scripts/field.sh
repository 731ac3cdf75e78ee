#!/usr/bin/env bash
# Makes Documentation/results/field.md: every method on eight feature sets, ten seeds, five trials of a search for every method.
#   scripts/field.sh DATA-FOLDER [JOBS]
# DATA-FOLDER holds openclipart, flipkart-products, mfeat-6views and av-digits; emoji is this project's own. What is done is not done
# again, so the same command goes on after any end. Everything goes to runs/field.
# SEEDS and TRIALS make a smaller table; PAGE names it.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -ge 1 ] || { sed -n 2,6p "$0" >&2; exit 64; }

seesaw="${SEESAW:-.build/release/seesaw}"
data="$1"
jobs="${2:-0}"
work=runs/field
seeds="${SEEDS:-10}"
trials="${TRIALS:-5}"
page="${PAGE:-Documentation/results/field.md}"
mkdir -p "$work"

own="--image-encoder hog-colour --text-encoder hashed-ngrams"
pretrained="--image-encoder efficientnet-lite0 --text-encoder all-MiniLM-L6-v2"

# NAME SOURCE EMBEDDING: features of raw samples.
encode() {
  # shellcheck disable=SC2086
  "$seesaw" encode "$2" --out "$work/$1.features" --name "$1" --quiet $3
}
# NAME FILE: features computed elsewhere.
import() {
  [ -e "$work/$1.features" ] || "$seesaw" import "$2" --standardize --out "$work/$1.features" --name "$1" --quiet
}

for name in emoji openclipart flipkart-products; do
  source="$data/$name"
  [ "$name" = emoji ] && source=Data/emoji
  encode "$name" "$source" "$own"
  encode "$name-pretrained" "$source" "$pretrained"
done
# It comes without a validation split: every eighth training row of a class becomes one.
python="$(scripts/python-environment.sh)"
"$python" - "$data/mfeat-6views/data.npz" "$work/mfeat-6views.npz" <<'END'
import sys, numpy
data = dict(numpy.load(sys.argv[1]))
split = data["split"] = data["split"].astype("U10")
for label in numpy.unique(data["label"]):
    split[numpy.flatnonzero((split == "train") & (data["label"] == label))[::8]] = "validation"
numpy.savez(sys.argv[2], **data)
END
import mfeat-6views "$work/mfeat-6views.npz"
import av-digits "$data/av-digits/data.npz"

# Against each of these every method is tested; the last is what the comparison's own page shows.
baselines="uniform modality-dropout joint"
options=(--methods all --seeds "$seeds" --tune "$trials" --quiet)
[ "$jobs" = 0 ] || options+=(--jobs "$jobs")
results=()
for features in "$work"/*.features; do
  out="${features%.features}"
  echo "field: $(basename "$out")" >&2
  for baseline in $baselines; do
    "$seesaw" compare "$features" "${options[@]}" --baseline "$baseline" --out "$out" >/dev/null
    cp "$out/results.json" "$out/against-$baseline.json"
  done
  results+=("$out")
done
"$python" scripts/field.py --out "$page" "${results[@]}"
echo "$page"
