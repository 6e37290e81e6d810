"""The classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import column_or_1d

from tongtou.activations import Activation
from tongtou.augmentation import Augmentation
from tongtou.estimators.perceptron import Perceptron
from tongtou.initializers import Initializer
from tongtou.losses import Loss
from tongtou.optimizers import Optimizer
from tongtou.schedules import Schedule


class MLPClassifier(ClassifierMixin, Perceptron):  # type: ignore[misc]  # no types there
    """Classifier in scikit-learn's manner: its settings, attributes and numbers, and more.

    ::

        softmax and C = -log a_class                           more than two classes
        sigmoid and C = -(y log a + (1 - y) log(1 - a))        two classes, or several labels
        loss of a batch = sum w_i C_i / sum w_i + alpha/2 (sum of squared weights) / sum w_i

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
    activation : str, Activation, or a sequence of these
        "identity", "logistic", "tanh", "relu", or any other of Tongtou's; a list has one entry
        for each hidden layer.
    solver : "adam", "sgd", "lbfgs" or Optimizer
        An object such as ``tt.AdamW(0.001)`` brings its own rate and constants.
    alpha, batch_size, learning_rate, learning_rate_init, power_t, max_iter, shuffle, random_state,
    tol, verbose, warm_start, momentum, nesterovs_momentum, early_stopping, validation_fraction,
    beta_1, beta_2, epsilon, n_iter_no_change, max_fun
        As in `sklearn.neural_network.MLPClassifier`, with its defaults.
    dropout : float or sequence of float
        The share of hidden neurons left out of a step; a sequence gives (input, hidden 1, …).
    input_noise : float
        Standard deviation of noise added to X while training.
    l1 : float
        Draws weights to exactly 0; not divided by the batch as alpha is.
    label_smoothing : float
        The share of each target spread evenly over the classes.
    class_weight : "balanced" or mapping, optional
        Multiplies sample_weight: {class: weight}.
    schedule : Schedule, optional
        Takes the place of learning_rate and learning_rate_init.
    augmentation : Augmentation, optional
        For X of grey values 0 … 255: a new moved version of every picture in every epoch. Pixels
        then count as 0 … 1.
    input_shape : tuple of int, optional
        Of the pictures, (height, width) or (height, width, channels); a square by default.
    initializer : str or Initializer, optional
        By default weights and biases start as scikit-learn's, with the same random numbers.
    threads : int, optional
        The most to use. By default all cores where the work is large enough, or as many as the
        environment variable OMP_NUM_THREADS allows, which joblib sets in its workers.
    engine : "native" or "reference", optional

    Attributes
    ----------
    classes_ : ndarray
    network_ : Network
        For everything else that Tongtou does: explanations, safetensors, reports.
    coefs_, intercepts_ : list of ndarray
        (n_in, n_out) and (n_out,) of each layer: the network's own memory, so that editing them,
        or assigning others, changes the predictions.
    loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_, n_iter_, t_,
    n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_
        As scikit-learn's.

    Raises
    ------
    ValueError
        In `fit`: a setting, X or y cannot be used, or training left the finite numbers.

    Notes
    -----
    The same random_state gives the initial weights, batches and held out examples that
    scikit-learn draws, so both arrive at the same network but for rounding; a run that comes
    close to a kink or a tie may part from scikit-learn's later on.

    The data decides the precision: float32 stays float32. "lbfgs" always computes in float64.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier(16, solver="lbfgs", random_state=0, max_iter=500).fit(X, y)
    >>> model.score(X, y) > 0.97
    True
    """

    label_smoothing: float
    class_weight: str | Mapping[Any, float] | None
    classes_: NDArray[Any]
    _multilabel: bool = False

    def __init__(
        self,
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
        label_smoothing: float = 0.0,
        class_weight: str | Mapping[Any, float] | None = None,
        schedule: Schedule | None = None,
        augmentation: Augmentation | None = None,
        input_shape: tuple[int, ...] | None = None,
        initializer: str | Initializer | None = None,
        threads: int | None = None,
        engine: str | None = None,
    ) -> None:
        self._keep(locals())

    # ------------------------------------------------------------------ training

    @available_if(lambda model: model._solver_is_stochastic())  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Any:
        """Train for one epoch on these examples, from where training stands.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array_like, optional
            All classes there will ever be; needed in the first call.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            classes are missing in the first call, differ from the first call's, or y holds a
            class that is not among them; otherwise as `fit`.
        """
        if not hasattr(self, "classes_"):
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self.classes_ = unique_labels(classes)
            self._multilabel = type_of_target(y).startswith("multilabel")
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on the first call to partial_fit: "
                f"{self.classes_!r}."
            )
        return self._fit(X, y, sample_weight, incremental=True)

    def _output(self) -> tuple[str, str, str | Loss]:
        if self._multilabel or len(self.classes_) <= 2:
            return "logistic", "sigmoid", "binary_cross_entropy"
        return "softmax", "softmax", "cross_entropy"

    def _encoded(self, y: NDArray[Any], dtype: Any, incremental: bool) -> NDArray[Any]:
        check_classification_targets(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if y.ndim == 2 and not type_of_target(y).startswith("multilabel"):
            raise ValueError(
                f"y must hold one class an example, or a column of 0 and 1 for each label; it has "
                f"shape {y.shape} and other values."
            )
        self._learn_classes(y, incremental)
        if self._multilabel != (y.ndim == 2):
            raise ValueError(
                "y must be of the kind that training began with: one class an example, or a "
                f"column of 0 and 1 for each label; it has shape {y.shape}."
            )
        if y.ndim == 2:
            return np.ascontiguousarray(y, dtype)
        numbers = np.searchsorted(self.classes_, y)
        if len(self.classes_) > 2:
            return numbers.astype(np.int32)
        return numbers.astype(dtype).reshape(-1, 1)

    def _learn_classes(self, y: NDArray[Any], incremental: bool) -> None:
        classes = unique_labels(y)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self.classes_, self._multilabel = classes, y.ndim == 2
            return
        missing = np.setdiff1d(classes, self.classes_)
        if incremental and len(missing):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {classes}."
            )
        if not incremental and not np.array_equal(classes, self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {classes}"
            )

    def _count_outputs(self, y: NDArray[Any]) -> int:
        return int(y.shape[1]) if y.ndim == 2 else len(self.classes_)

    def _strata(self, y: NDArray[Any]) -> NDArray[Any] | None:
        # as scikit-learn: shares of the classes are kept for two classes only
        return y.astype(bool) if y.ndim == 2 and not self._multilabel else None

    def _class_weights(self, y: NDArray[Any], incremental: bool) -> NDArray[np.float64] | None:
        if self.class_weight is None:
            return None
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all examples at once. Give partial_fit a mapping "
                "{class: weight}."
            )
        weights: NDArray[np.float64] = compute_sample_weight(self.class_weight, y)
        return weights

    def _class_names(self) -> tuple[Any, ...]:
        # labels each have an output of their own: the network has no one answer to name
        if self._multilabel or len(self.classes_) < 2:
            return ()
        names = self.classes_.tolist()
        plain = all(type(name) in (int, float, str) for name in names)  # as files can keep them
        return tuple(names if plain else map(str, names))

    def _smoothing(self) -> float:
        return float(self.label_smoothing)

    def _score_sums(
        self, z: NDArray[Any], y: NDArray[Any], weights: NDArray[np.float64] | None
    ) -> float:
        if not np.isfinite(z).all():
            return float("nan")
        right = z.argmax(1) == y if y.ndim == 1 else ((z > 0) == (y > 0.5)).all(axis=1)
        return float(np.average(right, weights=weights))

    # ------------------------------------------------------------------ predicting

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each row; of several labels those above one half.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (n, n_features)

        Returns
        -------
        ndarray, shape (n,), or (n, n_labels) of 0 and 1
            A CSR matrix where the labels it was trained on were a sparse matrix.
        """
        a = self._outputs(X)
        if self._multilabel:
            labels = (a > 0.5).astype(int)
            return sparse.csr_matrix(labels) if self._sparse_y else labels
        if a.shape[1] > 1:
            numbers = a.argmax(1)
        else:  # where there is a single class, everything is that
            numbers = np.minimum(a[:, 0] > 0.5, len(self.classes_) - 1).astype(int)
        named: NDArray[Any] = self.classes_[numbers]
        return named

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the probability of each class, in the order of `classes_`.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (n, n_features)

        Returns
        -------
        ndarray, shape (n, n_classes)
            Two columns for two classes. With several labels each has a probability of its own.
        """
        a = self._outputs(X)
        return np.hstack([1 - a, a]) if a.shape[1] == 1 and not self._multilabel else a

    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """Return the logarithm of `predict_proba`: -inf where that has rounded to 0.

        Parameters and shapes as `predict_proba`.
        """
        with np.errstate(divide="ignore"):
            log_p: NDArray[Any] = np.log(self.predict_proba(X))
        return log_p

    def __sklearn_tags__(self) -> Any:
        """Several labels an example are welcome."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
