"""OGM's step, and OGM-GE's without its noise, in plain PyTorch, float64.

Peng, Wei, Deng, Wang, Hu: "Balanced Multimodal Learning via On-the-fly Gradient Modulation", CVPR 2022, written from
the equations. Writes Tests/Golden/ogm.json.
"""

import math

import torch

from .common import GOLDEN, versions, write_json
from .steps import (
    PAIR, TRIO, Named, branch, case, features, fused, gradient, leaves, loss_of, make_batch, make_weights, split, truth,
)


def ogm(weights: Named, batch: Named, modalities: list[str], task: str, alpha: float, compare: str):
    w = leaves(weights)
    e = features(w, batch, modalities)
    g = gradient(loss_of(fused(w, e, modalities), batch["labels"], task), w)
    with torch.no_grad():
        z = split(w, e, modalities)
        scores = {m: float(truth(z[m], batch["labels"], task).sum()) for m in modalities}
    scalars = {}
    for m in modalities:
        others = [scores[j] for j in modalities if j != m]
        reference = {"mean": sum(others) / len(others), "sum": sum(others), "minimum": min(scores.values())}[compare]
        ratio = scores[m] / reference
        factor = 1 - math.tanh(alpha * ratio) if ratio > 1 else 1.0
        scalars |= {f"ratio.{m}": ratio, f"factor.{m}": factor}
        for name in branch(m):
            g[name] = factor * g[name]
    return g, scalars


def main() -> None:
    torch.set_num_threads(1)
    cases = []
    for name, modalities, task, settings in [
        ("defaults", PAIR, "single-label", {}),
        ("strong", PAIR, "single-label", {"alpha": 1.5}),
        ("neutral", PAIR, "single-label", {"alpha": 0.0}),
        ("multi-label", PAIR, "multi-label", {}),
        ("three-mean", TRIO, "single-label", {}),
        ("three-minimum", TRIO, "single-label", {"compare": "minimum"}),
        ("three-sum", TRIO, "single-label", {"compare": "sum", "alpha": 0.8}),
        ("three-multi-label", TRIO, "multi-label", {"compare": "minimum"}),
    ]:
        for method, more in (("ogm", {}), ("ogm-ge", {"noise": False})):
            seed = len(cases)
            weights, batch = make_weights(modalities, seed), make_batch(modalities, task, seed)
            chosen = {"alpha": 0.3, "compare": "mean"} | settings
            g, scalars = ogm(weights, batch, modalities, task, chosen["alpha"], chosen["compare"])
            cases.append(case(f"{method}-{name}", method, modalities, task, settings | more, weights, batch, g, scalars))
    write_json(GOLDEN / "ogm.json", {"madeBy": "scripts/reference/ogm.py", "versions": versions(), "cases": cases})


if __name__ == "__main__":
    main()
