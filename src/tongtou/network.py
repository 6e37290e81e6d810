"""The network: sizes, parameters, forward pass, loss and gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tongtou import evaluation, reference
from tongtou.activations import Activation
from tongtou.activations import activation as activation_of
from tongtou.boundary import (
    as_array,
    check_same_meaning,
    checked_examples,
    checked_inputs,
    dense_answers,
)
from tongtou.datasets.dataset import Dataset
from tongtou.dense import Dense
from tongtou.errors import DataError, ShapeError
from tongtou.evaluation import Blueprint
from tongtou.initializers import Initializer, initial
from tongtou.initializers import initializer as initializer_of
from tongtou.losses import Loss
from tongtou.losses import loss as loss_of
from tongtou.randomness import checked_seed
from tongtou.reference import LayerGradient

if TYPE_CHECKING:
    from os import PathLike

    from tongtou.history import History
    from tongtou.honesty import Answers, Gates
    from tongtou.preprocessing import PicturePreprocessing, TablePreprocessing

MAX_LAYERS = 64


class Network:
    """A network of fully connected layers.

    ::

        A[0] = X        Z[l] = A[l-1] W[l].T + b[l]        A[l] = f_l(Z[l])        l = 1 … L

    Parameters
    ----------
    sizes : sequence of int
        Inputs, neurons of each hidden layer, outputs: ``[784, 16, 16, 10]``.
    activation : str, Activation, or a sequence of these
        Of the hidden layers, one for all or one for each: sigmoid, tanh, relu, leaky_relu, gelu,
        linear, exp, step.
    output : str or Activation
        Of the last layer; also softmax.
    loss : str or Loss
        sse, the sum of squared errors; half_sse; mse; huber; cross_entropy, which needs
        ``output="softmax"``; binary_cross_entropy (several labels an example), which needs
        ``output="sigmoid"``; poisson (counts), which needs ``output="exp"``.
    initializer : str or Initializer
        How weights start: auto, glorot, he, lecun (uniform), glorot_normal, he_normal,
        lecun_normal, orthogonal, lesson, zeros.
    seed : int
        0 … 2**64 - 1. The same seed gives the same initial weights, on every machine.
    dtype : "float32" or "float64"
        Of the parameters and of all arithmetic.

    Attributes
    ----------
    layers : tuple of Dense
        Index 0 is layer 1.
    classes : tuple
        The name of each output, when `fit` was given a Dataset with classes.
    input_shape : tuple of int
        The shape of a picture before its rows were joined, when known.
    preprocessing : TablePreprocessing, PicturePreprocessing or None
        How raw table rows or picture files become X, when `fit` was given a Dataset that knows.
    recipe : dict
        How it was trained: what `fit` was told, ready for JSON.
    history : History or None
        What the last `fit` recorded.
    gates : Gates or None
        When to say "I don't know"; made by `tt.honesty.gates`, used by ``predict(X, abstain=…)``.

    Raises
    ------
    ShapeError
        Fewer than two sizes, a size below 1, or more than 64 layers.
    ValueError
        An unknown name, or an output that does not suit the loss.

    Notes
    -----
    uint8 inputs are pixels and count as u / 255; any other numbers are used as they are.

    Examples
    --------
    >>> import tongtou as tt
    >>> net = tt.Network([784, 16, 16, 10], activation="sigmoid", output="sigmoid", loss="sse")
    >>> net.n_parameters
    13002
    >>> net.layers[0].W.shape
    (16, 784)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: str | Activation | Sequence[str | Activation] = "sigmoid",
        output: str | Activation = "sigmoid",
        loss: str | Loss = "sse",
        initializer: str | Initializer = "auto",
        seed: int = 0,
        dtype: DTypeLike = "float32",
    ) -> None:
        self.seed = checked_seed(seed)
        self.initializer = initializer_of(initializer)
        self._blueprint = _blueprint(sizes, activation, output, loss, dtype)
        self._make_layers()
        self.classes: tuple[Any, ...] = ()
        self.input_shape: tuple[int, ...] = ()
        self.preprocessing: TablePreprocessing | PicturePreprocessing | None = None
        self.recipe: dict[str, Any] = {}
        self.history: History | None = None
        self.gates: Gates | None = None
        self.initialize()

    def _make_layers(self) -> None:
        """Lay out parameters, all 0, and the views through which layers show them."""
        self._parameters = self._blueprint.empty_parameters()
        self._plan = self._blueprint.plan() if evaluation.kernel else None
        pairs = zip(
            self._blueprint.views(self._parameters), self._blueprint.activations, strict=True
        )
        self.layers: tuple[Dense, ...] = tuple(Dense(W, b, f) for (W, b), f in pairs)

    def initialize(self) -> None:
        """Set all weights and biases to their initial values, from `seed` and `initializer`."""
        for number, layer in enumerate(self.layers, start=1):
            layer.W, layer.b = initial(
                self.initializer,
                layer.n_in,
                layer.n_out,
                layer.activation,
                seed=self.seed,
                layer=number,
                dtype=self.dtype,
            )

    # ------------------------------------------------------------------ what it is

    @property
    def blueprint(self) -> Blueprint:
        """Sizes, activations, loss and dtype."""
        return self._blueprint

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, neurons of each hidden layer, outputs."""
        return self._blueprint.sizes

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return self._blueprint.dtype

    @property
    def loss_function(self) -> Loss:
        """The loss object."""
        return self._blueprint.loss

    @property
    def n_parameters(self) -> int:
        """Weights and biases of all layers together."""
        return sum(layer.n_parameters for layer in self.layers)

    @property
    def is_classifier(self) -> bool:
        """Whether outputs are confidences in classes, so that `predict` names the largest."""
        last = self.layers[-1].activation.name
        return bool(self.classes) or last in ("sigmoid", "softmax", "step")

    @property
    def _is_multilabel(self) -> bool:
        """Whether each output is a yes or no of its own."""
        return self.loss_function.is_multilabel and self.sizes[-1] > 1

    def copy(self) -> Network:
        """Return a network of its own with the same parameters and names."""
        other = self.astype(self.dtype)
        other.history = self.history
        return other

    def astype(self, dtype: DTypeLike) -> Network:
        """Return a copy in another dtype; float32 numbers are exact in float64."""
        other = Network(
            self.sizes,
            activation=[layer.activation for layer in self.layers[:-1]],
            output=self.layers[-1].activation,
            loss=self.loss_function,
            initializer=self.initializer,
            seed=self.seed,
            dtype=dtype,
        )
        for mine, theirs in zip(self.layers, other.layers, strict=True):
            theirs.W, theirs.b = mine.W, mine.b
        other.classes, other.input_shape = self.classes, self.input_shape
        other.preprocessing, other.gates = self.preprocessing, self.gates
        other.recipe = dict(self.recipe)
        return other

    def __getstate__(self) -> dict[str, Any]:
        """What copy and pickle keep: all but the views and the kernel's plan."""
        return {k: v for k, v in self.__dict__.items() if k not in ("layers", "_plan")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make_layers()
        self._parameters[...] = state["_parameters"]

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from tongtou import notebook

        return notebook.network_html(self)

    def __repr__(self) -> str:
        hidden = ", ".join(dict.fromkeys(layer.activation.name for layer in self.layers[:-1]))
        functions = f"{hidden} → " if hidden else ""
        functions += self.layers[-1].activation.name
        return (
            f"Network({'-'.join(map(str, self.sizes))}, {functions}, {self.loss_function.name}, "
            f"{self.n_parameters:,} parameters, {self.dtype})"
        )

    # ------------------------------------------------------------------ what it says

    def predict_proba(self, X: ArrayLike | Dataset) -> NDArray[Any]:
        """Return the outputs A[L], read as confidences.

        Parameters
        ----------
        X : array_like, shape (n, n_in) or (n_in,), or Dataset

        Returns
        -------
        ndarray, shape (n, n_out) or (n_out,), of the network's dtype
            With softmax a row sums to 1. With sigmoid, as in the lesson, each output stands for
            itself and a row need not.

        Raises
        ------
        ShapeError, DataError
            X has not n_in values an example, or holds NaN or infinity.

        Notes
        -----
        A row's result does not depend on the rows beside it: the sums are always taken in the
        same order.
        """
        return self._outputs(X, before_activation=False)

    def weighted_sums(self, X: ArrayLike | Dataset) -> NDArray[Any]:
        """Return Z[L], what stands before the last activation; X and shapes as `predict_proba`."""
        return self._outputs(X, before_activation=True)

    def _outputs(self, X: ArrayLike | Dataset, before_activation: bool) -> NDArray[Any]:
        array = as_array(X)
        single = array.ndim == 1
        inputs = checked_inputs(array.reshape(1, -1) if single else array, self._blueprint)
        out = evaluation.outputs(
            self._blueprint, self._plan, self._parameters, inputs, before_activation
        )
        return out[0] if single else out

    @overload
    def predict(self, X: ArrayLike | Dataset, *, abstain: None = None) -> NDArray[Any]: ...

    @overload
    def predict(self, X: ArrayLike | Dataset, *, abstain: str | float) -> Answers: ...

    def predict(
        self, X: ArrayLike | Dataset, *, abstain: str | float | None = None
    ) -> NDArray[Any] | Answers:
        """Return the answer for each example, or why there is none.

        For a classifier the class with the largest output (by name where `classes` are known;
        with a single output, whether it is at least one half); with binary_cross_entropy and
        several outputs 1 for each that is at least one half, else 0; otherwise the outputs
        themselves, in the units of the table where the network was trained on one.
        X as for `predict_proba`.

        With ``abstain="1%"`` (or 0.01) only those are answered of which at most 1 % are wrong, with
        95 % certainty, for examples like those held out: `tongtou.honesty.Answers` says of each
        whether it is answered, ambiguous or novel. That needs `gates`, else it is a DataError.
        """
        if abstain is not None:
            from tongtou import honesty

            return honesty.gates_of(self).answers(self, X, abstain)
        out = self.predict_proba(X)
        if not self.is_classifier:
            in_own_units = getattr(self.preprocessing, "answers", None)
            if in_own_units is None:
                return out
            answers: NDArray[Any] = in_own_units(np.atleast_2d(out))
            return answers[0] if out.ndim == 1 else answers
        if self._is_multilabel:
            return (out >= 0.5).astype(np.int64)
        numbers = (out >= 0.5)[..., 0].astype(np.int64) if out.shape[-1] == 1 else out.argmax(-1)
        return np.asarray(self.classes)[numbers] if self.classes else numbers

    # ------------------------------------------------------------------ how good it is

    def _examples(
        self, X: ArrayLike | Dataset, y: ArrayLike | None
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        check_same_meaning(X, self.classes, self.preprocessing)
        return checked_examples(X, y, self._blueprint)

    def loss(self, X: ArrayLike | Dataset, y: ArrayLike | None = None) -> float:
        """Return the mean loss over the examples, summed in float64.

        Parameters
        ----------
        X : array_like, shape (n, n_in), or Dataset
        y : array_like, shape (n,) of class numbers or (n, n_out) of targets
            Left out when X is a Dataset.

        Raises
        ------
        ShapeError, DataError
            Sizes do not fit, values cannot be learnt from, or a Dataset has other classes or
            another preprocessing than those that were learnt.
        """
        inputs, answers = self._examples(X, y)
        z = evaluation.outputs(self._blueprint, self._plan, self._parameters, inputs, True)
        targets = dense_answers(answers, self.sizes[-1])
        return evaluation.mean_loss(self.loss_function, self.layers[-1].activation, z, targets)

    def accuracy(self, X: ArrayLike | Dataset, y: ArrayLike | None = None) -> float:
        """Return the share of examples whose predicted class (or all labels) is the right one.

        Parameters as for `loss`; y are class numbers (0 or 1 for a network with one output).

        Raises
        ------
        DataError
            y are not class numbers, or a Dataset has other classes or another preprocessing than
            those that were learnt.
        """
        if not self.is_classifier:
            raise DataError("accuracy is for classes; this network predicts numbers: use loss.")
        inputs, answers = self._examples(X, y)
        out = evaluation.outputs(self._blueprint, self._plan, self._parameters, inputs)
        if self._is_multilabel and answers.ndim == 2:
            return float(((out >= 0.5) == (answers >= 0.5)).all(axis=1).mean())
        right = answers if answers.ndim == 1 else answers.argmax(1)
        if out.shape[1] == 1:
            return float(((out >= 0.5) == (answers >= 0.5)).mean())
        return float((out.argmax(1) == right).mean())

    def gradients(self, X: ArrayLike | Dataset, y: ArrayLike | None = None) -> list[LayerGradient]:
        """Return dC/dW and dC/db of the mean loss C, layer by layer, by backpropagation.

        Parameters as for `loss`.

        Returns
        -------
        list of LayerGradient
            Index 0 is layer 1; fields W (n_out, n_in) and b (n_out,), of the network's dtype.
        """
        inputs, answers = self._examples(X, y)
        if evaluation.kernel is None:
            found = reference.gradients(
                [layer.W for layer in self.layers],
                [layer.b for layer in self.layers],
                self._blueprint.activations,
                self.loss_function,
                evaluation.as_float64(inputs),
                dense_answers(answers, self.sizes[-1]).astype(np.float64),
            )
            return [LayerGradient(g.W.astype(self.dtype), g.b.astype(self.dtype)) for g in found]
        rows_in = evaluation.as_kernel_rows(inputs)
        examples = evaluation.kernel.Examples(self._plan, rows_in, answers)
        result = self._blueprint.empty_parameters()
        rows = np.arange(inputs.shape[0], dtype=np.uint32)
        evaluation.kernel.gradient(self._plan, self._parameters, examples, rows, result)
        return [LayerGradient(W, b) for W, b in self._blueprint.views(result)]

    # ------------------------------------------------------------------ keeping it

    def save(self, path: str | PathLike[str]) -> None:
        """Write the network to a safetensors file, whole or not at all; see `tongtou.load`."""
        from tongtou import files

        files.save(self, path)


def _blueprint(
    sizes: Sequence[int],
    activation: str | Activation | Sequence[str | Activation],
    output: str | Activation,
    loss: str | Loss,
    dtype: DTypeLike,
) -> Blueprint:
    """Check the description of a network."""
    whole = (int, np.integer)
    iterable = isinstance(sizes, (Sequence, np.ndarray)) and not isinstance(sizes, str)
    if not iterable or not all(isinstance(n, whole) and not isinstance(n, bool) for n in sizes):
        raise ShapeError(f"sizes must be whole numbers such as [784, 16, 16, 10]; got {sizes!r}.")
    sizes = tuple(int(n) for n in sizes)
    if len(sizes) < 2 or min(sizes) < 1 or len(sizes) > MAX_LAYERS + 1:
        raise ShapeError(
            f"sizes must name inputs and outputs, each at least 1, with at most {MAX_LAYERS} "
            f"layers; got {list(sizes)}."
        )
    if max(sizes) >= 2**31 - evaluation.LANES:
        raise ShapeError(f"a layer must have fewer than 2**31 neurons; got {max(sizes)}.")
    n_hidden = len(sizes) - 2
    if isinstance(activation, Sequence) and not isinstance(activation, str):
        hidden = list(activation)
    else:
        hidden = [activation] * n_hidden
    if len(hidden) != n_hidden:
        raise ShapeError(
            f"{n_hidden} hidden layers need {n_hidden} activations; got {len(hidden)}."
        )
    functions = [activation_of(one) for one in (*hidden, output)]
    for layer, function in enumerate(functions[:-1], start=1):
        if not function.elementwise:
            raise ValueError(
                f"layer {layer} is hidden and cannot be {function.name}, which ties neurons "
                "together; use it for the output."
            )
    try:
        number = None if dtype is None else np.dtype(dtype)  # NumPy takes None for float64
    except TypeError:
        number = None
    if number is None or number not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"dtype must be float32 or float64; got {dtype!r}.")
    loss_function = loss_of(loss)
    loss_function.check_output(functions[-1])
    return Blueprint(sizes, tuple(functions), loss_function, number)
