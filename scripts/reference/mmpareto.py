"""MMPareto's step in plain PyTorch, float64, with one backward pass for each loss.

Wei & Hu: "MMPareto: Boosting Multimodal Learning with Innocent Unimodal Assistance", ICML 2024, written from the
equations. Writes Tests/Golden/mmpareto.json.
"""

import torch
from torch import Tensor

from .common import GOLDEN, versions, write_json
from .steps import (
    PAIR, TRIO, Named, branch, case, features, fused, gradient, leaves, loss_of, make_batch, make_weights, own,
)


def flat(g: Named, names: list[str]) -> Tensor:
    return torch.cat([g[name].flatten() for name in names])


def mmpareto(weights: Named, batch: Named, modalities: list[str], task: str, gamma: float, magnitude: str):
    w = leaves(weights)
    labels = batch["labels"]
    e = features(w, batch, modalities)
    z = own(w, e, modalities)
    joint = gradient(loss_of(fused(w, e, modalities), labels, task), w)
    result = dict(joint)
    scalars = {}
    for m in modalities:
        single = gradient(loss_of(z[m], labels, task), w)
        result |= {name: g for name, g in single.items() if ".head." in name}
        names = branch(m)
        a, b = flat(joint, names), flat(single, names)
        cosine = float(a @ b / (a.norm() * b.norm()))
        weight = 0.5 if cosine >= 0 else float((b @ b - a @ b) / (a @ a + b @ b - 2 * (a @ b)))
        scalars |= {f"cosine.{m}": cosine, f"weight.{m}": weight}
        whole = 2 * weight * a + 2 * (1 - weight) * b
        for name in names:
            h = 2 * weight * joint[name] + 2 * (1 - weight) * single[name]
            if magnitude == "tensor":
                kappa = (joint[name] + single[name]).norm() / h.norm()
            else:
                kappa = (a + b).norm() / whole.norm()
            result[name] = gamma * max(float(kappa), 1.0) * h
    scalars["conflict"] = sum(scalars[f"cosine.{m}"] < 0 for m in modalities) / len(modalities)
    return result, scalars


def main() -> None:
    torch.set_num_threads(1)
    cases = []
    for name, modalities, task, settings, conflict in [
        ("agreement", PAIR, "single-label", {}, 0.0),
        ("conflict", PAIR, "single-label", {}, 1.0),
        ("half", PAIR, "single-label", {"gamma": 1.0}, 0.5),
        ("branch", PAIR, "single-label", {"magnitude": "branch"}, 1.0),
        ("multi-label", PAIR, "multi-label", {}, 0.5),
        ("three-agreement", TRIO, "single-label", {}, 0.0),
        ("three-conflict", TRIO, "single-label", {"gamma": 0.7}, 1.0),
        ("three-multi-label", TRIO, "multi-label", {"magnitude": "branch"}, 2 / 3),
    ]:
        chosen = {"gamma": 1.5, "magnitude": "tensor"} | settings
        for seed in range(5000):
            weights, batch = make_weights(modalities, seed), make_batch(modalities, task, seed)
            g, scalars = mmpareto(weights, batch, modalities, task, chosen["gamma"], chosen["magnitude"])
            if scalars["conflict"] == conflict and all(abs(scalars[f"cosine.{m}"]) > 0.1 for m in modalities):
                break
        else:
            raise SystemExit(f"no seed for {name}")
        cases.append(case(name, "mmpareto", modalities, task, settings, weights, batch, g, scalars))
    write_json(
        GOLDEN / "mmpareto.json", {"madeBy": "scripts/reference/mmpareto.py", "versions": versions(), "cases": cases})


if __name__ == "__main__":
    main()
