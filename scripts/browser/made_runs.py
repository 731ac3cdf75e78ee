#!/usr/bin/env python3
"""Writes runs that nobody trained, to try pages on: so many methods, seeds, classes and modalities.

  scripts/browser/made_runs.py OUT [--methods N] [--seeds N] [--classes N] [--modalities a,b] [--task T] [--hostile]

The same arguments write the same bytes. The numbers mean nothing.
"""

import argparse
import json
import pathlib
import random

METHODS = (
    "joint unimodal uniform modality-dropout balgrad ogm ogm-ge opm agm mslr greedy g-blending mla amco smv mmpareto "
    "mmcosine mbsd cml lfm umt ume pmr inforeg reconboost relearning rollingq pcgrad"
).split()
HOSTILE = ["</script><img src=x onerror=alert(1)>", "<b>bold</b>", "a\u202eb", "nul\u0000nul", "<!-- --", "{{title}}", "%{x}"]


def dump(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")


def rounded(value):
    return round(value, 6)


def confusion(rng, classes, samples, right):
    rows = [[0] * classes for _ in range(classes)]
    for number in range(samples):
        truth = number % classes
        said = truth if rng.random() < right else min(int(rng.expovariate(4 / classes)), classes - 1)
        rows[truth][said] += 1
    return rows


def reliability(rng, right):
    bins = [[rng.randrange(5, 200), rounded((b + 0.5) / 15), rounded(min(1, max(0, (b + 0.5) / 15 * right + rng.uniform(-0.05, 0.05))))]
            for b in range(15)]
    return {"bins": bins, "error": rounded(rng.uniform(0.02, 0.2)), "confidence": rounded(right + 0.05), "right": rounded(right)}


def write_run(folder, method, seed, arguments, classes, modalities):
    rng = random.Random(f"{method} {seed}")
    own = random.Random(method).uniform(-0.06, 0.06)
    folder.mkdir(parents=True, exist_ok=True)
    missing = {m: 0.75 - 0.18 * i / max(1, len(modalities) - 1) + own + rng.uniform(-0.02, 0.02) for i, m in enumerate(modalities)}
    full = 0.84 + own / 3 + rng.uniform(-0.01, 0.01)
    scores = {"full": rounded(full)}
    for kind, share in (("missing", 1.0), ("noisy", 0.4)):
        for m in modalities:
            scores[f"{m}-{kind}"] = rounded(full - share * (full - missing[m]))
    conditions = list(scores)
    samples = 1500
    shapley = {m: rounded((full - 0.05) / len(modalities) + (sum(missing.values()) / len(missing) - missing[m])) for m in modalities}

    epochs = 30
    with (folder / "epochs.jsonl").open("w") as file:
        for epoch in range(epochs):
            train = {f"split.{m}": rounded(0.3 + (1.8 + 0.1 * i) * (0.75 + 0.03 * i) ** epoch + rng.uniform(0, 0.05)) for i, m in enumerate(modalities)}
            validation = {f"split.{m}": rounded(v + 0.3 + 0.004 * epoch) for m, v in ((m, train[f"split.{m}"]) for m in modalities)}
            file.write(json.dumps({"epoch": epoch, "train": train, "validation": validation, "seconds": 0.1}) + "\n")
    with (folder / "steps.jsonl").open("w") as file:
        for step in range(300):
            row = {"step": step, "epoch": step // 10, "losses": {"fused": 1.0}, "scalars": {"cosine": rounded(rng.gauss(own * 4, 0.12))}}
            file.write(json.dumps(row) + "\n")
    dump(folder / "run.json", {
        "format": "seesaw-run/1", "status": "finished", "started": "2026-01-01T00:00:00Z", "ended": "2026-01-01T00:10:00Z",
        "seconds": rounded(20 + rng.uniform(0, 5)), "notes": [],
        "configuration": {"dataset": "/data/made", "seed": seed, "method": {"name": method}, "training": {"threads": 1}},
        "data": {"name": "made" if not arguments.hostile else HOSTILE[0], "path": "/data/made", "classes": classes,
                 "modalities": modalities, "counts": {"train": 9000, "test": samples}, "digests": {"test.safetensors": "0" * 64}},
        "versions": {"seesaw": "0", "libtorch": "2", "swift": "6", "platform": "made up"}, "device": "cpu",
        "processor": "none", "threads": 1, "provenance": {"seed": "--seed"},
    })
    dump(folder / "evaluation.json", {
        "dataset": "made", "metric": "accuracy" if arguments.task == "single-label" else "macro-f1", "split": "test",
        "modalities": modalities, "conditions": conditions, "scores": scores, "metrics": {}, "shapley": shapley,
        "samples": samples, "missing": "encoded", "notes": [],
        "average": {}, "gap": {},
    })

    def under(condition):
        value = {"condition": condition, "score": scores[condition], "reliability": reliability(rng, scores[condition])}
        if arguments.task == "multi-label":
            value["labelCounts"] = [[rng.randrange(20, 60), rng.randrange(20), rng.randrange(20), 900] for _ in classes]
        else:
            counts = confusion(rng, len(classes), samples, scores[condition])
            value["confusion"] = [" ".join(map(str, row)) for row in counts]
        return value

    def answer(labels, right):
        return {"labels": labels, "probability": rounded(rng.uniform(0.4, 1)), "truth": rounded(rng.uniform(0, 1)), "isRight": right}

    telling = []
    for number, kind in enumerate(("removal-flips", "disagreement", "weak-alone-right", "removal-flips")):
        telling.append({
            "kind": kind, "row": number, "id": f"sample-{number}", "truth": [classes[number % len(classes)]],
            "answers": {c: answer([classes[(number + (c != "full")) % len(classes)]], c == "full") for c in conditions},
            "alone": {m: answer([classes[number % len(classes)]], True) for m in modalities},
            "text": HOSTILE[number] if arguments.hostile else f"A text of some length about sample {number}, as people write them.",
            **({} if kind == "disagreement" else {"modality": modalities[-1]}),
        })
    shares = {m: {"value": v} for m, v in shapley.items()}
    dump(folder / "evidence.json", {
        "format": "seesaw-evidence/1", "dataset": "made", "task": arguments.task, "metric": "accuracy", "split": "test",
        "samples": samples, "classes": classes, "modalities": modalities, "conditions": [under(c) for c in conditions],
        "shapley": {"score": shares, "probability": shares,
                    "classes": {m: [rounded(shapley[m] + rng.uniform(-0.2, 0.2)) for _ in classes] for m in modalities},
                    "samples": {m: {"low": -1, "high": 1, "counts": [1] * 40} for m in modalities}},
        "alone": "only-present", "telling": telling, "notes": [],
    })


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--methods", type=int, default=25)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--classes", type=int, default=50)
    parser.add_argument("--modalities", default="image,text")
    parser.add_argument("--task", default="single-label", choices=["single-label", "binary", "multi-label"])
    parser.add_argument("--hostile", action="store_true", help="names and texts that would like to be markup")
    arguments = parser.parse_args()
    classes = [f"class {number}" for number in range(arguments.classes)]
    if arguments.hostile:
        classes[: len(HOSTILE)] = HOSTILE[: len(classes)]
    for method in METHODS[: arguments.methods]:
        for seed in range(arguments.seeds):
            write_run(arguments.out / method / f"seed-{seed}", method, seed, arguments, classes, arguments.modalities.split(","))


if __name__ == "__main__":
    main()
