"""Names of losses, ends of runs and settings, in both languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tongtou.report.words import Words, both, same

_LOSSES = {
    "sse": "loss.sse",
    "mse": "loss.mse",
    "cross_entropy": "loss.cross_entropy",
    "half_sse": "loss.half_sse",
    "huber": "loss.huber",
    "poisson": "loss.poisson",
    "binary_cross_entropy": "loss.binary_cross_entropy",
}
_REASONS = {
    "epochs": "stopped.epochs",
    "callback": "stopped.callback",
    "interrupted": "stopped.interrupted",
    "diverged": "stopped.diverged",
    "checkpoint failed": "stopped.checkpoint_failed",
    "gradient small": "stopped.gradient_small",
    "loss flat": "stopped.loss_flat",
    "step limit": "stopped.step_limit",
    "early stopping": "stopped.early_stopping",
    "time budget": "stopped.time_budget",
    "target accuracy": "stopped.target_accuracy",
}
_SETTINGS = {
    "data": "recipe.data",
    "optimizer": "recipe.optimizer",
    "batch_size": "recipe.batch_size",
    "epochs": "recipe.epochs",
    "shuffle": "recipe.shuffle",
    "n_train": "recipe.n_train",
    "n_validation": "recipe.n_validation",
    "seed": "recipe.seed",
}


_EPOCHS = {
    "epoch": "epoch.number",
    "loss": "epoch.loss",
    "accuracy": "epoch.accuracy",
    "val_loss": "epoch.val_loss",
    "val_accuracy": "epoch.val_accuracy",
    "seconds": "epoch.seconds",
}


def epoch_columns(epochs: Sequence[Mapping[str, Any]]) -> list[tuple[str, Words, bool]]:
    """Return field, name, and whether it is a share, of what is known of epochs."""
    return [
        (field, both(key), "accuracy" in field)
        for field, key in _EPOCHS.items()
        if any(one.get(field) is not None for one in epochs)
    ]


def loss_name(name: str) -> Words:
    """Return the name of a loss; one of a user's own under its own."""
    return both(_LOSSES[name]) if name in _LOSSES else same(name)


def reason(stopped_by: str) -> Words:
    """Return why a run ended."""
    return both(_REASONS[stopped_by]) if stopped_by in _REASONS else same(stopped_by)


def settings_of(recipe: Mapping[str, Any]) -> list[tuple[Words, Words]]:
    """Return names and values of a recipe; what has no name in the catalogue, under its own."""
    keys = [key for key in _SETTINGS if key in recipe]
    keys += [key for key in recipe if key not in _SETTINGS]
    return [
        (both(_SETTINGS[key]) if key in _SETTINGS else same(key), _plain(recipe[key]))
        for key in keys
        if recipe[key] is not None
    ]


def _plain(value: Any) -> Words:
    """Return a setting as a reader would write it: sgd, learning_rate 1.5."""
    if isinstance(value, bool):
        return both("info.yes") if value else both("info.no")
    if isinstance(value, Mapping):
        value = [
            one if key == "name" else Words(f"{key} {_plain(one).en}", f"{key} {_plain(one).zh}")
            for key, one in value.items()
            if one is not None
        ]
    if isinstance(value, (list, tuple)):
        parts = [one if isinstance(one, Words) else _plain(one) for one in value]
        return Words(", ".join(one.en for one in parts), "，".join(one.zh for one in parts))
    if isinstance(value, int):
        return same(f"{value:,}")
    return same(f"{value:g}" if isinstance(value, float) else value)
