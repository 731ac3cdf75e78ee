"""MMCosine's step in plain PyTorch, float64: Xu, Feng, Zhang, Hu, "MMCosine", ICASSP 2023.

Writes Tests/Golden/mmcosine.json: weights, batch and settings of single steps, and the direction each should take.
"""

from torch.nn.functional import normalize

from .cml import detached
from .common import GOLDEN, versions, write_json
from .steps import HIDDEN, PAIR, TRIO, case, features, gradient, leaves, loss_of, make_batch, make_weights


def step(weights, batch, modalities, task, settings):
    w = leaves(weights)
    e = features(w, batch, modalities)
    columns = w["fusion.classifier.weight"].split([HIDDEN[m] for m in modalities], dim=1)
    parts = {
        m: settings["scale"] * normalize(e[m], dim=1) @ normalize(own, dim=1).T for m, own in zip(modalities, columns)
    }
    losses = {"fused": loss_of(sum(parts.values()), batch["labels"], task)}
    update = gradient(losses["fused"], w)
    return update, losses | {m: loss_of(parts[m], batch["labels"], task) for m in modalities}


def main() -> None:
    cases = []
    for name, modalities, task, scale, seed in [
        ("defaults", PAIR, "single-label", 10.0, 0),
        ("small-scale", PAIR, "single-label", 0.5, 1),
        ("three", TRIO, "single-label", 15.0, 2),
        ("multi-label", PAIR, "multi-label", 10.0, 3),
        ("three-multi-label", TRIO, "multi-label", 2.0, 4),
    ]:
        weights, batch = make_weights(modalities, seed), make_batch(modalities, task, seed)
        update, losses = step(weights, batch, modalities, task, {"scale": scale})
        seen = detached(losses)
        cases.append(case(name, "mmcosine", modalities, task, {"scale": scale}, weights, batch, update, seen))
    made = {"madeBy": "scripts/reference/mmcosine.py", "versions": versions()}
    write_json(GOLDEN / "mmcosine.json", made | {"cases": cases})


if __name__ == "__main__":
    main()
