"""BalGrad's step in plain PyTorch, float64, for comparison with ours.

Kwon, Kim, Lee, Choi, Kim: "See-Saw Modality Balance", NAACL 2025. Written from the equations, with three calls of
torch.autograd.grad and nothing shared with the Swift code. Beside it the steps of joint, uniform and unimodal training.

Writes Tests/Golden/balgrad: cases.json, and for each case a file of weights, of a batch, and of expected gradients:

    <name>              the update direction, which the optimizer is given
    target/<name>       gradient of the fused loss
    balance/<name>      gradient of s · Σ wᵐ Kᵐ (without the heads where these learn from their own loss only)
    unimodal/<name>     gradient of Σ Lᵐ
    projected/<name>    the target gradient after projection

A name that is left out stands for a gradient of zero.
"""

import math

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid

from .common import GOLDEN, versions, write_json

FOLDER = GOLDEN / "balgrad"
BATCH, CLASSES, STEPS = 7, 4, 101
INPUTS = {"image": 5, "text": 6, "audio": 4}
HIDDEN = {"image": 3, "text": 4, "audio": 3}

DEFAULTS = {
    "reweighting": True,
    "kl.direction": "target_student",
    "kl.stop_grad": True,
    "kl.temperature": 1.0,
    "weight.form": "loss_ratio",
    "weight.temperature": 1.0,
    "weight.value": 0.5,
    "ramp.form": "linear_to_one",
    "ramp.lambda0": 0.1,
    "ramp.where": "outside",
    "projection.enabled": True,
    "projection.scope": "embeddings_global",
    "projection.target": "fused",
    "heads.update": "ce_plus_kl",
}

Named = dict[str, Tensor]


# --- the model and its data -------------------------------------------------------------------------------------------


def make_weights(modalities: list[str], seed: int) -> Named:
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64) * 0.6

    weights = {}
    for m in modalities:
        weights[f"{m}.embedding.weight"] = normal(HIDDEN[m], INPUTS[m])
        weights[f"{m}.embedding.bias"] = normal(HIDDEN[m])
        weights[f"{m}.head.weight"] = normal(CLASSES, HIDDEN[m])
        weights[f"{m}.head.bias"] = normal(CLASSES)
    weights["fusion.classifier.weight"] = normal(CLASSES, sum(HIDDEN[m] for m in modalities))
    weights["fusion.classifier.bias"] = normal(CLASSES)
    return weights


def make_batch(modalities: list[str], task: str, seed: int) -> Named:
    random = torch.Generator().manual_seed(1000 + seed)
    batch = {m: torch.randn(BATCH, INPUTS[m], generator=random, dtype=torch.float64) for m in modalities}
    if task == "multi-label":
        batch["labels"] = (torch.rand(BATCH, CLASSES, generator=random) < 0.4).to(torch.uint8)
    else:
        batch["labels"] = torch.randint(CLASSES, (BATCH,), generator=random)
    return batch


def forward(w: Named, batch: Named, modalities: list[str]) -> tuple[Tensor, dict[str, Tensor]]:
    """The fused logits, and those of each modality's own head."""
    e = {m: batch[m] @ w[f"{m}.embedding.weight"].T + w[f"{m}.embedding.bias"] for m in modalities}
    own = {m: e[m] @ w[f"{m}.head.weight"].T + w[f"{m}.head.bias"] for m in modalities}
    joined = torch.cat([e[m] for m in modalities], dim=1)
    return joined @ w["fusion.classifier.weight"].T + w["fusion.classifier.bias"], own


# --- losses, divergences, weights, ramp -------------------------------------------------------------------------------


def loss_of(z: Tensor, labels: Tensor, task: str) -> Tensor:
    if task == "multi-label":
        return binary_cross_entropy_with_logits(z, labels.to(z.dtype))
    if task == "regression":
        return ((z[:, 0] - labels) ** 2).mean()
    return cross_entropy(z, labels)


def distribution(z: Tensor, task: str) -> Tensor:
    """Probabilities that sum to one over the last dimension: of the classes, or of yes and no for each class."""
    if task == "multi-label":
        return torch.stack([torch.sigmoid(z), torch.sigmoid(-z)], dim=-1)
    return torch.softmax(z, dim=-1)


def kl(p: Tensor, q: Tensor) -> Tensor:
    """D_KL(p ‖ q): summed over classes, mean over samples (eq. 2)."""
    return (p * (p.log() - q.log())).sum() / p.shape[0]


def divergence(m: str, p: dict[str, Tensor], settings: dict) -> Tensor:
    """Kᵐ: the mean over the other modalities j of the divergence that moves m."""
    terms = []
    for j, other in p.items():
        if j == m:
            continue
        if settings["kl.stop_grad"]:
            other = other.detach()
        if settings["kl.direction"] == "target_student":
            terms.append(kl(other, p[m]))
        elif settings["kl.direction"] == "student_target":
            terms.append(kl(p[m], other))
        else:
            middle = (p[m] + other) / 2
            terms.append((kl(p[m], middle) + kl(other, middle)) / 2)
    return sum(terms) / len(terms)


def difference(m: str, z: dict[str, Tensor], settings: dict) -> Tensor:
    """Kᵐ of a regression: normal distributions of variance 1/2, whose log-likelihood is the squared error."""
    total = 0
    for j, other in z.items():
        if j != m:
            other = other.detach() if settings["kl.stop_grad"] else other
            p, q = (torch.distributions.Normal(mean[:, 0], 0.5**0.5) for mean in (other, z[m]))
            total = total + torch.distributions.kl_divergence(p, q).mean()
    return total / (len(z) - 1)


def true_probability(z: Tensor, labels: Tensor, task: str) -> float:
    """The batch's mean probability of the truth."""
    if task == "multi-label":
        p, y = torch.sigmoid(z), labels.to(z.dtype)
        return float((y * p + (1 - y) * (1 - p)).mean())
    return float(torch.softmax(z, dim=-1)[torch.arange(len(labels)), labels].mean())


def weights_of(losses: dict[str, float], confidence: dict[str, float], settings: dict) -> dict[str, float]:
    """wᵐ: 1/2 each in the mean, larger where the modality's own loss is larger (eq. 3)."""
    form, count = settings["weight.form"], len(losses)
    if not settings["reweighting"]:
        return {m: 0.5 for m in losses}
    if form == "fixed":
        return {m: settings["weight.value"] for m in losses}
    if form == "loss_quotient":
        return {m: losses[m] / ((sum(losses.values()) - losses[m]) / (count - 1)) for m in losses}
    score = {
        "loss_ratio": lambda m: losses[m],
        "loss_softmax": lambda m: math.exp(losses[m] / settings["weight.temperature"]),
        "conf_ratio": lambda m: 1 / confidence[m],
    }[form]
    total = sum(score(m) for m in losses)
    return {m: count / 2 * score(m) / max(total, 1e-12) for m in losses}


def ramp_of(form: str, start: float, progress: float, steps: int) -> float:
    """s(t) of eq. 4, with progress = t / (T − 1)."""
    if form == "linear_to_one":
        return start + (1 - start) * progress
    if form == "additive":
        return start + progress
    if form == "multiplicative":
        return start * (1 + progress)
    if form == "power":
        return start ** (1 - progress)
    if form == "gaussian":
        return start ** ((1 - progress) ** 2)
    if form == "log":
        return start * (1 + math.log(1 + round(progress * (steps - 1))))
    assert form == "constant"
    return start


# --- gradients --------------------------------------------------------------------------------------------------------


def gradient(loss: Tensor, w: Named) -> Named:
    """The gradient by name; parameters that the loss does not reach are left out."""
    found = torch.autograd.grad(loss, list(w.values()), retain_graph=True, allow_unused=True)
    return {name: g for name, g in zip(w, found) if g is not None}


def dot(a: Named, b: Named, names: list[str]) -> float:
    return float(sum((a[n] * b[n]).sum() for n in names))


def norm(a: Named, names: list[str]) -> float:
    return math.sqrt(dot(a, a, names))


def plus(*parts: Named) -> Named:
    total: Named = {}
    for part in parts:
        for name, g in part.items():
            total[name] = total[name] + g if name in total else g.clone()
    return total


def project(g: Named, away: Named, blocks: list[list[str]]) -> Named:
    """g without its component against `away`, block by block, where the two conflict (eq. 6)."""
    result = dict(g)
    for names in blocks:
        inner, square = dot(g, away, names), dot(away, away, names)
        if inner < 0 and square > 1e-24:
            for n in names:
                result[n] = g[n] - inner / square * away[n]
    return result


# --- the steps --------------------------------------------------------------------------------------------------------


def balgrad(weights: Named, batch: Named, modalities: list[str], task: str, settings: dict, progress: float):
    w = {name: tensor.clone().requires_grad_() for name, tensor in weights.items()}
    fused, own = forward(w, batch, modalities)
    labels = batch["labels"]

    fused_loss = loss_of(fused, labels, task)
    losses = {m: loss_of(own[m], labels, task) for m in modalities}
    if task == "regression":
        scaled = {m: own[m] / settings["kl.temperature"] for m in modalities}
        divergences = {m: difference(m, scaled, settings) for m in modalities}
        confidence = {}
    else:
        p = {m: distribution(own[m] / settings["kl.temperature"], task) for m in modalities}
        divergences = {m: divergence(m, p, settings) for m in modalities}
        confidence = {m: true_probability(own[m].detach(), labels, task) for m in modalities}
    values = {m: float(losses[m].detach()) for m in modalities}
    shares = weights_of(values, confidence, settings)
    ramp = ramp_of(settings["ramp.form"], settings["ramp.lambda0"], progress, STEPS)
    if settings["ramp.where"] == "inside":
        factors = {m: settings["ramp.lambda0"] + shares[m] * progress for m in modalities}
    else:
        factors = {m: ramp * shares[m] for m in modalities}

    target = gradient(fused_loss, w)
    balance = gradient(sum(factors[m] * divergences[m] for m in modalities), w)
    unimodal = gradient(sum(losses.values()), w)

    tensors = {m: [f"{m}.embedding.weight", f"{m}.embedding.bias"] for m in modalities}
    embeddings = [name for names in tensors.values() for name in names]
    heads = [f"{m}.head.{part}" for m in modalities for part in ("weight", "bias")]
    if settings["heads.update"] == "ce_only":
        balance = {name: g for name, g in balance.items() if name not in heads}

    aim, rest = target, unimodal
    if settings["projection.target"] == "fused_and_unimodal":
        aim = {name: g + unimodal[name] if name in embeddings else g for name, g in target.items()}
        rest = {name: unimodal[name] for name in heads}

    blocks = {
        "embeddings_global": [embeddings],
        "per_modality": list(tensors.values()),
        "per_tensor": [[name] for name in embeddings],
    }[settings["projection.scope"]]
    projected = project(aim, balance, blocks) if settings["projection.enabled"] else dict(aim)
    update = plus(projected, rest, balance)

    inner = dot(aim, balance, embeddings)
    lengths = norm(aim, embeddings) * norm(balance, embeddings)
    signs = [dot(aim, balance, names) < 0 for names in blocks]
    scalars = {
        "dot": inner,
        "cosine": inner / lengths if lengths > 0 else 0.0,
        "norm.target": norm(aim, embeddings),
        "norm.balance": norm(balance, embeddings),
        "norm.unimodal": norm(unimodal, embeddings),
        "norm.projected": norm(projected, embeddings),
        "norm.update": norm(update, list(update)),
        "conflict": 1 if any(signs) and norm(balance, embeddings) > 0 else 0,
    }
    if settings["ramp.where"] == "outside":
        scalars["ramp"] = ramp
    for m in modalities:
        scalars[f"weight.{m}"] = shares[m]
        scalars[f"factor.{m}"] = factors[m]
        scalars[f"divergence.{m}"] = float(divergences[m].detach())
    parts = {"target": target, "balance": balance, "unimodal": unimodal, "projected": projected}
    return update, parts, {"fused": float(fused_loss.detach()), **values}, scalars


def plain(method: str, weights: Named, batch: Named, modalities: list[str], task: str, settings: dict):
    """Joint: the fused loss. Uniform: that and every unimodal one. Unimodal: those of the named modality, or all."""
    w = {name: tensor.clone().requires_grad_() for name, tensor in weights.items()}
    fused, own = forward(w, batch, modalities)
    chosen = [settings["modality"]] if settings.get("modality") else modalities
    losses = {} if method == "unimodal" else {"fused": loss_of(fused, batch["labels"], task)}
    if method != "joint":
        losses |= {m: loss_of(own[m], batch["labels"], task) for m in chosen}
    update = gradient(sum(losses.values()), w)
    return update, {}, {name: float(loss.detach()) for name, loss in losses.items()}, {}


# --- cases ------------------------------------------------------------------------------------------------------------

PAIR, TRIO = ["image", "text"], ["image", "text", "audio"]

# Where the gradients agree nothing is projected, so most options need no second case.
AGREEING = {
    "defaults", "kl.direction-js", "kl.stop_grad-off", "reweighting-off", "projection.scope-per_tensor",
    "projection.target-fused_and_unimodal", "heads.update-ce_only", "all-different",
}


def variations() -> list[tuple[str, dict]]:
    """Each value of each option once, and the combinations in which two options meet."""
    single = {
        "kl.direction": ["student_target", "js"],
        "kl.stop_grad": [False],
        "kl.temperature": [2.0],
        "weight.form": ["loss_softmax", "loss_quotient", "conf_ratio", "fixed"],
        "reweighting": [False],
        "ramp.form": ["additive", "multiplicative", "power", "gaussian", "log", "constant"],
        "ramp.lambda0": [0.3],
        "ramp.where": ["inside"],
        "projection.enabled": [False],
        "projection.scope": ["per_modality", "per_tensor"],
        "projection.target": ["fused_and_unimodal"],
        "heads.update": ["ce_only"],
    }
    found: list[tuple[str, dict]] = [("defaults", {})]
    for key, values in single.items():
        for value in values:
            spelled = {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value
            found.append((f"{key}-{spelled}", {key: value}))
    return found + [
        ("student-target-both-ways", {"kl.direction": "student_target", "kl.stop_grad": False}),
        ("js-both-ways-warm", {"kl.direction": "js", "kl.stop_grad": False, "kl.temperature": 0.5}),
        ("softmax-sharp", {"weight.form": "loss_softmax", "weight.temperature": 0.25}),
        ("fixed-one", {"weight.form": "fixed", "weight.value": 1.0}),
        ("both-per-modality", {"projection.scope": "per_modality", "projection.target": "fused_and_unimodal"}),
        ("both-ce-only", {"projection.target": "fused_and_unimodal", "heads.update": "ce_only"}),
        ("all-different", {
            "kl.direction": "js", "kl.temperature": 1.5, "weight.form": "conf_ratio", "ramp.form": "gaussian",
            "ramp.lambda0": 0.05, "projection.scope": "per_tensor", "heads.update": "ce_only",
        }),
    ]


def find(modalities: list[str], task: str, settings: dict, progress: float, conflict: bool) -> int:
    """The first seed whose step clearly conflicts, or clearly does not in any part of the projection's scope."""
    for seed in range(2000):
        weights, batch = make_weights(modalities, seed), make_batch(modalities, task, seed)
        _, _, _, scalars = balgrad(weights, batch, modalities, task, settings, progress)
        clear = scalars["cosine"] < -0.15 if conflict else scalars["cosine"] > 0.15
        if clear and bool(scalars["conflict"]) == conflict:
            return seed
    raise SystemExit(f"no seed for {settings}, conflict {conflict}")


def save(name: str, tensors: Named, modalities: list[str]) -> str:
    ordered = {key: tensors[key].detach().clone().contiguous() for key in sorted(tensors)}
    save_file(ordered, FOLDER / name, metadata={"modalities": ",".join(modalities)})
    return name


def add(
    cases: list, name: str, method: str, modalities: list[str], task: str, chosen: dict, progress: float, seed: int
) -> None:
    weights, batch = make_weights(modalities, seed), make_batch(modalities, task, seed)
    if method == "balgrad":
        update, parts, losses, scalars = balgrad(weights, batch, modalities, task, DEFAULTS | chosen, progress)
    else:
        update, parts, losses, scalars = plain(method, weights, batch, modalities, task, chosen)
    expected = dict(update) | {f"{part}/{key}": g for part, named in parts.items() for key, g in named.items()}
    kind = f"{len(modalities)}-{'multi' if task == 'multi-label' else 'single'}-{seed}"
    cases.append({
        "name": name,
        "method": method,
        "task": task,
        "modalities": modalities,
        "settings": chosen,
        "progress": progress,
        "steps": STEPS,
        "weights": save(f"weights-{len(modalities)}-{seed}.safetensors", weights, modalities),
        "batch": save(f"batch-{kind}.safetensors", batch, modalities),
        "expected": save(f"{name}.safetensors", expected, modalities),
        "losses": losses,
        "scalars": scalars,
    })


def build() -> list[dict]:
    cases: list[dict] = []

    def search(name: str, modalities: list[str], task: str, chosen: dict, progress: float, conflict: bool) -> None:
        seed = find(modalities, task, DEFAULTS | chosen, progress, conflict)
        add(cases, name, "balgrad", modalities, task, chosen, progress, seed)

    for name, chosen in variations():
        search(f"{name}-conflict", PAIR, "single-label", chosen, 0.25, True)
        if name in AGREEING:
            search(f"{name}-agreement", PAIR, "single-label", chosen, 0.25, False)
    for name, chosen in variations():
        search(f"three-{name}-conflict", TRIO, "single-label", chosen, 0.5, True)
    search("three-defaults-agreement", TRIO, "single-label", {}, 0.5, False)
    for form in ("linear_to_one", "log", "gaussian"):
        for progress in (0.0, 1.0):
            search(f"ramp.form-{form}-at-{progress:.0f}", PAIR, "single-label", {"ramp.form": form}, progress, True)
    search("ramp.where-inside-at-1", PAIR, "single-label", {"ramp.where": "inside"}, 1.0, True)

    for conflict in (True, False):
        ending = "conflict" if conflict else "agreement"
        search(f"multi-label-{ending}", PAIR, "multi-label", {}, 0.25, conflict)
    chosen = {"kl.direction": "js", "weight.form": "conf_ratio"}
    search("multi-label-js-conflict", PAIR, "multi-label", chosen, 0.25, True)
    search("three-multi-label-conflict", TRIO, "multi-label", {"kl.direction": "student_target"}, 0.75, True)

    chosen = {"ramp.form": "constant", "ramp.lambda0": 0.0}
    add(cases, "no-divergence", "balgrad", PAIR, "single-label", chosen, 0.25, 0)

    for method in ("joint", "uniform", "unimodal"):
        add(cases, method, method, PAIR, "single-label", {}, 0.25, 0)
        add(cases, f"three-{method}", method, TRIO, "single-label", {}, 0.25, 0)
        add(cases, f"multi-label-{method}", method, PAIR, "multi-label", {}, 0.25, 0)
    add(cases, "unimodal-image", "unimodal", PAIR, "single-label", {"modality": "image"}, 0.25, 0)
    return cases


# --- what must hold of this script itself -----------------------------------------------------------------------------


def check() -> None:
    """The published equations on small numbers, and what follows from them whatever the numbers."""

    def close(a: float, b: float, tolerance: float = 1e-6) -> None:
        assert abs(a - b) <= tolerance, (a, b)

    z = {"image": torch.tensor([[1.0, 0.0, -1.0]]).double(), "text": torch.tensor([[0.2, 0.1, 0.0]]).double()}
    p = {m: distribution(z[m], "single-label") for m in z}
    losses = {m: float(cross_entropy(z[m], torch.tensor([0]))) for m in z}
    close(losses["image"], 0.407606)
    close(losses["text"], 1.001943)
    shares = weights_of(losses, {}, DEFAULTS)
    close(shares["image"], 0.289175)
    close(divergence("image", p, DEFAULTS).item(), 0.245763)
    close(divergence("text", p, DEFAULTS).item(), 0.212026)
    out = project({"w": torch.tensor([1.0, 2, -1])}, {"w": torch.tensor([-1.0, 0.5, 1])}, [["w"]])["w"]
    for got, wanted in zip(out.tolist(), [5 / 9, 20 / 9, -5 / 9]):
        close(got, wanted)
    for form, wanted in {"power": 0.316228, "gaussian": 0.562341, "linear_to_one": 0.55, "additive": 0.6}.items():
        close(ramp_of(form, 0.1, 0.5, STEPS), wanted)

    # log σ(z) and log σ(−z) are the logarithms of the pair that a label's divergence is taken over.
    some = torch.linspace(-3, 3, 5).double()[None]
    both = torch.stack([logsigmoid(some), logsigmoid(-some)], -1)
    assert torch.allclose(distribution(some, "multi-label").log(), both)

    seed = find(PAIR, "single-label", DEFAULTS, 0.25, True)
    weights, batch = make_weights(PAIR, seed), make_batch(PAIR, "single-label", seed)
    names = [f"{m}.embedding.{part}" for m in PAIR for part in ("weight", "bias")]
    _, parts, _, _ = balgrad(weights, batch, PAIR, "single-label", DEFAULTS, 0.25)
    lengths = norm(parts["projected"], names) * norm(parts["balance"], names)
    assert abs(dot(parts["projected"], parts["balance"], names)) < 1e-12 * lengths
    steep = DEFAULTS | {"ramp.form": "constant", "ramp.lambda0": 10.0}
    _, scaled, _, _ = balgrad(weights, batch, PAIR, "single-label", steep, 0.25)
    assert all(torch.allclose(scaled["projected"][n], parts["projected"][n], atol=1e-12) for n in names)

    # Roles exchanged: the same numbers under the other's name.
    swapped = {**weights, "fusion.classifier.weight": torch.cat(
        weights["fusion.classifier.weight"].split([HIDDEN["image"], HIDDEN["text"]], dim=1)[::-1], dim=1)}
    here, _, _, _ = balgrad(weights, batch, PAIR, "single-label", DEFAULTS, 0.25)
    there, _, _, _ = balgrad(swapped, batch, PAIR[::-1], "single-label", DEFAULTS, 0.25)
    assert all(torch.allclose(here[n], there[n], atol=1e-12) for n in names)


def main() -> None:
    torch.set_num_threads(1)
    check()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.safetensors"):
        old.unlink()
    cases = build()
    made = {"madeBy": "scripts/reference/balgrad.py", "versions": versions()}
    write_json(FOLDER / "cases.json", made | {"cases": cases})
    size = sum(file.stat().st_size for file in FOLDER.iterdir())
    print(f"{len(cases)} cases, {size:,} bytes")


if __name__ == "__main__":
    main()
