"""scikit-learn's multi-layer perceptrons on Tongtou's kernel: change the import, nothing else.

Needs scikit-learn and SciPy: ``pip install 'tongtou[sklearn]'``.

Examples
--------
>>> from tongtou.estimators import MLPClassifier  # was: from sklearn.neural_network import …
>>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["even", "odd", "odd", "even"]
>>> model = MLPClassifier(8, solver="lbfgs", random_state=0).fit(X, y)
>>> model.predict(X).tolist()
['even', 'odd', 'odd', 'even']
"""

from tongtou.extras import need

need("sklearn", "sklearn")
need("scipy", "sklearn")

from tongtou.estimators.classifier import MLPClassifier  # noqa: E402 - after the kind refusal
from tongtou.estimators.regressor import MLPRegressor  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor"]
