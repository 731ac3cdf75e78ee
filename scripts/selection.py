"""Writes Documentation/results/selection.md: what each rule of choosing the epoch does to each method.

  python3 scripts/selection.py NAME=FEATURES …      with SEESAW naming the command
"""

import json
import os
import pathlib
import subprocess
import sys

RULES = ["best", "full", "standing", "last"]
METHODS = ["joint", "uniform", "balgrad", "mmpareto", "relearning", "ume", "modality-dropout", "fulcrum"]
ROOT = pathlib.Path(__file__).resolve().parent.parent


def compare(seesaw: str, name: str, features: str, rule: str) -> dict:
    out = ROOT / f"runs/results/{name}-selection-{rule}"
    subprocess.run(
        [seesaw, "compare", features, "--methods", ",".join(METHODS), "--seeds", "3", "--no-specialists", "--out", str(out),
         "--set", f"training.selection={rule}", "--quiet"], check=True, stdout=subprocess.DEVNULL)
    found = {}
    for row in json.loads((out / "results.json").read_text())["methods"]:
        epochs = [json.loads(p.read_text())["selectedEpoch"] + 1 for p in sorted(out.glob(f"{row['name']}/seed-*/run.json"))]
        scores, average = row["mean"]["scores"], row["mean"]["average"]
        found[row["name"]] = (scores["full"], average["missing"], average["absent"], min(epochs), max(epochs))
    return found


def main() -> None:
    seesaw = os.environ.get("SEESAW", str(ROOT / ".build/release/seesaw"))
    lines = [
        "# What the choice of the epoch does", "",
        "Made by `python3 scripts/selection.py emoji=runs/results/emoji …`: `seesaw compare DATA --seeds 3 --no-specialists "
        "--set training.selection=RULE` for each rule. Test accuracy in %: with everything there / mean with a modality missing "
        "(silent) / mean with one absent (declared); in brackets the epochs that were kept, of 20. `best` is the first best full "
        "validation score, `full` its mean over three epochs with the loss as tie-break, `standing` the same of the mean over "
        "everything there, each modality missing and each noisy, `last` the last epoch.", "",
    ]
    for pair in sys.argv[1:]:
        name, features = pair.split("=", 1)
        results = {rule: compare(seesaw, name, features, rule) for rule in RULES}
        lines += [f"## {name}", "", "| method | " + " | ".join(RULES) + " |", "|:--|" + ":--|" * len(RULES)]
        for method in METHODS:
            cells = []
            for rule in RULES:
                full, missing, absent, low, high = results[rule][method]
                kept = f"{low}" if low == high else f"{low}–{high}"
                cells.append(f"{100 * full:.1f} / {100 * missing:.1f} / {100 * absent:.1f} ({kept})")
            lines.append(f"| {method} | " + " | ".join(cells) + " |")
        lines.append("")
    (ROOT / "Documentation/results/selection.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
