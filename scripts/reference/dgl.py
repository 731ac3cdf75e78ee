"""DGL's step in plain PyTorch, float64, with every cut of the graph written as a detached tensor.

Wei, Luo, Luo: "Boosting Multimodal Learning via Disentangled Gradient Learning", ICCV 2025, written from the equations.
Writes Tests/Golden/dgl.json.
"""

import torch

from .common import GOLDEN, versions, write_json
from .fulcrum import FUSIONS, WIDTH, classify, make
from .steps import PAIR, TRIO, case, features, gradient, leaves, loss_of, make_batch, own


def alone(w, e, m, modalities, fusion):
    """The fused logits with what the others add left out."""
    if fusion == "concatenation":
        place = modalities.index(m) * WIDTH
        part = w["fusion.classifier.weight"][:, place : place + WIDTH]
        return e[m] @ part.T + w["fusion.classifier.bias"]
    if fusion == "addition":
        return e[m] @ w["fusion.classifier.weight"].T + w["fusion.classifier.bias"]
    if fusion == "gated" and len(modalities) == 2:
        name = "gate" if m == modalities[0] else "value"
        mapped = e[m] @ w[f"fusion.{name}.weight"].T + w[f"fusion.{name}.bias"]
        return (torch.sigmoid(mapped) * mapped) @ w["fusion.classifier.weight"].T + w["fusion.classifier.bias"]
    return classify(w, [e[m] if j == m else torch.zeros_like(e[j]) for j in modalities], fusion)


def dgl(weights, batch, modalities, task, fusion, settings):
    chosen = {"unimodal": 4.0, "heads": "shared"} | settings
    w, labels = leaves(weights), batch["labels"]
    still = {name: tensor.detach() for name, tensor in w.items()}
    e = features(w, batch, modalities)
    losses = {"fused": loss_of(classify(w, [e[m].detach() for m in modalities], fusion), labels, task)}
    if chosen["heads"] == "own":
        losses |= {m: loss_of(z, labels, task) for m, z in own(w, e, modalities).items()}
    else:
        losses |= {m: loss_of(alone(still, e, m, modalities, fusion), labels, task) for m in modalities}
    total = losses["fused"] + chosen["unimodal"] * sum(losses[m] for m in modalities)
    return gradient(total, w), losses


def main() -> None:
    torch.set_num_threads(1)
    cases = []
    plan = [(fusion, m, task, {}) for fusion in FUSIONS for m in (PAIR, TRIO) for task in ("single-label", "binary", "multi-label")]
    plan += [("concatenation", m, "single-label", {"heads": "own"}) for m in (PAIR, TRIO)]
    plan += [("gated", PAIR, "multi-label", {"heads": "own", "unimodal": 1.5}), ("addition", TRIO, "binary", {"unimodal": 0.0})]
    for fusion, modalities, task, settings in plan:
        seed = 80 + len(cases)
        weights, batch = make(modalities, fusion, False, seed), make_batch(modalities, task, seed)
        if task == "binary":
            batch["labels"] = batch["labels"] % 2
        expected, scalars = dgl(weights, batch, modalities, task, fusion, settings)
        name = f"{fusion}-{len(modalities)}-{task}" + "".join(f"-{key}-{value}" for key, value in settings.items())
        cases.append(case(name, "dgl", modalities, task, settings, weights, batch, expected, scalars) | {"fusion": fusion})
    write_json(GOLDEN / "dgl.json", {"madeBy": "scripts/reference/dgl.py", "versions": versions(), "cases": cases})


if __name__ == "__main__":
    main()
