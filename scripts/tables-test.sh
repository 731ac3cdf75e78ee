#!/usr/bin/env bash
# Compiles the LaTeX table of reports with a TeX of Debian's packages, and reads their CSV with pandas.
#   scripts/tables-test.sh [COMPARISON…]
#
#   SEESAW   the command (default .build/release/seesaw, else .build/debug/seesaw)
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

called="tables test"
source scripts/prelude.sh

if ! command -v pdflatex >/dev/null || ! kpsewhich booktabs.sty >/dev/null; then
  debian "there is no pdflatex with booktabs" texlive-latex-recommended texlive-latex-base
fi
work=.tables-test
mkdir -p "$work"
environment "$work/venv" pandas pandas

rm -rf "$work/runs" "$work/reports"
mkdir -p "$work/runs" "$work/reports"
scripts/browser/made_runs.py "$work/runs/few" --methods 3 --seeds 3
scripts/browser/made_runs.py "$work/runs/many" --methods 28 --seeds 2
scripts/browser/made_runs.py "$work/runs/hostile" --methods 4 --seeds 3 --hostile
places=("$work"/runs/* "$@")
for place in "${places[@]}"; do
  out="$work/reports/$(basename "$place")"
  "$seesaw" report "$place" --out "$out" --quiet
  { printf '\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n' && cat "$out/table.tex" &&
    printf 'Table~\\ref{none}.\n\\end{document}\n'; } >"$out/paper.tex"
  (cd "$out" && pdflatex -interaction=nonstopmode -halt-on-error paper.tex >paper.out) ||
    { tail -20 "$out/paper.out" >&2 && fail "$out/table.tex does not compile"; }
  "$work/venv/bin/python" - "$out/table.csv" <<'PYTHON'
import sys
import pandas

table = pandas.read_csv(sys.argv[1])
assert list(table.columns) == "dataset metric method quantity mean low95 high95 runs difference p".split(), table.columns
for name in ("mean", "low95", "high95", "runs", "difference", "p"):
    assert pandas.api.types.is_numeric_dtype(table[name]), f"{name} is read as {table[name].dtype}"
assert table["mean"].notna().all() and len(table) > 5
assert not table["quantity"].str.contains("\r").any()
PYTHON
  say "$(basename "$place"): compiles, and pandas reads it"
done
# What a paper chooses compiles as well.
"$seesaw" report "$work/runs/few" --print latex --columns full,average.missing --caption 'A & B, 50 %' --label tab:few \
  >"$work/reports/few/chosen.tex"
{ printf '\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n' && cat "$work/reports/few/chosen.tex" &&
  printf 'Table~\\ref{tab:few}.\n\\end{document}\n'; } >"$work/reports/few/chosen-paper.tex"
(cd "$work/reports/few" && pdflatex -interaction=nonstopmode -halt-on-error chosen-paper.tex >/dev/null) ||
  fail "the chosen table does not compile"
say "all well"
