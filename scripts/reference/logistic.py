"""L2-regularized logistic regression by Newton's method in plain PyTorch, float64, and by scikit-learn where it has one.

    min over W, b:   mean loss(X W' + b, y) + (lambda / 2) |W|^2,   b free

Writes Tests/Golden/logistic.json.
"""

import numpy
import sklearn
import torch
from sklearn.linear_model import LogisticRegression

from .common import GOLDEN, versions, write_json


def loss(z: torch.Tensor, y: torch.Tensor, task: str, weights: torch.Tensor | None) -> torch.Tensor:
    if task == "multi-label":
        losses = torch.nn.functional.binary_cross_entropy_with_logits(z, y.double(), reduction="none")
        return (losses * weights if weights is not None else losses).mean()
    return torch.nn.functional.cross_entropy(z, y, weight=weights)


def newton(x: torch.Tensor, y: torch.Tensor, classes: int, task: str, strength: float, weights: torch.Tensor | None):
    width = x.shape[1]

    def objective(flat: torch.Tensor) -> torch.Tensor:
        w, b = flat[: classes * width].reshape(classes, width), flat[classes * width :]
        return loss(x @ w.T + b, y, task, weights) + strength / 2 * (w * w).sum()

    flat = torch.zeros(classes * (width + 1), dtype=torch.float64)
    for _ in range(60):
        g = torch.autograd.functional.jacobian(objective, flat)
        if g.abs().max() < 1e-13:
            break
        h = torch.autograd.functional.hessian(objective, flat)
        # The same number on every class's b changes nothing in a softmax: the shortest step is taken.
        step = torch.linalg.lstsq(h, g.unsqueeze(1), driver="gelsd").solution.squeeze(1)
        length = 1.0
        while objective(flat - length * step) > objective(flat) and length > 1e-6:
            length /= 2
        flat = flat - length * step
    return flat[: classes * width].reshape(classes, width), flat[classes * width :], float(objective(flat))


def main() -> None:
    torch.set_num_threads(1)
    cases = []
    for name, task, classes, width, count, strength, class_weights in [
        ("three classes", "single-label", 3, 5, 40, 0.01, None),
        ("three classes, weak", "single-label", 3, 4, 60, 1e-4, None),
        ("three classes, strong", "single-label", 4, 6, 30, 1.0, None),
        ("binary", "binary", 2, 5, 40, 0.02, None),
        ("weighted classes", "single-label", 3, 4, 40, 0.01, [0.3, 0.7, 2.0]),
        ("several labels", "multi-label", 4, 5, 50, 0.005, None),
    ]:
        numbers = numpy.random.default_rng(len(cases))
        x = numbers.normal(size=(count, width)) * numbers.uniform(0.3, 2, size=width)
        truth = x @ numbers.normal(size=(width, classes)) + numbers.normal(size=(count, classes))
        y = (truth > 0.3).astype(int) if task == "multi-label" else truth.argmax(1)
        tensor = torch.tensor(y)
        weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float64)
        w, b, value = newton(torch.tensor(x), tensor, classes, task, strength, weights)
        if task == "single-label":
            # The sum of weighted losses and half the square: C is one over lambda times the sum of weights.
            own = numpy.ones(count) if class_weights is None else numpy.array(class_weights)[y]
            model = LogisticRegression(C=1 / (strength * own.sum()), tol=1e-12, max_iter=20000)
            model.fit(x, y, sample_weight=own)
            difference = max(
                numpy.abs(model.coef_ - w.numpy()).max(),
                numpy.abs(model.intercept_ - model.intercept_.mean() - (b - b.mean()).numpy()).max(),
            )
            assert difference < 1e-5, (name, difference)
        cases.append({
            "name": name, "task": task, "classes": classes, "width": width, "strength": strength,
            "classWeights": class_weights, "inputs": x.flatten().tolist(), "labels": y.flatten().tolist(),
            "weight": w.flatten().tolist(), "intercept": b.tolist(), "loss": value,
        })
    made = versions(sklearn=sklearn.__version__)
    write_json(GOLDEN / "logistic.json", {"madeBy": "scripts/reference/logistic.py", "versions": made, "cases": cases})


if __name__ == "__main__":
    main()
