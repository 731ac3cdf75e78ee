"""Metrics of random predictions, with ties and with classes that nobody has, from scikit-learn.

Writes Tests/Golden/scores.json. F1 scores count an undefined class as 0. `macroF1` averages over the classes that occur
in truth or predictions, `macroF1AllClasses` over all of them.
"""

import warnings

import numpy
import sklearn
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score

from .common import GOLDEN, versions, write_json


def single_label(random: numpy.random.Generator) -> list[dict]:
    cases = []
    for name, rows, classes, used, right in (
        ("ordinary", 40, 4, 4, 0.6),
        ("two-classes", 25, 2, 2, 0.7),
        ("classes-nobody-has", 30, 7, 4, 0.5),
        ("skewed", 50, 3, 3, 0.8),
        ("all-right", 12, 3, 3, 1.0),
        ("all-wrong", 12, 3, 3, 0.0),
        ("one-row", 1, 5, 5, 1.0),
    ):
        chances = random.dirichlet(numpy.full(used, 0.5 if name == "skewed" else 5.0))
        truth = random.choice(used, size=rows, p=chances)
        wrong = (truth + random.integers(1, classes, size=rows)) % classes
        predictions = numpy.where(random.random(rows) < right, truth, wrong)
        every = list(range(classes))
        cases.append({
            "name": name,
            "classes": classes,
            "truth": truth.tolist(),
            "predictions": predictions.tolist(),
            "accuracy": accuracy_score(truth, predictions),
            "macroF1": f1_score(truth, predictions, average="macro", zero_division=0),
            "macroF1AllClasses": f1_score(truth, predictions, average="macro", labels=every, zero_division=0),
            "weightedF1": f1_score(truth, predictions, average="weighted", zero_division=0),
        })
    return cases


def multi_label(random: numpy.random.Generator) -> list[dict]:
    cases = []
    for name, rows, classes, rate in (("ordinary", 30, 5, 0.4), ("sparse", 20, 6, 0.1), ("one-label", 15, 1, 0.5)):
        truth = (random.random((rows, classes)) < rate).astype(int)
        predictions = numpy.where(random.random((rows, classes)) < 0.75, truth, 1 - truth)
        if name == "sparse":
            truth[:, 2], predictions[:, 2] = 0, 0
            truth[:, 3], predictions[:, 3] = 0, 1
            truth[0, 4], predictions[:, 4] = 1, 0
        scores = [f1_score(truth[:, c], predictions[:, c], zero_division=0) for c in range(classes)]
        cases.append({
            "name": name,
            "classes": classes,
            "truth": truth.flatten().tolist(),
            "predictions": predictions.flatten().tolist(),
            "macroF1": float(numpy.mean(scores)),
            "f1OfEachClass": [float(score) for score in scores],
        })
    return cases


def ranking(random: numpy.random.Generator) -> list[dict]:
    cases = []
    for name, rows, digits, shift in (
        ("no-ties", 40, 9, 0.8), ("some-ties", 40, 1, 0.8), ("many-ties", 30, 0, 0.5),
        ("worse-than-chance", 30, 1, -0.8), ("few", 3, 2, 1.0),
    ):
        truth = (random.random(rows) < 0.4).astype(int)
        truth[0], truth[1] = 0, 1
        scores = numpy.round(random.normal(size=rows) + shift * truth, digits) + 0.0
        cases.append({"name": name, "truth": truth.tolist(), "scores": scores.tolist(),
                      "auroc": float(roc_auc_score(truth, scores))})
    cases.append({"name": "all-tied", "truth": [0, 1, 1, 0, 1], "scores": [0.5] * 5, "auroc": 0.5})
    assert roc_auc_score(cases[-1]["truth"], cases[-1]["scores"]) == 0.5
    return cases


def likelihood(random: numpy.random.Generator) -> list[dict]:
    cases = []
    for name, rows, classes in (("ordinary", 20, 4), ("two-classes", 15, 2)):
        probabilities = numpy.round(random.dirichlet(numpy.ones(classes), size=rows), 6)
        probabilities[:, -1] = 1 - probabilities[:, :-1].sum(axis=1)
        truth = random.integers(classes, size=rows)
        value = log_loss(truth, probabilities, labels=list(range(classes)))
        cases.append({"name": name, "classes": classes, "truth": truth.tolist(),
                      "probabilities": probabilities.flatten().tolist(), "logLoss": float(value)})
    return cases


def main() -> None:
    random = numpy.random.default_rng(23)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_json(GOLDEN / "scores.json", {
            "madeBy": "scripts/reference/scores.py",
            "versions": versions(**{"scikit-learn": sklearn.__version__}),
            "singleLabel": single_label(random),
            "multiLabel": multi_label(random),
            "ranking": ranking(random),
            "likelihood": likelihood(random),
        })


if __name__ == "__main__":
    main()
