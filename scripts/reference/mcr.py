"""MCR's step in plain PyTorch, float64: the game with two graphs for every divergence, permutation by permutation.

Kontras et al.: "Balancing Multimodal Training Through Game-Theoretic Regularization", NeurIPS 2025, written from the
equations. Rows change places by rotation, so that nothing is drawn. Writes Tests/Golden/mcr.json.
"""

import torch
from torch.nn.functional import cosine_similarity, logsigmoid

from .common import GOLDEN, versions, write_json
from .fulcrum import FUSIONS, WIDTH, classify, make
from .steps import BATCH, CLASSES, PAIR, TRIO, case, features, gradient, leaves, loss_of, make_batch, own

DEFAULTS = {
    "game": 0.1, "strategy": "greedy", "permutations": 4, "rows": "all", "unimodal": 1.0, "contrast": 1.0,
    "temperature": 0.5, "bottleneck": 0.0,
}
FACTORS = {"greedy": -1.0, "independent": 0.0, "collaborative": 1.0}


def distributions(z, task):
    """[questions, answers] for one row of logits."""
    if task == "multi-label":
        return torch.stack([logsigmoid(z).exp(), logsigmoid(-z).exp()], -1)
    return torch.softmax(z, -1)[None]


def jensen_shannon(p, q):
    m = (p + q) / 2
    return 0.5 * (p * (p / m).log()).sum(-1) + 0.5 * (q * (q / m).log()).sum(-1)


def influence(w, e, moved, modalities, task, fusion, pairs):
    """D of one modality: the mean over pairs of rows."""
    found = []
    for i, j in pairs:
        before = classify(w, [e[m][i][None] for m in modalities], fusion)[0]
        after = classify(w, [e[m][j if m == moved else i][None] for m in modalities], fusion)[0]
        found.append(jensen_shannon(distributions(before, task), distributions(after, task)).mean())
    return sum(found) / len(found)


def contrast(e, labels, modalities, temperature):
    losses = []
    for a in modalities:
        for b in modalities:
            if a == b:
                continue
            for i in range(BATCH):
                near = torch.stack([cosine_similarity(e[a][i], e[b][j], dim=0) for j in range(BATCH)]) / temperature
                same = [j for j in range(BATCH) if torch.equal(labels[i], labels[j])]
                losses.append(-sum(near[j] - near.logsumexp(0) for j in same) / len(same))
    return sum(losses) / len(losses)


def mcr(weights, batch, modalities, task, fusion, settings):
    chosen = DEFAULTS | settings
    w, labels = leaves(weights), batch["labels"]
    still = {name: tensor.detach() for name, tensor in w.items()}
    e = features(w, batch, modalities)
    cut = {m: tensor.detach() for m, tensor in e.items()}
    z = classify(w, [e[m] for m in modalities], fusion)
    scalars = {"fused": loss_of(z, labels, task)}
    total = scalars["fused"]
    if chosen["unimodal"]:
        scalars |= {m: loss_of(logits, labels, task) for m, logits in own(w, cut, modalities).items()}
        total = total + chosen["unimodal"] * sum(scalars[m] for m in modalities)
    pairs = [(i, (i + 1 + k % (BATCH - 1)) % BATCH) for k in range(chosen["permutations"]) for i in range(BATCH)]
    if chosen["rows"] == "other_label":
        pairs = [(i, j) for i, j in pairs if not torch.equal(labels[i], labels[j])]
    factor = FACTORS[chosen["strategy"]] / (len(modalities) - 1)
    for m in modalities:
        # The player's own part, with all others cut off, and the others' part, with the player cut off. The fusion's weights
        # take no part in the game.
        player = {j: e[j] if j == m else cut[j] for j in modalities}
        others = {j: cut[j] if j == m else e[j] for j in modalities}
        d = influence(still, player, m, modalities, task, fusion, pairs)
        total = total - chosen["game"] * d
        total = total - chosen["game"] * factor * influence(still, others, m, modalities, task, fusion, pairs)
        scalars[f"method.divergence.{m}"] = d
    if chosen["contrast"]:
        scalars["contrast"] = contrast(e, labels, modalities, chosen["temperature"])
        total = total + chosen["contrast"] * scalars["contrast"]
    if chosen["bottleneck"]:
        code = torch.relu(z.detach() @ w["method.hidden"].T)
        gaps = [(e[m] - code @ w[f"method.feature.{m}"].T) ** 2 for m in modalities]
        scalars["bottleneck"] = torch.cat(gaps, 1).mean()
        total = total + chosen["bottleneck"] * scalars["bottleneck"]
    return gradient(total, w), scalars


def main() -> None:
    torch.set_num_threads(1)
    cases = []
    plan = [(fusion, m, task, {}) for fusion in FUSIONS for m in (PAIR, TRIO) for task in ("single-label", "multi-label")]
    plan += [("concatenation", m, "binary", {}) for m in (PAIR, TRIO)]
    plan += [
        ("concatenation", m, "single-label", {"game": 2.0} | settings)
        for m in (PAIR, TRIO)
        for settings in (
            {"strategy": "independent"}, {"strategy": "collaborative"}, {"rows": "other_label", "permutations": 2},
            {"permutations": 1, "contrast": 0.0, "unimodal": 0.0}, {"bottleneck": 0.7, "temperature": 0.2},
        )
    ]
    plan += [("attention", TRIO, "multi-label", {"bottleneck": 1.0, "strategy": "independent", "game": 1.0})]
    for fusion, modalities, task, settings in plan:
        seed = 160 + len(cases)
        weights, batch = make(modalities, fusion, False, seed), make_batch(modalities, task, seed)
        if task == "binary":
            batch["labels"] = batch["labels"] % 2
        if settings.get("bottleneck"):
            random = torch.Generator().manual_seed(seed)
            for name, shape in [("hidden", (WIDTH, CLASSES))] + [(f"feature.{m}", (WIDTH, WIDTH)) for m in modalities]:
                weights[f"method.{name}"] = torch.randn(*shape, generator=random, dtype=torch.float64).round(decimals=3)
        expected, scalars = mcr(weights, batch, modalities, task, fusion, settings)
        name = f"{fusion}-{len(modalities)}-{task}" + "".join(f"-{key}-{value}" for key, value in settings.items())
        found = case(name, "mcr", modalities, task, settings | {"shuffle": "rotation"}, weights, batch, expected, scalars)
        cases.append(found | {"fusion": fusion})
    write_json(GOLDEN / "mcr.json", {"madeBy": "scripts/reference/mcr.py", "versions": versions(), "cases": cases})


if __name__ == "__main__":
    main()
