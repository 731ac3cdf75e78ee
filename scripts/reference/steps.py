"""What the scripts share that take one step of a method: a small model, batches, and how a case is written.

A case holds weights, batch and expected gradient as plain numbers under the names of the model's parameters. A name
that is left out of the gradient stands for zero.
"""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

Named = dict[str, Tensor]

PAIR, TRIO = ["image", "text"], ["image", "text", "audio"]
BATCH, CLASSES = 5, 3
INPUTS = {"image": 4, "text": 3, "audio": 2}
HIDDEN = {"image": 2, "text": 3, "audio": 2}


def make_weights(modalities: list[str], seed: int) -> Named:
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        # Few digits, so that the files stay small.
        return (torch.randn(*shape, generator=random, dtype=torch.float64) * 0.7).round(decimals=3)

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
    batch = {}
    for m in modalities:
        batch[m] = torch.randn(BATCH, INPUTS[m], generator=random, dtype=torch.float64).round(decimals=3)
    if task == "multi-label":
        batch["labels"] = (torch.rand(BATCH, CLASSES, generator=random) < 0.4).to(torch.int64)
    else:
        batch["labels"] = torch.randint(CLASSES, (BATCH,), generator=random)
    return batch


def leaves(weights: Named) -> Named:
    return {name: tensor.clone().requires_grad_() for name, tensor in weights.items()}


def features(w: Named, inputs: Named, modalities: list[str]) -> Named:
    return {m: inputs[m] @ w[f"{m}.embedding.weight"].T + w[f"{m}.embedding.bias"] for m in modalities}


def fused(w: Named, e: Named, modalities: list[str]) -> Tensor:
    joined = torch.cat([e[m] for m in modalities], dim=1)
    return joined @ w["fusion.classifier.weight"].T + w["fusion.classifier.bias"]


def split(w: Named, e: Named, modalities: list[str]) -> Named:
    """Each modality's part of the fused logits, the bias shared equally."""
    columns = w["fusion.classifier.weight"].split([HIDDEN[m] for m in modalities], dim=1)
    share = w["fusion.classifier.bias"] / len(modalities)
    return {m: e[m] @ part.T + share for m, part in zip(modalities, columns)}


def own(w: Named, e: Named, modalities: list[str]) -> Named:
    """The logits of each modality's own classifier."""
    return {m: e[m] @ w[f"{m}.head.weight"].T + w[f"{m}.head.bias"] for m in modalities}


def loss_of(z: Tensor, labels: Tensor, task: str) -> Tensor:
    if task == "multi-label":
        return binary_cross_entropy_with_logits(z, labels.to(z.dtype))
    if task == "regression":
        return ((z[:, 0] - labels) ** 2).mean()
    return cross_entropy(z, labels)


def truth(z: Tensor, labels: Tensor, task: str) -> Tensor:
    """The probability of the truth, sample by sample; of the labels' mean where there are several."""
    if task == "multi-label":
        p, y = torch.sigmoid(z), labels.to(z.dtype)
        return (y * p + (1 - y) * (1 - p)).mean(dim=1)
    return torch.softmax(z, dim=1)[torch.arange(len(labels)), labels]


def gradient(loss: Tensor, w: Named) -> Named:
    """The gradient by name; parameters that the loss does not reach are left out."""
    found = torch.autograd.grad(loss, list(w.values()), retain_graph=True, allow_unused=True)
    return {name: g for name, g in zip(w, found) if g is not None}


def branch(m: str) -> list[str]:
    return [f"{m}.embedding.weight", f"{m}.embedding.bias"]


def case(
    name: str, method: str, modalities: list[str], task: str, settings: dict, weights: Named, batch: Named,
    expected: Named, scalars: dict[str, float],
) -> dict:
    def entry(tensor: Tensor) -> dict:
        return {"shape": list(tensor.shape), "values": tensor.detach().flatten().tolist()}

    return {
        "name": name,
        "method": method,
        "task": task,
        "modalities": modalities,
        "settings": settings,
        "weights": {key: entry(tensor) for key, tensor in weights.items()},
        "batch": {key: entry(tensor) for key, tensor in batch.items()},
        "expected": {key: expected[key].detach().flatten().tolist() for key in sorted(expected)},
        "scalars": {key: float(value.detach() if isinstance(value, Tensor) else value) for key, value in scalars.items()},
    }
