"""What the scripts share that take single steps of a method over every fusion, every task and two or three modalities.

A case may hold a second batch under names that begin with "before ": the step on it is taken first, at the same weights,
for what the method remembers of it.
"""

from collections.abc import Callable

import torch

from .common import GOLDEN, versions, write_json
from .fulcrum import make
from .steps import PAIR, TRIO, case, make_batch

FUSIONS = ["concatenation", "addition", "attention", "cross_attention", "gated", "bilinear"]
TASKS = ["single-label", "binary", "multi-label"]



def write(
    method: str, plan: list[tuple[str, dict, float | None]], step: Callable, fusions: list[str] = FUSIONS,
    remembers: bool = False, adding: Callable | None = None, accept: Callable = lambda scalars: True,
) -> None:
    """Writes the cases of `step(weights, batch, before, modalities, task, fusion, settings, progress)`.

    The plan holds names, settings and how far training has come; all of it is tried with concatenation, and its first line
    with every fusion.
    """
    torch.set_num_threads(1)
    wanted = [(*line, fusion, m, task) for i, line in enumerate(plan) for fusion in fusions for m in (PAIR, TRIO)
              for task in TASKS if i == 0 or (fusion == fusions[0] and (task == "single-label" or m == PAIR))]
    cases = []
    for seed, (name, settings, progress, fusion, modalities, task) in enumerate(wanted):
        for attempt in range(500):
            weights = make(modalities, fusion, False, 1000 * attempt + seed)
            if adding:
                weights |= adding(modalities, 1000 * attempt + seed)
            batches = [make_batch(modalities, task, 1000 * attempt + seed + offset) for offset in (0, 500_000)]
            if task == "binary":
                for one in batches:
                    one["labels"] = one["labels"] % 2
            batch, before = batches[0], batches[1] if remembers else None
            expected, scalars = step(weights, batch, before, modalities, task, fusion, settings, progress or 0.0)
            if accept(scalars):
                break
        else:
            raise SystemExit(f"no seed for {name}")
        whole = batch | ({f"before {key}": value for key, value in before.items()} if before else {})
        words = f"{name}, {fusion}, {len(modalities)} modalities, {task}"
        found = case(words, method, modalities, task, settings, weights, whole, expected, scalars)
        cases.append(found | {"fusion": fusion} | ({} if progress is None else {"progress": progress}))
    made = {"madeBy": f"scripts/reference/{method}.py", "versions": versions()}
    write_json(GOLDEN / f"{method}.json", made | {"cases": cases})
