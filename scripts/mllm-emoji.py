#!/usr/bin/env python3
"""Trains LoRA and MokA with and without modality dropout on the emoji data, with real parts.

  scripts/mllm-emoji.py [--seesaw PATH] [--data FOLDER] [--out FOLDER] [--seeds 3] [--epochs 2] [--layers 4] [--reliance]

EfficientNet-Lite0 before the first layers of SmolLM2-135M (both from `make weights mllm-weights`): a picture becomes 2 × 2
tokens through a projector that is trained with the adapter. Each method is trained with `seesaw mllm train`, asked with
`seesaw mllm evaluate`, and a table is written to table.md in --out: means over the seeds that are whole, and every seed.
What is done is kept in --out and not done again; a training that was stopped goes on.
"""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DROPOUT = ["--image-dropout", "0.25", "--text-dropout", "0.25"]
METHODS = {
    "LoRA": [],
    "LoRA + dropout": DROPOUT,
    "MokA": ["--adapter", "moka"],
    "MokA + dropout": ["--adapter", "moka", *DROPOUT],
}
CONDITIONS = {
    "full": "full",
    "missing:image": "image missing",
    "missing:text": "text missing",
    "noisy:image": "image noisy",
    "noisy:text": "text noisy",
    "absent:image": "no image",
}
RELIANCE = {
    "adapter:image": "adapter on image alone",
    "adapter:text": "adapter on text alone",
    "adapter:none": "adapter on no token",
}
QUESTION = "Group?"
# A frame without a line of the system's, which would be half of so short a prompt; labels differ in their first token.
FRAME = "llava-qwen"
SCORE = "first-token"


def percent(value):
    return f"{100 * value:.1f}"


def mean(values):
    return sum(values) / len(values)


class Cell:
    """One method with one seed: trained, then asked."""

    def __init__(self, options, method, seed):
        self.method, self.seed = method, seed
        self.folder = options.out / f"{method.replace(' + ', '-').lower()}-{seed}"
        self.options = options

    def run(self):
        options = self.options
        subject = [options.model, options.data]
        shared = ["--tower", options.tower, "--tower-grid", "2", "--question", QUESTION, "--template", FRAME]
        # Every method is shown the same pictures: the tower looks at each once.
        shared += ["--seed", self.seed, "--picture-cache", options.out / "pictures"]
        training = [*METHODS[self.method], "--layers", options.layers, "--epochs", options.epochs]
        training += ["--learning-rate", options.learning_rate, "--samples", options.samples]
        training += ["--validation-samples", options.validation_samples, "--threads", options.threads]
        self.seesaw("train", *subject, "--out", self.folder, *shared, *training)
        asking = ["--adapter", self.folder, "--score", SCORE, "--swaps", "0", "--samples", options.test_samples]
        asking += ["--reliance"] if options.reliance else []
        self.seesaw("evaluate", *subject, "--out", self.folder / "evaluation", *shared, *asking)
        self.training = json.loads((self.folder / "training.json").read_text())
        self.results = json.loads((self.folder / "evaluation" / "results.json").read_text())
        self.scores = {row["condition"]: row["accuracy"]["value"] for row in self.results["rows"]}
        return self

    def seesaw(self, verb, *words):
        command = [self.options.seesaw, "mllm", verb, *map(str, words)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(self.options.threads)}
        done = subprocess.run(command, stdout=subprocess.DEVNULL, env=environment)
        if done.returncode:
            sys.exit(done.returncode)

    @property
    def gap(self):
        return abs(self.scores["missing:image"] - self.scores["missing:text"])


def table(options, cells):
    """The table of the seeds whose methods are all there."""
    names = {**CONDITIONS, **(RELIANCE if options.reliance else {})}
    lines = ["| adapter | " + " | ".join(names.values()) + " | gap missing | training, minutes |"]
    lines.append("|:--|" + "--:|" * (len(names) + 2))
    for method in METHODS:
        own = [cell for cell in cells if cell.method == method]
        scores = [percent(mean([cell.scores[name] for cell in own])) for name in names]
        minutes = f"{mean([cell.training['seconds'] for cell in own]) / 60:.1f}"
        lines.append(f"| {method} | {' | '.join(scores)} | {percent(mean([cell.gap for cell in own]))} | {minutes} |")
    first = cells[0]
    seeds = sorted({cell.seed for cell in cells})
    lines += [
        "",
        f"Accuracy in percent on {first.results['samples']} test samples, mean over {len(seeds)} seed(s); the gap is between "
        f"the image missing (black) and the text missing. {first.training['trainSamples']} training and "
        f"{first.training['validationSamples']} validation samples, the first {options.layers} layers of SmolLM2-135M-Instruct, 2 × 2 rows of EfficientNet-Lite0, rank 4, {options.epochs} epochs "
        f"in batches of {first.training['settings']['batchSize']}, learning rate {options.learning_rate}, `{QUESTION}` asked; "
        f"+ dropout: a quarter of the training prompts without the picture, a quarter without the text. libtorch "
        f"{first.training['versions']['libtorch']}, {options.threads} thread(s).",
    ]
    if len(seeds) > 1:
        lines += ["", "| adapter | " + " | ".join(f"seed {seed}" for seed in seeds) + " |", "|:--|" + "--:|" * len(seeds)]
        for method in METHODS:
            own = {cell.seed: cell for cell in cells if cell.method == method}
            parts = ["full", "missing:image", "missing:text"]
            words = [" / ".join(percent(own[seed].scores[part]) for part in parts) for seed in seeds]
            lines.append(f"| {method} | " + " | ".join(words) + " |")
        lines += ["", "Full / image missing / text missing."]
    lines += ["", "Expected before:", ""] + [f"- {claim}" for claim in claims(cells)]
    return "\n".join(lines)


def claims(cells):
    """What was expected before the trial, as it came out."""

    def points(method, condition):
        return 100 * mean([cell.scores[condition] for cell in cells if cell.method == method])

    def weaker(method):
        return min(points(method, "missing:image"), points(method, "missing:text"))

    def line(text, is_found):
        return f"{'found' if is_found else '**not found**'}: {text}"

    def without(condition, missing):
        gain = points("LoRA + dropout", condition) - points("LoRA", condition)
        return line(f"modality dropout gives LoRA more than 8 points without the {missing}: {gain:.1f}", gain > 8)

    lora, moka = weaker("LoRA + dropout"), weaker("MokA + dropout")
    return [
        without("missing:image", "image"),
        without("missing:text", "text"),
        line(
            "with modality dropout MokA's weaker modality alone is above LoRA's: "
            f"{moka:.1f} against {lora:.1f}", moka > lora),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seesaw", type=Path, default=ROOT / ".build/release/seesaw", help="the command")
    parser.add_argument("--data", type=Path, default=ROOT / "Data/emoji", help="raw samples with three splits")
    parser.add_argument("--model", type=Path, default=ROOT / ".weights/SmolLM2-135M-Instruct", help="of make mllm-weights")
    parser.add_argument("--tower", type=Path, default=ROOT / ".weights/efficientnet-lite0", help="of make weights")
    parser.add_argument("--out", type=Path, default=ROOT / "runs/mllm-emoji", help="where results are kept")
    parser.add_argument("--seeds", type=int, default=3, help="so many, from 0 (3)")
    parser.add_argument("--layers", type=int, default=4, help="of the decoder, from the first (4 of 30)")
    parser.add_argument("--epochs", type=int, default=2, help="how often a sample is shown (2)")
    parser.add_argument("--learning-rate", default="1e-3", help="of AdamW (1e-3)")
    parser.add_argument("--samples", type=int, default=0, help="training samples at most (all)")
    parser.add_argument("--validation-samples", type=int, default=0, help="that the epoch is chosen by, at most (all)")
    parser.add_argument("--test-samples", type=int, default=0, help="test samples at most (all)")
    parser.add_argument("--threads", type=int, default=1, help="of an operation (1)")
    parser.add_argument("--reliance", action="store_true", help="also use the adapter for some tokens alone")
    options = parser.parse_args()
    for name in ("seesaw", "data", "model", "tower"):
        path = getattr(options, name)
        if not path.exists():
            sys.exit(f"mllm-emoji: nothing is at {path}\n  make build weights mllm-weights brings what is needed")
    options.seesaw = options.seesaw.resolve()

    whole = []
    for seed in range(options.seeds):
        whole += [Cell(options, method, seed).run() for method in METHODS]
        text = table(options, whole)
        (options.out / "table.md").write_text(text + "\n")
        print(text if seed + 1 == options.seeds else f"seed {seed} is whole", flush=True)


main()
