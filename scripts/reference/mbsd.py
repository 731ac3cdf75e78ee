"""MBSD's step in plain PyTorch, float64: the self-distillation loss for which Liu et al., WSDM 2023, are cited.

Writes Tests/Golden/mbsd.json: weights, batch and settings of single steps, and the direction each should take.
"""

from itertools import combinations

import torch
from torch.nn.functional import kl_div

from .cml import detached, right
from .common import GOLDEN, versions, write_json
from .steps import PAIR, TRIO, case, features, gradient, leaves, loss_of, make_batch, make_weights, split, truth


def distribution(z, task):
    """Probabilities that sum to one over the last dimension: of the classes, or of yes and no for each class."""
    if task == "multi-label":
        return torch.stack([torch.sigmoid(z), torch.sigmoid(-z)], dim=-1)
    return torch.softmax(z, dim=-1)


def step(weights, batch, modalities, task, settings):
    w = leaves(weights)
    labels, count = batch["labels"], len(modalities)
    parts = split(w, features(w, batch, modalities), modalities)
    losses = {"fused": loss_of(sum(parts.values()), labels, task)}
    losses |= {m: loss_of(z, labels, task) for m, z in parts.items()}

    benchmark = settings["variant"] == "benchmark"
    similarities, distillations, weights_seen = [], [], []
    for a, b in combinations(modalities, 2):
        za, zb = parts[a], parts[b]
        pa, pb = truth(za, labels, task), truth(zb, labels, task)
        seen = (right(za, labels, task) + right(zb, labels, task)).clamp(max=1)
        weight = (pa - pb).abs() * seen
        if not benchmark:
            weight = weight.detach()
        x, y = za, zb
        if benchmark and count > 2:
            x, y = (torch.sigmoid(za), torch.sigmoid(zb)) if task == "multi-label" else (za.softmax(1), zb.softmax(1))
        similarities.append((weight * ((x - y) ** 2).mean(1)).mean())
        if benchmark:
            strong, weak = torch.maximum(pa, pb), torch.minimum(pa, pb)
            distance = kl_div(strong, weak, reduction="none")
        else:
            rows = []
            for i in range(len(labels)):
                teacher, student = (za, zb) if pa[i] > pb[i] else (zb, za)
                p = distribution(teacher[i : i + 1], task).detach()
                q = distribution(student[i : i + 1], task)
                rows.append((p * (p.log() - q.log())).sum())
            distance = torch.stack(rows)
        distillations.append((weight * distance).mean())
        weights_seen.append(weight.mean())
    pairs = len(similarities)
    similarity, distillation = sum(similarities) / pairs, sum(distillations) / pairs
    total = losses["fused"] + settings["unimodal"] * sum(losses[m] for m in modalities)
    total = total + settings["similarity"] * similarity + settings["distillation"] * distillation
    return gradient(total, w), losses | {
        "similarity": similarity,
        "distillation": distillation,
        "weight": sum(weights_seen) / pairs,
    }


DEFAULTS = {"variant": "corrected", "unimodal": 1.0, "similarity": 1.0, "distillation": 1.0}


def main() -> None:
    cases = []
    for name, modalities, task, chosen in [
        ("defaults", PAIR, "single-label", {}),
        ("distillation", PAIR, "single-label", {"unimodal": 0.0, "similarity": 0.0, "distillation": 2.0}),
        ("benchmark", PAIR, "single-label", {"variant": "benchmark"}),
        ("benchmark-alone", PAIR, "single-label", {"variant": "benchmark", "similarity": 0.5, "unimodal": 0.0}),
        ("three", TRIO, "single-label", {}),
        ("three-benchmark", TRIO, "single-label", {"variant": "benchmark"}),
        ("multi-label", PAIR, "multi-label", {}),
        ("three-multi-label-benchmark", TRIO, "multi-label", {"variant": "benchmark"}),
    ]:
        # The first seed in which some sample teaches and some does not.
        for seed in range(1000):
            weights, batch = make_weights(modalities, seed), make_batch(modalities, task, seed)
            parts = split(weights, features(weights, batch, modalities), modalities)
            rights = torch.stack([right(z, batch["labels"], task) for z in parts.values()])
            if 0 < rights.max(0).values.mean() < 1 and 0 < rights.mean() < 1:
                break
        else:
            raise SystemExit(f"no seed for {name}")
        update, seen = step(weights, batch, modalities, task, DEFAULTS | chosen)
        cases.append(case(name, "mbsd", modalities, task, chosen, weights, batch, update, detached(seen)))
    made = {"madeBy": "scripts/reference/mbsd.py", "versions": versions()}
    write_json(GOLDEN / "mbsd.json", made | {"cases": cases})


if __name__ == "__main__":
    main()
