"""TCMax's loss and its gradient in plain PyTorch, float64, by brute force: every tuple of samples is a pass of its own.

Yu, Wu, Yang, Lu: "Multimodal Classification via Total Correlation Maximization", ICLR 2026, written from the equations.
Writes Tests/Golden/tcmax.json.
"""

import itertools
import math

import torch

from .common import GOLDEN, versions, write_json
from .fulcrum import FUSIONS, classify, make
from .steps import BATCH, CLASSES, PAIR, TRIO, case, features, gradient, leaves, loss_of, make_batch


def scores(z, task):
    """One column for every answer to every question: of one class each, or yes and no of each label."""
    if task == "multi-label":
        return torch.stack([z / 2, -z / 2], -1)
    return z[:, None, :]


def tcmax(weights, batch, modalities, task, fusion):
    w = leaves(weights)
    e, labels = features(w, batch, modalities), batch["labels"]
    z = classify(w, [e[m] for m in modalities], fusion)
    s = scores(z, task)
    total = 0.0
    for question in range(s.shape[1]):
        true = sum(
            s[i, question, 1 - int(labels[i, question]) if task == "multi-label" else int(labels[i])] for i in range(BATCH)
        ) / BATCH
        terms = []
        for chosen in itertools.product(range(BATCH), repeat=len(modalities)):
            mixed = classify(w, [e[m][j : j + 1] for m, j in zip(modalities, chosen)], fusion)
            terms.append(scores(mixed, task)[0, question])
        partition = torch.stack(terms).exp().sum() / (len(terms) * s.shape[2])
        total = total + (partition.log() - true) / s.shape[1]
    floor = (len(modalities) - 1) * math.log(BATCH) + math.log(s.shape[2])
    scalars = {"fused": loss_of(z, labels, task), "method.bound": -total, "method.loss": total + floor}
    return gradient(total, w), scalars


def main() -> None:
    torch.set_num_threads(1)
    cases = []
    for fusion in FUSIONS:
        for modalities in (PAIR, TRIO):
            for task in ("single-label", "binary", "multi-label"):
                seed = 40 + len(cases)
                weights, batch = make(modalities, fusion, False, seed), make_batch(modalities, task, seed)
                if task == "binary":
                    batch["labels"] = batch["labels"] % 2
                expected, scalars = tcmax(weights, batch, modalities, task, fusion)
                name = f"{fusion}-{len(modalities)}-{task}"
                found = case(name, "tcmax", modalities, task, {}, weights, batch, expected, scalars)
                cases.append(found | {"fusion": fusion})
    write_json(GOLDEN / "tcmax.json", {"madeBy": "scripts/reference/tcmax.py", "versions": versions(), "cases": cases})


if __name__ == "__main__":
    main()
