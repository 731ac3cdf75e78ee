"""MIDAS's steps in plain PyTorch, float64, mixed row by mixed row.

Hwang, Choi, Whang: "MIDAS: Misalignment-based Data Augmentation Strategy for Imbalanced Multimodal Learning", NeurIPS 2025,
written from the equations. Rows change places by rotation, so that nothing is drawn. Writes Tests/Golden/midas.json: the
direction of a first step, and the weights α after it.
"""

import torch
from torch.nn.functional import cosine_similarity

from .common import GOLDEN, versions, write_json
from .fulcrum import FUSIONS, classify, make
from .steps import BATCH, PAIR, TRIO, case, features, gradient, leaves, loss_of, make_batch, own, truth


def midas(weights, batch, modalities, task, fusion, settings):
    chosen = {"weight": 1.0, "rate": 0.05} | settings
    w, labels, count = leaves(weights), batch["labels"], len(modalities)
    e = features(w, batch, modalities)
    unimodal = own(w, e, modalities)
    losses = {"fused": loss_of(classify(w, [e[m] for m in modalities], fusion), labels, task)}
    losses |= {m: loss_of(z, labels, task) for m, z in unimodal.items()}
    sure = {m: truth(z, labels, task).detach() for m, z in unimodal.items()}
    named = sorted(modalities)
    terms, confidences, uses = [], [], []
    for i in range(BATCH):
        met = [i] + [(i + k) % BATCH for k in range(1, count)]
        if all(torch.equal(labels[i], labels[j]) for j in met):
            continue
        for turn in range(count):
            source = {m: met[(named.index(m) + turn) % count] for m in modalities}
            z = classify(w, [e[m][source[m]][None] for m in modalities], fusion)
            mass = sum(sure[m][source[m]] for m in modalities)
            share = {m: sure[m][source[m]] / mass for m in modalities}
            likeness = sum(
                cosine_similarity(e[m][i].detach(), e[m][source[m]].detach(), dim=0) for m in modalities if source[m] != i
            ) / (count - 1)
            hardness = 1 + (likeness + 1) / 2
            terms.append(hardness * sum(share[m] * loss_of(z, labels[source[m]][None], task) for m in modalities))
            q = {m: truth(z.detach(), labels[source[m]][None], task)[0] for m in modalities}
            confidences.append(share)
            uses.append({m: q[m] / sum(q.values()) for m in modalities})
    total, scalars, alphas = sum(losses.values()), dict(losses), {m: 1.0 for m in modalities}
    if terms and chosen["weight"] > 0:
        scalars["mixed"] = sum(terms) / len(terms)
        total = total + chosen["weight"] * scalars["mixed"]
        mean = {m: float(sum(c[m] for c in confidences)) / len(confidences) for m in modalities}
        scalars |= {f"share.{m}": mean[m] for m in modalities}
        weak = min(named, key=lambda m: mean[m])
        used = float(sum(u[weak] for u in uses)) / len(uses)
        alphas[weak] = max(1.0, 1.0 + chosen["rate"] * (1 if mean[weak] > used else -1))
    return gradient(total, w), scalars, alphas


def main() -> None:
    torch.set_num_threads(1)
    cases = []
    plan = [(fusion, m, task, {}) for fusion in FUSIONS for m in (PAIR, TRIO) for task in ("single-label", "multi-label")]
    plan += [("concatenation", m, "binary", {}) for m in (PAIR, TRIO)]
    plan += [("concatenation", PAIR, "single-label", {"weight": 5.0}), ("addition", TRIO, "single-label", {"weight": 0.0})]
    for fusion, modalities, task, settings in plan:
        seed = 120 + len(cases)
        weights, batch = make(modalities, fusion, False, seed), make_batch(modalities, task, seed)
        if task == "binary":
            batch["labels"] = batch["labels"] % 2
        expected, scalars, alphas = midas(weights, batch, modalities, task, fusion, settings)
        name = f"{fusion}-{len(modalities)}-{task}" + "".join(f"-{key}-{value}" for key, value in settings.items())
        found = case(
            name, "midas", modalities, task, settings | {"shuffle": "rotation"}, weights, batch, expected, scalars)
        cases.append(found | {"fusion": fusion, "alphas": alphas})
    assert any(a > 1 for one in cases for a in one["alphas"].values())
    write_json(GOLDEN / "midas.json", {"madeBy": "scripts/reference/midas.py", "versions": versions(), "cases": cases})


if __name__ == "__main__":
    main()
