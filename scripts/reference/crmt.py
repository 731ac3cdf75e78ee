"""Steps of CRMT (Yang et al., ICLR 2024) in plain PyTorch, float64, sample by sample. Writes Tests/Golden/crmt.json."""

import torch

from .fused_steps import write
from .fulcrum import WIDTH
from .steps import CLASSES, features, gradient, leaves, loss_of


def weights_of(modalities, seed):
    random = torch.Generator().manual_seed(seed + 7)
    return {f"method.weight.{m}": (torch.rand(CLASSES, generator=random, dtype=torch.float64) + 0.2).round(decimals=3)
            for m in modalities}


def step(weights, batch, _, modalities, task, fusion, settings, progress):
    chosen = {"margin": 1.0, "second": 0.25} | settings
    w, labels = leaves(weights), batch["labels"]
    e = features(w, batch, modalities)
    blocks = dict(zip(modalities, w["fusion.classifier.weight"].split(WIDTH, 1)))
    unit = {m: torch.stack([row / row.norm() for row in blocks[m]]) for m in modalities}
    bias = w["fusion.classifier.bias"]
    o = {m: e[m] @ unit[m].T for m in modalities}
    a = {m: w[f"method.weight.{m}"] for m in modalities}
    z = sum(o[m] * a[m] for m in modalities) + bias
    fused = loss_of(z, labels, task)

    margins, radii = [], []
    for i in range(len(labels)):
        maps = {m: [a[m][c] * (unit[m][c].detach() @ w[f"{m}.embedding.weight"].detach()) for c in range(CLASSES)] for m in modalities}
        score = [sum(o[m][i][c].detach() * a[m][c] for m in modalities) + bias[c].detach() for c in range(CLASSES)]
        if task == "multi-label":
            for c in range(CLASSES):
                sign = 1.0 if labels[i][c] else -1.0
                margins.append(torch.log(1e-5 + sum(torch.exp(-sign * o[m][i][c]) for m in modalities)))
                radii.append(sign * score[c] / torch.cat([maps[m][c] for m in modalities]).norm())
        else:
            y = int(labels[i])
            rest = [c for c in range(CLASSES) if c != y]
            margins.append(torch.log(1e-5 + sum(torch.exp(o[m][i][c] - o[m][i][y]) for m in modalities for c in rest)))
            j = max(rest, key=lambda c: float(z[i][c].detach()))
            radii.append((score[y] - score[j]) / torch.cat([maps[m][y] - maps[m][j] for m in modalities]).norm())
    margin, radius = sum(margins) / len(margins), sum(radii) / len(radii)
    scalars = {"fused": fused, "radius": radius} | {f"weight.{m}": a[m].mean() for m in modalities}
    if progress > 1 - chosen["second"]:
        found = gradient(-radius, w)
        return {n: g for n, g in found.items() if n.startswith("method.")}, scalars
    return gradient(fused + chosen["margin"] * margin, w), scalars | {"margin": margin}


if __name__ == "__main__":
    write(
        "crmt", [("margins", {}, 0.5), ("weights", {}, 0.9), ("strong", {"margin": 3.0}, 0.0)], step,
        fusions=["concatenation"], adding=weights_of)
