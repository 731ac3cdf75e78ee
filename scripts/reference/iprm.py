"""Steps of IPRM (Yang et al., IJCAI 2025) in plain PyTorch, float64. Writes Tests/Golden/iprm.json.

The step that is held to is the second one, whose running shares hold those of a step on another batch.
"""

from itertools import combinations

import torch
from torch.nn.functional import log_softmax, logsigmoid

from .fulcrum import classify
from .fused_steps import write
from .steps import features, gradient, leaves, loss_of, own


def log_probabilities(z, task):
    return torch.stack([logsigmoid(z), logsigmoid(-z)], -1) if task == "multi-label" else log_softmax(z, -1)


def mixed(w, e, modalities, a, b, share, fusion):
    one, two = e[a] / e[a].norm(dim=1, keepdim=True), e[b] / e[b].norm(dim=1, keepdim=True)
    rows = {m: [] for m in modalities}
    for i in range(len(one)):
        angle = torch.acos(torch.dot(one[i], two[i]))
        rows[a].append(torch.sin(share * angle) / torch.sin(angle) * one[i])
        rows[b].append(torch.sin((1 - share) * angle) / torch.sin(angle) * two[i])
    return classify(w, [torch.stack(rows[m]) if rows[m] else torch.zeros_like(e[m]) for m in modalities], fusion)


def look(w, e, z, labels, modalities, task, fusion, pair, share, strength):
    if strength == "label":
        found = [float(loss_of(z[m], labels, task).detach()) for m in pair]
    else:
        target, found = log_probabilities(mixed(w, e, modalities, *pair, share, fusion), task), []
        for m in pair:
            log_p = log_probabilities(z[m], task)
            found.append(float((log_p.exp() * (log_p - target)).sum().detach()) / len(labels))
    return found[1] / (found[0] + found[1])


def step(weights, batch, before, modalities, task, fusion, settings, _):
    chosen = {"keep": 0.8, "strength": "mixture"} | settings
    w, labels = leaves(weights), batch["labels"]
    old, e = features(w, before, modalities), features(w, batch, modalities)
    old_z, z = own(w, old, modalities), own(w, e, modalities)
    losses = {m: loss_of(z[m], labels, task) for m in modalities}
    scalars, fused = dict(losses), []
    for pair in combinations(sorted(modalities), 2):
        past = look(w, old, old_z, before["labels"], modalities, task, fusion, pair, 0.5, chosen["strength"])
        share = chosen["keep"] * 0.5 + (1 - chosen["keep"]) * past
        now = look(w, e, z, labels, modalities, task, fusion, pair, share, chosen["strength"])
        scalars[f"share.{pair[0]}/{pair[1]}"] = now
        fused.append(loss_of(mixed(w, e, modalities, *pair, now, fusion), labels, task))
    scalars["fused"] = sum(fused) / len(fused)
    return gradient(scalars["fused"] + sum(losses.values()), w), scalars


if __name__ == "__main__":
    write(
        "iprm", [("second", {}, None), ("label", {"strength": "label"}, None), ("new", {"keep": 0.0}, None)], step,
        remembers=True)
