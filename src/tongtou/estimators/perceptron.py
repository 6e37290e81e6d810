"""What the classifier and the regressor share: settings, data, and the two ways to train."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from numbers import Number
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from tongtou import evaluation
from tongtou.augmentation import Augmentation, checked_picture_shape
from tongtou.boundary import all_finite, checked_inputs, dense_answers
from tongtou.engines import Engine, Task
from tongtou.engines import engine as engine_of
from tongtou.errors import DataError
from tongtou.estimators import quasi_newton, stochastic
from tongtou.estimators.checks import STOCHASTIC, check_settings, hidden_sizes
from tongtou.estimators.connection import Connected
from tongtou.network import Network
from tongtou.optimizers import Optimizer
from tongtou.regularizers import Regularization
from tongtou.schedules import Schedule

NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)
"""scikit-learn's sentence: programs look for it."""


class Perceptron(Connected):
    """Settings, fitted attributes and the two ways to train; not for direct use."""

    # scikit-learn's settings
    hidden_layer_sizes: int | Sequence[int]
    alpha: float
    batch_size: int | str
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: bool | int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: int | float
    max_fun: int
    # ours
    dropout: float | Sequence[float]
    input_noise: float
    l1: float
    schedule: Schedule | None
    augmentation: Augmentation | None
    input_shape: tuple[int, ...] | None
    threads: int | None
    engine: str | None

    # fitted
    loss_: float
    n_outputs_: int
    n_features_in_: int
    _optimizer: stochastic.OptimizerState
    _pixels: bool = False
    _sparse_y: bool = False

    _numeric_y: ClassVar[bool] = False

    def _keep(self, settings: Mapping[str, Any]) -> None:
        """Store what __init__ was given, untouched: `clone` and `get_params` rely on it."""
        self.__dict__.update(
            (name, value) for name, value in settings.items() if name not in ("self", "__class__")
        )

    # ---------------------------------------------------------------- what differs

    def _encoded(self, y: NDArray[Any], dtype: Any, incremental: bool) -> NDArray[Any]:
        """Return y as the engine takes it: class numbers (n,) int32, or targets (n, n_out)."""
        raise NotImplementedError

    def _count_outputs(self, y: NDArray[Any]) -> int:
        return int(y.shape[1])

    def _value_scale(self) -> float:
        """Return what the engine's loss is multiplied by to be scikit-learn's."""
        return 1.0

    def _class_weights(self, y: NDArray[Any], incremental: bool) -> NDArray[np.float64] | None:
        return None

    def _class_names(self) -> tuple[Any, ...]:
        return ()

    def _smoothing(self) -> float:
        return 0.0

    def _score_sums(
        self, z: NDArray[Any], y: NDArray[Any], weights: NDArray[np.float64] | None
    ) -> float:
        """Return the score of weighted sums Z[L] against encoded y, NaN where it has none."""
        raise NotImplementedError

    # ------------------------------------------------------------------ training

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train on X and y; a model trained before starts anew, unless warm_start.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (n, n_features)
            float32 is trained in float32, everything else in float64.
        y : array_like, shape (n,) or (n, n_outputs)
        sample_weight : array_like of float, shape (n,), optional
            0 or more each: how often an example counts.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            A setting, X or y cannot be used, or training left the finite numbers.

        Warns
        -----
        ConvergenceWarning
            max_iter was reached before the loss stopped improving.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    def _solver_is_stochastic(self) -> bool:
        """Raise an AttributeError where there is no partial_fit."""
        if self.solver not in STOCHASTIC and not isinstance(self.solver, Optimizer):
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not "
                "stochastic."
            )
        return True

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool) -> Any:
        check_settings(self)
        sizes = hidden_sizes(self.hidden_layer_sizes)
        if self.early_stopping and incremental:
            raise ValueError(
                "partial_fit does not support early_stopping=True, which needs several epochs of "
                "the same examples. Use fit, or early_stopping=False."
            )
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            multi_output=True,
            y_numeric=self._numeric_y,
            dtype=(np.float64, np.float32),
            reset=first,
        )
        self._sparse_y = sparse.issparse(y)
        if self._sparse_y:
            y = y.toarray()  # as many labels as outputs, which are dense too
        dtype = np.dtype(np.float64) if self.solver == "lbfgs" else X.dtype
        if not first:
            dtype = np.dtype(np.float64) if self.solver == "lbfgs" else self.coefs_[0].dtype
        given = self._weights(sample_weight, X)
        classes = y
        y = self._encoded(y, dtype, incremental)
        by_class = self._class_weights(classes, incremental)
        weights = given if by_class is None else by_class * (1 if given is None else given)
        random = check_random_state(self.random_state)
        self.n_outputs_ = self._count_outputs(y)
        wanted = [X.shape[1], *sizes, self.n_outputs_]
        if first:
            self._begin(wanted, dtype, random)
        net = self._connected(dtype)
        if list(net.sizes) != wanted:
            raise ValueError(
                f"the network has the sizes {list(net.sizes)}, which go on training; the settings "
                f"and the data now ask for {wanted}. Use fit with warm_start=False to start anew."
            )
        net.classes = self._class_names()
        self._pixels = self.augmentation is not None
        inputs = self._inputs(X, net)
        if y.ndim == 2:
            net.loss_function.check_targets(y)
        if self.solver == "lbfgs":
            self._fit_lbfgs(net, inputs, y, weights)
        else:
            self._fit_stochastic(net, inputs, y, weights, given, random, incremental)
        if not all_finite(net._parameters):
            raise ValueError(NON_FINITE)
        return self

    def _fit_lbfgs(
        self, net: Network, X: Any, y: NDArray[Any], weights: NDArray[np.float64] | None
    ) -> None:
        smoothing = Regularization(label_smoothing=self._smoothing())
        if smoothing:
            loss = net.loss_function
            n_out = net.sizes[-1]
            y = smoothing.smoothed(dense_answers(y, n_out).astype(net.dtype), loss.n_classes(n_out))
        threads = stochastic.threads_for(self, net, quasi_newton.BLOCK)
        if self._engine().name == "reference":
            threads = 0
        objective = quasi_newton.Objective(net, X, y, weights, float(self.alpha), threads)
        quasi_newton.minimise(self, net, objective, self._value_scale())

    def _fit_stochastic(
        self,
        net: Network,
        X: Any,
        y: NDArray[Any],
        weights: NDArray[np.float64] | None,
        scored_by: NDArray[np.float64] | None,
        random: np.random.RandomState,
        incremental: bool,
    ) -> None:
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer = stochastic.optimizer_state(self)
        scored = getattr(self, "validation_scores_", None) is not None
        if not hasattr(self, "loss_curve_") or scored != self.early_stopping:
            self._open_records()  # training began with lbfgs, or without early_stopping
        rows = np.arange(len(y), dtype=np.uint32)
        held = rows[:0]
        if self.early_stopping:
            rows, held = self._split(y, random)
            if scored_by is not None and not scored_by[held].any():
                raise ValueError(
                    "sample_weight is 0 for each of the examples that early_stopping holds out, "
                    "so they have no score. Increase validation_fraction, or leave examples "
                    "without weight out."
                )
        n = len(rows)
        batch_size = min(200, n) if self.batch_size == "auto" else int(self.batch_size)
        if batch_size > n:
            warnings.warn(
                f"Got `batch_size` larger than the {n} samples. It is going to be clipped.",
                stacklevel=5,
            )
            batch_size = n
        penalties = Regularization(
            l1=self.l1,
            l2=self.alpha,
            dropout=self.dropout,  # type: ignore[arg-type]  # checked there
            input_noise=self.input_noise,
            label_smoothing=self._smoothing(),
        )
        seed = 0
        if penalties.dropout or penalties.input_noise or self.augmentation:
            # drawn only where needed: otherwise the batches would not be scikit-learn's; and
            # another in every call that goes on training, even where random_state is an int
            seed = int(random.randint(2**62, dtype=np.int64))
            seed += self.t_
        task = Task(
            X,
            y,
            rows,
            batch_size,
            seed,
            False,
            optimizer=self._optimizer.rule,
            regularization=penalties,
            augmentation=self.augmentation,
            input_shape=net.input_shape,
            weights=weights,
            l2_over_batch=True,
        )
        answers, weighing = y[held], None if scored_by is None else scored_by[held]
        plan = stochastic.Plan(
            task,
            held,
            lambda z: self._score_sums(z, answers, weighing),
            self._value_scale(),
            random,
        )
        stochastic.Training(self, net, plan).go(incremental)
        net.recipe = {
            "optimizer": task.optimizer.describe(),
            "batch_size": batch_size,
            "epochs": self.n_iter_,
            "n_train": n,
            "n_validation": len(held),
        }

    def _split(
        self, y: NDArray[Any], random: np.random.RandomState
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Return the rows to learn from and those held out, as scikit-learn draws them."""
        rows, held = train_test_split(
            np.arange(len(y), dtype=np.uint32),
            random_state=random,
            test_size=self.validation_fraction,
            stratify=self._strata(y),
        )
        if len(held) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        return rows, held

    def _strata(self, y: NDArray[Any]) -> NDArray[Any] | None:
        return None

    # ------------------------------------------------------------------ the data

    def _engine(self) -> Engine:
        return engine_of(self.engine)

    def _weights(self, sample_weight: Any, X: Any) -> NDArray[np.float64] | None:
        """Return the weights of the examples checked, None where they are all 1."""
        if sample_weight is None:
            return None
        n = X.shape[0]
        if isinstance(sample_weight, Number):
            sample_weight = np.full(n, sample_weight)
        weights: NDArray[np.float64] = check_array(
            sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
        )
        if weights.shape != (n,):
            raise ValueError(
                f"sample_weight must have shape ({n},), one number for each row of X; it has "
                f"shape {weights.shape}."
            )
        if (weights < 0).any() or not weights.any():
            raise ValueError(
                "sample_weight must not be negative, and not zero for every example; it is "
                f"{weights.min():g} … {weights.max():g}."
            )
        return weights

    def _inputs(self, X: Any, net: Network) -> Any:
        """Return checked X as the engine takes it."""
        if self._pixels:
            X = _pixels(X)
            side = math.isqrt(X.shape[1])
            square = (side, side) if side * side == X.shape[1] else ()
            net.input_shape = tuple(self.input_shape or square)
            checked_picture_shape(X.dtype, X.shape[1], net.input_shape)
            return X
        if sparse.issparse(X):
            return checked_inputs(X.astype(net.dtype), net.blueprint)
        return np.ascontiguousarray(X, net.dtype)

    def _outputs(self, X: Any, before_activation: bool = False) -> NDArray[Any]:
        """Return A[L] or Z[L] (n, n_out) of X as a user gives it."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", reset=False)
        net = self._connected()
        with np.errstate(over="ignore"):
            inputs = self._inputs(X, net)
        out = evaluation.outputs(
            net.blueprint, net._plan, net._parameters, inputs, before_activation
        )
        # float64 X asks for float64 answers, whatever the network was trained in
        finer = np.result_type(X.dtype if X.dtype.kind == "f" else np.float64, net.dtype)
        return out.astype(finer, copy=False)

    def __sklearn_tags__(self) -> Any:
        """Sparse X is welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _pixels(X: Any) -> NDArray[np.uint8]:
    """Return X as 8-bit grey values."""
    X = X.toarray() if sparse.issparse(X) else np.asarray(X)
    pixels: NDArray[np.uint8] = np.clip(X, 0, 255).astype(np.uint8)
    if not (pixels == X).all():
        raise DataError(
            "augmentation is for pictures: X must hold whole grey values 0 … 255 (they count as "
            "0 … 1). Leave augmentation out for other data, or give the pixels unscaled."
        )
    return np.ascontiguousarray(pixels)
