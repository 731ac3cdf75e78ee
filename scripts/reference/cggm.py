"""Steps of CGGM (Guo et al., NeurIPS 2024) in plain PyTorch, float64. Writes Tests/Golden/cggm.json.

The step that is held to is the second one, whose changes of accuracy are those since a step on another batch.
"""

import torch
from torch import autograd

from .fulcrum import classify
from .fused_steps import write
from .steps import branch, features, gradient, leaves, loss_of, own


def accuracy(z, labels, task):
    if task == "multi-label":
        return float(((z > 0).long() == labels).double().mean())
    return sum(int(z[i].argmax()) == int(labels[i]) for i in range(len(labels))) / len(labels)


def slope(z, labels, task):
    """The derivative of the summed cross-entropy at the logits, by autograd."""
    free = z.detach().clone().requires_grad_()
    loss = loss_of(free, labels, task) * (free.numel() if task == "multi-label" else len(labels))
    return autograd.grad(loss, free)[0].flatten()


def step(weights, batch, before, modalities, task, fusion, settings, _):
    chosen = {"rho": 1.3, "direction": 0.2} | settings
    w, labels = leaves(weights), batch["labels"]
    e = features(w, batch, modalities)
    past = own(w, features(w, before, modalities), modalities)
    z = own(w, {m: e[m].detach() for m in modalities}, modalities)
    now = {m: accuracy(z[m], labels, task) for m in modalities}
    change = {m: now[m] - accuracy(past[m], before["labels"], task) for m in modalities}
    logits = classify(w, [e[m] for m in modalities], fusion)
    fused = loss_of(logits, labels, task)
    losses = {m: loss_of(z[m], labels, task) for m in modalities}

    # δ as a function of the logits, checked against autograd's.
    if task == "multi-label":
        delta = (torch.sigmoid(logits) - labels.to(logits.dtype)).flatten()
    else:
        delta = (torch.softmax(logits, 1) - torch.eye(logits.shape[1], dtype=logits.dtype)[labels]).flatten()
    assert torch.allclose(delta.detach(), slope(logits, labels, task))
    term = 0
    for m in modalities:
        other = slope(z[m], labels, task)
        cosine = (delta * other).sum() / (delta.norm() * other.norm())
        term = term + abs(change[m]) - change[m] * cosine
    term = term / len(modalities)
    total = fused + chosen["direction"] * term + sum(losses.values())
    found = gradient(total, w)
    together = sum(change.values())
    scalars = losses | {"fused": fused, "direction": term} | {f"accuracy.{m}": now[m] for m in modalities}
    for m in modalities:
        scale = 1.0
        if abs(together) >= 1e-6:
            scale = min(max(chosen["rho"] * (together - change[m]) / together, 0.0), chosen["rho"])
        scalars[f"scale.{m}"] = scale
        for name in branch(m):
            found[name] = found[name] * scale
    return found, scalars


if __name__ == "__main__":
    write(
        "cggm", [("second", {}, None), ("strong", {"rho": 2.5, "direction": 3.0}, None)], step, remembers=True,
        accept=lambda seen: len({seen[name] for name in seen if name.startswith("scale.")}) > 1)
