#!/usr/bin/env bash
# Makes the tables of Documentation/results anew for one data set.
#   scripts/results.sh NAME RAW-FOLDER-OR-FEATURE-FILE WHAT…     WHAT is a recipe's name, or 'all' for every method
# ENCODE='--impairments …' is given to encode besides, EMBED='--image-encoder … --text-encoder …' in place of the encoders that
# come with Seesaw, and PAGE=name names the page after it in place of the data set.
# The data set's features go to runs/results/NAME; a file of features is standardized.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -ge 3 ] || { sed -n 2,6p "$0" >&2; exit 64; }

seesaw="${SEESAW:-.build/release/seesaw}"
name="$1"
source="$2"
shift 2
embed="${EMBED:---image-encoder hog-colour --text-encoder hashed-ngrams}"
shown="$source"
case "$shown" in /* | ../*) shown="$(basename "$shown")" ;; esac
page="${PAGE:-$name}"
work="runs/results/$page"
mkdir -p runs/results Documentation/results
if [ -d "$source" ]; then
  make_features="seesaw encode $shown --out $work $embed${ENCODE:+ $ENCODE}"
  # shellcheck disable=SC2086
  "$seesaw" encode "$source" --out "$work" --name "$name" --quiet $embed ${ENCODE:-}
else
  make_features="seesaw import $shown --standardize --out $work"
  "$seesaw" import "$source" --standardize --out "$work" --name "$name" --quiet
fi

for what in "$@"; do
  out="runs/results/$page-$what"
  if [ "$what" = all ]; then arguments="--methods all --seeds 3"; else arguments="--recipe $what"; fi
  # shellcheck disable=SC2086
  "$seesaw" compare "$work" $arguments --out "$out" --quiet >/dev/null
  {
    printf '# %s: %s\n\n' "$page" "$what"
    printf 'Made by\n\n```\n%s\nseesaw compare %s %s --out %s\n```\n\n' "$make_features" "$work" "$arguments" "$out"
    cat "$out/table.md"
  } >"Documentation/results/$page-$what.md"
  echo "Documentation/results/$page-$what.md"
done
