"""CML's step in plain PyTorch, float64: Ma et al., "Calibrating Multimodal Learning", ICML 2023.

Writes Tests/Golden/cml.json: weights, batch, settings and the order in which modalities are taken away, and the
direction each step should take.
"""

import torch

from .common import GOLDEN, versions, write_json
from .steps import PAIR, TRIO, case, features, fused, gradient, leaves, loss_of, make_batch, make_weights


def confidence(z, task):
    if task == "multi-label":
        p = torch.sigmoid(z)
        return torch.maximum(p, 1 - p).mean(1)
    return torch.softmax(z, 1).max(1).values


def right(z, labels, task):
    if task == "multi-label":
        return ((z > 0) == labels.bool()).all(1).double()
    return (z.argmax(1) == labels).double()


def step(weights, batch, modalities, task, settings, order):
    w = leaves(weights)
    labels = batch["labels"]

    def logits(absent):
        inputs, removal = dict(batch), settings["removal"]
        for m in absent:
            inputs[m] = torch.zeros_like(batch[m]) if removal == "inputs" else batch[m]
        e = features(w, inputs, modalities)
        for m in absent:
            e[m] = torch.zeros_like(e[m]) if removal == "features" else e[m]
        return fused(w, e, modalities)

    chain = [logits(order[:count]) for count in range(len(order) + 1)]
    losses = [loss_of(z, labels, task) for z in chain]
    penalty, violations = 0.0, []
    for more, fewer in zip(chain, chain[1:]):
        before, after = confidence(more, task), confidence(fewer, task)
        excess = torch.relu(after - before)
        more_right, fewer_right = right(more, labels, task), right(fewer, labels, task)
        if settings["samples"] == "not_misled":
            excess = torch.where((fewer_right == 1) & (more_right == 0), 0.0, excess)
        elif settings["samples"] == "right":
            both_wrong = (fewer_right == 0) & (more_right == 0)
            pushed = torch.where(both_wrong, torch.relu(after - before.detach()), 0.0)
            excess = torch.where(more_right == 1, excess, pushed)
        violations.append((excess > 0).double())
        penalty = penalty + (excess.mean() if settings["reduction"] == "mean" else excess.sum())
    update = gradient(sum(losses) / len(losses) + settings["weight"] * penalty, w)
    (last,) = [m for m in modalities if m not in order]
    return update, {
        "fused": losses[0],
        last: losses[-1],
        "penalty": penalty,
        "violations": torch.stack(violations).mean(),
        "confidence": confidence(chain[0], task).mean(),
    }


def detached(values):
    return {name: value.detach() for name, value in values.items()}


DEFAULTS = {"weight": 1.0, "removal": "features", "samples": "all", "reduction": "mean"}


def main() -> None:
    cases = []
    for name, modalities, task, chosen, order in [
        ("defaults", PAIR, "single-label", {}, ["image"]),
        ("defaults-without-text", PAIR, "single-label", {}, ["text"]),
        ("inputs", PAIR, "single-label", {"removal": "inputs"}, ["text"]),
        ("not-misled", PAIR, "single-label", {"samples": "not_misled", "reduction": "sum", "weight": 0.1}, ["image"]),
        ("right", PAIR, "single-label", {"samples": "right"}, ["image"]),
        ("three", TRIO, "single-label", {"weight": 2.0}, ["audio", "image"]),
        ("three-right-inputs", TRIO, "single-label", {"samples": "right", "removal": "inputs"}, ["text", "audio"]),
        ("multi-label", PAIR, "multi-label", {}, ["image"]),
        ("three-multi-label", TRIO, "multi-label", {"samples": "not_misled"}, ["image", "text"]),
    ]:
        # The first seed with something to punish, and with a sample that this choice leaves out.
        for seed in range(1000):
            weights, batch = make_weights(modalities, seed), make_batch(modalities, task, seed)
            update, seen = step(weights, batch, modalities, task, DEFAULTS | chosen, order)
            _, loose = step(weights, batch, modalities, task, DEFAULTS | chosen | {"samples": "all"}, order)
            leaves_out = "samples" not in chosen or seen["penalty"] < loose["penalty"]
            if seen["penalty"] > 0 and leaves_out:
                break
        else:
            raise SystemExit(f"no seed for {name}")
        made = case(name, "cml", modalities, task, chosen, weights, batch, update, detached(seen))
        cases.append(made | {"order": order})
    made = {"madeBy": "scripts/reference/cml.py", "versions": versions()}
    write_json(GOLDEN / "cml.json", made | {"cases": cases})


if __name__ == "__main__":
    main()
