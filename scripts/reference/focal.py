"""Focal losses (Lin et al., ICCV 2017) in plain PyTorch, float64, from probabilities and sample by sample.

Writes Tests/Golden/focal.json: logits, labels and class weights, the loss and its gradient.
"""

import torch

from .common import GOLDEN, versions, write_json

CLASSES, BATCH = 3, 6


def loss(z, labels, task, gamma, weights):
    total, weight = 0, 0
    for i in range(len(z)):
        if task == "multi-label":
            for c in range(z.shape[1]):
                p = torch.sigmoid(z[i][c])
                truth = p if labels[i][c] else 1 - p
                total = total - weights[c] * (1 - truth) ** gamma * truth.log()
                weight += 1
        else:
            truth = torch.softmax(z[i], 0)[labels[i]]
            total = total - weights[labels[i]] * (1 - truth) ** gamma * truth.log()
            weight = weight + weights[labels[i]]
    return total / weight


def main() -> None:
    cases = []
    for seed, (task, gamma, weighted) in enumerate(
        (task, gamma, weighted) for task in ("single-label", "binary", "multi-label") for gamma in (0.5, 1.0, 2.0, 5.0)
        for weighted in (False, True)
    ):
        random = torch.Generator().manual_seed(seed)
        classes = 2 if task == "binary" else CLASSES
        z = (torch.randn(BATCH, classes, generator=random, dtype=torch.float64) * 2).round(decimals=3).requires_grad_()
        shape = (BATCH, classes) if task == "multi-label" else (BATCH,)
        labels = torch.randint(2 if task == "multi-label" else classes, shape, generator=random)
        weights = (torch.rand(classes, generator=random, dtype=torch.float64) + 0.5).round(decimals=3)
        if not weighted:
            weights = torch.ones(classes, dtype=torch.float64)
        found = loss(z, labels, task, gamma, weights)
        cases.append({
            "task": task, "gamma": gamma, "classes": classes, "logits": z.detach().flatten().tolist(),
            "labels": labels.flatten().tolist(), "weights": weights.tolist() if weighted else None,
            "loss": float(found.detach()), "gradient": torch.autograd.grad(found, z)[0].flatten().tolist(),
        })
    write_json(GOLDEN / "focal.json", {"madeBy": "scripts/reference/focal.py", "versions": versions(), "cases": cases})


if __name__ == "__main__":
    main()
