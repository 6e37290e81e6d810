"""The regressor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from tongtou.activations import Activation
from tongtou.augmentation import Augmentation
from tongtou.estimators.perceptron import Perceptron
from tongtou.initializers import Initializer
from tongtou.losses import Loss
from tongtou.optimizers import Optimizer
from tongtou.schedules import Schedule


class MLPRegressor(RegressorMixin, Perceptron):  # type: ignore[misc]  # no types there
    """Regressor in scikit-learn's manner: its settings, attributes and numbers, and more.

    ::

        C = 1/2 sum_j (a_j - y_j)^2                                      "squared_error"
        C = sum_j (a_j - y_j log a_j + y_j log y_j - y_j),  a = exp(z)    "poisson", y >= 0
        loss of a batch = sum w_i C_i / sum w_i + alpha/2 (sum of squared weights) / sum w_i

    Parameters
    ----------
    loss : "squared_error", "poisson", a name of Tongtou's or Loss
        Any but poisson has linear outputs: "huber" forgives outliers.
    hidden_layer_sizes, activation, solver, alpha, …, max_fun
        As in `sklearn.neural_network.MLPRegressor`, with its defaults, and what `MLPClassifier`
        says of them.
    dropout, input_noise, l1, schedule, augmentation, input_shape, initializer, threads, engine
        As for `MLPClassifier`.

    Attributes
    ----------
    network_, coefs_, intercepts_
        As for `MLPClassifier`.
    loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_, n_iter_, t_,
    n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_
        As scikit-learn's: the squared error they report is averaged over the outputs.

    Raises
    ------
    ValueError
        In `fit`: a setting, X or y cannot be used, or training left the finite numbers.

    Notes
    -----
    With several outputs scikit-learn hands L-BFGS a loss averaged over them and the gradient of
    their sum, which are not of the same function; here both are the sum's.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 50).reshape(-1, 1)
    >>> model = MLPRegressor(hidden_layer_sizes=20, activation="tanh", solver="lbfgs", alpha=0,
    ...                      random_state=0, max_iter=2000).fit(X, np.sin(3 * X[:, 0]))
    >>> model.score(X, np.sin(3 * X[:, 0])) > 0.999
    True
    """

    loss: str | Loss
    _numeric_y: ClassVar[bool] = True

    def __init__(
        self,
        loss: str | Loss = "squared_error",
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str | Activation | Sequence[str | Activation] = "relu",
        *,
        solver: str | Optimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int | float = 10,
        max_fun: int = 15000,
        dropout: float | Sequence[float] = 0.0,
        input_noise: float = 0.0,
        l1: float = 0.0,
        schedule: Schedule | None = None,
        augmentation: Augmentation | None = None,
        input_shape: tuple[int, ...] | None = None,
        initializer: str | Initializer | None = None,
        threads: int | None = None,
        engine: str | None = None,
    ) -> None:
        self._keep(locals())

    @available_if(lambda model: model._solver_is_stochastic())  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train for one epoch on these examples, from where training stands.

        Parameters, return value and errors as for `fit`.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def _output(self) -> tuple[str, str, str | Loss]:
        if self.loss == "squared_error":
            return "identity", "linear", "half_sse"
        if self.loss == "poisson":
            return "exp", "exp", "poisson"
        return "identity", "linear", self.loss

    def _encoded(self, y: NDArray[Any], dtype: Any, incremental: bool) -> NDArray[Any]:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return np.ascontiguousarray(y.reshape(len(y), -1), dtype)

    def _value_scale(self) -> float:
        return 1 / self.n_outputs_ if self.loss == "squared_error" else 1.0

    def _score_sums(
        self, z: NDArray[Any], y: NDArray[Any], weights: NDArray[np.float64] | None
    ) -> float:
        with np.errstate(over="ignore"):
            a = self.network_.layers[-1].activation(z)
        if not np.isfinite(a).all():
            return float("nan")
        return float(r2_score(y, a, sample_weight=weights))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the values the network gives to each row.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (n, n_features)

        Returns
        -------
        ndarray, shape (n,), or (n, n_outputs)
        """
        a = self._outputs(X)
        return a[:, 0] if a.shape[1] == 1 else a
