#!/usr/bin/env bash
# Looks at reports with headless Chromium: made runs of several kinds, and, where they are named, reports of your own.
#   scripts/browser-test.sh [REPORT-FOLDER…]
#
#   SEESAW     the command (default .build/release/seesaw, else .build/debug/seesaw)
#   CHROMIUM   the browser (default: chromium, of Debian's packages)
# Screenshots lie in .browser-test/shots afterwards.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

called="browser test"
source scripts/prelude.sh

browser="${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}"
if [ -z "$browser" ]; then
  debian "there is no Chromium; name one with CHROMIUM" chromium fonts-dejavu-core
  browser="$(command -v chromium)"
fi

work=.browser-test
mkdir -p "$work"
environment "$work/venv" playwright,axe_playwright_python -r scripts/browser/requirements.txt
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
