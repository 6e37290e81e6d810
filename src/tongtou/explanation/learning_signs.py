"""Findings in the course of learning and in its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tongtou.explanation.edits import RecipeEdit
from tongtou.explanation.examined import Part, Patient
from tongtou.explanation.findings import Finding, Severity, graded, percent
from tongtou.explanation.layer_sizes import Stride
from tongtou.explanation.thresholds import (
    ABOVE_CHANCE,
    FLAT,
    FLAT_EPOCHS,
    GOES_ON,
    MUCH_UNEXPLAINED,
    NOTHING_LEARNT,
    OVERFIT_GAP,
    OVERFIT_RISE,
    OVERFIT_TIMES,
    STILL_FALLING,
    SURE,
)
from tongtou.schedules import Constant

_WIDE = 32
"""Hidden layers of at least so many neurons can do without some: dropout; others get L2."""

_CAUSES = (
    "dead",
    "saturated",
    "vanishing",
    "vanishing_at_start",
    "exploding",
    "rate_too_small",
    "rate_too_large",
)


def learning_findings(
    patient: Patient, before: Sequence[Finding], stride: Stride | None
) -> list[Finding]:
    """Return what is wrong with how it learnt and how much; `before` are the causes known."""
    causes = [one for one in before if one.code in _CAUSES and one.severity != "note"]
    nothing = _not_learned(patient)
    found = [
        _diverged(patient),
        nothing,
        _plateau(patient, causes, nothing=nothing is not None),
        _unfinished(patient, stride),
        _overfitting(patient),
    ]
    if not causes and found[2] is None and found[3] is None:
        found.append(_underfitting(patient))
    return [one for one in found if one is not None]


def _diverged(patient: Patient) -> Finding | None:
    history = patient.history
    if history is None or history.stopped_by != "diverged":
        return None
    return Finding(
        "diverged",
        "severe",
        {"n_steps": history.n_steps, "learning_rate": patient.rate},
        RecipeEdit({"learning_rate": {"times": 0.1}}, patient.plan),
        {"steps": f"{history.n_steps:,}", "rate": f"{patient.rate:g}"},
    )


def _not_learned(patient: Patient) -> Finding | None:
    train = patient.train
    if train.unexplained < NOTHING_LEARNT:
        return None
    figures: dict[str, Any] = {"loss": train.loss, "constant_loss": train.baseline[0]}
    if train.has_classes:
        n = int((train.counts > 0).sum())
        recall = float(np.nanmean(train.recalls))
        if n > 1 and recall - 1 / n > ABOVE_CHANCE:
            return None
        figures |= {"mean_recall": recall, "chance": 1 / n}
    elif _beats_constant(train):
        return None
    said = {"loss": f"{train.loss:.4g}", "constant": f"{train.baseline[0]:.4g}"}
    return Finding("not_learned", "severe", figures, None, said)


def _beats_constant(part: Part) -> bool:
    """Whether the network does better than the best constant answer, beyond doubt."""
    gains = part.constant_losses - part.losses
    return bool(gains.mean() > SURE * gains.std() / np.sqrt(len(gains)))


def _plateau(patient: Patient, causes: Sequence[Finding], *, nothing: bool) -> Finding | None:
    losses, unexplained = patient.losses, patient.train.unexplained
    if len(losses) < FLAT_EPOCHS or unexplained < MUCH_UNEXPLAINED:
        return None
    last = max(2, len(losses) // 3)
    fallen = (losses[-last - 1] - min(losses[-last:])) / abs(losses[-last - 1] or 1.0)
    if fallen >= FLAT:
        return None
    edit = causes[0].edit if causes else _larger(patient)
    # Without a cause it may be all that there is to learn: numbers have noise.
    severity: Severity = "severe" if nothing else "warning" if causes else "note"
    return Finding(
        "plateau",
        severity,
        {"n_epochs": last, "fallen": fallen, "unexplained": unexplained, "loss": losses[-1]},
        edit,
        {
            "n": last,
            "fallen": percent(max(0.0, fallen)),
            "unexplained": percent(min(1.0, unexplained)),
        },
    )


def _larger(patient: Patient) -> RecipeEdit | None:
    return RecipeEdit({"hidden": {"times": 2}}, patient.plan) if patient.net.sizes[1:-1] else None


def _unfinished(patient: Patient, stride: Stride | None) -> Finding | None:
    losses, rule = patient.losses, patient.optimizer
    stopped = "epochs" if patient.history is None else patient.history.stopped_by
    if len(losses) < 3 or stopped != "epochs":
        return None
    if rule is not None and not isinstance(rule.schedule, Constant):
        return None  # a schedule that ends low has ended as it was meant to
    last = max(1, len(losses) // 4)
    if losses[-1] <= 0 or losses[-last - 1] <= 0:
        return None
    falling = 1 - (losses[-1] / losses[-last - 1]) ** (1 / last)
    unexplained = patient.train.unexplained
    goes_on = stride is not None and stride.gain >= GOES_ON and falling >= GOES_ON / 4
    if unexplained >= MUCH_UNEXPLAINED:
        is_early = falling >= STILL_FALLING or goes_on
    else:
        is_early = falling >= STILL_FALLING and unexplained >= MUCH_UNEXPLAINED / 3
    if not is_early or _rise(patient) >= OVERFIT_RISE:
        return None
    return Finding(
        "unfinished",
        "warning" if unexplained >= 2 * MUCH_UNEXPLAINED else "note",
        {
            "falling": falling,
            "n_epochs": len(losses),
            "gain": None if stride is None else stride.gain,
            "unexplained": unexplained,
        },
        RecipeEdit({"epochs": {"times": 3}}, patient.plan),
        {"falling": percent(falling), "n": len(losses), "last": last},
    )


def _rise(patient: Patient) -> float:
    """Return the held-out loss at the end over its least; 1 where it is not known or not kept."""
    history = patient.history
    if history is None or history.best_epoch is not None:  # the best parameters came back
        return 1.0
    values = [one.val_loss for one in history.epochs if one.val_loss is not None]
    if len(values) < FLAT_EPOCHS or not min(values) > 0:
        return 1.0
    return float(values[-1] / min(values))


def _overfitting(patient: Patient) -> Finding | None:
    train = patient.train
    other: Part | None = patient.held
    on = "held"
    if other is None:
        other, on = patient.test, "test"
    if other is None:
        return None
    seen, unseen = (float(one.errors.mean()) for one in (train, other))
    deviation = np.sqrt(sum(one.errors.var() / len(one.errors) for one in (train, other)))
    gap = unseen - seen
    severity = graded(gap, OVERFIT_GAP)
    if gap < SURE * deviation or unseen < OVERFIT_TIMES * seen:
        severity = None
    rise = _rise(patient)
    if severity is None and rise >= OVERFIT_RISE:
        severity = "warning"
    if severity is None:
        return None
    return Finding(
        "overfitting",
        severity,
        {
            "on": on,
            "train_error": seen,
            "other_error": unseen,
            "gap": gap,
            "standard_error": float(deviation),
            "val_loss_rise": rise,
            "n_train": len(train),
            "n_other": len(other),
        },
        RecipeEdit(_against(patient), patient.plan),
        {
            "train": percent(seen),
            "other": percent(unseen),
            "n_train": f"{len(train):,}",
            "n_other": f"{len(other):,}",
            "n_parameters": f"{patient.net.n_parameters:,}",
            "rise": f"{rise:.2f}",
        },
    )


def _against(patient: Patient) -> dict[str, Any]:
    """Return what keeps such a network from learning by heart, beyond what it had."""
    changes: dict[str, Any] = {}
    had = patient.told("regularization")
    if patient.has_pictures and patient.told("augmentation") is None:
        changes["augment"] = {"set": "light"}
    hidden = patient.net.sizes[1:-1]
    if hidden and min(hidden) >= _WIDE and not (had and had.dropout):
        changes["dropout"] = {"set": 0.2}
    elif "augment" not in changes:
        changes["l2"] = {"set": 1e-3 if had and had.l2 else 1e-4}
    if patient.held is not None and not _stops_early(patient):
        changes["patience"] = {"set": 10}
    return changes


def _stops_early(patient: Patient) -> bool:
    given = patient.told("stop")
    one_or_more = given if isinstance(given, (list, tuple)) else [given]
    return any(getattr(one, "name", "") == "early_stopping" for one in one_or_more)


def _underfitting(patient: Patient) -> Finding | None:
    train = patient.train
    if train.unexplained < MUCH_UNEXPLAINED or not (patient.net.recipe or patient.losses):
        return None
    poor = train.unexplained >= 2 * MUCH_UNEXPLAINED and train.has_classes
    severity: Severity = "warning" if poor else "note"
    return Finding(
        "underfitting",
        severity,
        {"unexplained": train.unexplained, "loss": train.loss, "constant_loss": train.baseline[0]},
        _larger(patient),
        {
            "unexplained": percent(min(1.0, train.unexplained)),
            "loss": f"{train.loss:.4g}",
            "constant": f"{train.baseline[0]:.4g}",
        },
    )
