"""Losses and divergences of small inputs, with their gradients, float64, from PyTorch.

Writes Tests/Golden/losses.json. Logits are rows of a matrix [B, C]; gradients are with respect to `logits`
(for divergences: `p` and `q` are logits too, and the gradients are with respect to each).
"""

import torch
from torch.nn.functional import (
    binary_cross_entropy_with_logits, cross_entropy, kl_div, log_softmax, logsigmoid,
)

from .common import GOLDEN, versions, write_json

Rows = list[list[float]]


def logits(rows: Rows) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64, requires_grad=True)


def with_gradient(loss: torch.Tensor, *inputs: torch.Tensor) -> tuple[float, list[Rows]]:
    return loss.item(), [g.tolist() for g in torch.autograd.grad(loss, inputs)]


def log_pair(z: torch.Tensor) -> torch.Tensor:
    """Logarithms of yes and no for each label, [B, C, 2]."""
    return torch.stack([logsigmoid(z), logsigmoid(-z)], dim=-1)


def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """D_KL(p ‖ q) of logarithms: summed within a sample, mean over samples."""
    return kl_div(q, p, reduction="sum", log_target=True) / p.shape[0]


def main() -> None:
    random = torch.Generator().manual_seed(11)

    def normal(rows: int, columns: int) -> Rows:
        values = torch.randn(rows, columns, generator=random, dtype=torch.float64) * 1.5
        return [[round(x, 4) for x in row] for row in values.tolist()]

    extreme = [[60.0, -60.0, 0.0], [-800.0, 0.0, 800.0], [0.0, 0.0, 0.0]]

    single = []
    for name, rows, labels, weights in (
        ("ordinary", normal(5, 4), [0, 3, 2, 2, 1], None),
        ("one-row", normal(1, 3), [2], None),
        ("two-classes", normal(4, 2), [1, 0, 0, 1], None),
        ("class-weights", normal(5, 4), [0, 3, 2, 2, 1], [0.5, 2.0, 1.0, 3.0]),
        ("extreme", extreme, [0, 2, 1], None),
        ("extreme-wrong", extreme, [1, 0, 0], None),
    ):
        z = logits(rows)
        weight = None if weights is None else torch.tensor(weights, dtype=torch.float64)
        target = torch.tensor(labels)
        value, (gradient,) = with_gradient(cross_entropy(z, target, weight=weight), z)
        each = cross_entropy(z, target, weight=weight, reduction="none").tolist()
        single.append({"name": name, "logits": rows, "labels": labels, "classWeights": weights,
                       "value": value, "each": each, "gradient": gradient})

    multi = []
    for name, rows, labels, weights in (
        ("ordinary", normal(4, 3), [[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]], None),
        ("class-weights", normal(4, 3), [[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]], [0.5, 2.0, 1.0]),
        ("extreme", extreme, [[1, 0, 1], [0, 1, 1], [0, 1, 0]], None),
        ("extreme-wrong", extreme, [[0, 1, 0], [1, 0, 0], [1, 0, 1]], None),
    ):
        z = logits(rows)
        weight = None if weights is None else torch.tensor(weights, dtype=torch.float64)
        target = torch.tensor(labels, dtype=torch.float64)
        value, (gradient,) = with_gradient(binary_cross_entropy_with_logits(z, target, weight=weight), z)
        each = binary_cross_entropy_with_logits(z, target, weight=weight, reduction="none").tolist()
        multi.append({"name": name, "logits": rows, "labels": labels, "classWeights": weights,
                      "value": value, "each": each, "gradient": gradient})

    divergences = []
    for name, p_rows, q_rows, temperature in (
        ("ordinary", normal(4, 5), normal(4, 5), 1.0),
        ("warm", normal(4, 5), normal(4, 5), 2.0),
        ("one-row", [[0.2, 0.1, 0.0]], [[1.0, 0.0, -1.0]], 1.0),
        ("equal", [[0.3, -0.2, 1.0]], [[0.3, -0.2, 1.0]], 1.0),
        ("far", [[30.0, 0.0, -30.0]], [[-30.0, 0.0, 30.0]], 1.0),
    ):
        case = {"name": name, "p": p_rows, "q": q_rows, "temperature": temperature}
        for kind, logs in (("softmax", lambda z: log_softmax(z, dim=-1)), ("sigmoid", log_pair)):
            p, q = logits(p_rows), logits(q_rows)
            log_p, log_q = logs(p / temperature), logs(q / temperature)
            value, (by_p, by_q) = with_gradient(divergence(log_p, log_q), p, q)
            found = {"kl": value, "gradientP": by_p, "gradientQ": by_q}
            p, q = logits(p_rows), logits(q_rows)
            log_p, log_q = logs(p / temperature), logs(q / temperature)
            middle = torch.logaddexp(log_p, log_q) - torch.log(torch.tensor(2.0, dtype=torch.float64))
            js = (divergence(log_p, middle) + divergence(log_q, middle)) / 2
            value, (by_p, by_q) = with_gradient(js, p, q)
            case[kind] = found | {"js": value, "jsGradientP": by_p, "jsGradientQ": by_q}
        divergences.append(case)

    write_json(GOLDEN / "losses.json", {
        "madeBy": "scripts/reference/losses.py",
        "versions": versions(),
        "crossEntropy": single,
        "binaryCrossEntropy": multi,
        "divergences": divergences,
    })


if __name__ == "__main__":
    main()
