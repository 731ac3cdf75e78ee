#!/usr/bin/env bash
# Looks at reports with headless Chromium: made runs of several kinds, and, where they are named, reports of your own.
#   scripts/browser-test.sh [REPORT-FOLDER…]
#
#   SEESAW     the command (default .build/release/seesaw, else .build/debug/seesaw)
#   CHROMIUM   the browser (default: chromium, of Debian's packages)
# Screenshots lie in .browser-test/shots afterwards.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'browser test: %s\n' "$1"; }
fail() {
  printf 'browser test: %s\n' "$1" >&2
  exit 1
}

seesaw="${SEESAW:-}"
for candidate in .build/release/seesaw .build/debug/seesaw; do
  [ -n "$seesaw" ] || { [ -x "$candidate" ] && seesaw="$candidate"; } || true
done
[ -x "$seesaw" ] || fail "the command is not built: make build"

browser="${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}"
if [ -z "$browser" ]; then
  command -v apt-get >/dev/null || fail "there is no Chromium; name one with CHROMIUM"
  say "installing chromium"
  root=()
  [ "$(id -u)" -eq 0 ] || root=(sudo)
  ${root[@]+"${root[@]}"} apt-get -qq update
  ${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install -y --no-install-recommends chromium fonts-dejavu-core >/dev/null
  browser="$(command -v chromium)"
fi

work=.browser-test
mkdir -p "$work"
if [ ! -x "$work/venv/bin/python" ]; then
  "${PYTHON:-python3}" -m venv "$work/venv"
fi
"$work/venv/bin/python" -c 'import playwright, axe_playwright_python' 2>/dev/null || {
  say "installing playwright and axe-core from PyPI"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r scripts/browser/requirements.txt
}
scripts/plotly.sh >/dev/null

rm -rf "$work/runs" "$work/reports" "$work/shots"
mkdir -p "$work/runs" "$work/reports" "$work/shots"
make_report() {
  local name="$1"
  shift
  scripts/browser/made_runs.py "$work/runs/$name" "$@"
  "$seesaw" report "$work/runs/$name" --out "$work/reports/$name" --quiet
}
make_report big
make_report hostile --methods 4 --seeds 3 --classes 7 --hostile
make_report six-labels --methods 4 --seeds 3 --classes 10 --modalities a,b,c,d,e,f --task multi-label
make_report many-classes --methods 2 --seeds 2 --classes 101
make_report one --methods 1 --seeds 1 --classes 2 --task binary
for folder in "$@"; do ln -s "$(cd "$folder" && pwd)" "$work/reports/own-$(basename "$(dirname "$folder")")"; done

CHROMIUM="$browser" "$work/venv/bin/python" scripts/browser/look.py "$work/reports" "$work/shots"
