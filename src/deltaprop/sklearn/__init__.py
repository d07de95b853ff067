"""scikit-learn's multilayer perceptrons, trained on compiled steps.

`MLPClassifier` and `MLPRegressor` take the same parameters as scikit-learn's estimators of these
names, with the same meaning. The same `random_state` gives the same initial weights, the same
order of samples and, up to rounding, the same trained network. Both also offer all activations of
`deltaprop.nn`, more losses, dropout and class weights.
"""

from ..extras import extra as _extra

with _extra("scikit-learn", "deltaprop.sklearn needs scikit-learn 1.6 or later"):
    from sklearn.utils.validation import validate_data as _validate_data  # noqa: F401

from .estimators import MLPClassifier as MLPClassifier
from .estimators import MLPRegressor as MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]


def __dir__() -> list[str]:
    return __all__
