"""The lesson's view of a gradient: what each example would have the neurons do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tongtou.activations import Array

Wide = Array


@dataclass(frozen=True, eq=False)
class Wishes:
    """What examples would have the neurons of a layer do, each for the sake of its own loss.

    ::

        each[i] = -dC_i/da[l]           total = (1/n) sum_i each[i]

    Attributes
    ----------
    layer : int
    of : "a" or "z"
        Activations; or weighted sums, at an output whose loss is taken together with it, where
        the outputs cannot move each for itself (softmax).
    each : ndarray of float64, shape (n, n_l)
        Above 0: up. How much the example's loss falls for each unit that the activation rises.
    """

    layer: int
    of: str
    each: Wide

    @property
    def total(self) -> Wide:
        """The mean wish (n_l,): what the batch wants."""
        mean: Wide = self.each.mean(axis=0)
        return mean

    @property
    def up(self) -> Wide:
        """What the examples that want it up come to, (n_l,): total = up - down."""
        part: Wide = np.maximum(self.each, 0).mean(axis=0)
        return part

    @property
    def down(self) -> Wide:
        """What the examples that want it down come to, (n_l,), as a positive number."""
        part: Wide = np.maximum(-self.each, 0).mean(axis=0)
        return part

    @property
    def agreement(self) -> Wide:
        """|total| / (up + down), (n_l,): 1 where all want the same, 0 where they cancel."""
        both = self.up + self.down
        return np.abs(self.total) / np.where(both > 0, both, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return layer, of, each, total, up, down and agreement, ready for JSON."""
        arrays = {n: getattr(self, n).tolist() for n in ("each", "total", "up", "down")}
        agreement = self.agreement.tolist()
        return {"layer": self.layer, "of": self.of, **arrays, "agreement": agreement}
