"""Steps of data remixing (Ma et al., ICML 2025) in plain PyTorch, float64, row by row. Writes Tests/Golden/remix.json."""

import math

import torch

from .fulcrum import classify
from .fused_steps import write
from .steps import features, gradient, leaves, loss_of, own


def certainty(z, task):
    """How far one row's prediction is from a uniform one."""
    if task == "multi-label":
        parts = []
        for p in torch.sigmoid(z):
            parts.append(p * (p / 0.5).log() + (1 - p) * ((1 - p) / 0.5).log())
        return sum(parts) / len(parts)
    p = torch.softmax(z, 0)
    return (p * p.log()).sum() + math.log(len(p))


def step(weights, batch, _, modalities, task, fusion, settings, progress):
    chosen = {"warmup": 0.17, "unimodal": 0.5} | settings
    w, labels = leaves(weights), batch["labels"]
    e = features(w, batch, modalities)
    z = own(w, e, modalities)
    if progress < chosen["warmup"]:
        losses = {m: loss_of(z[m], labels, task) for m in modalities}
        total = loss_of(classify(w, [e[m] for m in modalities], fusion), labels, task)
        return gradient(total + sum(losses.values()) / len(modalities), w), losses | {"fused": total}
    given, rows, own_rows = [], [], []
    for i in range(len(labels)):
        m = min(sorted(modalities), key=lambda name: float(certainty(z[name][i].detach(), task)))
        given.append(m)
        seen = [e[k][i : i + 1] if k == m else torch.zeros_like(e[k][i : i + 1]) for k in modalities]
        rows.append(classify(w, seen, fusion))
        own_rows.append(z[m][i : i + 1])
    total, unimodal = loss_of(torch.cat(rows), labels, task), loss_of(torch.cat(own_rows), labels, task)
    scalars = {f"given.{m}": given.count(m) / len(given) for m in modalities}
    return gradient(total + chosen["unimodal"] * unimodal, w), scalars | {"fused": total, "unimodal": unimodal}


if __name__ == "__main__":
    write(
        "remix", [("remixed", {}, 0.5), ("warm-up", {}, 0.1), ("alone", {"warmup": 0.0, "unimodal": 2.0}, 0.0)], step,
        accept=lambda seen: all(0 < seen[name] < 1 for name in seen if name.startswith("given.")))
