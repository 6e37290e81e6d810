"""Optimisers: how the gradient of a batch becomes a step of the parameters.

Symbols: theta the parameters, W the weights among them; g the gradient of the mean loss of the
batch; eta the learning rate of the step. Products and roots of arrays are element by element.

The whole of a step, of which an optimiser is the middle::

    g = clipped gradient of the loss        by value, then by norm
    g = g + l2 W                            weights only
    the optimiser's step                    and the decay of its weights
    W = sign(W) max(|W| - eta l1, 0)        weights only
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tongtou.optimizers.adam import Adam, AdamW
from tongtou.optimizers.base import Optimizer
from tongtou.optimizers.descent import SGD, GradientDescent
from tongtou.optimizers.rmsprop import RMSprop
from tongtou.optimizers.stepping import clip, norm_of, reference_step

OPTIMIZERS: Mapping[str, type[Optimizer]] = MappingProxyType(
    {one.name: one for one in (GradientDescent, SGD, RMSprop, Adam, AdamW)}
)
"""Every optimiser by its name."""

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adam",
    "AdamW",
    "GradientDescent",
    "Optimizer",
    "RMSprop",
    "clip",
    "norm_of",
    "reference_step",
]
