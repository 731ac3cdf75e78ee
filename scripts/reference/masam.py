"""Steps of MASAM (Chen et al., ICLR 2026) in plain PyTorch, float64. Writes Tests/Golden/masam.json.

The step that is held to is the second one, whose progress is measured from a step on another batch.
"""

from .fulcrum import classify
from .fused_steps import write
from .steps import branch, features, gradient, leaves, loss_of, own


def passes(w, batch, modalities, task, fusion):
    e = features(w, batch, modalities)
    fused = loss_of(classify(w, [e[m] for m in modalities], fusion), batch["labels"], task)
    return fused, {m: loss_of(z, batch["labels"], task) for m, z in own(w, e, modalities).items()}


def cosine(a, b, names):
    dot = sum((a[n] * b[n]).sum() for n in names)
    return float(dot / (sum((a[n] ** 2).sum() for n in names) ** 0.5 * sum((b[n] ** 2).sum() for n in names) ** 0.5))


def step(weights, batch, before, modalities, task, fusion, settings, _):
    chosen = {"radius": 0.3, "progress": 0.8, "decay": 0.91, "opposed": "none"} | settings
    w = leaves(weights)
    _, past = passes(w, before, modalities, task, fusion)
    fused, losses = passes(w, batch, modalities, task, fusion)
    target, unimodal = gradient(fused, w), gradient(sum(losses.values()), w)
    scalars, scores, cosines = losses | {"fused": fused}, {}, {}
    for m in sorted(modalities):
        old = float(past[m].detach())
        mean = chosen["decay"] * old + (1 - chosen["decay"]) * float(losses[m].detach())
        cosines[m] = cosine(target, unimodal, branch(m))
        scores[m] = chosen["progress"] * max(0.0, old - mean) + (1 - chosen["progress"]) * cosines[m]
        scalars |= {f"cosine.{m}": cosines[m], f"score.{m}": scores[m]}
    first = max(scores, key=lambda m: scores[m])
    factor = cosines[first] if cosines[first] > 0 else float(chosen["opposed"] == "whole")
    found = {n: target.get(n, 0) + unimodal.get(n, 0) for n in w if n in target or n in unimodal}
    for m in modalities:
        scalars[f"perturbed.{m}"] = float(m == first and factor > 0)
    if factor > 0:
        names = branch(first)
        length = sum((target[n] ** 2).sum() for n in names) ** 0.5
        moved = leaves({n: w[n].detach() + (chosen["radius"] * factor / length * target[n] if n in names else 0) for n in w})
        uphill = gradient(passes(moved, batch, modalities, task, fusion)[0], moved)
        for n in names:
            found[n] = uphill[n] + unimodal[n]
    return found, scalars


if __name__ == "__main__":
    write(
        "masam",
        [("second", {}, None), ("opposed", {"opposed": "whole", "progress": 1.0}, None), ("far", {"radius": 2.0, "decay": 0.5}, None)],
        step, remembers=True)
