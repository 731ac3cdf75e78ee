"""Ten steps of PyTorch's optimizers along given gradients, and learning-rate schedules.

Writes Tests/Golden/optimizers.json. Each trajectory starts from `start`; `after[k]` are the
parameters after step k + 1.
A gradient of null at a step means that the parameter had none: the optimizer leaves it, its state and its count alone.
"""

import math
import warnings

import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR, StepLR

from .common import GOLDEN, versions, write_json

STEPS = 10
SHAPES = {"first.weight": (2, 3), "first.bias": (3,)}

OPTIMIZERS = [
    ("sgd", torch.optim.SGD, {"learningRate": 0.1}),
    ("sgd-decay", torch.optim.SGD, {"learningRate": 0.1, "weightDecay": 0.01}),
    ("sgd-momentum", torch.optim.SGD, {"learningRate": 0.05, "momentum": 0.9}),
    ("sgd-momentum-decay", torch.optim.SGD, {"learningRate": 0.05, "momentum": 0.9, "weightDecay": 0.01}),
    ("sgd-nesterov", torch.optim.SGD, {"learningRate": 0.05, "momentum": 0.9, "nesterov": True}),
    ("sgd-nesterov-decay", torch.optim.SGD, {
        "learningRate": 0.05, "momentum": 0.8, "nesterov": True, "weightDecay": 0.02}),
    ("adam", torch.optim.Adam, {"learningRate": 0.01}),
    ("adam-decay", torch.optim.Adam, {"learningRate": 0.01, "weightDecay": 0.1}),
    ("adam-betas", torch.optim.Adam, {"learningRate": 0.02, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4}),
    ("adamw", torch.optim.AdamW, {"learningRate": 0.01, "weightDecay": 0.01}),
    ("adamw-heavy", torch.optim.AdamW, {"learningRate": 0.05, "weightDecay": 0.5, "beta1": 0.8, "beta2": 0.95}),
]


def options(settings: dict) -> dict:
    """Our names of the settings in PyTorch's words."""
    words = {"learningRate": "lr", "weightDecay": "weight_decay", "epsilon": "eps"}
    found = {words.get(key, key): value for key, value in settings.items() if not key.startswith("beta")}
    if "beta1" in settings:
        found["betas"] = (settings["beta1"], settings["beta2"])
    return found


def trajectory(kind: type, settings: dict, start: dict, gradients: list[dict], dtype: torch.dtype) -> list[list[float]]:
    parameters = {
        name: torch.tensor(start[name], dtype=dtype).reshape(shape).requires_grad_() for name, shape in SHAPES.items()
    }
    optimizer = kind(list(parameters.values()), **options(settings))
    after = []
    for step in gradients:
        for name, parameter in parameters.items():
            given = step[name]
            parameter.grad = None if given is None else torch.tensor(given, dtype=dtype).reshape(SHAPES[name])
        optimizer.step()
        after.append([x for parameter in parameters.values() for x in parameter.detach().flatten().tolist()])
    return after


def factors(schedule: str, steps: int, warmup: int, size: int = 3, gamma: float = 0.5) -> list[float]:
    """The learning rate's factor at each step: PyTorch's schedulers, checked against the formulas."""
    parameter = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    rest = steps - warmup
    scheduler = {
        "constant": lambda: LinearLR(optimizer, 1.0, 1.0, total_iters=1),
        "step": lambda: StepLR(optimizer, size, gamma),
        "cosine": lambda: CosineAnnealingLR(optimizer, T_max=rest),
        "linear": lambda: LinearLR(optimizer, 1.0, 0.0, total_iters=rest),
    }[schedule]()
    if warmup:
        rise = LinearLR(optimizer, 1 / (warmup + 1), 1.0, total_iters=warmup)
        scheduler = SequentialLR(optimizer, [rise, scheduler], milestones=[warmup])
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scheduler.step()

    formula = {
        "constant": lambda t: 1.0,
        "step": lambda t: gamma ** (t // size),
        "cosine": lambda t: (1 + math.cos(math.pi * t / rest)) / 2,
        "linear": lambda t: 1 - t / rest,
    }[schedule]
    expected = [(t + 1) / (warmup + 1) if t < warmup else formula(t - warmup) for t in range(steps)]
    assert all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) for a, b in zip(found, expected)), (schedule, warmup)
    return expected


def main() -> None:
    random = torch.Generator().manual_seed(7)

    def normal(count: int) -> list[float]:
        return [round(x, 4) for x in torch.randn(count, generator=random, dtype=torch.float64).tolist()]

    sizes = {name: math.prod(shape) for name, shape in SHAPES.items()}
    start = {name: normal(size) for name, size in sizes.items()}
    gradients = [{name: normal(size) for name, size in sizes.items()} for _ in range(STEPS)]
    sparse = [
        {name: None if name == "first.bias" and step % 3 == 0 else given for name, given in both.items()}
        for step, both in enumerate(gradients)
    ]
    cases = []
    for label, kind, settings in OPTIMIZERS:
        for name, given in ((label, gradients), (f"{label}-sparse", sparse)):
            if name.endswith("-sparse") and label not in ("sgd-momentum-decay", "adam-decay", "adamw"):
                continue
            cases.append({
                "name": name,
                "optimizer": kind.__name__.lower(),
                "settings": settings,
                "gradients": "sparse" if given is sparse else "dense",
                "after": {
                    "float64": trajectory(kind, settings, start, given, torch.float64),
                    "float32": trajectory(kind, settings, start, given, torch.float32),
                },
            })
    schedules = [
        {"schedule": schedule, "steps": 12, "warmup": warmup,
         **({"size": 3, "gamma": 0.5} if schedule == "step" else {}), "factors": factors(schedule, 12, warmup)}
        for schedule in ("constant", "step", "cosine", "linear")
        for warmup in (0, 4)
        # A step schedule counts epochs from the start of training, so warm-up does not delay it.
        if not (schedule == "step" and warmup)
    ]
    write_json(GOLDEN / "optimizers.json", {
        "madeBy": "scripts/reference/optimizers.py",
        "versions": versions(),
        "shapes": {name: list(shape) for name, shape in SHAPES.items()},
        "start": start,
        "gradients": {"dense": gradients, "sparse": sparse},
        "trajectories": cases,
        "schedules": schedules,
    })


if __name__ == "__main__":
    main()
