"""A mixture of Gaussians with diagonal covariances by scikit-learn, from given means, for 30 iterations.

Writes Tests/Golden/mixture.json.
"""

import warnings

import numpy
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from .common import GOLDEN, versions, write_json


def main() -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)
    cases = []
    for name, count, width, components, spread in [
        ("three clusters", 60, 2, 3, 3.0),
        ("five on one cloud", 80, 4, 5, 0.0),
        ("one column", 50, 1, 5, 2.0),
    ]:
        numbers = numpy.random.default_rng(len(cases))
        rows = numbers.normal(size=(count, width)) + spread * numbers.integers(0, 3, size=(count, 1))
        means = rows[:components]
        mixture = GaussianMixture(
            components, covariance_type="diag", tol=0, reg_covar=0.01, max_iter=30, means_init=means,
            weights_init=numpy.full(components, 1 / components), precisions_init=numpy.ones((components, width)),
        ).fit(rows)
        cases.append({
            "name": name, "rows": rows.tolist(), "components": components, "weights": mixture.weights_.tolist(),
            "means": mixture.means_.tolist(), "variances": mixture.covariances_.tolist(),
            "logDensity": mixture.score_samples(rows).tolist(),
        })
    write_json(GOLDEN / "mixture.json", {"versions": versions(sklearn=sklearn.__version__), "cases": cases})


if __name__ == "__main__":
    main()
