"""PCGrad's step on the fused and the unimodal losses in plain PyTorch, float64, on the gradients themselves.

Yu, Kumar, Gupta, Levine, Hausman, Finn: "Gradient Surgery for Multi-Task Learning", NeurIPS 2020, written from the
algorithm. Writes Tests/Golden/pcgrad.json.
"""

import torch
from torch import Tensor

from .common import GOLDEN, versions, write_json
from .steps import (
    PAIR, TRIO, Named, branch, case, features, fused, gradient, leaves, loss_of, make_batch, make_weights, own,
)


def surgery(gradients: list[Tensor]) -> tuple[Tensor, bool]:
    """Σᵢ hᵢ; the others in the order of the list."""
    total, conflict = torch.zeros_like(gradients[0]), False
    for i, g in enumerate(gradients):
        h = g.clone()
        for j, other in enumerate(gradients):
            if i == j:
                continue
            dot = h @ other
            if dot < 0:
                h, conflict = h - dot / (other @ other) * other, True
        total = total + h
    return total, conflict


def pcgrad(weights: Named, batch: Named, modalities: list[str], task: str, scope: str, reduction: str):
    w = leaves(weights)
    labels = batch["labels"]
    e = features(w, batch, modalities)
    z = own(w, e, modalities)
    losses = {"fused": loss_of(fused(w, e, modalities), labels, task)}
    # The others meet a gradient in the order of their names.
    losses |= {m: loss_of(z[m], labels, task) for m in sorted(modalities)}
    found = {name: gradient(loss, w) for name, loss in losses.items()}
    result: Named = {}
    for g in found.values():
        for name, tensor in g.items():
            if ".embedding." not in name:
                result[name] = tensor

    if scope == "global":
        groups = [([name for m in sorted(modalities) for name in branch(m)], list(found))]
    elif scope == "per_modality":
        groups = [(branch(m), ["fused", m]) for m in modalities]
    else:
        groups = [([name], ["fused", m]) for m in modalities for name in branch(m)]
    conflicts = 0
    for names, chosen in groups:
        vectors = [
            torch.cat([found[loss].get(name, torch.zeros_like(w[name])).flatten() for name in names]) for loss in chosen
        ]
        total, conflict = surgery(vectors)
        conflicts += conflict
        if reduction == "mean":
            total = total / len(vectors)
        for name, part in zip(names, total.split([w[name].numel() for name in names])):
            result[name] = part.reshape(w[name].shape)
    return result, {"conflict": conflicts / len(groups)}


def main() -> None:
    torch.set_num_threads(1)
    cases = []
    for name, modalities, task, settings, low, high in [
        ("agreement", PAIR, "single-label", {}, 0, 0),
        ("conflict", PAIR, "single-label", {}, 1, 1),
        ("mean", PAIR, "single-label", {"reduction": "mean"}, 0.5, 0.5),
        ("per-tensor", PAIR, "single-label", {"scope": "per_tensor"}, 0.5, 1),
        ("global", PAIR, "single-label", {"scope": "global", "order": "fixed"}, 1, 1),
        ("global-mean", PAIR, "single-label", {"scope": "global", "order": "fixed", "reduction": "mean"}, 1, 1),
        ("multi-label", PAIR, "multi-label", {}, 0.5, 1),
        ("three", TRIO, "single-label", {}, 0.6, 1),
        ("three-global", TRIO, "single-label", {"scope": "global", "order": "fixed"}, 1, 1),
    ]:
        chosen = {"scope": "per_modality", "reduction": "sum"} | settings
        for seed in range(5000):
            weights, batch = make_weights(modalities, seed), make_batch(modalities, task, seed)
            g, scalars = pcgrad(weights, batch, modalities, task, chosen["scope"], chosen["reduction"])
            if low <= scalars["conflict"] <= high:
                break
        else:
            raise SystemExit(f"no seed for {name}")
        cases.append(case(name, "pcgrad", modalities, task, settings, weights, batch, g, scalars))
    write_json(GOLDEN / "pcgrad.json", {"madeBy": "scripts/reference/pcgrad.py", "versions": versions(), "cases": cases})


if __name__ == "__main__":
    main()
