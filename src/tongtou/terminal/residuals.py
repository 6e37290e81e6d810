"""How far a network that predicts numbers is off, in the units of the numbers themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from tongtou.i18n import text
from tongtou.terminal.console import one_line
from tongtou.terminal.tables import indented

SHOWN = 8


@dataclass(frozen=True)
class Residuals:
    """Residuals r = said - is of one target, in its own units.

    Attributes
    ----------
    name : str
        Of the column; empty where it has none.
    answers, said : ndarray of float64, shape (n,)
        What is right, and what the network said.
    """

    name: str
    answers: NDArray[np.float64]
    said: NDArray[np.float64]

    @property
    def off(self) -> NDArray[np.float64]:
        """r, (n,)."""
        return self.said - self.answers

    @property
    def rmse(self) -> float:
        """sqrt(mean of r^2), the typical error."""
        return float(np.sqrt(np.mean(self.off**2)))

    @property
    def mae(self) -> float:
        """Mean of |r|."""
        return float(np.abs(self.off).mean())

    @property
    def r_squared(self) -> float | None:
        """R² = 1 - sum r^2 / sum (is - mean)^2; None where all answers are alike.

        0 is as good as always saying the mean, 1 is perfect.
        """
        spread = float(((self.answers - self.answers.mean()) ** 2).sum())
        return 1 - float((self.off**2).sum()) / spread if spread else None

    def within(self, share: float) -> float:
        """Return the distance that this share of the examples is not further off than."""
        return float(np.quantile(np.abs(self.off), share))

    def worst(self) -> list[int]:
        """Return the rows with the largest residuals, the largest first."""
        return [int(row) for row in np.argsort(-np.abs(self.off), kind="stable")[:SHOWN]]

    def to_dict(self, place: Callable[[int], int]) -> dict[str, Any]:
        """Return plain lists, dicts and numbers; `place` gives the row of the user's table."""
        return {
            "target": self.name,
            "rmse": self.rmse,
            "mae": self.mae,
            "r_squared": self.r_squared,
            "half_within": self.within(0.5),
            "nine_tenths_within": self.within(0.9),
            "worst": [
                {"row": place(row), "is": float(self.answers[row]), "said": float(self.said[row])}
                for row in self.worst()
            ],
        }


def residuals_of(net: Any, y: NDArray[Any], outputs: NDArray[Any]) -> list[Residuals]:
    """Return the residuals of each output; y and the outputs as the network has them."""
    answers = y.reshape(len(y), -1).astype(np.float64)
    said = outputs.astype(np.float64)
    names: Sequence[str] = [""] * said.shape[1]
    target = getattr(net.preprocessing, "target", None)
    if target is not None:
        names = target.names
        answers = target.answers(answers).reshape(answers.shape)
        said = target.answers(said).reshape(said.shape)
    return [Residuals(name, answers[:, place], said[:, place]) for place, name in enumerate(names)]


def measures(several: Sequence[Residuals]) -> list[tuple[str, str]]:
    """Return names and values of how far each of several targets is off."""
    pairs = []
    for one in several:
        if len(several) > 1:
            pairs.append((text("train.target_name"), one_line(one.name)))
        within = text("residual.within", half=number(one.within(0.5)), most=number(one.within(0.9)))
        pairs += [
            (text("residual.rmse_name"), text("residual.rmse", value=number(one.rmse))),
            (text("residual.mae_name"), number(one.mae)),
            (text("residual.within_name"), within),
        ]
        if one.r_squared is not None:
            pairs.append((text("residual.r_squared_name"), f"{one.r_squared:.4f}"))
    return pairs


def worst_table(one: Residuals, place: Callable[[int], int]) -> RenderableType:
    """Return the rows that are furthest off; `place` gives the row of the user's table."""
    table = Table.grid(padding=(0, 3, 0, 0))
    titles = ("residual.row", "residual.is", "residual.said", "residual.off")
    for _ in titles:
        table.add_column(justify="right", no_wrap=True)
    table.add_row(*(Text(text(title), style="dim") for title in titles))
    for row in one.worst():
        table.add_row(
            f"{place(row) + 1:,}",
            number(one.answers[row]),
            number(one.said[row]),
            Text(("+" if one.off[row] > 0 else "") + number(one.off[row]), style="red"),
        )
    return indented(table)


def number(value: float) -> str:
    """Return a number with about four digits, and none that matter cut off before the point."""
    value = float(value)
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.4g}"
