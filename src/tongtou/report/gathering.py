"""Everything that a report shows, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou.boundary import Examples, dense_answers
from tongtou.datasets.dataset import Dataset
from tongtou.explanation import (
    Features,
    features,
    partial_dependence,
    permutation_importance,
    worst_residuals,
)
from tongtou.explanation.importance import answers_are_classes
from tongtou.explanation.lessons import Lesson, lesson_on
from tongtou.history import History
from tongtou.network import Network
from tongtou.preprocessing import TablePreprocessing
from tongtou.report import measures
from tongtou.report.checkup import checkup, sentences_of
from tongtou.report.sureness import sureness

_N_SAMPLE, _N_POINTS, _N_DEPENDENCES, _MOST_FEATURES = 100, 400, 8, 60
_ESTIMATOR_SETTINGS = (
    "solver", "learning_rate_init", "learning_rate", "batch_size", "max_iter", "alpha",
    "early_stopping", "random_state",
)  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """What a report is about: a model and examples, checked and at hand.

    Attributes
    ----------
    model
        As it was handed in.
    data : Dataset or (X, y)
    net : Network
        A copy of the model's.
    lesson : Lesson
    outputs : ndarray, shape (n, n_out)
    names : tuple of str
        Of the classes or of the targets.
    places : ndarray of int, shape (n,)
        What row each example is in the user's data.
    shape : tuple of int
        Of a picture; empty where the examples are none.
    seed : int
    """

    model: Any
    data: Examples
    net: Network
    lesson: Lesson
    outputs: NDArray[Any]
    names: tuple[str, ...]
    places: NDArray[Any]
    shape: tuple[int, ...]
    seed: int

    @property
    def kind(self) -> str:
        """What is answered: classes, labels (each yes or no by itself) or numbers."""
        if not answers_are_classes(self.net, self.lesson.answers):
            return "numbers"
        several = self.net.loss_function.is_multilabel and self.net.sizes[-1] > 1
        return "labels" if several else "classes"

    @property
    def right(self) -> NDArray[np.int64]:
        """The right class of each example by number."""
        y = self.lesson.answers
        if y.ndim == 2:
            y = y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0]
        return y.astype(np.int64)

    @property
    def is_table(self) -> bool:
        """Whether columns are worth a look one by one."""
        return not self.shape and self.net.sizes[0] <= _MOST_FEATURES * 10


def subject_of(model: Any, data: Examples, seed: int) -> Subject:
    """Return a model and examples, checked.

    Raises
    ------
    ShapeError, DataError
        They do not fit.
    """
    lesson = lesson_on(model, data)
    net = lesson.network
    last = model[-1] if hasattr(model, "named_steps") else model
    known = getattr(last, "classes_", None)
    names: tuple[Any, ...] = tuple(net.classes)
    if not names and known is not None and isinstance(known, np.ndarray):
        names = tuple(known.tolist())
    if not names and isinstance(data, Dataset):
        names = tuple(data.classes)
    target = getattr(net.preprocessing, "target", None)
    if not net.is_classifier and target is not None:
        names = tuple(target.names)
    k = max(net.sizes[-1], 2) if net.is_classifier else net.sizes[-1]
    if len(names) != k:
        names = tuple(range(k))
    own = data.rows if isinstance(data, Dataset) else None
    n = lesson.inputs.shape[0]
    return Subject(
        model,
        data,
        net,
        lesson,
        net.predict_proba(lesson.inputs),
        tuple(map(str, names)),
        np.arange(n) if own is None else np.asarray(own),
        _picture_shape(net, data, lesson),
        seed,
    )


def _picture_shape(net: Network, data: Examples, lesson: Lesson) -> tuple[int, ...]:
    shape = tuple(net.input_shape) or (tuple(data.shape) if isinstance(data, Dataset) else ())
    side = math.isqrt(net.sizes[0])
    if not shape and lesson.inputs.dtype == np.uint8 and side >= 8 and side**2 == net.sizes[0]:
        shape = (side, side)
    drawn = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))
    return shape if drawn and not hasattr(lesson.inputs, "toarray") else ()


def gathered(
    subject: Subject, history: History | None, train: Any = None
) -> tuple[dict[str, Any], Features | None]:
    """Return all findings of a subject, ready for JSON, and the neurons with their pictures."""
    from tongtou import __version__

    found: dict[str, Any] = {
        "tongtou": __version__,
        "seed": subject.seed,
        "confidence": measures.CONFIDENCE,
        "network": _network(subject),
        "data": _data(subject),
        "training": _training(subject, history),
        "quality": _quality(subject),
    }
    if subject.kind == "classes":
        found["sample"] = measures.one_in_proportion(
            subject.outputs, subject.right, subject.names, subject.places, subject.seed, _N_SAMPLE
        )
        found["sure"] = sureness(subject)
    if subject.is_table:
        found |= _columns(subject)
    seen = None
    if len(subject.net.layers) > 1 and not hasattr(subject.lesson.inputs, "toarray"):
        seen = features(subject.model, subject.data, seed=subject.seed, shape=subject.shape or None)
        found["features"] = seen.to_dict(pictures=False)
        found["features"]["verdict"] = sentences_of(seen)
        if subject.is_table:
            found["first_weights"] = subject.net.layers[0].W.astype(np.float64)
    if train is not None:
        found["health"] = checkup(subject, train, history)
    plain: dict[str, Any] = finite(found)
    return plain, seen


def _network(subject: Subject) -> dict[str, Any]:
    net = subject.net
    return {
        "sizes": list(net.sizes),
        "n_parameters": net.n_parameters,
        "loss": net.loss_function.name,
        "dtype": net.dtype.name,
        "shape": list(subject.shape),
        "kind": subject.kind,
        "answers": list(subject.names),
        "layers": [
            {
                "layer": number,
                "n_in": layer.n_in,
                "n_out": layer.n_out,
                "n_weights": layer.W.size,
                "n_biases": layer.b.size,
                "activation": layer.activation.name,
            }
            for number, layer in enumerate(net.layers, start=1)
        ],
    }


def _data(subject: Subject) -> dict[str, Any]:
    data = subject.data
    whole = data if isinstance(data, Dataset) else None
    return {
        "name": "" if whole is None else whole.name,
        "n": int(subject.lesson.inputs.shape[0]),
        "fingerprint": None if whole is None else whole.fingerprint,
    }


def _training(subject: Subject, history: History | None) -> dict[str, Any]:
    net, model = subject.net, subject.model
    last = model[-1] if hasattr(model, "named_steps") else model
    recipe = dict(net.recipe)
    known = getattr(model, "history", None) if history is None else history
    if known is not None:
        return {"recipe": recipe, "history": known.to_dict()}
    curve = list(getattr(last, "loss_curve_", ()) or ())
    if not isinstance(last, Network):
        settings = last.get_params(deep=False)
        recipe = {name: _said(settings[name]) for name in _ESTIMATOR_SETTINGS if name in settings}
    if not curve:
        return {"recipe": recipe, "history": None}
    scores = getattr(last, "validation_scores_", None) or [None] * len(curve)
    name = "val_accuracy" if net.is_classifier else "val_r_squared"
    epochs = [
        {"epoch": number, "loss": float(loss), name: None if score is None else float(score)}
        for number, (loss, score) in enumerate(zip(curve, scores, strict=False), start=1)
    ]
    return {"recipe": recipe, "history": {"epochs": epochs}}


def _said(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)


def _quality(subject: Subject) -> dict[str, Any]:
    net, lesson = subject.net, subject.lesson
    loss = net.loss(lesson.inputs, lesson.answers)
    if subject.kind == "classes":
        found = measures.of_classes(
            net, subject.outputs, subject.right, subject.names, subject.places
        )
    elif subject.kind == "labels":
        y = dense_answers(lesson.answers, net.sizes[-1])
        found = measures.of_labels(subject.outputs, y, subject.names)
    elif net.is_classifier:  # outputs of 0 … 1 that were taught numbers: only the loss has a sense
        found = {"kind": "loss", "n": len(subject.outputs)}
    else:
        found = {"kind": "numbers"} | worst_residuals(
            subject.model, subject.data, seed=subject.seed
        ).to_dict()
        found["points"] = _points(subject)
    return found | {"loss": loss}


def _points(subject: Subject) -> list[dict[str, Any]]:
    """Return what is and what was said of some rows, drawn at random, for each target."""
    said = subject.outputs.astype(np.float64)
    right = dense_answers(subject.lesson.answers, said.shape[1]).astype(np.float64)
    target = getattr(subject.net.preprocessing, "target", None)
    if target is not None:
        said, right = (target.answers(one).reshape(one.shape) for one in (said, right))
    random = np.random.default_rng(subject.seed)
    rows = np.sort(random.permutation(len(said))[:_N_POINTS])
    return [
        {"target": j, "row": int(subject.places[row]), "is": right[row, j], "said": said[row, j]}
        for j in range(said.shape[1])
        for row in rows
    ]


def _columns(subject: Subject) -> dict[str, Any]:
    """Return importance and dependence of the columns of a table."""
    if len(subject.outputs) < 2 or (subject.kind == "numbers" and subject.net.is_classifier):
        return {}
    model, data, seed = subject.model, subject.data, subject.seed
    if subject.net.sizes[0] > _MOST_FEATURES and not isinstance(
        subject.net.preprocessing, TablePreprocessing
    ):
        return {}
    importance = permutation_importance(model, data, seed=seed)
    first = [one.name for one in importance.features[:_N_DEPENDENCES]]
    dependence = [partial_dependence(model, data, name, seed=seed).to_dict() for name in first]
    return {"importance": importance.to_dict(), "dependence": dependence}


def finite(value: Any) -> Any:
    """Return plain data as JSON has it: NumPy's numbers as Python's, no NaN and no infinity."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [finite(one) for one in value]
    return value
