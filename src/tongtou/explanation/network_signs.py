"""Findings inside the network: neurons at rest, gradients and updates out of proportion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tongtou.explanation.edits import RecipeEdit
from tongtou.explanation.examined import Patient
from tongtou.explanation.findings import Finding, graded, percent
from tongtou.explanation.inside import values_inside
from tongtou.explanation.layer_sizes import LayerHealth, Stride, gradient_sizes
from tongtou.explanation.neurons_at_rest import rest_of
from tongtou.explanation.thresholds import (
    DEAD,
    EXPLODING,
    LEARNT,
    MUCH_UNEXPLAINED,
    N_INSIDE,
    OVERSHOOT,
    RIGHT_UPDATE,
    SATURATED,
    SLOW_GAIN,
    SLOW_UPDATE,
    VANISHING,
)
from tongtou.initializers import initializer as initializer_of
from tongtou.optimizers import SGD, GradientDescent

_MOST_TIMES = 1000.0
_FLAT_ENDED = ("sigmoid", "tanh", "step")


def network_findings(
    patient: Patient, layers: Sequence[LayerHealth], stride: Stride | None
) -> list[Finding]:
    """Return what is wrong inside, the cause before its consequences."""
    found = [
        _dead(patient, layers),
        _saturated(patient, layers),
        _vanishing(patient, layers) or _vanishing_at_start(patient, layers),
        _exploding(patient, layers),
    ]
    if stride is not None:
        found += [_too_large(patient, stride), _too_small(patient, layers, stride)]
    return [one for one in found if one is not None]


def _dead(patient: Patient, layers: Sequence[LayerHealth]) -> Finding | None:
    hidden = layers[:-1]
    worst = max(hidden, key=lambda one: one.rest.share_dead, default=None)
    severity = None if worst is None else graded(worst.rest.share_dead, DEAD)
    if worst is None or severity is None:
        return None
    at_start = _start_shares(patient, "dead")
    changes: dict[str, Any] = {}
    born = at_start[worst.layer - 1] >= DEAD[1]
    if born:
        changes |= _usual_start(patient)
    elif patient.optimizer is not None:
        changes["learning_rate"] = {"times": 0.1}
    if not changes or (born and worst.activation == "relu"):
        changes["activation"] = {"set": "leaky_relu"}
    return Finding(
        "dead",
        severity,
        {
            "layers": [
                {"layer": one.layer, "n_dead": len(one.rest.dead), "n_neurons": one.n_neurons}
                for one in hidden
            ],
            "share_dead": worst.rest.share_dead,
            "share_dead_at_start": at_start[worst.layer - 1],
        },
        RecipeEdit(changes, patient.plan),
        {"layers": _counted(hidden, "dead"), "start": percent(at_start[worst.layer - 1])},
    )


def _saturated(patient: Patient, layers: Sequence[LayerHealth]) -> Finding | None:
    hidden = [one for one in layers[:-1] if one.activation in ("sigmoid", "tanh")]
    worst = max(hidden, key=lambda one: one.rest.share_saturated, default=None)
    severity = None if worst is None else graded(worst.rest.share_saturated, SATURATED)
    if worst is None or severity is None:
        return None
    at_start = _start_shares(patient, "saturated")[worst.layer - 1]
    born = at_start >= SATURATED[1]
    # Born saturated from usual weights: then the inputs are too large, and no recipe mends that.
    changes: dict[str, Any] = _usual_start(patient) if born else {"l2": {"set": 1e-4}}
    if not born and patient.optimizer is not None:
        changes["learning_rate"] = {"times": 0.3}
    return Finding(
        "saturated",
        severity,
        {
            "layers": [
                {
                    "layer": one.layer,
                    "n_saturated": len(one.rest.saturated),
                    "n_neurons": one.n_neurons,
                    "share_at_rest": one.rest.share_at_rest,
                }
                for one in hidden
            ],
            "share_saturated": worst.rest.share_saturated,
            "share_saturated_at_start": at_start,
        },
        _edit(changes, patient),
        {"layers": _counted(hidden, "saturated"), "start": percent(at_start)},
    )


def _counted(hidden: Sequence[LayerHealth], what: str) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"layer": one.layer, "n": len(numbers), "n_all": one.n_neurons}
        for one in hidden
        if (numbers := getattr(one.rest, what))
    )


def _start_shares(patient: Patient, what: str) -> list[float]:
    """Return the share of each layer that was dead or saturated before training; 0 if unknown."""
    if not _knows_its_start(patient):
        return [0.0] * len(patient.net.layers)
    fresh = patient.net.copy()
    fresh.initialize()
    train = patient.train
    rows = train.sample(min(N_INSIDE, max(50, 4_000_000 // fresh.sizes[0])))
    Z, A = values_inside(fresh, train.inputs[rows])
    return [
        float(getattr(rest_of(layer.activation, Z[k], A[k]), f"share_{what}"))
        for k, layer in enumerate(fresh.layers, start=1)
    ]


def _knows_its_start(patient: Patient) -> bool:
    """Whether `initialize` brings the start back: estimators draw their weights themselves."""
    return initializer_of(patient.net.initializer).name != "zeros"


def _edit(changes: dict[str, Any], patient: Patient) -> RecipeEdit | None:
    return RecipeEdit(changes, patient.plan) if changes else None


def _usual_start(patient: Patient) -> dict[str, Any]:
    """Return the change to the usual initial weights; nothing where they were that."""
    usual = initializer_of(patient.net.initializer).name == "auto"
    return {} if usual else {"initializer": {"set": "auto"}}


def _vanishing(patient: Patient, layers: Sequence[LayerHealth]) -> Finding | None:
    last, hidden = layers[-1], layers[:-1]
    # Where all is learnt, or a layer is dead, a gradient of 0 is nothing new.
    alive = [one for one in hidden if one.rest.share_dead < DEAD[2]]
    if not alive or len(alive) < len(hidden) or not last.gradient_rms:
        return None
    least = min(alive, key=lambda one: one.gradient_rms)
    ratio = least.gradient_rms / last.gradient_rms
    severity = graded(ratio, VANISHING, below=True)
    if severity is None or patient.train.unexplained < LEARNT:
        return None
    return Finding(
        "vanishing",
        severity,
        {"gradient_rms": [one.gradient_rms for one in layers], "ratio": ratio},
        _edit(_against_vanishing(patient), patient),
        _sizes(least, last, 1 / ratio if ratio else math.inf),
    )


def _vanishing_at_start(patient: Patient, layers: Sequence[LayerHealth]) -> Finding | None:
    """Look at the random start where training got nowhere: it may have spent its time on that."""
    known = patient.net.recipe and _knows_its_start(patient)
    if patient.train.unexplained < MUCH_UNEXPLAINED or not known:
        return None
    fresh = patient.net.copy()
    fresh.initialize()
    sizes = gradient_sizes(fresh, patient)
    if not sizes[-1]:
        return None
    ratio = min(sizes) / sizes[-1]
    severity = graded(ratio, VANISHING, below=True)
    if severity is None:
        return None
    return Finding(
        "vanishing_at_start",
        "warning",
        {"gradient_rms": sizes, "ratio": ratio, "unexplained": patient.train.unexplained},
        _edit(_against_vanishing(patient), patient),
        {
            "layer": sizes.index(min(sizes)) + 1,
            "last": len(layers),
            "times": f"{1 / ratio:,.0f}" if ratio else "∞",
            "unexplained": percent(min(1.0, patient.train.unexplained)),
        },
    )


def _against_vanishing(patient: Patient) -> dict[str, Any]:
    changes = _usual_start(patient)
    if any(layer.activation.name in _FLAT_ENDED for layer in patient.net.layers[:-1]):
        changes["activation"] = {"set": "relu"}
        if isinstance(patient.optimizer, (SGD, GradientDescent)):
            # a slope of 1 where there was 1/4 at most: steps grow by themselves
            changes["learning_rate"] = {"times": 0.1}
    return changes


def _exploding(patient: Patient, layers: Sequence[LayerHealth]) -> Finding | None:
    last, hidden = layers[-1], layers[:-1]
    if not hidden or not last.gradient_rms:
        return None
    most = max(hidden, key=lambda one: one.gradient_rms)
    ratio = most.gradient_rms / last.gradient_rms
    severity = graded(ratio, EXPLODING)
    if severity is None or patient.train.unexplained < LEARNT:
        return None
    changes = _usual_start(patient)
    if patient.optimizer is not None:
        changes["clip_norm"] = {"set": 1.0}
    return Finding(
        "exploding",
        severity,
        {"gradient_rms": [one.gradient_rms for one in layers], "ratio": ratio},
        _edit(changes, patient),
        _sizes(most, last, ratio),
    )


def _sizes(one: LayerHealth, last: LayerHealth, times: float) -> dict[str, Any]:
    return {
        "layer": one.layer,
        "gradient": f"{one.gradient_rms:.2g}",
        "last": last.layer,
        "last_gradient": f"{last.gradient_rms:.2g}",
        "times": f"{times:,.0f}",
    }


def _too_large(patient: Patient, stride: Stride) -> Finding | None:
    severity = graded(stride.overshoot, OVERSHOOT)
    if severity is None or patient.train.unexplained < LEARNT:
        return None
    return Finding(
        "rate_too_large",
        severity,
        {
            "learning_rate": patient.rate,
            "overshoot": stride.overshoot,
            "n_batches": stride.n_batches,
        },
        RecipeEdit({"learning_rate": {"times": 0.1}}, patient.plan),
        {
            "rate": f"{patient.rate:g}",
            "n": round(stride.overshoot * stride.n_batches),
            "n_all": stride.n_batches,
        },
    )


def _too_small(patient: Patient, layers: Sequence[LayerHealth], stride: Stride) -> Finding | None:
    largest = max(one.update_ratio or 0.0 for one in layers)
    unexplained = patient.train.unexplained
    if not 0 < largest < SLOW_UPDATE or unexplained < MUCH_UNEXPLAINED:
        return None
    if stride.gain < SLOW_GAIN:
        return None
    times = min(_MOST_TIMES, 10.0 ** max(1, round(math.log10(RIGHT_UPDATE / largest))))
    return Finding(
        "rate_too_small",
        "severe" if unexplained > 0.5 else "warning",
        {
            "learning_rate": patient.rate,
            "update_ratio": [one.update_ratio for one in layers],
            "gain": stride.gain,
            "unexplained": unexplained,
        },
        RecipeEdit({"learning_rate": {"times": times}}, patient.plan),
        {
            "rate": f"{patient.rate:g}",
            "update": percent(largest),
            "gain": percent(stride.gain),
            "unexplained": percent(min(1.0, unexplained)),
            "times": f"{times:g}",
        },
    )
