"""AGM's first step in plain PyTorch, float64: Shapley values by all subsets, and hooks on their gradients.

Li, Li, Hu, Lei, Li, Zhou: "Boosting Multi-modal Model Performance with Adaptive Gradient Modulation", ICCV 2023, written
from the equations. Writes Tests/Golden/agm.json.
"""

import math
from itertools import combinations

import torch

from .common import GOLDEN, versions, write_json
from .steps import (
    PAIR, TRIO, Named, branch, case, features, fused, gradient, leaves, loss_of, make_batch, make_weights,
)


def responses(w: Named, batch: Named, modalities: list[str]) -> Named:
    """The Shapley value of each modality in the fused logits; absent inputs are zero, no modality at all counts 0."""
    def value(present: tuple[str, ...]):
        if not present:
            return 0.0
        inputs = {m: batch[m] if m in present else torch.zeros_like(batch[m]) for m in modalities}
        return fused(w, features(w, inputs, modalities), modalities)

    count = len(modalities)
    found = {}
    for m in modalities:
        others = [j for j in modalities if j != m]
        found[m] = sum(
            math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
            * (value((*subset, m)) - value(subset))
            for size in range(count)
            for subset in combinations(others, size)
        )
    return found


def discrepancies(scores: dict[str, float]) -> dict[str, float]:
    mean = sum(scores.values()) / len(scores)
    ratio = len(scores) / (len(scores) - 1)
    return {m: math.exp(ratio * (mean - score)) for m, score in scores.items()}


def agm(weights: Named, batch: Named, modalities: list[str], task: str, alpha: float, cap: float, place: str):
    w = leaves(weights)
    labels = batch["labels"]
    phi = responses(w, batch, modalities)
    scores = {}
    for m in modalities:
        z = phi[m].detach()
        if task == "multi-label":
            y = labels.to(z.dtype)
            p = torch.sigmoid(z)
            losses = -(y * p.log() + (1 - y) * (1 - p).log()).mean(dim=1)
        else:
            losses = -torch.softmax(z, dim=1)[torch.arange(len(labels)), labels].clamp(min=1e-8).log()
        scores[m] = float(losses.mean())
    ahead = discrepancies(scores)
    before = discrepancies({m: 0.0 for m in modalities})
    factors = {m: math.exp(alpha * min(before[m] - ahead[m], cap)) for m in modalities}
    if place == "responses":
        for m in modalities:
            phi[m].register_hook(lambda g, factor=factors[m]: g * factor)
        g = gradient(loss_of(sum(phi.values()), labels, task), w)
    else:
        g = gradient(loss_of(fused(w, features(w, batch, modalities), modalities), labels, task), w)
        for m in modalities:
            for name in branch(m):
                g[name] = factors[m] * g[name]
    scalars = {f"factor.{m}": factors[m] for m in modalities}
    scalars |= {f"score.{m}": scores[m] for m in modalities} | {f"discrepancy.{m}": ahead[m] for m in modalities}
    return g, scalars | {f"reference.{m}": before[m] for m in modalities}


def main() -> None:
    torch.set_num_threads(1)
    cases = []
    for name, modalities, task, settings in [
        ("defaults", PAIR, "single-label", {}),
        ("gentle", PAIR, "single-label", {"alpha": 0.1}),
        ("neutral", PAIR, "single-label", {"alpha": 0.0}),
        ("capped", PAIR, "single-label", {"cap": 0.05}),
        ("gradient", PAIR, "single-label", {"modulate": "gradient"}),
        ("multi-label", PAIR, "multi-label", {}),
        ("three", TRIO, "single-label", {}),
        ("three-gradient", TRIO, "single-label", {"modulate": "gradient", "alpha": 0.5}),
        ("three-multi-label", TRIO, "multi-label", {"alpha": 2.5}),
    ]:
        seed = 20 + len(cases)
        weights, batch = make_weights(modalities, seed), make_batch(modalities, task, seed)
        chosen = {"alpha": 1.0, "cap": 7.0, "modulate": "responses"} | settings
        g, scalars = agm(weights, batch, modalities, task, chosen["alpha"], chosen["cap"], chosen["modulate"])
        cases.append(case(name, "agm", modalities, task, settings, weights, batch, g, scalars))
    write_json(GOLDEN / "agm.json", {"madeBy": "scripts/reference/agm.py", "versions": versions(), "cases": cases})


if __name__ == "__main__":
    main()
