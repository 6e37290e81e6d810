"""Health: what is wrong with a network, its training and its data, and what would mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from tongtou.datasets.dataset import Dataset
from tongtou.explanation.data_signs import data_findings
from tongtou.explanation.edits import RecipeEdit
from tongtou.explanation.examined import Patient, patient_of
from tongtou.explanation.findings import SEVERITIES, Finding, finite, percent
from tongtou.explanation.layer_sizes import LayerHealth, layers_of
from tongtou.explanation.learning_signs import learning_findings
from tongtou.explanation.network_signs import network_findings
from tongtou.history import History
from tongtou.i18n import text
from tongtou.optimizers import Optimizer
from tongtou.randomness import checked_seed
from tongtou.settings import checked_whole


@dataclass(frozen=True)
class Health:
    """What an examination found.

    Attributes
    ----------
    findings : tuple of Finding
        Severe ones first; causes before their consequences.
    layers : tuple of LayerHealth
        Index 0 is layer 1.
    train, held, test : dict or None
        Of the examples: n, loss, unexplained, and accuracy for classes.
    """

    findings: tuple[Finding, ...]
    layers: tuple[LayerHealth, ...]
    train: dict[str, Any]
    held: dict[str, Any] | None
    test: dict[str, Any] | None

    @property
    def healthy(self) -> bool:
        """Whether there is nothing severe and no warning; notes may be there."""
        return all(one.severity == "note" for one in self.findings)

    @property
    def edit(self) -> RecipeEdit | None:
        """All edits that can be applied, as one; of two that change the same the graver counts.

        Notes alone change nothing, unless there is nothing else.
        """
        grave = [one for one in self.findings if one.severity != "note"]
        made: RecipeEdit | None = None
        for one in grave or self.findings:
            if one.edit is not None:
                made = one.edit if made is None else made.merged(one.edit)
        return made

    def finding(self, code: str) -> Finding | None:
        """Return the gravest finding of this code, or None."""
        return next((one for one in self.findings if one.code == code), None)

    def to_dict(self) -> dict[str, Any]:
        """Return all, ready for JSON; sentences in the language in use."""
        said = {
            "healthy": self.healthy,
            "findings": [one.to_dict() for one in self.findings],
            "layers": [one.to_dict() for one in self.layers],
            "train": self.train,
            "held": self.held,
            "test": self.test,
            "edit": None if self.edit is None else self.edit.to_dict(),
        }
        return {name: finite(value) for name, value in said.items()}

    def __str__(self) -> str:
        lines = [str(one) for one in self.findings]
        if self.healthy:
            lines.insert(0, text("health.healthy"))
        lines += [
            text(
                "health.layer",
                layer=one.layer,
                n=f"{one.n_neurons:,}",
                activation=one.activation,
                gradient=f"{one.gradient_rms:.2g}",
                update="–" if one.update_ratio is None else percent(one.update_ratio),
                dead=len(one.rest.dead),
                saturated=len(one.rest.saturated),
            )
            for one in self.layers
        ]
        return "\n".join(lines)


def health(
    model: Any,
    data: Dataset | tuple[ArrayLike, ArrayLike],
    *,
    history: History | None = None,
    validation: Dataset | tuple[ArrayLike, ArrayLike] | None = None,
    test: Dataset | tuple[ArrayLike, ArrayLike] | None = None,
    optimizer: Optimizer | None = None,
    batch_size: int | None = None,
    seed: int = 0,
) -> Health:
    """Examine a network: neurons, gradients, updates, the course of learning, the data.

    Parameters
    ----------
    model : Network, or a fitted estimator of `tongtou.estimators`
        Left as it is.
    data : Dataset or (X, y)
        What it learnt from, with what was held out of it: a network knows from its recipe which
        examples these were.
    history : History, optional
        The course of its training; by default the network's own.
    validation : Dataset or (X, y), optional
        Held-out examples of their own.
    test : Dataset or (X, y), optional
        To look for rows that leaked into it. It judges overfitting only where nothing was held out.
    optimizer : Optimizer, optional
        By default that of the recipe.
    batch_size : int, optional
        Likewise; 32 where nobody knows.
    seed : int
        Of the samples that are looked at.

    Returns
    -------
    Health

    Raises
    ------
    ShapeError, DataError
        The examples do not fit the network.
    ValueError
        A setting is out of its range.
    TypeError
        The model is none of these.

    Notes
    -----
    docs/explain.md has every quantity and threshold. About 0.8 s for the lesson network and 60,000
    digits with 10,000 of the test.

    Examples
    --------
    >>> import tongtou as tt
    >>> digits = tt.datasets.mnist().train[:1000]
    >>> net = tt.Network([784, 16, 16, 10], seed=0)
    >>> history = tt.fit(net, digits, optimizer=tt.SGD(0.001), epochs=6)
    >>> found = health(net, digits).finding("rate_too_small")
    >>> found.severity, found.edit.changes, found.edit.options()
    ('severe', {'learning_rate': {'times': 100.0}}, ['--learning-rate', '0.1'])
    """
    seed = checked_seed(seed)
    if batch_size is not None:
        batch_size = checked_whole("batch_size", batch_size, 1)
    patient = patient_of(model, data, history, validation, test, optimizer, batch_size, seed)
    layers, stride = layers_of(patient)
    found = network_findings(patient, layers, stride)
    found += learning_findings(patient, found, stride)
    found += data_findings(patient)
    found.sort(key=lambda one: SEVERITIES.index(one.severity))  # stable: causes stay first
    return Health(tuple(found), tuple(layers), *_parts(patient))


def _parts(patient: Patient) -> list[Any]:
    return [
        None
        if one is None
        else {
            "n": len(one),
            "loss": one.loss,
            "unexplained": one.unexplained,
            "accuracy": 1 - float(one.wrong.mean()) if one.has_classes else None,
        }
        for one in (patient.train, patient.held, patient.test)
    ]
