"""AUG's step in plain PyTorch, float64, in which every modality has its turn.

Jiang, Huang, Yang: "Rethinking Multimodal Learning from the Perspective of Mitigating Classification Ability Disproportion",
NeurIPS 2025, written from the equations. Writes Tests/Golden/aug.json: besides the usual, how many `counts` of stages each
modality has, and the weights `after` a step of gradient descent in turns. The expected direction is the sum over the turns,
none of which has moved anything.
"""

import torch
from torch.nn.functional import log_softmax, logsigmoid

from .common import GOLDEN, versions, write_json
from .fulcrum import make
from .steps import CLASSES, PAIR, TRIO, case, features, gradient, leaves, loss_of, make_batch

HIDDEN, WIDTH, RATE = 3, 4, 0.1
DEFAULTS = {"stages": "trained", "residual": 0.5, "first": 1, "hidden": HIDDEN, "max_stages": 3}


def residual(new, old, labels, task, gamma):
    """Cross-entropy with the unnormalised target y (1 − γ p), class by class or answer by answer."""
    if task == "multi-label":
        y, p = labels.to(new.dtype), torch.sigmoid(old).detach()
        yes, no = y * (1 - gamma * p), (1 - y) * (1 - gamma * (1 - p))
        return -(yes * logsigmoid(new) + no * logsigmoid(-new)).mean()
    target = torch.nn.functional.one_hot(labels, new.shape[1]).to(new.dtype)
    target = target * (1 - gamma * torch.softmax(old, 1).detach())
    return -(target * log_softmax(new, 1)).sum(1).mean()


def turn(w, batch, m, count, task, chosen):
    e, labels = features(w, batch, [m])[m], batch["labels"]
    answers = []
    for k in range(count):
        hidden = torch.relu(e @ w[f"method.stage.{m}.{k}.weight"].T + w[f"method.stage.{m}.{k}.bias"])
        answers.append(hidden @ w["method.output.weight"].T + w["method.output.bias"])
    whole = sum(answers)
    scalars = {m: loss_of(whole, labels, task), f"method.stages.{m}": float(count)}
    total = scalars[m]
    if count > 1:
        old = sum(answers[:-1])
        scalars[f"residual.{m}"] = residual(answers[-1], old, labels, task, chosen["residual"])
        total = total + loss_of(old, labels, task) + scalars[f"residual.{m}"]
    g = gradient(total, w)
    if chosen["stages"] == "frozen":
        kept = {f"method.stage.{j}.{k}" for j in TRIO for k in range(chosen["first"], chosen["max_stages"])}
        g = {name: value for name, value in g.items() if name.rsplit(".", 1)[0] not in kept}
    return g, scalars, whole.detach()


def main() -> None:
    torch.set_num_threads(1)
    cases = []
    plan = []
    for modalities in (PAIR, TRIO, ["image"]):
        for task in ("single-label", "binary", "multi-label"):
            for counts in ((1, 1, 1), (2, 1, 3), (3, 2, 1)):
                plan.append((modalities, task, counts, {}))
        plan += [
            (modalities, "single-label", (3, 2, 2), settings)
            for settings in ({"stages": "frozen"}, {"residual": 0.0}, {"residual": 1.0}, {"first": 2, "stages": "frozen"})
        ]
    for modalities, task, counts, settings in plan:
        seed = 300 + len(cases)
        chosen = DEFAULTS | settings
        weights, batch = make(modalities, "concatenation", False, seed), make_batch(modalities, task, seed)
        if task == "binary":
            batch["labels"] = batch["labels"] % 2
        random = torch.Generator().manual_seed(seed)
        shapes = {f"stage.{m}.{k}": (HIDDEN, WIDTH) for m in modalities for k in range(3)} | {"output": (CLASSES, HIDDEN)}
        for name, shape in shapes.items():
            for part, size in (("weight", shape), ("bias", shape[:1])):
                made = torch.randn(*size, generator=random, dtype=torch.float64) * 0.7
                weights[f"method.{name}.{part}"] = made.round(decimals=3)
        number = dict(zip(modalities, counts))
        w = leaves(weights)
        expected = {}
        for m in sorted(modalities):
            g, _, _ = turn(w, batch, m, number[m], task, chosen)
            for name, value in g.items():
                expected[name] = expected.get(name, 0) + value
        moved, wholes, before = leaves(weights), [], {}
        for m in sorted(modalities):
            _, before_turn, whole = turn(w, batch, m, number[m], task, chosen)
            before |= before_turn
            wholes.append(whole)
            g, _, _ = turn(moved, batch, m, number[m], task, chosen)
            moved = leaves({n: (x - RATE * g[n] if n in g else x).detach() for n, x in moved.items()})
        before["fused"] = loss_of(sum(wholes) / len(wholes), batch["labels"], task)
        name = f"{len(modalities)}-{task}-{'-'.join(map(str, counts[:len(modalities)]))}" + "".join(
            f"-{key}-{value}" for key, value in settings.items())
        used = {"hidden": HIDDEN, "max_stages": 3} | settings
        found = case(name, "aug", modalities, task, used, weights, batch, expected, before)
        cases.append(found | {
            "fusion": "concatenation", "counts": number, "rate": RATE,
            "after": {name: moved[name].detach().flatten().tolist() for name in sorted(moved)},
        })
    write_json(GOLDEN / "aug.json", {"madeBy": "scripts/reference/aug.py", "versions": versions(), "cases": cases})


if __name__ == "__main__":
    main()
