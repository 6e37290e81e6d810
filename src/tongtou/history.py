"""What a training run recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass
class EpochRecord:
    """One pass over the training examples.

    Attributes
    ----------
    epoch : int
        1, 2, …
    loss : float
        Mean loss of the examples, each as the network was just before its batch's step.
    accuracy : float or None
        Share of those examples whose own class had the one highest output; None for real targets.
    val_loss, val_accuracy : float or None
        On the examples held out, after the epoch; None without them.
    seconds : float
        Of training alone, without preparation and validation.
    learning_rate : float
        Of the epoch's last step.
    """

    epoch: int
    loss: float
    accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    seconds: float
    learning_rate: float


@dataclass
class History:
    """The course of a run, epoch by epoch, ready for JSON by `to_dict`.

    Attributes
    ----------
    epochs : list of EpochRecord
        The epochs that were finished.
    stopped_by : str
        "epochs" (all were made), "interrupted" (Ctrl-C) or "diverged".
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
    """

    epochs: list[EpochRecord] = field(default_factory=list)
    stopped_by: str = ""
    n_train: int = 0
    n_validation: int = 0
    n_steps: int = 0
    prepare_s: float = 0.0
    engine: str = ""
    threads: int = 1

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

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, dicts and numbers."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> History:
        """Return the history that `to_dict` described.

        Raises
        ------
        TypeError, ValueError
            Fields are missing, unknown or of another kind.
        """
        rest = dict(data)
        epochs = [EpochRecord(**record) for record in rest.pop("epochs")]
        return cls(epochs=epochs, **rest)

    def __repr__(self) -> str:
        if not self.epochs:
            return f"History(no epoch finished, stopped by {self.stopped_by})"
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
