"""Regression: single steps in plain PyTorch, float64, scores by scikit-learn, and ridge regression by its closed form.

Writes Tests/Golden/regression.json. The steps are those of the other scripts with one output, the squared error and the
divergence of normal distributions; joint, uniform and the ridge are written here.
"""

import numpy
import sklearn
import torch
from scipy.stats import pearsonr
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from . import balgrad, dgl, fulcrum, masam, mmpareto, pcgrad
from .common import GOLDEN, versions, write_json
from .steps import BATCH, INPUTS, PAIR, TRIO, Named, case, gradient, leaves, loss_of

TASK = "regression"


def weights_of(modalities: list[str], fusion: str, gate: bool, seed: int) -> Named:
    """A model with one output in place of three."""
    weights = fulcrum.make(modalities, fusion, gate, seed)
    return {
        name: tensor[:1].clone() if ".head." in name or name.startswith("fusion.classifier") else tensor
        for name, tensor in weights.items()
    }


def batch_of(modalities: list[str], seed: int) -> Named:
    random = torch.Generator().manual_seed(1000 + seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64).round(decimals=3)

    return {m: normal(BATCH, INPUTS[m]) for m in modalities} | {"labels": normal(BATCH)}


def baseline(method: str, weights: Named, batch: Named, modalities: list[str], fusion: str):
    w = leaves(weights)
    fused, own = masam.passes(w, batch, modalities, TASK, fusion)
    losses = {"fused": fused} | (own if method == "uniform" else {})
    return gradient(sum(losses.values()), w), losses


def steps() -> list[dict]:
    plan = []
    for m in (PAIR, TRIO):
        for fusion in ("concatenation", "addition", "gated"):
            plan += [(name, m, fusion, {}) for name in ("joint", "uniform", "fulcrum")]
        plan += [("balgrad", m, "concatenation", s) for s in (
            {}, {"kl.stop_grad": False}, {"kl.temperature": 2.0, "weight.form": "loss_softmax"},
            {"projection.scope": "per_modality", "heads.update": "ce_only"})]
        plan += [("pcgrad", m, "concatenation", {}), ("pcgrad", m, "concatenation", {"reduction": "mean"})]
        plan += [("mmpareto", m, "concatenation", {}), ("mmpareto", m, "concatenation", {"magnitude": "branch"})]
        plan += [("fulcrum", m, "concatenation", s) for s in ({"gate": 0.25}, {"projection": True}, {"distillation": 2.0})]
        plan += [("dgl", m, fusion, {}) for fusion in ("concatenation", "gated")]
        plan += [("dgl", m, "concatenation", {"heads": "own"})]
    cases = []
    for seed, (method, modalities, fusion, settings) in enumerate(plan):
        for attempt in range(500):
            number = 1000 * attempt + seed
            weights = weights_of(modalities, fusion, settings.get("gate", 0) > 0, number)
            batch = batch_of(modalities, number)
            if method == "fulcrum":
                random = torch.Generator().manual_seed(seed)
                for m in modalities:
                    row = torch.randn(1, INPUTS[m], generator=random, dtype=torch.float64)
                    batch[f"{m}-missing"] = row.round(decimals=3)
                expected, scalars = fulcrum.fulcrum(weights, batch, modalities, TASK, fusion, settings)
                acts = not settings.get("projection") or any(scalars[f"conflict.{m}"] for m in modalities)
            elif method == "balgrad":
                chosen = balgrad.DEFAULTS | settings
                # The first step: the ramp stands at its start.
                expected, _, losses, scalars = balgrad.balgrad(weights, batch, modalities, TASK, chosen, 0.0)
                scalars = losses | {n: v for n, v in scalars.items() if not n.startswith(("factor", "norm"))}
                acts = scalars["conflict"] == 1
            elif method == "pcgrad":
                chosen = {"scope": "per_modality", "reduction": "sum"} | settings
                expected, scalars = pcgrad.pcgrad(weights, batch, modalities, TASK, chosen["scope"], chosen["reduction"])
                acts = scalars["conflict"] > 0
            elif method == "mmpareto":
                chosen = {"gamma": 1.5, "magnitude": "tensor"} | settings
                expected, scalars = mmpareto.mmpareto(
                    weights, batch, modalities, TASK, chosen["gamma"], chosen["magnitude"])
                acts = scalars["conflict"] > 0
            elif method == "dgl":
                (expected, scalars), acts = dgl.dgl(weights, batch, modalities, TASK, fusion, settings), True
            else:
                (expected, scalars), acts = baseline(method, weights, batch, modalities, fusion), True
            if acts:
                break
        else:
            raise SystemExit(f"no seed for {method} {settings}")
        words = f"{method}, {fusion}, {len(modalities)} modalities" + (f", {settings}" if settings else "")
        found = case(words, method, modalities, TASK, settings, weights, batch, expected, scalars)
        cases.append(found | {"fusion": fusion})
    return cases


def scores(random: numpy.random.Generator) -> list[dict]:
    cases = []
    for name, rows, noise, scale, centre in (
        ("ordinary", 40, 0.5, 1.0, 0.0), ("a price", 60, 0.3, 900.0, 2000.0), ("a year", 25, 0.8, 12.0, 1990.0),
        ("worse than the mean", 30, 3.0, 1.0, 5.0), ("two rows", 2, 0.5, 1.0, 0.0),
    ):
        truth = random.normal(size=rows)
        answers = truth + noise * random.normal(size=rows)
        y, p = numpy.round(centre + scale * truth, 4), numpy.round(centre + scale * answers, 4)
        weights = random.integers(0, 3, size=rows).astype(float)
        # scikit-learn's R² of weighted samples; undefined where one distinct target is left.
        weighted = float(r2_score(y, p, sample_weight=weights)) if len(set(y[weights > 0])) > 1 else None
        cases.append({
            "name": name, "targets": y.tolist(), "predictions": p.tolist(), "r2": float(r2_score(y, p)),
            "mae": float(mean_absolute_error(y, p)), "rmse": float(root_mean_squared_error(y, p)),
            "pearson": float(pearsonr(y, p).statistic), "weights": weights.tolist(), "weightedR2": weighted,
        })
    return cases


def ridges(random: numpy.random.Generator) -> list[dict]:
    """min over w, b: mean (X w + b − y)² + (λ/2) |w|², which is scikit-learn's with alpha = N λ / 2."""
    cases = []
    for width, count, strength in ((5, 40, 0.1), (4, 60, 1e-3), (6, 30, 2.0)):
        x = random.normal(size=(count, width)) * random.uniform(0.3, 2, size=width)
        y = x @ random.normal(size=width) + 0.5 * random.normal(size=count) + 1.5
        model = Ridge(alpha=count * strength / 2, solver="cholesky").fit(x, y)
        w = torch.tensor(model.coef_, requires_grad=True)
        b = torch.tensor([model.intercept_], requires_grad=True)
        z = (torch.tensor(x) @ w + b).unsqueeze(1)
        value = loss_of(z, torch.tensor(y), TASK) + strength / 2 * (w**2).sum()
        # Where the gradient vanishes the answer is right, whoever found it.
        assert max(g.abs().max() for g in torch.autograd.grad(value, [w, b])) < 1e-9
        cases.append({
            "width": width, "strength": strength, "inputs": x.flatten().tolist(), "targets": y.tolist(),
            "weight": model.coef_.tolist(), "intercept": float(model.intercept_), "loss": float(value.detach()),
        })
    return cases


def main() -> None:
    torch.set_num_threads(1)
    random = numpy.random.default_rng(29)
    write_json(GOLDEN / "regression.json", {
        "madeBy": "scripts/reference/regression.py", "versions": versions(**{"scikit-learn": sklearn.__version__}),
        "cases": steps(), "scores": scores(random), "ridges": ridges(random),
    })


if __name__ == "__main__":
    main()
