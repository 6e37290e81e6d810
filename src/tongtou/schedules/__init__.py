"""Schedules: how the learning rate changes while training goes on.

A schedule is a function from the number of the step to the rate eta of that step, so that any
step can be replayed alone and a run resumed bit for bit. Only `ReduceOnPlateau` also looks at how
training goes; what it has seen is in its `state`, which a checkpoint keeps.

Symbols: eta_0 the schedule's own rate, its largest; t the number of the step, from 0 on; e = t
divided by the steps of an epoch, the epochs behind it; N the steps of the whole run.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tongtou.schedules.base import Schedule
from tongtou.schedules.cosines import Cosine, OneCycle
from tongtou.schedules.decays import Constant, Exponential, InverseScaling, Step
from tongtou.schedules.plateau import ReduceOnPlateau

SCHEDULES: Mapping[str, type[Schedule]] = MappingProxyType(
    {
        one.name: one
        for one in (
            Constant,
            Step,
            Exponential,
            Cosine,
            InverseScaling,
            OneCycle,
            ReduceOnPlateau,
        )
    }
)
"""Every schedule by its name."""

__all__ = [
    "SCHEDULES",
    "Constant",
    "Cosine",
    "Exponential",
    "InverseScaling",
    "OneCycle",
    "ReduceOnPlateau",
    "Schedule",
    "Step",
]
