#!/usr/bin/env bash
# Puts Plotly.js, which makes a report's figures move, into .plotly (taken from the plotly package on PyPI).
#
#   SEESAW_PLOTLY   a plotly.min.js, or the folder it is in, to use instead; then nothing is fetched
#   PYTHON          the Python whose pip fetches the wheel (default python3); pip's own settings are honoured
#
# Reports are made without it too, with figures that stand still: what goes wrong here is said, and no error.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

version=7.1.0
home="$PWD/.plotly"
python="${PYTHON:-python3}"

if [ -n "${SEESAW_PLOTLY:-}" ]; then
  echo "plotly: $SEESAW_PLOTLY (SEESAW_PLOTLY)"
  exit 0
fi
if [ -s "$home/plotly.min.js" ] && [ "$(cat "$home/version" 2>/dev/null)" = "$version" ]; then
  echo "plotly: $version, .plotly (already there)"
  exit 0
fi

new="$PWD/.plotly.tmp.$$"
trap 'rm -rf "$new"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$new/wheel"
without() {
  echo "plotly: $1; the figures of reports will stand still" >&2
  exit 0
}
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$new/wheel" \
  "plotly==$version" || without "pip could not fetch plotly $version"
"$python" - "$new" <<'PYTHON' || without "the wheel of plotly $version holds no plotly.min.js"
import pathlib, sys, zipfile

new = pathlib.Path(sys.argv[1])
with zipfile.ZipFile(next((new / "wheel").glob("plotly-*.whl"))) as wheel:
    (new / "plotly.min.js").write_bytes(wheel.read("plotly/package_data/plotly.min.js"))
    licence = next(name for name in wheel.namelist() if name.endswith("LICENSE.txt"))
    (new / "LICENSE.txt").write_bytes(wheel.read(licence))
PYTHON
rm -rf "$new/wheel"
echo "$version" >"$new/version"
rm -rf "$home"
mv "$new" "$home"
echo "plotly: $version, .plotly ($(du -sh "$home" | cut -f1 | tr -d ' '))"
