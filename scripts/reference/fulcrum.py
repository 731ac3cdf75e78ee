"""Fulcrum's step in plain PyTorch, float64, set by set and with no algebra of sums: every set of modalities is a pass of
its own through gate, fusion and loss.

Written from the equations of the method. Writes Tests/Golden/fulcrum.json.
"""

import itertools

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, logsigmoid, softmax

from .common import GOLDEN, versions, write_json
from .steps import CLASSES, INPUTS, PAIR, TRIO, Named, branch, case, features, gradient, leaves, loss_of, make_batch, own

WIDTH, RANK = 4, 3
FIVE = ["image", "text", "audio", "depth", "touch"]
DEFAULTS = {"subsets": 1.0, "distillation": 0.5, "unimodal": 1.0, "gate": 0.0, "projection": False}
FUSIONS = ["concatenation", "addition", "attention", "cross_attention", "gated"]


def make(modalities: list[str], fusion: str, gate: bool, seed: int) -> Named:
    random = torch.Generator().manual_seed(seed)
    weights: Named = {}

    def linear(name: str, rows: int, columns: int) -> None:
        for part, shape in (("weight", (rows, columns)), ("bias", (rows,))):
            weights[f"{name}.{part}"] = (torch.randn(*shape, generator=random, dtype=torch.float64) * 0.7).round(decimals=3)

    count = len(modalities)
    for m in modalities:
        linear(f"{m}.embedding", WIDTH, INPUTS[m])
        linear(f"{m}.head", CLASSES, WIDTH)
    if fusion == "attention":
        linear("fusion.query", WIDTH // 4, WIDTH)
        linear("fusion.key", WIDTH // 4, WIDTH)
    elif fusion == "cross_attention":
        for part in ("query", "key", "value"):
            linear(f"fusion.{part}", WIDTH, WIDTH)
    elif fusion == "gated":
        linear("fusion.gate", WIDTH, WIDTH)
        if count == 2:
            linear("fusion.value", WIDTH, WIDTH)
    elif fusion == "bilinear":
        for place in range(count):
            linear(f"fusion.factor.{place}", RANK, WIDTH)
    one = fusion in ("addition", "cross_attention") or (fusion == "gated" and count == 2)
    products = RANK if fusion == "bilinear" else 0
    linear("fusion.classifier", CLASSES, (WIDTH if one else WIDTH * count) + products)
    if gate:
        linear("method.gate", count, WIDTH * count)
    return weights


def classify(w: Named, e: list[Tensor], fusion: str) -> Tensor:
    def layer(name: str, x: Tensor) -> Tensor:
        return x @ w[f"fusion.{name}.weight"].T + w[f"fusion.{name}.bias"]

    count = len(e)
    if fusion == "concatenation":
        return layer("classifier", torch.cat(e, 1))
    if fusion == "addition":
        return layer("classifier", sum(e[1:], e[0]))
    if fusion == "bilinear":
        joint = torch.stack([
            torch.stack([
                torch.prod(torch.stack([w[f"fusion.factor.{m}.weight"][r] @ e[m][i] + w[f"fusion.factor.{m}.bias"][r] for m in range(count)]))
                for r in range(RANK)
            ])
            for i in range(len(e[0]))
        ])
        return layer("classifier", torch.cat([*e, joint], 1))
    if fusion == "attention":
        q = [torch.relu(layer("query", x)) for x in e]
        k = [torch.relu(layer("key", x)) for x in e]
        s = [sum((q[m] * k[j]).sum(1) for j in range(count) if j != m) / (count - 1) for m in range(count)]
        a = softmax(torch.stack(s, 1), 1)
        return layer("classifier", torch.cat([e[m] * a[:, m : m + 1] for m in range(count)], 1))
    if fusion == "cross_attention":
        q, k, v = ([layer(name, x) for x in e] for name in ("query", "key", "value"))
        total = 0
        for m in range(count):
            a = softmax(torch.stack([(q[m] * k[j]).sum(1) for j in range(count)], 1) / WIDTH**0.5, 1)
            total = total + e[m] + sum(a[:, j : j + 1] * v[j] for j in range(count))
        return layer("classifier", total / count)
    if count == 2:
        return layer("classifier", torch.sigmoid(layer("gate", e[0])) * layer("value", e[1]))
    opened = [torch.sigmoid(layer("gate", sum(e[j] for j in range(count) if j != m))) for m in range(count)]
    return layer("classifier", torch.cat([x * g for x, g in zip(e, opened)], 1))


def family(count: int) -> list[tuple[int, ...]]:
    if count <= 4:
        return [s for size in range(1, count) for s in itertools.combinations(range(count), size)]
    return [(m,) for m in range(count)] + [tuple(j for j in range(count) if j != m) for m in range(count)]


def log_probabilities(z: Tensor, task: str) -> Tensor:
    return torch.stack([logsigmoid(z), logsigmoid(-z)], -1) if task == "multi-label" else log_softmax(z, -1)


def fulcrum(weights: Named, batch: Named, modalities: list[str], task: str, fusion: str, settings: dict):
    chosen = DEFAULTS | settings
    w = leaves(weights)
    labels, count = batch["labels"], len(modalities)
    e = features(w, batch, modalities)
    empty = features(w, {m: batch[f"{m}-missing"] for m in modalities}, modalities)
    rows = len(labels)

    def logits(members: tuple[int, ...]) -> tuple[Tensor, Tensor | None]:
        seen = [e[m] if i in members else empty[m].expand(rows, -1) for i, m in enumerate(modalities)]
        if not chosen["gate"]:
            return classify(w, seen, fusion), None
        sized = [x / (x.square().mean(1, keepdim=True) + 1e-12).sqrt() for x in seen]
        scores = torch.cat(sized, 1) @ w["method.gate.weight"].T + w["method.gate.bias"]
        a = softmax(chosen["gate"] * torch.tanh(scores), 1)
        return classify(w, [x * a[:, i : i + 1] * count for i, x in enumerate(seen)], fusion), a

    z, reliance = logits(tuple(range(count)))
    fused = loss_of(z, labels, task)
    full, scalars = fused, {"fused": fused}
    if chosen["unimodal"]:
        for m, own_logits in own(w, e, modalities).items():
            scalars[m] = loss_of(own_logits, labels, task)
            full = full + chosen["unimodal"] * scalars[m]
    if reliance is not None:
        scalars |= {f"reliance.{m}": reliance[:, i].mean() for i, m in enumerate(modalities)}
    if not chosen["subsets"]:
        return gradient(full, w), scalars
    sets = family(count)
    target = z.detach() if task == "regression" else log_probabilities(z.detach(), task)
    fits, divergences = [], []
    for members in sets:
        other, _ = logits(members)
        fits.append(loss_of(other, labels, task))
        if task == "regression":
            p, q = (torch.distributions.Normal(mean[:, 0], 0.5**0.5) for mean in (target, other))
            divergences.append(torch.distributions.kl_divergence(p, q).mean())
            continue
        divergences.append((target.exp() * (target - log_probabilities(other, task))).sum(-1).mean())
    scalars["subsets"] = sum(fits) / len(sets)
    if chosen["distillation"]:
        scalars["divergence"] = sum(divergences) / len(sets)
    weight = count * chosen["subsets"] / len(sets)
    rest = weight * sum(fit + chosen["distillation"] * d for fit, d in zip(fits, divergences))
    if not chosen["projection"]:
        return gradient(full + rest, w), scalars
    g, h = gradient(full, w), gradient(rest, w)
    for m in modalities:
        names = branch(m)
        dot = sum((g[n] * h[n]).sum() for n in names)
        scalars[f"conflict.{m}"] = float(dot < 0)
        if dot < 0:
            for n in names:
                h[n] = h[n] - dot / sum((g[k] ** 2).sum() for k in names) * g[n]
    return {n: g.get(n, 0) + h.get(n, torch.zeros_like(w[n])) for n in w if n in g or n in h}, scalars


def main() -> None:
    torch.set_num_threads(1)
    INPUTS.update({"depth": 3, "touch": 2})
    cases = []
    whole = {"gate": 0.25}
    plan = [(f"{fusion}-{len(m)}-{task}{'-whole' if settings else ''}", m, task, fusion, settings)
            for settings in ({}, whole) for fusion in FUSIONS for m in (PAIR, TRIO) for task in ("single-label", "binary", "multi-label")]
    for name, settings in [
        ("gate", {"gate": 0.25}), ("wide-gate", {"gate": 3.0}), ("no-distillation", {"distillation": 0.0}), ("no-unimodal", {"unimodal": 0.0}),
        ("no-sets", {"subsets": 0.0}), ("weighted", {"subsets": 0.3, "distillation": 2.0, "unimodal": 0.4}),
        ("projection", {"projection": True}),
    ]:
        plan += [(f"{name}-{len(m)}", m, "single-label", "concatenation", settings) for m in (PAIR, TRIO)]
    plan += [("five", FIVE, "single-label", "concatenation", {}), ("five-attention", FIVE, "multi-label", "attention", {})]
    # Last, so that the seeds of those before stay.
    plan += [(f"bilinear-{len(m)}-{task}{'-whole' if settings else ''}", m, task, "bilinear", settings)
             for settings in ({}, whole) for m in (PAIR, TRIO) for task in ("single-label", "binary", "multi-label")]
    for seed, (name, modalities, task, fusion, settings) in enumerate(plan):
        for attempt in range(500):
            weights = make(modalities, fusion, (DEFAULTS | settings)["gate"] > 0, 1000 * attempt + seed)
            batch = make_batch(modalities, task, 1000 * attempt + seed)
            if task == "binary":
                batch["labels"] = batch["labels"] % 2
            random = torch.Generator().manual_seed(seed)
            for m in modalities:
                batch[f"{m}-missing"] = torch.randn(1, INPUTS[m], generator=random, dtype=torch.float64).round(decimals=3)
            expected, scalars = fulcrum(weights, batch, modalities, task, fusion, settings)
            # The projection must have something to do.
            if not settings.get("projection") or sum(scalars[f"conflict.{m}"] for m in modalities) > 0:
                break
        else:
            raise SystemExit(f"no seed for {name}")
        found = case(name, "fulcrum", modalities, task, settings, weights, batch, expected, scalars)
        cases.append(found | {"fusion": fusion})
    write_json(GOLDEN / "fulcrum.json", {"madeBy": "scripts/reference/fulcrum.py", "versions": versions(), "cases": cases})


if __name__ == "__main__":
    main()
