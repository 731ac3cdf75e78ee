#!/usr/bin/env bash
# Installs the wheel in dist/ into an empty environment outside of the checkout, and uses the command and the module there.
#
#   TORCH   what pip installs before (default: PyTorch's build for processors, where an index has it)
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

wheel="$(ls "$PWD"/dist/seesaw-*.whl 2>/dev/null || true)"
[ -n "$wheel" ] || { echo "wheel-test: there is no wheel: make wheel" >&2; exit 1; }
version="$(sed -n 's/^Requires-Dist: torch==//p' <(unzip -p "$wheel" '*/METADATA'))"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
say() { echo "wheel-test: $*"; }
# measured WORDS COMMAND…: runs it and says how long it took
measured() {
  local words=$1 begun
  shift
  begun=$(date +%s.%N)
  "$@"
  say "$words: $(awk -v a="$begun" -v b="$(date +%s.%N)" 'BEGIN { printf "%.2f s", b - a }')"
}

cd "$folder"
"${PYTHON:-python3}" -m venv environment
pip=(environment/bin/pip --quiet --disable-pip-version-check)
measured "installing torch" "${pip[@]}" install "${TORCH:-torch==$version+cpu}"
measured "installing the wheel ($(stat -c %s "$wheel") bytes)" "${pip[@]}" install "$wheel"
"${pip[@]}" install pillow

# Nothing of this machine's Swift, libtorch or data: only what was installed.
seesaw() { env -i HOME="$folder" PATH="$folder/environment/bin:/usr/bin:/bin" "$folder/environment/bin/seesaw" "$@"; }
measured "--version" seesaw --version
lacking="$(ldd environment/lib/python*/site-packages/seesaw/seesaw | awk '/not found/ { print $1 }')"
[ -z "$lacking" ] || { say "libraries that are not found: $lacking" >&2; exit 1; }
outside="$(ldd environment/lib/python*/site-packages/seesaw/seesaw | awk '$3 ~ /^\// { print $3 }' | grep -v "^$folder" || true)"
say "from the system: $(xargs -n1 basename <<<"$outside" | sort | xargs)"
seesaw doctor
measured "demo with two seeds, to its table" seesaw demo --seeds 2 --out demo
[ -s demo/results.json ] && [ -s demo/report/plotly.min.js ] || { say "the demo left no results or no Plotly" >&2; exit 1; }
samples="$(environment/bin/python -c 'import pathlib, seesaw; print(pathlib.Path(seesaw.__file__).parent / "Data/emoji")')"
cat >ask.py <<'PYTHON'
import sys

import seesaw


def predict(samples):
    """By the length of the text alone."""
    rows = []
    for sample in samples:
        place = len(sample["text"] or "") % 8
        rows.append([0.93 if column == place else 0.01 for column in range(8)])
    return rows


found = seesaw.audit(predict, sys.argv[1], out="audit", samples=40, quiet=True)
print(str(found).splitlines()[0])
assert found.record["format"], "the audit left no record"
PYTHON
measured "the module's audit" env -i HOME="$folder" PATH="/usr/bin:/bin" environment/bin/python ask.py "$samples"
say "all good"
