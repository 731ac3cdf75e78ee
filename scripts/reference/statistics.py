"""Numbers that the statistics and metrics are held to, computed by SciPy, statsmodels and NumPy.

Run it with SciPy 1.17 and statsmodels 0.14 to write Tests/Golden/statistics.json and Tests/Golden/metrics.json anew:

    python3 scripts/reference/statistics.py
"""

import json
import pathlib

import numpy as np
import scipy
from scipy import stats
from statsmodels.stats.multitest import multipletests

tests = pathlib.Path(__file__).resolve().parents[2] / "Tests"


def write(path, value):
    path = tests / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


def student():
    degrees = [1, 2, 3, 4, 7, 9, 29, 120, 1000]
    values = [-30.0, -4.5, -1.0, -1e-6, 0.0, 0.3, 1.0, 2.776, 12.0]
    shares = [1e-6, 0.005, 0.025, 0.3, 0.5, 0.9, 0.975, 0.999]
    return {
        "cumulative": [[n, t, float(stats.t.cdf(t, n))] for n in degrees for t in values],
        "twoSidedTail": [[n, t, float(2 * stats.t.sf(abs(t), n))] for n in degrees for t in values],
        "quantile": [[n, p, float(stats.t.ppf(p, n))] for n in degrees for p in shares],
    }


def paired():
    random = np.random.default_rng(7)
    cases = []
    for count, shift in [(2, 0.1), (3, 0.0), (5, 0.02), (10, 0.3), (30, -0.01)]:
        first = random.normal(0.8, 0.02, count).round(4)
        second = (first + random.normal(shift, 0.015, count)).round(4)
        result = stats.ttest_rel(second, first)
        interval = result.confidence_interval(0.95)
        mean = stats.t.interval(0.95, count - 1, loc=first.mean(), scale=stats.sem(first))
        cases.append(
            {
                "first": first.tolist(),
                "second": second.tolist(),
                "t": float(result.statistic),
                "p": float(result.pvalue),
                "low": float(interval.low),
                "high": float(interval.high),
                "mean": float(first.mean()),
                "deviation": float(first.std(ddof=1)),
                "meanLow": float(mean[0]),
                "meanHigh": float(mean[1]),
            }
        )
    return cases


def chi_square():
    random = np.random.default_rng(17)
    tails = [
        [x, k, float(stats.chi2.sf(x, k))]
        for k in [1, 2, 5, 17, 60, 400]
        for x in [1e-3, 0.5, 3.84, 12.0, 61.0, 450.0]
    ]
    tables = []
    for rows, columns in [(2, 2), (3, 4), (3, 9)]:
        table = random.integers(20, 90, (rows, columns))
        result = stats.chi2_contingency(table, correction=False)
        strength = np.sqrt(result.statistic / (table.sum() * (min(rows, columns) - 1)))
        tables.append(
            {
                "counts": table.tolist(),
                "statistic": float(result.statistic),
                "degreesOfFreedom": int(result.dof),
                "p": float(result.pvalue),
                "strength": float(strength),
            }
        )
    return {"chiSquareTail": tails, "chiSquare": tables}


def holm():
    random = np.random.default_rng(19)
    cases = [[0.01], [0.04, 0.01, 0.03], [0.5, 0.5], [0.0, 1.0, 0.2], random.uniform(0, 0.2, 12).round(4).tolist()]
    return [
        {"p": case, "adjusted": [float(x) for x in multipletests(case, method="holm")[1]]} for case in cases
    ]


def bits(values):
    return "".join(str(int(value)) for value in values)


def bootstrap():
    """SciPy's own bootstrap of a paired difference of two accuracies: its standard error and percentiles."""
    random = np.random.default_rng(23)
    cases = []
    for count, first, second in [(60, 0.7, 0.8), (317, 0.75, 0.78)]:
        hard = random.uniform(0, 1, count)
        a = (hard + random.normal(0, 0.2, count) < first).astype(float)
        b = (hard + random.normal(0, 0.2, count) < second).astype(float)
        result = stats.bootstrap(
            (a, b), lambda x, y, axis: y.mean(axis) - x.mean(axis), paired=True, n_resamples=20000,
            method="percentile", random_state=random, vectorized=True,
        )
        bca = stats.bootstrap(
            (a, b), lambda x, y, axis: y.mean(axis) - x.mean(axis), paired=True, n_resamples=20000,
            method="BCa", random_state=random, vectorized=True,
        )
        cases.append(
            {
                "first": bits(a), "second": bits(b), "error": float(result.standard_error),
                "low": float(result.confidence_interval.low), "high": float(result.confidence_interval.high),
                "bcaLow": float(bca.confidence_interval.low), "bcaHigh": float(bca.confidence_interval.high),
            }
        )
    return cases


def f1(truth, predictions, label):
    hits = np.sum((truth == label) & (predictions == label))
    below = np.sum(truth == label) + np.sum(predictions == label)
    return 0.0 if below == 0 else 2 * hits / below


def metrics():
    random = np.random.default_rng(11)
    cases = []
    for count, classes in [(1, 3), (20, 2), (60, 5), (90, 7)]:
        truth = random.integers(0, classes, count)
        logits = random.normal(0, 1, (count, classes)) + 1.2 * np.eye(classes)[truth]
        probabilities = scipy.special.softmax(logits, axis=1).round(6)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        predictions = probabilities.argmax(axis=1)
        present = np.union1d(truth, predictions)
        scores = np.array([f1(truth, predictions, label) for label in present])
        weights = np.array([np.sum(truth == label) for label in present])
        confidence = probabilities.max(axis=1)
        edges = np.linspace(0, 1, 16)
        bins = np.digitize(confidence, edges, right=True)
        right = truth == predictions
        error = sum(
            abs(np.sum(right[bins == b]) - np.sum(confidence[bins == b])) for b in np.unique(bins)
        )
        cases.append(
            {
                "classes": classes,
                "truth": truth.tolist(),
                "probabilities": probabilities.ravel().tolist(),
                "accuracy": float(right.mean()),
                "macroF1": float(scores.mean()),
                "weightedF1": float((scores * weights).sum() / count),
                "logLoss": float(-np.log(probabilities[np.arange(count), truth]).mean()),
                "calibrationError": float(error / count),
            }
        )
    return cases


def auroc():
    random = np.random.default_rng(13)
    cases = []
    for count, decimals in [(5, 6), (40, 1), (300, 6), (300, 1)]:
        truth = random.integers(0, 2, count)
        truth[:2] = [0, 1]
        scores = (random.normal(0, 1, count) + 0.7 * truth).round(decimals)
        # The Mann-Whitney U of the positives, over the number of pairs, is the area.
        u = stats.mannwhitneyu(scores[truth == 1], scores[truth == 0]).statistic
        area = u / (np.sum(truth == 1) * np.sum(truth == 0))
        cases.append({"truth": truth.tolist(), "scores": scores.tolist(), "area": float(area)})
    return cases


write(
    "Golden/statistics.json",
    {"scipy": scipy.__version__, **student(), "paired": paired(), **chi_square(), "holm": holm(), "bootstrap": bootstrap()},
)
write("Golden/metrics.json", {"scipy": scipy.__version__, "metrics": metrics(), "auroc": auroc()})
