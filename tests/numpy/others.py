"""Functions of SciPy and scikit-learn, run on Values and differentiated.

Both take arrays of any library that follows the standard if SCIPY_ARRAY_API is set before
SciPy is imported, so this is a program of its own:

    SCIPY_ARRAY_API=1 python -m tests.numpy.others

Every function is compared with finite differences of itself on plain NumPy arrays.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
import scipy.stats
import sklearn
from sklearn.metrics import pairwise

from .. import oracles

FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "special.softmax": (lambda x: scipy.special.softmax(x, axis=1), ((3, 4),)),
    "special.xlogy": (scipy.special.xlogy, ((3, 4), (4,))),
    "stats.gmean": (scipy.stats.gmean, ((7,),)),
    "stats.hmean": (lambda x: scipy.stats.hmean(x, axis=1), ((3, 4),)),
    "stats.pmean": (lambda x: scipy.stats.pmean(x, 3.0), ((7,),)),
    "stats.moment": (lambda x: scipy.stats.moment(x, 3), ((7,),)),
    "stats.skew": (scipy.stats.skew, ((7,),)),
    "stats.kurtosis": (lambda x: scipy.stats.kurtosis(x, bias=False), ((7,),)),
    "stats.kstat": (lambda x: scipy.stats.kstat(x, 3), ((7,),)),
    "stats.sem": (scipy.stats.sem, ((7,),)),
    "stats.circmean": (scipy.stats.circmean, ((7,),)),
    "stats.circvar": (scipy.stats.circvar, ((7,),)),
    "stats.differential_entropy": (scipy.stats.differential_entropy, ((9,),)),
    "stats.directional_stats": (
        lambda x: scipy.stats.directional_stats(x).mean_direction,
        ((5, 3),),
    ),
    "integrate.trapezoid": (scipy.integrate.trapezoid, ((3, 5),)),
    "integrate.cumulative_trapezoid": (scipy.integrate.cumulative_trapezoid, ((5,),)),
    "optimize.rosen": (scipy.optimize.rosen, ((4,),)),
    "signal.fftconvolve": (scipy.signal.fftconvolve, ((7,), (3,))),
    "signal.gausspulse": (lambda t: scipy.signal.gausspulse(t, fc=0.5), ((5,),)),
    "fft.fft": (lambda x: scipy.fft.fft(x), ((8,),)),
    "spatial.Rotation": (
        lambda v: scipy.spatial.transform.Rotation.from_rotvec(v).as_matrix(),
        ((3,),),
    ),
    "sklearn rbf_kernel": (pairwise.rbf_kernel, ((3, 2), (4, 2))),
    "sklearn polynomial_kernel": (pairwise.polynomial_kernel, ((3, 2), (4, 2))),
    "sklearn euclidean_distances": (pairwise.euclidean_distances, ((3, 2), (4, 2))),
    "sklearn paired_distances": (pairwise.paired_euclidean_distances, ((3, 2), (3, 2))),
}


def main() -> None:
    failed = 0
    for name, (function, shapes) in FUNCTIONS.items():
        rng = np.random.default_rng(3)
        points = [oracles.point(rng, shape) / 8 + 0.5 for shape in shapes]
        try:
            with sklearn.config_context(array_api_dispatch=True):
                y = function(*oracles.leaves_of(points))
                assert not y.is_constant, "the gradient got lost"
                np.testing.assert_allclose(oracles.data(y), function(*points), rtol=1e-12)
                oracles.check(function, points, rng, second=False)
            print("ok", name)
        except Exception as error:
            print("failed", name, type(error).__name__, " ".join(str(error).split())[:300])
            failed += 1
    sys.exit(failed)


if __name__ == "__main__":
    main()
