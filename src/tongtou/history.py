"""What a training run recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from types import NoneType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tongtou.network import Network
    from tongtou.training.legs import Leg
    from tongtou.training.tape import Recording


@dataclass
class EpochRecord:
    """One pass over the training examples.

    Attributes
    ----------
    epoch : int
        1, 2, …
    loss : float
        Mean loss of the examples, each as the network was just before its batch's step, and with
        the targets, alterations and dropout of training.
    accuracy : float or None
        Share of those examples whose own class had the one highest output; None for real targets.
    val_loss, val_accuracy : float or None
        On the examples held out, after the epoch; None without them.
    seconds : float
        Of training alone, without preparation and validation.
    learning_rate : float
        Of the epoch's last step.
    penalty : float
        What L1 and L2 added to the loss: mean over the examples, each as just before its batch's
        step; `loss` is without it.
    gradient_norm : float or None
        Length of the loss's gradient (all weights and biases one vector, before clipping and
        penalties), the mean over the epoch's steps; None where nobody asked for it, which
        `GradientSmall` and an optimiser's ``clip_norm`` do.
    time_s : float
        When the epoch and its validation were over, in seconds since `fit` began; what a resumed
        run had taken before counts.
    """

    epoch: int
    loss: float
    accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    seconds: float
    learning_rate: float
    penalty: float = 0.0
    gradient_norm: float | None = None
    time_s: float = 0.0


@dataclass
class History:
    """The course of a run, epoch by epoch, ready for JSON by `to_dict`.

    Attributes
    ----------
    epochs : list of EpochRecord
        The epochs that were finished.
    stopped_by : str
        "epochs" (all were made), "callback" (it returned True), "interrupted" (Ctrl-C),
        "diverged", "checkpoint failed" (where that was to stop it), or the condition that fired:
        "gradient small", "loss flat", "step limit", "early stopping", "time budget", "target
        accuracy".
    n_train, n_validation : int
        Examples learnt from and held out.
    n_steps : int
        Steps made.
    prepare_s : float
        Seconds that packing the data took.
    engine : str
        "avx512", "avx2", "sse2" or "reference".
    threads : int
        Threads of the last step.
    best_epoch : int or None
        The best one by the measure of `EarlyStopping`, whose parameters the network got back;
        None without it.

    Examples
    --------
    >>> import tongtou as tt
    >>> net = tt.Network([2, 2])
    >>> history = tt.fit(net, ([[0.0, 1.0], [1.0, 0.0]], [0, 1]), epochs=3)
    >>> history.column("epoch")
    [1, 2, 3]
    >>> tt.History.from_dict(history.to_dict()) == history
    True
    """

    epochs: list[EpochRecord] = field(default_factory=list)
    stopped_by: str = ""
    n_train: int = 0
    n_validation: int = 0
    n_steps: int = 0
    prepare_s: float = 0.0
    engine: str = ""
    threads: int = 1
    best_epoch: int | None = None

    @property
    def train_s(self) -> float:
        """Seconds of training of all finished epochs."""
        return sum(record.seconds for record in self.epochs)

    def column(self, name: str) -> list[Any]:
        """Return one field of every epoch: ``history.column("val_accuracy")``."""
        known = [one.name for one in fields(EpochRecord)]
        if name not in known:
            raise ValueError(f"an epoch has no {name!r}; expected one of {', '.join(known)}.")
        return [getattr(record, name) for record in self.epochs]

    @property
    def recording(self) -> Recording | None:
        """What the run was recorded on, where `fit` was given ``recording``; else None.

        Not part of `to_dict`, of comparison and of pickling.
        """
        leg: Leg | None = self.__dict__.get("_leg")
        return leg.tape if leg else None

    def keep_recording(self, leg: Leg) -> None:
        """Take note of how the run can be made again."""
        self.__dict__["_leg"] = leg

    def at(self, step: int) -> Network:
        """Return a copy of the network as it was after this many steps of this run, bit for bit.

        It is made from the nearest state kept before, by the steps of the run made once more.

        Parameters
        ----------
        step : int
            0 … `n_steps`; 0 is the network before training.

        Raises
        ------
        ValueError
            The run was not recorded, there is no such step, or another kernel is in use.
        DataError
            The examples were altered since.

        Examples
        --------
        >>> import tongtou as tt
        >>> net, data = tt.Network([2, 2]), ([[0.0, 1.0], [1.0, 0.0]], [0, 1])
        >>> history = tt.fit(net, data, batch_size=1, epochs=3, recording=True)
        >>> bool((history.at(0).layers[0].W == tt.Network([2, 2]).layers[0].W).all())
        True
        """
        leg: Leg | None = self.__dict__.get("_leg")
        if leg is None:
            raise ValueError(
                "this run was not recorded; train with tt.fit(…, recording=True) to go back to its "
                "steps."
            )
        return leg.at(step)

    def __getstate__(self) -> dict[str, Any]:
        """What copy and pickle keep: all but the recording, which holds the data."""
        return {key: value for key, value in self.__dict__.items() if key != "_leg"}

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, dicts and numbers."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> History:
        """Return the history that `to_dict` described.

        Raises
        ------
        ValueError
            Fields are missing, unknown or of another kind.
        """
        known = _checked(cls, data)
        epochs = [EpochRecord(**_checked(EpochRecord, one)) for one in known.pop("epochs", [])]
        return cls(epochs=epochs, **known)

    def plot(self, ax: Axes | None = None, *, language: str | None = None) -> Figure:
        """Draw the loss by epoch, training and held out; see `tongtou.plots.loss_curves`.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a figure of its own by default.
        language : "en" or "zh", optional
            Of the words in it.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        MissingExtraError
            matplotlib is not installed.
        DataError
            No epoch was finished.
        """
        from tongtou import plots

        return plots.loss_curves(self, ax, language=language)

    def _repr_html_(self) -> str:
        """Return the table that Jupyter shows."""
        from tongtou import notebook

        return notebook.history_html(self)

    def __repr__(self) -> str:
        if not self.epochs:
            stopped = f", stopped by {self.stopped_by}" if self.stopped_by else ""
            return f"History(no epoch finished{stopped})"
        last = self.epochs[-1]
        shown = [f"loss {last.loss:.4f}"]
        if last.accuracy is not None:
            shown.append(f"accuracy {last.accuracy:.4f}")
        if last.val_accuracy is not None:
            shown.append(f"validation accuracy {last.val_accuracy:.4f}")
        elif last.val_loss is not None:
            shown.append(f"validation loss {last.val_loss:.4f}")
        return (
            f"History({len(self.epochs)} epochs, {', '.join(shown)}, {self.train_s:.2f} s, "
            f"stopped by {self.stopped_by})"
        )


_KINDS: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "int | None": (int, NoneType),
    "float": (int, float),
    "float | None": (int, float, NoneType),
    "str": (str,),
    "list[EpochRecord]": (list, tuple),
}
"""What each annotation of a field admits; bool, though an int in Python, never."""


def _checked(kind: type[History] | type[EpochRecord], data: object) -> dict[str, Any]:
    """Return the fields of one description, each of its kind."""
    if not isinstance(data, Mapping):
        raise ValueError(f"{kind.__name__} must be a mapping of its fields; it is {data!r}.")
    known = {one.name: one for one in fields(kind)}
    needed = {
        name
        for name, one in known.items()
        if one.default is MISSING and one.default_factory is MISSING
    }
    if not needed <= set(data) <= set(known):
        raise ValueError(
            f"{kind.__name__} has the fields {', '.join(known)}; got {', '.join(map(str, data))}."
        )
    for name, value in data.items():
        if isinstance(value, bool) or not isinstance(value, _KINDS[str(known[name].type)]):
            raise ValueError(
                f"{name} of {kind.__name__} must be {known[name].type}; it is {value!r}."
            )
    return dict(data)
