"""What one neuron gives to a difference, opened layer by layer down to the inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tongtou.explanation.opening import Opening
from tongtou.explanation.pulls import Pulls


@dataclass(frozen=True)
class Block:
    """What one neuron gives to the difference, ready to be opened.

    Attributes
    ----------
    layer, j : int
        The neuron; layer 0 is the input.
    value : float
        What it gives.
    rest : float
        The part of `value` that is there on the reference too; 0 but in the blocks of the last
        hidden layer, which hold the whole activation.
    pull : float
        What the difference changes by with this activation, along the slopes of the opening.
    """

    layer: int
    j: int
    value: float
    rest: float
    pull: float
    of: Opening

    def open(self) -> tuple[Block, ...]:
        """Return the blocks of the layer before, largest first: ``value = rest + their sum``.

        An input has none.
        """
        if self.layer == 0:
            return ()
        pulls = self.pull * self.of.slopes[self.layer][self.j] * self.of.weights[self.layer][self.j]
        values = pulls * self.of.moved[self.layer - 1]
        return tuple(
            Block(self.layer - 1, int(i), float(values[i]), 0.0, float(pulls[i]), self.of)
            for i in Pulls(values).order()
        )

    @property
    def inputs(self) -> Pulls:
        """The block opened down to the inputs: ``value = rest + inputs.net``."""
        pull = np.zeros(len(self.of.moved[self.layer]))
        pull[self.j] = self.pull
        return Pulls(self.of.to_inputs(self.layer, pull))

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON, its inputs in their order."""
        return {
            "layer": self.layer,
            "j": self.j,
            "value": self.value,
            "rest": self.rest,
            "inputs": self.inputs.values.tolist(),
        }

    def __repr__(self) -> str:
        return f"Block(layer {self.layer}, j {self.j}, value {self.value:.6g})"
