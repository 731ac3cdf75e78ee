"""G2D's step in plain PyTorch, float64, in every phase of its schedule, with teachers that are given.

Rakib, Bagavathi: "G2D: Boosting Multimodal Learning with Gradient-Guided Distillation", ICCV 2025, written from the
equations. Writes Tests/Golden/g2d.json: besides the usual, `teachers` and their `scores`, and the epoch of how many.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from .common import GOLDEN, versions, write_json
from .fulcrum import FUSIONS, WIDTH, classify, make
from .steps import PAIR, TRIO, Named, branch, case, features, gradient, leaves, loss_of, make_batch, own

DEFAULTS = {"distil": True, "features": 1.0, "logits": 1.0, "temperature": 1.0, "prioritised": 0.5, "student": "late"}


def distributions(z: Tensor, task: str) -> Tensor:
    """[B, questions, answers]."""
    if task == "multi-label":
        return torch.stack([logsigmoid(z).exp(), logsigmoid(-z).exp()], -1)
    return torch.softmax(z, -1)[:, None, :]


def trained(modalities: list[str], scores: dict[str, float], epoch: int, epochs: int, prioritised: float) -> list[str]:
    """The modalities whose branches move in an epoch."""
    ranked = sorted(modalities, key=lambda m: scores[m])
    for k in range(1, len(modalities)):
        if epoch < int(epochs * prioritised * k / (len(modalities) - 1)):
            return [ranked[k - 1]]
    return modalities


def g2d(weights: Named, teachers: Named, scores, batch: Named, modalities, task, fusion, settings, epoch, epochs):
    chosen = DEFAULTS | settings
    w, labels = leaves(weights), batch["labels"]
    e, taught = features(w, batch, modalities), features(teachers, batch, modalities)
    answers = own(teachers, taught, modalities)
    if chosen["student"] == "late":
        unimodal = own(w, e, modalities)
        z = sum(unimodal.values()) / len(modalities)
    else:
        unimodal = own(w, {m: tensor.detach() for m, tensor in e.items()}, modalities)
        z = classify(w, [e[m] for m in modalities], fusion)
    scalars = {"fused": loss_of(z, labels, task)} | {m: loss_of(unimodal[m], labels, task) for m in modalities}
    total = scalars["fused"]
    if chosen["student"] != "late":
        total = total + sum(scalars[m] for m in modalities)
    t = chosen["temperature"]
    if chosen["distil"]:
        q = distributions(z / t, task)
        for m in modalities:
            scalars[f"distance.{m}"] = ((e[m] - taught[m]) ** 2).mean()
            p = distributions(answers[m] / t, task)
            scalars[f"divergence.{m}"] = (p * (p / q).log()).sum(-1).mean()
            total = total + chosen["features"] * scalars[f"distance.{m}"]
            total = total + chosen["logits"] * t**2 * scalars[f"divergence.{m}"]
    moving = trained(modalities, scores, epoch, epochs, chosen["prioritised"])
    held = {name for m in modalities if m not in moving for name in branch(m)}
    return {n: g for n, g in gradient(total, w).items() if n not in held}, scalars


def main() -> None:
    torch.set_num_threads(1)
    cases = []
    plan = [(fusion, m, task, {"student": "fused"}, 9) for fusion in FUSIONS for m in (PAIR, TRIO) for task in ("single-label", "multi-label")]
    for modalities in (PAIR, TRIO, ["image"]):
        for task in ("single-label", "binary", "multi-label"):
            plan += [("concatenation", modalities, task, {}, epoch) for epoch in (0, 3, 5)]
        plan += [
            ("concatenation", modalities, "single-label", settings, 2)
            for settings in (
                {"temperature": 3.0}, {"features": 0.3, "logits": 2.0}, {"distil": False}, {"prioritised": 0.9}, {"prioritised": 0.0},
            )
        ]
    for fusion, modalities, task, settings, epoch in plan:
        seed = 210 + len(cases)
        weights, batch = make(modalities, fusion, False, seed), make_batch(modalities, task, seed)
        other = make(modalities, "addition", False, 5000 + seed)
        teachers = {name: tensor for name, tensor in other.items() if not name.startswith("fusion")}
        if task == "binary":
            batch["labels"] = batch["labels"] % 2
        random = torch.Generator().manual_seed(seed)
        scores = {m: float(torch.rand(1, generator=random, dtype=torch.float64)) for m in modalities}
        expected, scalars = g2d(weights, teachers, scores, batch, modalities, task, fusion, settings, epoch, 10)
        name = f"{fusion}-{len(modalities)}-{task}-{epoch}" + "".join(f"-{key}-{value}" for key, value in settings.items())
        found = case(name, "g2d", modalities, task, settings, weights, batch, expected, scalars)
        given = {n: {"shape": list(x.shape), "values": x.flatten().tolist()} for n, x in teachers.items()}
        cases.append(found | {"fusion": fusion, "teachers": given, "scores": scores, "epoch": epoch, "epochs": 10})
    write_json(GOLDEN / "g2d.json", {"madeBy": "scripts/reference/g2d.py", "versions": versions(), "cases": cases})


if __name__ == "__main__":
    main()
