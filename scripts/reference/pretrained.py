"""The stages of pretrained-frozen and pretrained-finetuned in plain PyTorch, float64, descending by SGD on the whole split.

Written from the equations of the methods. Writes Tests/Golden/pretrained.json: the weights after each stage, and the
direction of the first step of the last one.
"""

import torch
from torch import Tensor

from .common import GOLDEN, versions, write_json
from .steps import HIDDEN, PAIR, TRIO, Named, case, features, fused, gradient, leaves, loss_of, make_batch, make_weights, own

RATE = 0.5
PRETRAINING, FUSING = 6, 5


def flat(w: Named) -> Named:
    return {name: tensor.detach().clone() for name, tensor in w.items()}


def descend(w: Named, loss: Tensor, names: list[str]) -> Named:
    g = gradient(loss, w)
    moved = {name: w[name] - RATE * g[name] if name in g and name in names else w[name] for name in w}
    return leaves(flat(moved))


def pretrain(first: Named, train: Named, held: Named | None, modalities: list[str], task: str) -> tuple[Named, dict]:
    """Stage 1: every modality alone, and of each the epoch with the least validation loss."""
    kept, epochs = flat(first), {}
    for m in modalities:
        names = [f"{m}.{part}.{kind}" for part in ("embedding", "head") for kind in ("weight", "bias")]
        w, best = leaves(first), None
        for epoch in range(PRETRAINING):
            w = descend(w, loss_of(own(w, features(w, train, [m]), [m])[m], train["labels"], task), names)
            if held is None:
                loss = -float(epoch)
            else:
                loss = float(loss_of(own(w, features(w, held, [m]), [m])[m], held["labels"], task).detach())
            if best is None or loss < best[0]:
                best = (loss, epoch, flat(w))
        epochs[m] = best[1]
        for name in names:
            kept[name] = best[2][name]
    kept["fusion.classifier.weight"] = torch.cat([kept[f"{m}.head.weight"] for m in modalities], 1)
    kept["fusion.classifier.bias"] = sum(kept[f"{m}.head.bias"] for m in modalities)
    return kept, epochs


def fuse(first: Named, train: Named, held: Named | None, modalities: list[str], task: str) -> tuple[Named, int]:
    """Stage 2: the fused classifier alone."""
    names = ["fusion.classifier.weight", "fusion.classifier.bias"]
    w, best = leaves(first), None
    for epoch in range(FUSING):
        w = descend(w, loss_of(fused(w, features(w, train, modalities), modalities), train["labels"], task), names)
        if held is None:
            loss = -float(epoch)
        else:
            loss = float(loss_of(fused(w, features(w, held, modalities), modalities), held["labels"], task).detach())
        if best is None or loss < best[0]:
            best = (loss, epoch, flat(w))
    return best[2], best[1]


def main() -> None:
    torch.set_num_threads(1)
    cases, seed = [], 0
    for modalities in (PAIR, TRIO):
        for task in ("single-label", "binary", "multi-label"):
            for validated in (True, False):
                seed += 1
                weights = make_weights(modalities, seed)
                if task == "binary":
                    for name in weights:
                        if ".head." in name or "classifier" in name:
                            weights[name] = weights[name][:2]
                train, held = make_batch(modalities, task, seed), make_batch(modalities, task, 100 + seed)
                if task == "binary":
                    train["labels"], held["labels"] = train["labels"] % 2, held["labels"] % 2
                # Much like the training split, so that a later epoch than the first is best.
                held = {m: (0.6 * train[m] + 0.6 * held[m]).round(decimals=3) for m in modalities} | {"labels": train["labels"]}
                alone, epochs = pretrain(weights, train, held if validated else None, modalities, task)
                whole, fusing = fuse(alone, train, held if validated else None, modalities, task)
                words = f"{len(modalities)} modalities, {task}, {'with' if validated else 'without'} validation"

                w = leaves(alone)
                loss = loss_of(fused(w, features(w, train, modalities), modalities), train["labels"], task)
                frozen = {n: g for n, g in gradient(loss, w).items() if n.startswith("fusion.")}
                w = leaves(whole)
                e = features(w, train, modalities)
                losses = {"fused": loss_of(fused(w, e, modalities), train["labels"], task)}
                losses |= {m: loss_of(z, train["labels"], task) for m, z in own(w, e, modalities).items()}
                all_of_it = gradient(sum(losses.values()), w)

                batch = train | ({f"held {k}": t for k, t in held.items()} if validated else {})
                for method, settings, after, direction, scalars, kept in (
                    ("pretrained-frozen", {"pretraining": PRETRAINING}, alone, frozen, {"fused": loss}, epochs),
                    (
                        "pretrained-finetuned", {"pretraining": PRETRAINING, "fusing": FUSING}, whole, all_of_it, losses,
                        epochs | {"fusion": fusing},
                    ),
                ):
                    one = case(
                        f"{method}, {words}", method, modalities, task, settings, weights, batch, direction, scalars)
                    one["prepared"] = {name: after[name].flatten().tolist() for name in sorted(after)}
                    one["kept"] = kept
                    cases.append(one)
    assert any(v < PRETRAINING - 1 for one in cases for v in one["kept"].values())
    write_json(
        GOLDEN / "pretrained.json",
        {"madeBy": "scripts/reference/pretrained.py", "versions": versions(), "rate": RATE, "cases": cases})


if __name__ == "__main__":
    main()
